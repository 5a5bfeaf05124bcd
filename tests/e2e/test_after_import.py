# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Dovecot makes of an imported mailbox later: deliveries, new indexes, repairs. Nothing of the import changes."""

from __future__ import annotations

import re
from typing import Any, Callable

import pytest
from support.dovecot import Dovecot
from support.imap import Account, Item
from support.mail import load_mail, small_message
from support.scene import Scene, difference, fill

from .boxes import BOXES, loss

MAILDIRS: dict[str, dict[str, Any]] = {
    "Maildir++": {},
    "LAYOUT=fs": {"mail_location": "maildir:~/Maildir:LAYOUT=fs", "separator": "/"},
    "INDEX and CONTROL elsewhere": {"mail_location": "maildir:~/Maildir:INDEX=~/index:CONTROL=~/control"},
}
# More than the 26 letters that a Maildir has for them.
KEYWORDS = ["Keyword%d" % number for number in range(40)]
DELIVERED = small_message(4711, "It came after the import.")


@pytest.fixture
def full_scene(scene: Scene) -> Scene:
    """A scene with mail of every kind, and with many keywords."""
    with scene.source_session() as session:
        fill(session, load_mail(), ("INBOX", "Sent", "Party 🎉", "Projects{0}2024", "Входящие{0}Счета за июль"))
        session.append("INBOX", [Item(small_message(number), (word,)) for number, word in enumerate(KEYWORDS)])
    return scene


def deliver(host: Dovecot, address: str) -> None:
    """Deliver a message as the mail server of the host does."""
    host.doveadm("exec", "dovecot-lda", "-d", address, "-f", "sender@example.net", stdin=DELIVERED)


def without_delivery(account: Account) -> Account:
    """The account without what came last into INBOX."""
    inbox = account.folders[("INBOX",)]
    kept = {uid: facts for uid, facts in inbox.messages.items() if uid != max(inbox.messages)}
    assert len(account.contents()) == 1 + len(kept) + sum(
        len(folder.messages) for path, folder in account.folders.items() if path != ("INBOX",)
    )
    return account._replace(folders={**account.folders, ("INBOX",): inbox._replace(messages=kept)})


def complaints(host: Dovecot) -> list[str]:
    """What the host's log has that an administrator would ask about."""
    return re.findall(r".*(?:Error|Warning|Panic|Fixed|[Cc]orrupt).*", host.log())


@pytest.mark.both_dovecots
@pytest.mark.parametrize("kind", MAILDIRS)
def test_maildir_stays_as_imported(full_scene: Scene, new_host: Callable[..., Dovecot], kind: str) -> None:
    scene = full_scene
    scene.host = new_host(**MAILDIRS[kind])
    source = scene.source_account()
    assert scene.run().entry["state"] == "completed"

    # Nobody has logged in yet: the delivery is the first that Dovecot sees of the mailbox.
    deliver(scene.host, scene.address)
    assert difference(source, without_delivery(scene.host_account())) == []
    for command in ("force-resync", "index", "force-resync"):
        scene.host.doveadm(command, "-u", scene.address, "*")
        assert difference(source, without_delivery(scene.host_account())) == [], command

    assert complaints(scene.host) == []
    assert scene.run(state="latest").result["changed"] is False


@pytest.mark.both_dovecots
@pytest.mark.parametrize("kind", MAILDIRS)
def test_sizes_are_those_of_the_messages(full_scene: Scene, new_host: Callable[..., Dovecot], kind: str) -> None:
    """Dovecot takes them from the files' names, where they are, and a wrong one breaks the folder for programs."""
    scene = full_scene
    scene.host = new_host(**MAILDIRS[kind])
    assert scene.run().entry["state"] == "completed"
    separator = MAILDIRS[kind].get("separator", ".")
    for path, folder in scene.source_account().folders.items():
        said = scene.host.doveadm(
            "-f", "tab", "fetch", "-u", scene.address, "uid size.virtual", "mailbox", separator.join(path), "all"
        )
        sizes = dict(map(int, line.split("\t")) for line in said.splitlines()[1:])
        assert sizes == {uid: facts.content.size for uid, facts in folder.messages.items()}, path


@pytest.mark.both_dovecots
@pytest.mark.parametrize("kind", BOXES)
def test_box_stays_as_imported(full_scene: Scene, new_host: Callable[..., Dovecot], kind: str) -> None:
    scene = full_scene
    scene.host = new_host(**BOXES[kind])
    source = scene.source_account()
    assert scene.run().entry["state"] == "completed"

    deliver(scene.host, scene.address)
    before = without_delivery(scene.host_account())
    assert loss(source, before) == []
    for command in ("force-resync", "index"):
        scene.host.doveadm(command, "-u", scene.address, "*")
        assert difference(before, without_delivery(scene.host_account())) == [], command
    assert scene.run(state="latest").result["changed"] is False
