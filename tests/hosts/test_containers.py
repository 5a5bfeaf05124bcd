# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports into a Dovecot whose mail is in namespaces of its own, as that of a container is: a real Dovecot behind a
command that enters them. The containers' own accounts are a file of the real format and a stand-in for an API.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
from fakes.container_engine import ContainerEngine
from fakes.mailcow import KEY, READ_ONLY_KEY, Mailcow
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot, wait_until
from support.mail import load_mail
from support.run import finish_module
from support.scene import Scene, fill
from support.tls import Authority

# Its mail is on a file system that only the namespace has.
_CONTAINER = 'mount -t tmpfs -o mode=755,uid=%d,gid=%d tmpfs "$1" && echo ready && exec sleep infinity'


class ContainerScene(Scene):
    """A scene whose mail host is a container; `enter` is the command that leads into it."""

    enter: list[str]
    more: dict[str, Any]

    def host_options(self) -> dict[str, Any]:
        return {
            "dovecot_command": self.enter,
            "dovecot_config": str(self.host.config),
            "state_dir": str(self.state_dir),
            **self.more,
        }


def contents(scene: ContainerScene, password: str) -> list[Any]:
    return sorted(
        (path, facts.content, facts.internal_date, sorted(facts.flags - {"\\Recent"}))
        for path, folder in scene.host_account(password).folders.items()
        for facts in folder.messages.values()
    )


def sources(scene: ContainerScene) -> list[Any]:
    return sorted(
        (path, facts.content, facts.internal_date, sorted(facts.flags - {"\\Recent"}))
        for path, folder in scene.source_account().folders.items()
        for facts in folder.messages.values()
    )


