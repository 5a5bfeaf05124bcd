# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports into hosts whose mailboxes a script makes: a small one, which writes the users file of a real Dovecot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.imap import Item
from support.mail import small_message
from support.run import run_module
from support.scene import OWNER, Scene, difference

_SCRIPT = r"""#!/bin/sh
# A directory of mailboxes, as a site may have one: users, domains.
set -eu
here=$(dirname "$0")
say() { echo "$@" >&2; exit 4; }
hash() { printf '%s\n%s\n' "$1" "$1" | doveadm pw -s SSHA512; }
case $1 in
  list) cut -d: -f1 "$here/host0/users" ;;
  domains) cat "$here/domains" ;;
  create_domain) echo "$2 $3" >> "$here/domains" ;;
  create)
    read -r password || password=$MAILBOX_PASSWORD
    [ "$password" != refuse-me ] || say "too weak: $password, choose another than $password"
    echo "$4 $5" >> "$here/created"
    printf '%s:%s::::::\n' "$2" "$(hash "$password")" >> "$here/host0/users" ;;
  create_hashed) printf '%s:%s::::::\n' "$2" "$3" >> "$here/host0/users" ;;
  set_password)
    read -r password || password=$MAILBOX_PASSWORD
    hashed=$(hash "$password")
    awk -F: -v OFS=: -v user="$2" -v hashed="$hashed" '$1 == user { $2 = hashed } { print }' \
      "$here/host0/users" > "$here/new" && cat "$here/new" > "$here/host0/users" ;;
  remove) grep -v "^$2:" "$here/host0/users" > "$here/new" || true; cat "$here/new" > "$here/host0/users" ;;
  *) say "unknown action $1" ;;
esac
"""


class CommandScene(Scene):
    """A scene whose mail host has a script for its mailboxes."""

    lines: dict[str, Any]

    def host_options(self) -> dict[str, Any]:
        return {
            "host_backend": "command",
            "host_command": self.lines,
            "dovecot_config": str(self.host.config),
            "state_dir": str(self.state_dir),
        }

    @property
    def users(self) -> str:
        return self.host.users_file.read_text()


@pytest.fixture
def command_scene(small_scene: Scene) -> CommandScene:
    scene = CommandScene(**vars(small_scene))
    script = scene.directory / "mailboxes"
    script.write_text(_SCRIPT)
    script.chmod(0o755)
    (scene.directory / "domains").write_text("")
    words = {
        "list": [],
        "domains": [],
        "create_domain": ["%d", "%o"],
        "create": ["%u", "%n", "%q", "%d"],
        "set_password": ["%u"],
        "remove": ["%u"],
    }
    scene.lines = {name: [str(script), name, *values] for name, values in words.items()}
    return scene


def test_domain_mailbox_and_mail_are_made_once(command_scene: CommandScene) -> None:
    before = command_scene.users
    shown = command_scene.run(check_mode=True).entry
    assert (shown["created"], shown["changed"], shown["state"]) == (True, True, "queued"), shown["message"]
    assert (command_scene.users, (command_scene.directory / "domains").read_text()) == (before, "")
    entry = command_scene.run(quota="2G").entry
    assert (entry["state"], entry["created"], entry["changed"]) == ("completed", True, True), entry["message"]
    assert difference(command_scene.source_account(), command_scene.host_account()) == []
    assert (command_scene.directory / "domains").read_text() == "source.example %s\n" % OWNER
    assert (command_scene.directory / "created").read_text() == "2048 source.example\n"
    again = command_scene.run(quota="2G")
    assert (again.result["changed"], again.entry["state"]) == (False, "completed")
    assert not (command_scene.state_dir / "domains").exists()


