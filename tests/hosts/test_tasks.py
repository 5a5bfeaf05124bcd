# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each kind of mail host as the guide shows it: a task of a play, run by ansible-playbook; and the guide's examples."""

from __future__ import annotations

import subprocess
from typing import Any, Callable

import pytest
import yaml
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.command_lines import CommandLines
from support.mail import REPOSITORY
from support.run import COLLECTION, run_task
from support.scene import Scene, difference

from .conftest import SqlScene
from .test_command import CommandScene, command_scene  # noqa: F401 - a fixture
from .test_ispmanager import PanelScene, panel_scene  # noqa: F401 - a fixture
from .test_ispmanager import pytestmark as only_old
from .test_none import NoneScene, none_scene  # noqa: F401 - a fixture

GUIDE = COLLECTION / "docs" / "docsite" / "rst" / "mail_host_guide.rst"


def check_task(scene: Scene, password: str, created: bool, **options: Any) -> None:
    """A first run imports, a second one changes nothing, and no password is printed."""
    shown = scene.task("--check", "--diff", **options)
    assert (shown.entry["state"], shown.entry["created"]) == ("queued", created), shown.output
    ran = scene.task("-v", **options)
    assert (ran.entry["state"], ran.entry["created"]) == ("completed", created), ran.output
    assert difference(scene.source_account(), scene.host_account(password)) == []
    assert not scene.task(**options).result["changed"]
    assert scene.password not in ran.output


def test_a_task_with_command_lines(command_scene: CommandScene) -> None:  # noqa: F811
    check_task(command_scene, command_scene.password, True)


@only_old
def test_a_task_with_ispmanager(panel_scene: PanelScene) -> None:  # noqa: F811
    check_task(panel_scene, panel_scene.password, True)


def test_a_task_with_mailboxes_made_elsewhere(none_scene: NoneScene) -> None:  # noqa: F811
    none_scene.host.add_user(none_scene.address, "hers")
    check_task(none_scene, "hers", False)


def test_a_task_with_a_database(sql_scene: Callable[..., SqlScene]) -> None:
    scene = sql_scene("mysql", "postfixadmin")
    check_task(scene, scene.password, True, quota="5G")
    assert scene.database.rows("SELECT username, quota FROM mailbox") == [(scene.address, 5 << 30)]


def test_a_task_with_a_list_and_a_database(sql_scene: Callable[..., SqlScene]) -> None:
    scene = sql_scene("mysql", "postfixadmin")
    row = {"email": scene.address, "password": scene.password}
    options = {name: value for name, value in scene.arguments().items() if name not in row}
    ran = run_task({**options, "mailboxes": [row]}, scene.directory, "-v", module="mail_import_csv")
    assert ran.entry["state"] == "completed", ran.output
    for secret in (scene.password, scene.database.options["login_password"]):
        assert secret not in ran.output


def shown_blocks() -> list[tuple[str, Any]]:
    """The YAML of the guide, each with its first line."""
    text, found = GUIDE.read_text(encoding="utf-8"), []
    for block in text.split(".. code-block:: yaml\n\n")[1:]:
        lines = block.split("\n")
        end = next((n for n, line in enumerate(lines) if line and not line.startswith("   ")), len(lines))
        found.append((lines[0].strip(), yaml.safe_load("\n".join(lines[:end]))))
    return found


def shown_options() -> list[tuple[str, dict[str, Any]]]:
    """The options of the guide's tasks, or parts of them."""
    found = []
    for first_line, document in shown_blocks():
        tasks = document if isinstance(document, list) else [{"": document}]
        found += [(first_line, options) for task in tasks for options in task.values() if isinstance(options, dict)]
    return found


def shown_lines() -> list[tuple[str, dict[str, Any]]]:
    """The command lines of the guide, whole or as an option of a task."""
    return [(where, options["host_command"]) for where, options in shown_options() if "host_command" in options]


@pytest.mark.parametrize("schema", ["iredmail", "ispmail", "custom"])
def test_the_guides_task_for_a_database(sql_scene: Callable[..., SqlScene], schema: str) -> None:
    """As it is shown, but for the accounts and where the servers are."""
    (shown,) = (options for _where, options in shown_options() if options.get("sql_schema") == schema)
    scene = sql_scene("postgresql", schema)
    shown_kind = ("host_backend", "sql_schema")
    ours = {name: value for name, value in scene.arguments().items() if name not in shown_kind}
    ran = run_task({**shown, **ours}, scene.directory)
    assert (ran.entry["state"], ran.entry["created"]) == ("completed", True), ran.output
    assert difference(scene.source_account(), scene.host_account()) == []


def test_the_guides_command_lines_can_be_read() -> None:
    assert len(shown_lines()) == 6
    for _where, given in shown_lines():
        lines = CommandLines(given)
        for name in (name for name in given if name != "password_variable"):
            assert name in lines
            words = given[name]
            if words[:2] == ["sh", "-c"]:
                script = words[2].replace("%%", "%")
                subprocess.run(["sh", "-n", "-c", script], check=True, cwd=REPOSITORY)
