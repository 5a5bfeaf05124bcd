# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed runs have left on a host is swept, and nothing that may be in use."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils import leftovers
from ansible_collections.panel.mailimport.plugins.plugin_utils.leftovers import JOB, PROGRESS, SECRETS

HOUR = 3600


class Action:
    """Runs the commands of an action plugin on this machine."""

    def _low_level_execute_command(self, command: str, sudoable: bool) -> Dict[str, Any]:
        ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        return {"rc": ran.returncode, "stdout": ran.stdout}


def name_of(role: str, **changes: str) -> str:
    """A name as this process would give it, with other parts."""
    found = re.fullmatch(
        r"panel-mailimport-\w+-(?P<controller>\w+)-(?P<pid>\d+)-(?P<started>\d+)-\w+", leftovers.new_name(role)
    )
    assert found
    parts = {**found.groupdict(), **changes}
    return "panel-mailimport-%s-%s-%s-%s-0badcafe" % (role, parts["controller"], parts["pid"], parts["started"])


def put(place: Path, role: str, age: float = 0, **changes: str) -> Path:
    """Make a file of a run, in a temporary directory of its own if there are passwords in it; return what is to go."""
    directory = place if role == PROGRESS else place / ("ansible-tmp-%d" % len(list(place.iterdir())))
    directory.mkdir(exist_ok=True)
    path = directory / name_of(role, **changes)
    path.write_text("geheim")
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return path if role == PROGRESS else directory


def swept(place: Path) -> None:
    action: Any = Action()
    leftovers.sweep(action, action._low_level_execute_command(leftovers.listing(str(place)), sudoable=False)["stdout"])


@pytest.mark.parametrize(
    ("role", "age", "changes"),
    [
        (SECRETS, 0, {"started": "1"}),
        (PROGRESS, 0, {"started": "1"}),
        (JOB, 2 * HOUR, {"started": "1"}),
        (SECRETS, 2 * HOUR, {"controller": "0123456789abcdef"}),
        (PROGRESS, 25 * HOUR, {"controller": "0123456789abcdef"}),
    ],
)
def test_c8_d13_what_a_killed_run_has_left_is_removed(
    tmp_path: Path, role: str, age: float, changes: Dict[str, str]
) -> None:
    doomed = put(tmp_path, role, age, **changes)
    swept(tmp_path)
    assert not doomed.exists()


@pytest.mark.parametrize(
    ("role", "age", "changes"),
    [
        (SECRETS, 2 * HOUR, {}),
        (PROGRESS, 25 * HOUR, {}),
        (JOB, 0, {"started": "1"}),
        (SECRETS, 0, {"controller": "0123456789abcdef"}),
        (PROGRESS, 2 * HOUR, {"controller": "0123456789abcdef"}),
    ],
)
def test_what_may_be_in_use_stays(tmp_path: Path, role: str, age: float, changes: Dict[str, str]) -> None:
    kept = put(tmp_path, role, age, **changes)
    swept(tmp_path)
    assert kept.exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    for name in ("ansible-tmp-1/AnsiballZ_ping.py", "panel-mailimport-notes.txt", "panel-mailimport-secrets-x-1-1-y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    before = sorted(tmp_path.rglob("*"))
    swept(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before