def test_a_mailbox_of_somebodys_is_skipped_and_replaced(command_scene: CommandScene) -> None:
    command_scene.host.add_user(command_scene.address, "hers")
    with command_scene.host_session("hers") as session:
        session.append("INBOX", [Item(small_message(1, "hers"))])
    assert command_scene.run().entry["state"] == "skipped"
    entry = command_scene.run(ignore_existing=False).entry
    assert (entry["state"], bool(entry["replaced_to"])) == ("completed", True), entry["message"]
    command_scene.host.wait_for_password(command_scene.address, command_scene.password)
    assert not command_scene.host.accepts_password(command_scene.address, "hers")
    assert difference(command_scene.source_account(), command_scene.host_account()) == []


def test_without_set_password_a_replaced_mailbox_keeps_its_own(command_scene: CommandScene) -> None:
    del command_scene.lines["set_password"]
    command_scene.host.add_user(command_scene.address, "hers")
    entry = command_scene.run(ignore_existing=False, update_password="always").entry
    assert (entry["state"], entry["reason"]) == ("failed", "host_refused")
    assert "host_command has no set_password" in entry["message"]
    entry = command_scene.run(ignore_existing=False).entry
    assert entry["state"] == "completed", entry["message"]
    assert difference(command_scene.source_account(), command_scene.host_account("hers")) == []


@pytest.mark.parametrize("password", ["pass word 1", "  blanks\\and $(touch x) 'quotes\" ", "\u043f\u0430\u0440"])
@pytest.mark.parametrize("variable", [None, "MAILBOX_PASSWORD"])
def test_passwords_come_over_unharmed(command_scene: CommandScene, password: str, variable: str | None) -> None:
    if variable:
        command_scene.lines["password_variable"] = variable
    script = command_scene.directory / "mailboxes"
    script.write_text(_SCRIPT.replace("read -r", "IFS= read -r"))
    entry = command_scene.run(target_password=password, import_content=False).entry
    assert entry["state"] == "completed", entry["message"]
    command_scene.host.wait_for_password(command_scene.address, password)


def test_a_hash_instead_of_the_password(command_scene: CommandScene) -> None:
    script = command_scene.lines["create"][0]
    command_scene.lines["create"] = [script, "create_hashed", "%u", "%h"]
    entry = command_scene.run().entry
    assert entry["state"] == "completed", entry["message"]
    assert "{SHA512-CRYPT}$6$" in command_scene.users
    assert difference(command_scene.source_account(), command_scene.host_account()) == []


def test_a_line_may_ask_for_one_domain(command_scene: CommandScene) -> None:
    """As panels that list mailboxes by domain; a shell may be called, since values are words of their own."""
    command_scene.lines["list"] = [
        "sh",
        "-c",
        'cut -d: -f1 "$0" | grep -i "@$1\\$" || true',
        str(command_scene.host.users_file),
        "%d",
    ]
    for name in ("domains", "create_domain"):
        del command_scene.lines[name]
    entry = command_scene.run().entry
    assert entry["state"] == "completed", entry["message"]
    assert not command_scene.run().result["changed"]
    assert "source.example" in (command_scene.state_dir / "domains").read_text()


def test_a_list_over_two_queues(command_scene: CommandScene) -> None:
    rows = [
        {
            "email": command_scene.address,
            "target_email": "user%d@d%d.example" % (n, n),
            "password": command_scene.password,
        }
        for n in range(3)
    ]
    options = {name: value for name, value in command_scene.arguments().items() if name not in ("email", "password")}
    options.update(mailboxes=rows, parallel=True, queues=2)
    outcome = run_module(options, command_scene.directory, module="mail_import_csv")
    assert [entry["state"] for entry in outcome.result["imports"]] == ["completed"] * 3, outcome.result["msg"]
    assert not run_module(options, command_scene.directory, module="mail_import_csv").result["changed"]


def test_a_domain_that_another_queue_has_just_made(command_scene: CommandScene) -> None:
    domains = str(command_scene.directory / "domains")
    line = 'echo "$1 $2" >> "$0"; echo "it exists" >&2; exit 4'
    command_scene.lines["create_domain"] = ["sh", "-c", line, domains, "%d", "%o"]
    assert command_scene.run().entry["state"] == "completed"


