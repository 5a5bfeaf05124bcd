# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import comes to the same whatever locale a login on the mail host has, or ssh forwards to it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.run import IMPORT_MODULE, INFO_MODULE, Outcome, finish_module, run_task, start_module
from support.scene import Scene, difference

# Name and the charset that localedef makes it with; an environment without a charset is the plain C locale of Python
# without its UTF-8 mode.
LOCALES = {
    "de_DE.ISO-8859-1": "ISO-8859-1",
    "ru_RU.KOI8-R": "KOI8-R",
    "tr_TR.UTF-8": "UTF-8",
    "ja_JP.EUC-JP": "EUC-JP",
}


@pytest.fixture(scope="session")
def locale_path(workplace: Path) -> Path:
    """A directory of locales that the machine itself does not have."""
    directory = workplace / "locales"
    directory.mkdir()
    for name, charset in LOCALES.items():
        language = name.partition(".")[0]
        subprocess.run(["localedef", "-i", language, "-f", charset, str(directory / name)], check=True)
    return directory


def login(name: str, locale_path: Path, variable: str = "LC_ALL") -> dict[str, Any]:
    """Keywords of a task that runs with the environment of a login in that locale."""
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if name == "C" else {}
    return {"environment": {"LC_ALL": "", variable: name, "LOCPATH": str(locale_path), **plain}}


def run_in(name: str, locale_path: Path, scene: Scene, module: str = IMPORT_MODULE, **options: Any) -> Outcome:
    """Run a module in that locale: alone, or as a task of a play where it respawns, which Ansible provides for."""
    keywords = login(name, locale_path)
    if name in ("tr_TR.UTF-8", "no_SUCH.locale"):
        return finish_module(start_module(options, scene.directory, module, env=keywords["environment"]))
    return run_task(options, scene.directory, module=module, **keywords)


@pytest.mark.parametrize("name", [*LOCALES, "C", "no_SUCH.locale"])
def test_a02_b01_a_logins_locale_does_not_matter(small_scene: Scene, locale_path: Path, name: str) -> None:
    scene, target = small_scene, "jörg.żółw@bücher.example"
    outcome = run_in(name, locale_path, scene, **scene.arguments(target_email=target))
    assert outcome.entry["state"] == "completed", outcome.output
    user, scene.address, scene.source_user = scene.address, target, scene.address
    assert difference(scene.source_account(), scene.host_account()) == []
    again = run_in(name, locale_path, scene, **scene.arguments(email=user, source_user=None, target_email=target))
    assert again.result["changed"] is False, again.output
    known = run_in(name, locale_path, scene, INFO_MODULE, **scene.host_options()).result
    assert [entry["email"] for entry in known["imports"]] == [target]


@pytest.mark.parametrize("variable", ["LANG", "LC_CTYPE"])
def test_b01_whichever_variable_says_it(small_scene: Scene, locale_path: Path, variable: str) -> None:
    outcome = small_scene.task(keywords=login("tr_TR.UTF-8", locale_path, variable))
    assert outcome.entry["state"] == "completed", outcome.output


def test_a02_paths_of_options_are_utf8_too(small_scene: Scene, locale_path: Path) -> None:
    """The module that imports and the one that reports find the same state."""
    keywords, directory = login("de_DE.ISO-8859-1", locale_path), small_scene.directory / "Zustände"
    outcome = small_scene.task(keywords=keywords, state_dir=str(directory))
    assert outcome.entry["state"] == "completed" and (directory / "state.db").exists(), outcome.output
    options = dict(small_scene.host_options(), state_dir=str(directory))
    known = run_task(options, small_scene.directory, module=INFO_MODULE, **keywords).result
    assert [entry["state"] for entry in known["imports"]] == ["completed"]
