# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`state: latest` against servers without CONDSTORE, with UIDVALIDITYs that change, and with ones that do not."""

from __future__ import annotations

import re
import time

from support.dovecot import wait_until
from support.imap import Item
from support.mail import small_message
from support.other_servers import Imap4d
from support.scene import Scene

from .conftest import NewScene

# What imap4d writes into the header of a message: UIDs and flags.
_NOTES = re.compile(rb"^(?:X-IMAPbase|X-UID|X-UIDVALIDITY|X-Status|Status): .*\n", re.IGNORECASE | re.MULTILINE)


def items(first: int, last: int) -> list[Item]:
    """Small messages with those numbers."""
    return [Item(small_message(number)) for number in range(first, last + 1)]


def arrived(scene: Scene) -> list[bytes]:
    """The messages of INBOX on the host, doubles included, without a server's notes."""
    return sorted(_NOTES.sub(b"", file.read_bytes()) for file in (scene.maildir / "cur").iterdir())


def test_new_messages_and_flags_come_and_nothing_else(other: Scene) -> None:
    with other.source_session() as session:
        session.append_each("INBOX", items(1, 5))
    assert other.run().entry["messages_copied"] == 5
    with other.source_session() as session:
        session.append_each("INBOX", items(6, 7))
        session.select("INBOX")
        session.store(session.uids()[1:2], "+FLAGS (\\Flagged)")

    outcome = other.run(state="latest")

    assert (outcome.entry["state"], outcome.entry["messages_copied"], outcome.entry["flags_updated"]) == (
        "completed",
        2,
        1,
    ), outcome.output
    assert arrived(other) == sorted(item.data for item in items(1, 7))
    assert sum("\\Flagged" in facts.flags for facts in other.host_account().folders[("INBOX",)].messages.values()) == 1
    assert other.run(state="latest").result["changed"] is False


def test_messages_that_went_at_the_source_stay_on_the_host(other: Scene) -> None:
    with other.source_session() as session:
        session.append_each("INBOX", items(1, 5))
    assert other.run().entry["messages_copied"] == 5
    with other.source_session() as session:
        session.select("INBOX")
        session.store(session.uids()[1:3], "+FLAGS (\\Deleted)")
        session.command(b"EXPUNGE")
        session.append_each("INBOX", items(6, 6))

    outcome = other.run(state="latest")

    assert (outcome.entry["state"], outcome.entry["messages_copied"]) == ("completed", 1), outcome.output
    assert len(arrived(other)) == 6
    assert other.run(state="latest").result["changed"] is False


def test_imap4d_changes_uidvalidity_and_no_message_comes_twice(new_scene: NewScene) -> None:
    """It does after APPEND to the folder that is open, and takes the second of the clock."""
    scene = new_scene(Imap4d)
    with scene.source_session() as session:
        session.append_each("INBOX", items(1, 5))
    assert scene.run().entry["messages_copied"] == 5
    before = scene.source_account().folders[("INBOX",)].uidvalidity
    wait_until(lambda: time.time() >= before + 1, "another UIDVALIDITY")
    with scene.source_session() as session:
        session.select("INBOX")
        session.append_each("INBOX", items(6, 6))
    assert scene.source_account().folders[("INBOX",)].uidvalidity != before

    outcome = scene.run(state="latest")

    assert (outcome.entry["state"], outcome.entry["messages_copied"]) == ("completed", 1), outcome.output
    assert arrived(scene) == sorted(item.data for item in items(1, 6))
    assert scene.run(state="latest").result["changed"] is False
