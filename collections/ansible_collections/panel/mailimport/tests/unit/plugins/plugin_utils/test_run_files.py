# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What killed runs have left on a host is swept, and nothing that may be in use."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils import run_files
from ansible_collections.panel.mailimport.plugins.plugin_utils.run_files import JOB, PROGRESS, SECRETS

HOUR = 3600


class Action:
    """Runs the commands of an action plugin on this machine."""

    def __init__(self, home: Path, become_user: str = "") -> None:
        self._home = home
        self._become_user = become_user
        self._connection = SimpleNamespace(become=bool(become_user))

    def get_become_option(self, _option: str, _default: str) -> str:
        return self._become_user

    def _low_level_execute_command(self, command: str, sudoable: bool) -> Dict[str, Any]:
        ran = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, cwd=self._home)
        return {"rc": ran.returncode, "stdout": ran.stdout}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the temporary directories are."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    return directory


def name_of(role: str, **changes: str) -> str:
    """A name as this process would give it, with other parts."""
    found = re.fullmatch(
        r"panel-mailimport-\w+-(?P<controller>\w+)-(?P<pid>\d+)-(?P<started>\d+)-\w+", run_files.new_name(role)
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


def swept(place: Path, become_user: str = "") -> None:
    """Sweep; the connection's user is at home beside the directory."""
    home = place.parent / "home"
    home.mkdir(exist_ok=True)
    action: Any = Action(home, become_user)
    listed = action._low_level_execute_command(run_files.listing(action, str(place)), sudoable=False)["stdout"]
    run_files.sweep(action, str(place), listed)


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
    place: Path, role: str, age: float, changes: Dict[str, str]
) -> None:
    doomed = put(place, role, age, **changes)
    swept(place)
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
def test_what_may_be_in_use_stays(place: Path, role: str, age: float, changes: Dict[str, str]) -> None:
    kept = put(place, role, age, **changes)
    swept(place)
    assert kept.exists()


def in_the_way(place: Path, age: float) -> Path:
    """What Ctrl-C leaves for a module that has not begun."""
    path = put(place, PROGRESS, started="1")
    path.write_text("")
    moment = path.stat().st_mtime - age
    os.utime(path, (moment, moment))
    return path


def test_what_is_in_the_way_of_a_module_stays_until_that_must_have_begun(place: Path) -> None:
    path = in_the_way(place, 0)
    swept(place)
    assert path.exists()
    action: Any = Action(place.parent)
    assert run_files.sweep_all(action, str(place)) == [str(path)] and not path.exists()


@pytest.mark.parametrize("age", [HOUR, -HOUR])
def test_what_no_module_has_met_is_removed_whatever_the_clock_did(place: Path, age: float) -> None:
    path = in_the_way(place, age)
    swept(place)
    assert not path.exists()


def test_files_of_others_stay(place: Path) -> None:
    for name in ("ansible-tmp-1/AnsiballZ_ping.py", "panel-mailimport-notes.txt", "panel-mailimport-secrets-x-1-1-y"):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).touch()
    before = sorted(place.rglob("*"))
    swept(place)
    assert sorted(place.rglob("*")) == before


FOREIGN = {"controller": "0123456789abcdef", "pid": "1", "started": "1"}


def bait(path: Path) -> Path:
    """Make an old file, and the directory around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("bait")
    os.utime(path, (0, 0))
    return path


@pytest.mark.parametrize("role", [SECRETS, JOB])
def test_c8_a_file_beside_the_temporary_directories_endangers_nothing(place: Path, role: str) -> None:
    of_others = bait(place / "of-others" / "letter")
    bait(place / name_of(role, **FOREIGN))
    swept(place)
    assert of_others.exists()


@pytest.mark.parametrize(
    "directory", ["x\n.ssh", "ansible-tmp-1\n.ssh", "ansible-tmp-1\n", "ansible-tmp-1/x", "of-others"]
)
def test_c8_a_directory_of_another_name_endangers_nothing(place: Path, directory: str) -> None:
    key = bait(place.parent / "home" / ".ssh" / "authorized_keys")
    named_alike = bait(key.with_name(name_of(JOB, **FOREIGN)))
    inside = bait(place / directory / name_of(JOB, **FOREIGN))
    swept(place)
    assert key.exists() and named_alike.exists() and inside.exists()


def test_c8_what_else_is_in_a_temporary_directory_stays(place: Path) -> None:
    directory = put(place, SECRETS, started="1")
    other = bait(directory / "other" / "letter")
    swept(place)
    assert other.exists() and sorted(directory.iterdir()) == [other.parent]


def test_c8_a_temporary_directory_that_is_a_link_is_not_followed(place: Path) -> None:
    inside = bait(place.parent / "elsewhere" / name_of(JOB, **FOREIGN))
    (place / "ansible-tmp-1").symlink_to(inside.parent)
    swept(place)
    assert inside.exists()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
NOBODY = 65534


@needs_root
@pytest.mark.parametrize("given_away", ["file", "directory"])
def test_c8_what_another_user_has_made_stays(place: Path, given_away: str) -> None:
    directory = put(place, JOB, 2 * HOUR)
    (path,) = directory.iterdir()
    os.chown(path if given_away == "file" else directory, NOBODY, NOBODY)
    swept(place)
    assert path.exists()


@needs_root
def test_c8_what_was_handed_to_the_user_that_a_task_becomes_is_removed(place: Path) -> None:
    directory = put(place, JOB, 2 * HOUR)
    for path in (*directory.iterdir(), directory):
        os.chown(path, NOBODY, NOBODY)
    swept(place, become_user="nobody")
    assert not directory.exists()
