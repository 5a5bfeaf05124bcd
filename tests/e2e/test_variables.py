# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people type and read at the controller: variables with a typing error are refused, differences are readable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from support.mail import REPOSITORY
from support.run import PlaybookRun, run_playbook
from support.scene import Scene


def run_shipped(scene: Scene, playbook: str, **variables: Any) -> PlaybookRun:
    """Run a playbook of the repository on this machine."""
    given = {
        "import_hosts": "localhost",
        "import_setup": False,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    return run_playbook(
        REPOSITORY / "playbooks" / ("%s.yml" % playbook),
        inventory="localhost,",
        variables={**given, **variables},
        directory=scene.directory,
    )


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("stat", "state"), ("source-host", "source_host"), ("exclude_folder", "exclude_folders"), ("pasword", "password")],
)
def test_d9_a_variable_with_a_typing_error_is_refused(small_scene: Scene, wrong: str, meant: str) -> None:
    run = run_shipped(small_scene, "import_imap", **small_scene.arguments(), **{wrong: "latest"})
    assert run.returncode != 0
    assert "reads no variable %s: is %s meant?" % (wrong, meant) in " ".join(run.output.split())
    assert not small_scene.state_dir.exists()


@pytest.mark.parametrize("playbook", ["import_csv", "import_yandex"])
def test_d9_every_playbook_looks_at_its_variables(small_scene: Scene, playbook: str) -> None:
    run = run_shipped(small_scene, playbook, owner="customer1", stat="latest")
    assert "reads no variable stat: is state meant?" in " ".join(run.output.split())


def test_d9_variables_of_the_role_are_no_misspelt_options(place: Path) -> None:
    """`mail_host_uid` is much like the option `mail_host`."""
    run = run_playbook(
        REPOSITORY / "playbooks" / "import_csv.yml",
        inventory="localhost,",
        variables={
            "import_hosts": "localhost",
            "import_setup": False,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "mail_host_uid": 5000,
        },
        directory=place,
    )
    assert "reads no variable" not in run.output
    assert "src" in run.output


def test_d9_variables_of_ones_own_are_left_alone(small_scene: Scene) -> None:
    options = small_scene.arguments(owner="{{ customer }}")
    run = run_shipped(small_scene, "import_imap", **options, customer="customer1", vault_secret="x", ansible_forks=1)
    assert run.returncode == 0, run.output
    # In a play of one's own, any name may mean something.
    assert not small_scene.task("-e", "stat=latest", force=True).result.get("failed")


def test_d10_a_difference_is_readable_in_every_script(small_scene: Scene) -> None:
    with small_scene.source_session() as session:
        session.create("Отчёты")
        session.create("受信")
    outcome = small_scene.task("--diff")
    assert '+        "Отчёты": 0' in outcome.output and '+        "受信": 0' in outcome.output, outcome.output