@pytest.fixture(scope="module")
def container(shelf: Path) -> Iterator[tuple[Dovecot, list[str]]]:
    """A Dovecot in a mount namespace, and the command that leads there."""
    mail = shelf / "container" / "mail"
    mail.mkdir(parents=True)
    words = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _CONTAINER % (MAIL_UID, MAIL_GID)]
    with subprocess.Popen([*words, "sh", str(mail)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            # With the root and directory of that process: those of this one may be in a tree of its own.
            enter = ["nsenter", "--target", str(process.pid), "--mount", "--root", "--wd", "--"]
            with Dovecot(shelf / "container", "container-%s" % shelf.name, enter=enter) as host:
                yield host, enter
        finally:
            process.kill()


@pytest.fixture
def container_scene(
    place: Path,
    source: Dovecot,
    container: tuple[Dovecot, list[str]],
    authority: Authority,
    account_numbers: Iterator[int],
) -> ContainerScene:
    number = next(account_numbers)
    host, enter = container
    address, password = "user%d@source.example" % number, "pass word %d" % number
    scene = ContainerScene(place, source, address, password, host, authority.ca_file)
    scene.enter, scene.more = enter, {}
    with scene.source_session() as session:
        fill(session, load_mail(20), ("INBOX", "Sent", "Projects{0}2024"))
    return scene


def users_line(host: Dovecot, address: str, hashed: str) -> str:
    return "%s:%s:%d:%d::%s::\n" % (address, hashed, MAIL_UID, MAIL_GID, host.home_of(address))


def test_mail_goes_into_a_container_through_its_own_imap(container_scene: ContainerScene) -> None:
    scene = container_scene
    scene.more = {"host_backend": "none", "ignore_existing": False, "existing_content": "merge"}
    scene.host.add_user(scene.address, "hers")
    entry = scene.run().entry
    assert (entry["state"], entry["message_store"]) == ("completed", "imap"), entry["message"]
    assert "dovecot_command" in entry["message_store_reason"]
    assert contents(scene, "hers") == sources(scene)
    assert not scene.maildir.exists()  # on this machine
    assert not scene.run(state="latest").result["changed"]
    refused = scene.run(existing_content="replace", force=True).entry
    assert (refused["reason"], refused["changed"]) == ("store_unsupported", False)
    gone = scene.run(dovecot_command=["no-such-engine", "exec", "-i", "mail"]).entry
    assert "cannot run no-such-engine" in gone["message"]


def test_a_client_of_the_engine_that_is_killed_leaves_nothing_twice(container_scene: ContainerScene) -> None:
    """The process inside goes on for a while with what it has been sent: that is waited for, and counts."""
    scene = container_scene
    scene.more = {"host_backend": "none", "ignore_existing": False, "existing_content": "merge"}
    scene.host.add_user(scene.address, "hers")
    with ContainerEngine(scene.enter, scene.directory / "engine") as engine:
        scene.enter, engine.stop_at = engine.command, b"APPEND"
        running = scene.start()
        wait_until(lambda: engine.passed > 0 or running.poll() is not None, "messages to be on their way")
        assert engine.stopped is not None
        (client,) = [pid for pid, process in engine.running.items() if process is engine.stopped]
        inside = engine.stopped
        os.kill(client, signal.SIGKILL)
        threading.Timer(1.0, inside.send_signal, (signal.SIGCONT,)).start()
        outcome = finish_module(running)
        assert outcome.entry["state"] == "completed", outcome.output
        assert contents(scene, "hers") == sources(scene)
        wait_until(lambda: not engine.running, "nothing to run in the container any more")
        assert not scene.run(state="latest").result["changed"]


def test_a_mailbox_of_docker_mailserver_is_a_line_of_its_file(container_scene: ContainerScene) -> None:
    scene = container_scene
    config = scene.directory / "config"
    config.mkdir()
    accounts, quotas = config / "postfix-accounts.cf", config / "dovecot-quotas.cf"
    accounts.write_text("# accounts\nolder@source.example|{SHA512-CRYPT}$6$abc|userdb_x=1")
    (config / "postfix-virtual.cf").write_text("info@source.example older@source.example\n")
    inode = accounts.stat().st_ino
    stop = threading.Event()

    def watch() -> None:
        """What the container does when the file has changed."""
        while not stop.wait(0.1):
            rows = [line.split("|") for line in accounts.read_text().splitlines() if "|" in line]
            text = "".join(users_line(scene.host, row[0], row[1]) for row in rows)
            if scene.host.users_file.read_text() != text:
                scene.host.users_file.write_text(text)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        scene.more = {"host_backend": "docker_mailserver", "users_file": str(accounts), "quota": "1G"}
        shown = scene.run(check_mode=True).entry
        assert (shown["created"], shown["state"]) == (True, "queued"), shown["message"]
        entry = scene.run().entry
        assert (entry["state"], entry["created"]) == ("completed", True), entry["message"]
        lines = accounts.read_text().splitlines()
        assert lines[:2] == ["# accounts", "older@source.example|{SHA512-CRYPT}$6$abc|userdb_x=1"]
        assert lines[2].startswith("%s|{SHA512-CRYPT}$6$" % scene.address)
        assert quotas.read_text() == "%s:1024M\n" % scene.address
        assert accounts.stat().st_ino == inode
        assert contents(scene, scene.password) == sources(scene)
        assert not scene.run().result["changed"]
        alias = scene.run(target_email="info@source.example").entry
        assert "is an alias on this host" in alias["message"]
        changed = scene.run(target_password="another one", update_password="always").entry  # noqa: S106
        assert (changed["state"], changed["changed"]) == ("completed", True), changed["message"]
        wait_until(lambda: scene.host.accepts_password(scene.address, "another one"), "the new password")
    finally:
        stop.set()
        watcher.join()


@pytest.fixture
def mailcow(container_scene: ContainerScene) -> Iterator[Mailcow]:
    host = container_scene.host
    with Mailcow(host.users_file, lambda address, hashed: users_line(host, address, hashed), host.wait_for) as service:
        options = {"host_backend": "mailcow", "mailcow_url": service.url, "mailcow_api_key": KEY}
        container_scene.more = options
        yield service
    assert service.faults == []


def test_domain_and_mailbox_of_mailcow_are_made_by_its_api(container_scene: ContainerScene, mailcow: Mailcow) -> None:
    scene = container_scene
    shown = scene.run(check_mode=True).entry
    assert (shown["created"], shown["state"], mailcow.domains) == (True, "queued", {}), shown["message"]
    entry = scene.run(password=scene.password, target_password="{sha}x").entry  # noqa: S106 - a hash if sent as it is
    assert (entry["state"], entry["created"]) == ("completed", True), entry["message"]
    assert mailcow.mailboxes[scene.address]["quota"] == "3072"
    assert contents(scene, "{sha}x") == sources(scene)
    assert not scene.run(target_password="{sha}x").result["changed"]  # noqa: S106
    changed = scene.run(update_password="always").entry
    assert (changed["state"], changed["changed"]) == ("completed", True), changed["message"]
    mailcow.mailboxes[scene.address]["authsource"] = "keycloak"
    elsewhere = scene.run(target_password="third", update_password="always").entry  # noqa: S106
    assert "is kept by keycloak" in elsewhere["message"]


def test_what_mailcow_refuses_is_told_in_words(container_scene: ContainerScene, mailcow: Mailcow) -> None:
    scene = container_scene
    mailcow.aliases.add(scene.address)
    for changes, words in (
        ({}, "mailcow refuses add/mailbox for %s: it is an alias" % scene.address),
        ({"mailcow_api_key": "wrong"}, "authentication failed; mailcow_api_key must be one that reads and writes"),
        ({"mailcow_api_key": READ_ONLY_KEY}, "API read/write access denied"),
        ({"mailcow_url": mailcow.url + "/nowhere"}, "answers 404"),
    ):
        outcome = scene.run(**changes)
        assert outcome.entry["state"] == "failed"
        assert words in outcome.entry["message"], outcome.entry["message"]
        assert "wrong" not in outcome.entry["message"]
    assert mailcow.mailboxes == {}
