# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No process shows a password, whatever kind of mail host it is: not in its arguments while an import runs, and not in
the environment of those that live as long as that. A command of the host's may get one in its own, for a moment."""

from __future__ import annotations

from typing import Callable

from support.dovecot import wait_until
from support.processes import arguments, environments, repeatedly
from support.relay import Relay
from support.run import finish_module, start_module
from support.scene import Scene

from .conftest import SqlScene
from .test_command import CommandScene, command_scene  # noqa: F401 - a fixture
from .test_ispmanager import PanelScene, panel_scene  # noqa: F401 - a fixture
from .test_ispmanager import pytestmark as only_old
from .test_none import NoneScene, none_scene  # noqa: F401 - a fixture

SOURCE_PASSWORD = "Marmalade-before-the-move"  # noqa: S105 - of an account that lives for one test
TARGET_PASSWORD = "Chutney-behind-the-move"  # noqa: S105
# What starts a run may be looked at: its processes have this from it.
_MARK = b"MARK_OF_THE_RUN=here"
# Bytes of an answer after which a relay can hold a session back: it is logged in, and in the middle of its mail.
_IN_THE_MAIL = 1500
TARGETS = ("first@list.example", "second@list.example")


def check_processes(scene: Scene, *more_secrets: str) -> None:
    """Import two mailboxes at a time, and look at all processes of the machine meanwhile."""
    scene.source.change_password(scene.address, scene.password, SOURCE_PASSWORD)
    secrets = [secret.encode() for secret in (SOURCE_PASSWORD, TARGET_PASSWORD, *more_secrets)]
    row = {"email": scene.address, "password": SOURCE_PASSWORD, "target_password": TARGET_PASSWORD}
    options = {name: value for name, value in scene.arguments().items() if name not in row}
    options.update(mailboxes=[{**row, "target_email": target} for target in TARGETS], parallel=True, queues=2)
    shown: list[bytes] = []

    def look() -> None:
        shown.extend(line for line in arguments() if any(secret in line for secret in secrets))

    with Relay(scene.source.port, hold_after=_IN_THE_MAIL) as relay, repeatedly(look, 0.05):
        options.update(source_port=relay.port, source_tls="none", preflight=False)
        name, _, value = _MARK.decode().partition("=")
        process = start_module(options, scene.directory, module="mail_import_csv", env={name: value})
        wait_until(
            lambda: relay.most_open >= 2 and all(scene.host.accepts_password(to, TARGET_PASSWORD) for to in TARGETS),
            "both queues to be in the middle of their mail",
        )
        lasting = list(environments())
        relay.let_go()
        outcome = finish_module(process)
    assert [entry["state"] for entry in outcome.result["imports"]] == ["completed"] * 2, outcome.output
    assert sum(_MARK in environment for environment in lasting) > len(TARGETS), "the run and its queues"
    assert [environment for environment in lasting if any(secret in environment for secret in secrets)] == []
    assert shown == []


def test_command_lines(command_scene: CommandScene) -> None:  # noqa: F811
    command_scene.lines["password_variable"] = "MAILBOX_PASSWORD"
    check_processes(command_scene)


@only_old
def test_ispmanager(panel_scene: PanelScene) -> None:  # noqa: F811
    check_processes(panel_scene)


def test_mailboxes_made_elsewhere(none_scene: NoneScene) -> None:  # noqa: F811
    none_scene.host.add_users(dict.fromkeys(TARGETS, TARGET_PASSWORD))
    check_processes(none_scene)


def test_a_database(sql_scene: Callable[..., SqlScene]) -> None:
    scene = sql_scene("postgresql", "ispmail")
    check_processes(scene, scene.database.options["login_password"])
