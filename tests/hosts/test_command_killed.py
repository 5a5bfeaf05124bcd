# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports that are killed behind each command line of the site's: what that made is there, and nobody has noted it."""

from __future__ import annotations

import signal
from typing import Any, Optional, Union

import pytest
from support.run import start_module
from support.scene import OWNER, difference

from .test_command import CommandScene, command_scene  # noqa: F401 - a fixture

# Runs a command line, and then kills the whole run, when that was the last call that it is to come to.
_KILLER = r"""#!/bin/sh
calls=$(dirname "$0")/calls
name=$1
shift
"$@"
code=$?
echo "$name" >> "$calls"
case $KILLED_BEHIND in
  "$name" | "$(wc -l < "$calls")") kill -s KILL -- "-$(ps -o pgid= -p "$PPID" | tr -d ' ')" ;;
esac
exit $code
"""


@pytest.fixture
def killed_scene(command_scene: CommandScene) -> CommandScene:  # noqa: F811
    """A scene whose command lines are told to `kill_behind`."""
    killer = command_scene.directory / "killer"
    killer.write_text(_KILLER)
    killer.chmod(0o755)
    command_scene.lines = {name: [str(killer), name, *line] for name, line in command_scene.lines.items()}
    return command_scene


def kill_behind(scene: CommandScene, call: Union[int, str], **options: Any) -> Optional[str]:
    """Kill an import behind so many calls, or behind the first of that name, and return the name of the last one; None
    when the import came to its end before that.
    """
    calls = scene.directory / "calls"
    calls.unlink(missing_ok=True)
    process = start_module(scene.arguments(**options), scene.directory, env={"KILLED_BEHIND": str(call)})
    process.communicate()
    return calls.read_text().split()[-1] if process.returncode == -signal.SIGKILL else None


def declared(scene: CommandScene, address: str) -> tuple[int, int]:
    """How often the domain is declared, and the mailbox."""
    domain = "%s %s" % (address.partition("@")[2], OWNER)
    domains = (scene.directory / "domains").read_text().splitlines()
    users = [line.partition(":")[0] for line in scene.users.splitlines()]
    return domains.count(domain), users.count(address)


def test_killed_behind_each_call_that_asks(killed_scene: CommandScene) -> None:
    """Each run is killed one call later than the one before it, until one has come to its end."""
    scene = killed_scene
    asked = []
    while name := kill_behind(scene, len(asked) + 1):
        asked.append(name)
        assert declared(scene, scene.address) == (0, 0)
    assert asked.count("list") > 1 and asked.count("domains") > 1
    assert declared(scene, scene.address) == (1, 1)
    assert difference(scene.source_account(), scene.host_account()) == []


def test_killed_behind_each_call_that_makes_something(killed_scene: CommandScene) -> None:
    scene = killed_scene
    for call, made in (("create_domain", (1, 0)), ("create", (1, 1))):
        assert kill_behind(scene, call) == call
        assert declared(scene, scene.address) == made
    entry = scene.run().entry
    assert entry["state"] == "completed", entry["message"]
    assert declared(scene, scene.address) == (1, 1)
    assert difference(scene.source_account(), scene.host_account()) == []
    assert not scene.run().result["changed"]


def test_killed_behind_the_call_that_changes_a_password(killed_scene: CommandScene) -> None:
    scene = killed_scene
    scene.host.add_user(scene.address, "hers")
    wanted = {"ignore_existing": False, "existing_content": "merge", "update_password": "always"}
    assert kill_behind(scene, "set_password", **wanted) == "set_password"
    entry = scene.run(**wanted).entry
    assert entry["state"] == "completed", entry["message"]
    scene.host.wait_for_password(scene.address, scene.password)
    assert not scene.host.accepts_password(scene.address, "hers")
    assert declared(scene, scene.address)[1] == 1
    assert difference(scene.source_account(), scene.host_account()) == []


@pytest.mark.parametrize("call", ["create", "remove"])
def test_killed_when_a_mailbox_is_taken_back(killed_scene: CommandScene, call: str) -> None:
    """One that the mail server does not know, because it does not read yet where mailboxes are made."""
    scene = killed_scene
    elsewhere, right = scene.directory / "elsewhere", scene.host.users_file
    elsewhere.touch()
    script = scene.directory / "mailboxes"
    text = script.read_text()
    script.write_text(text.replace("host0/users", "elsewhere"))
    assert kill_behind(scene, call) == call
    assert elsewhere.read_text().count(scene.address) == (call == "create")
    right.write_text(elsewhere.read_text())
    script.write_text(text)
    entry = scene.run().entry
    assert entry["state"] == "completed", entry["message"]
    assert declared(scene, scene.address) == (1, 1)
    assert difference(scene.source_account(), scene.host_account()) == []


def test_killed_in_the_midst_of_making_a_mailbox(killed_scene: CommandScene) -> None:
    """A script that makes a mailbox in two steps, the password last, is killed between them."""
    scene = killed_scene
    script = scene.directory / "mailboxes"
    text = script.read_text()
    halves = 'printf \'%s:{CRYPT}!::::::\\n\' "$2" >> "$here/host0/users"; exit 0'
    script.write_text(text.replace("  create)\n", "  create)\n    %s\n" % halves))
    assert kill_behind(scene, "create") == "create"
    script.write_text(text)
    assert declared(scene, scene.address) == (1, 1)
    entry = scene.run().entry
    assert entry["state"] == "completed", entry["message"]
    scene.host.wait_for_password(scene.address, scene.password)
    assert declared(scene, scene.address) == (1, 1)
    assert difference(scene.source_account(), scene.host_account()) == []
