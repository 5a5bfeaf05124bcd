# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords are in no output, argument list, log or file, whatever happens; and they harm no result."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.dovecot import wait_until
from support.imap import Item
from support.mail import small_message
from support.processes import command_lines, repeatedly
from support.run import Outcome
from support.scene import Scene

SOURCE_PASSWORD = "Marmalade-at-the-source"  # noqa: S105 - of an account that lives for one test
TARGET_PASSWORD = "Chutney-on-the-host"  # noqa: S105
SECRETS = (SOURCE_PASSWORD.encode(), TARGET_PASSWORD.encode())


@pytest.fixture
def secret_scene(small_scene: Scene) -> Scene:
    """A scene whose passwords are easy to find wherever they are."""
    small_scene.source.change_password(small_scene.address, small_scene.password, SOURCE_PASSWORD)
    small_scene.password = SOURCE_PASSWORD
    small_scene.options["target_password"] = TARGET_PASSWORD
    return small_scene


def watched_run(scene: Scene, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Outcome:
    """Run the task with everything printed that Ansible can print, and look at all processes meanwhile."""
    for name in ("ANSIBLE_REMOTE_TMP", "ANSIBLE_LOCAL_TEMP", "TMPDIR"):
        directory = scene.directory / name.lower()
        directory.mkdir(exist_ok=True)
        monkeypatch.setenv(name, str(directory))
    seen: list[bytes] = []

    def look() -> None:
        seen.extend(line for line in command_lines() if any(secret in line for secret in SECRETS))

    with repeatedly(look):
        outcome = scene.task("-vvvvv", "--diff", **changes)
    assert seen == []
    return outcome


def files_with_secrets(scene: Scene) -> list[Path]:
    """Files below the test's directory with a password in them, besides those that this test wrote itself."""
    own = {scene.directory / "play.yml", scene.directory / "variables.json", *scene.directory.glob("arguments-*")}
    paths = [path for path in scene.directory.rglob("*") if path.is_file() and path not in own]
    assert any("state.db" in path.name for path in paths) or not scene.state_dir.exists()
    return [path for path in paths if any(secret in path.read_bytes() for secret in SECRETS)]


@pytest.mark.parametrize(
    "case", ["completed", "wrong password", "bad certificate", "invalid address", "unknown option"]
)
def test_no_secret_gets_out(secret_scene: Scene, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    changes = {
        "completed": {},
        "wrong password": {"source_user": "nobody@source.example"},
        "bad certificate": {"source_ca_cert": None},
        "invalid address": {"email": "an:na@example.org"},
        "unknown option": {"no_such_option": 1},
    }[case]
    outcome = watched_run(secret_scene, monkeypatch, **changes)
    assert (case == "completed") == (not outcome.result.get("failed")), outcome.output
    if case == "completed":
        assert secret_scene.host.accepts_password(secret_scene.address, TARGET_PASSWORD)
    for secret in SECRETS:
        assert secret not in outcome.output.encode()
        assert secret not in repr(outcome.result).encode()
        assert secret not in secret_scene.host.log().encode()
    assert files_with_secrets(secret_scene) == []
    assert secret_scene.info()["imports"] == [] or not any(
        secret in repr(secret_scene.info()).encode() for secret in SECRETS
    )


def test_no_secret_gets_out_when_the_module_is_killed(secret_scene: Scene) -> None:
    with secret_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(3000)])
    process = secret_scene.start()
    wait_until(
        lambda: secret_scene.address in secret_scene.host.users_file.read_text(),
        "the mailbox to be made, with both passwords in use",
    )
    assert process.poll() is None
    process.kill()
    output, errors = process.communicate()
    assert not any(secret in (output + errors).encode() for secret in SECRETS)
    assert files_with_secrets(secret_scene) == []


@pytest.mark.parametrize(
    "password", ["1", "e", "completed", 'quote" and \\ backslash', "пароль 🔑", "{{ 6 * 7 }}", " leading and trailing "]
)
def test_password_that_is_part_of_the_result(small_scene: Scene, password: str) -> None:
    """Any password a login can carry works, and hides nothing in the result."""
    address = "odd-%s" % small_scene.address
    small_scene.source.add_user(address, password)
    small_scene.address, small_scene.password = address, password
    with small_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(11)])

    outcome = small_scene.task()

    assert not outcome.result.get("failed"), outcome.output
    entry = outcome.entry
    assert (entry["state"], entry["messages_total"], entry["messages_copied"], entry["email"]) == (
        "completed",
        11,
        11,
        address,
    )
    assert entry["message"] == "Import completed successfully"
    assert len(small_scene.host_account().contents()) == 11


def test_users_file_holds_a_hash_only(secret_scene: Scene) -> None:
    secret_scene.run()
    line = secret_scene.host.users_file.read_text()
    assert line.startswith(secret_scene.address + ":{")
    assert TARGET_PASSWORD not in line
    assert "PLAIN" not in line
    assert os.stat(secret_scene.host.users_file).st_mode & 0o007 == 0


def test_state_is_closed_to_others(small_scene: Scene) -> None:
    small_scene.run()
    # The mail transfer agent may reach the map of domains in it, by its name; nobody can list it.
    assert small_scene.state_dir.stat().st_mode & 0o777 == 0o711
    databases = list(small_scene.state_dir.glob("state.db*"))
    assert databases
    assert all(path.stat().st_mode & 0o077 == 0 for path in databases)
