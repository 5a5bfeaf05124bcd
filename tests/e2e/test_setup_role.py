# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role `setup` makes a mail host ready for the modules, from an index or a folder of wheels, and once."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.mail import REPOSITORY
from support.run import COLLECTION, PlaybookRun, environment, run_playbook
from support.scene import Scene, difference

pytestmark = pytest.mark.both_dovecots

PYTHON = "/usr/bin/python3"
ROLE = COLLECTION / "roles" / "setup"
REQUIREMENTS: list[str] = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())["setup_requirements"]

PLAY = """\
- name: Prepare this machine
  hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - role: panel.mailimport.setup
"""

IMPORT = """\
- name: Import a mailbox
  ansible.builtin.import_playbook: panel.mailimport.import_imap
"""


@pytest.fixture(scope="module")
def wheels(shelf: Path) -> Path:
    """A folder with what the role installs, as its README tells to make one."""
    directory = shelf / "folder of wheels"
    pip = [PYTHON, "-m", "venv", str(shelf / "pip")]
    subprocess.run(pip, check=True)
    download = [str(shelf / "pip" / "bin" / "python"), "-m", "pip", "download", "--quiet", "--dest", str(directory)]
    if subprocess.run([*download, "--no-deps", "imapclient"], capture_output=True, check=False).returncode:
        pytest.skip("no package index can be reached from here")
    subprocess.run([*download, *REQUIREMENTS], check=True)
    return directory


def prepare(place: Path, *options: str, env: dict[str, str] | None = None, **variables: Any) -> PlaybookRun:
    """Run the role for a virtual environment in `place`, with Debian's Python."""
    playbook = place / "setup.yml"
    playbook.write_text(PLAY)
    variables = {"ansible_python_interpreter": PYTHON, "setup_virtualenv": str(place / "virtual env"), **variables}
    return run_playbook(
        playbook,
        *options,
        inventory="localhost,",
        variables=variables,
        directory=place,
        env={**environment(), **(env or {})},
    )


def import_with(python: str, scene: Scene) -> PlaybookRun:
    """Import a mailbox on this machine with modules that run under `python`."""
    playbook = scene.directory / "import.yml"
    playbook.write_text(IMPORT)
    variables = {
        **scene.arguments(),
        "ansible_python_interpreter": python,
        "import_hosts": "localhost",
        "import_setup": False,
    }
    return run_playbook(
        playbook, inventory=str(REPOSITORY / "inventories" / "demo"), variables=variables, directory=scene.directory
    )


def changes(run: PlaybookRun) -> int:
    """Changed tasks of a run that went well."""
    assert run.returncode == 0, run.output
    return run.recap["localhost"]["changed"]


@pytest.mark.parametrize("where", ["index", "folder"])
def test_the_role_prepares_a_host_once(small_scene: Scene, wheels: Path, where: str) -> None:
    """With the folder nothing else is asked: the index leads nowhere."""
    place = small_scene.directory
    options: dict[str, Any] = {"setup_sources": ["google_workspace"]}
    if where == "folder":
        options = {"setup_wheel_dir": str(wheels), "env": {"PIP_INDEX_URL": "http://127.0.0.1:9/"}}

    assert changes(prepare(place, "--check", **options)) == 1
    assert not (place / "virtual env").exists()
    assert changes(prepare(place, **options)) >= 1
    assert changes(prepare(place, **options)) == 0
    assert changes(prepare(place, "--check", **options)) == 0

    signs = [str(place / "virtual env" / "bin" / "python"), "-c", "import jwt, cryptography"]
    assert (subprocess.run(signs, capture_output=True, check=False).returncode == 0) is (where == "index")
    assert changes(import_with(str(place / "virtual env" / "bin" / "python"), small_scene)) == 1
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_an_empty_folder_of_wheels_is_an_error(place: Path) -> None:
    (place / "wheels").mkdir()
    run = prepare(place, setup_wheel_dir=str(place / "wheels"))
    assert run.returncode != 0
    assert "No matching distribution found for imapclient" in run.output


def test_a_host_without_the_libraries_is_told_of_the_role(scene: Scene) -> None:
    if Path("/opt/panel-mailimport/venv").exists():
        pytest.skip("this machine is prepared: modules find the role's environment")
    run = import_with(PYTHON, scene)
    assert run.returncode != 0
    assert "lacks the Python library imapclient" in run.output
    assert "panel.mailimport.setup" in run.output


def test_every_list_of_requirements_is_the_same() -> None:
    def listed(file: Path) -> set[str]:
        return {line for line in file.read_text().splitlines() if line and not line.startswith("#")}

    assert listed(COLLECTION / "meta" / "ee-requirements.txt") == {*REQUIREMENTS, "dnspython >= 2.3"}
    assert set(REQUIREMENTS) <= listed(COLLECTION / "tests" / "unit" / "requirements.txt")
    command = next(line for line in (ROLE / "README.md").read_text().splitlines() if "pip download" in line)
    assert all('"%s"' % requirement in command for requirement in REQUIREMENTS)