def refused(scene: CommandScene, check_mode: bool = False, **changes: Any) -> str:
    """The message of an import that comes to nothing."""
    before = scene.users
    outcome = scene.run(check_mode=check_mode, **changes)
    if "imports" not in outcome.result:
        return outcome.result["msg"]
    assert (outcome.entry["state"], outcome.entry["created"]) == ("failed", False), outcome.entry["message"]
    assert scene.users == before
    assert "\n" not in outcome.entry["message"]
    return outcome.entry["message"]


def test_a_line_that_fails_is_one_clear_line_without_the_password(command_scene: CommandScene) -> None:
    message = refused(command_scene, target_password="refuse-me")
    assert "host_command create failed with exit code 4: too weak: ********, choose another than ********" in message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["/nonexistent/list"], "cannot run /nonexistent/list: No such file"),
        (["sh", "-c", "exit 3"], "host_command list failed with exit code 3: it said nothing"),
        (["sh", "-c", "echo Error: no rights; exit 10"], "exit code 10: Error: no rights"),
        (["sh", "-c", "seq 100000 >&2; exit 1"], "exit code 1: 1 2 3"),
        (["echo", "{}"], "must print one address a line, and printed '{}'"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_list_that_cannot_be_read(command_scene: CommandScene, line: list[str], said: str, check_mode: bool) -> None:
    command_scene.lines["list"] = line
    message = refused(command_scene, check_mode)
    assert said in message and len(message) < 500


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"delete": ["rm"]}, "delete is none of list, domains"),
        ({"create": ["add", "%x"]}, "create: %x is no value of it (it has: %u %n %d %o %q %h"),
        ({"create": ["add", "100%"]}, "is no value of it"),
        ({"list": ["show", "%o"]}, "list: %o is no value of it"),
        ({"create": "add %u"}, "create must be a list of words"),
        ({"create": []}, "create must be a list of words"),
        ({"create": None}, "create must be a list of words"),
        ({"password_variable": "A B"}, "password_variable must be the name"),
    ],
)
def test_what_means_nothing_is_told_before_anything_runs(
    command_scene: CommandScene, change: dict[str, Any], said: str
) -> None:
    command_scene.lines = {"list": ["touch", str(command_scene.directory / "ran")], "create": ["true"], **change}
    for check_mode in (True, False):
        message = refused(command_scene, check_mode)
        assert message.startswith("host_command") and said in message
    assert not (command_scene.directory / "ran").exists()


@pytest.mark.parametrize("lacking", ["list", "create", "domains"])
def test_lines_that_are_needed(command_scene: CommandScene, lacking: str) -> None:
    del command_scene.lines[lacking]
    assert lacking in refused(command_scene)


@pytest.mark.parametrize("name", ["$(touch x)", "a`id`", "-rf", "a'b", "a|b"])
def test_no_address_becomes_a_command(command_scene: CommandScene, name: str) -> None:
    message = refused(command_scene, check_mode=True, target_email=name.replace(" ", "") + "@source.example")
    assert "cannot be handed to a command line" in message or "is not a mailbox address" in message


def test_a_quota_that_no_line_takes(command_scene: CommandScene) -> None:
    command_scene.lines["create"].remove("%q")
    assert "create of host_command has no %q" in refused(command_scene, check_mode=True, quota="1G")


def test_no_secret_is_in_results_or_state(command_scene: CommandScene) -> None:
    secret = "s3cret-word-of-hers"  # noqa: S105 - of this test
    command_scene.lines["create"] = ["sh", "-c", 'cat; env; tr "\\0" " " < /proc/$$/cmdline; cat >&2; exit 1']
    for variable in (None, "MAILBOX_PASSWORD"):
        if variable:
            command_scene.lines["password_variable"] = variable
        outcome = command_scene.run(target_password=secret)
        assert outcome.entry["state"] == "failed"
        assert secret not in outcome.output and secret not in json.dumps(outcome.result)
    for file in Path(command_scene.state_dir).rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes()
