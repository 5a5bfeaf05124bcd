# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mailboxes that are no Maildir are filled through Dovecot's own IMAP process: sdbox and mdbox, whole, once and
truthfully.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Callable

import pytest
from support.dovecot import Dovecot, wait_until
from support.dovecot_words import words
from support.imap import Digest, Item
from support.mail import load_mail, small_message
from support.processes import group_members, peak_memory_mib, repeatedly
from support.run import finish_module
from support.scene import Scene, fill
from support.tls import Certificate

from .boxes import BOXES, FOLDERS, imap_processes, in_order, large_message, loss, messages, surplus

pytestmark = pytest.mark.both_dovecots

LIMIT_MIB = 64
LARGE_MESSAGE = 150_000_000
MANY_MESSAGES = 30_000
OLD_PASSWORD = "what it was before"  # noqa: S105 - of a mailbox that lives for one test
OLD_MAIL = [small_message(number, "It was here before.") for number in range(1000, 1006)]


def test_whole_corpus_arrives_equal(box_scene: Scene) -> None:
    mail = load_mail()
    with box_scene.source_session() as session:
        fill(session, mail)
    source = box_scene.source_account()

    outcome = box_scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert outcome.entry["messages_copied"] == outcome.entry["messages_total"] == len(mail)
    assert outcome.entry["not_imported"] == []
    assert loss(source, box_scene.host_account()) == []
    for state in ("present", "latest"):
        again = box_scene.run(state=state)
        assert (again.result["changed"], again.entry["messages_copied"], again.entry["state"]) == (
            False,
            0,
            "completed",
        )
    assert imap_processes(box_scene.host) == []


def test_messages_keep_their_order(sdbox_scene: Scene) -> None:
    with sdbox_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(1200)])
    assert sdbox_scene.run().entry["state"] == "completed"
    assert in_order(sdbox_scene.host_account(), ("INBOX",)) == in_order(sdbox_scene.source_account(), ("INBOX",))


def test_latest_carries_over_what_is_new_and_nothing_else(box_scene: Scene) -> None:
    scene = box_scene
    with scene.source_session() as session:
        fill(session, load_mail(60), ("INBOX", "Sent"))
        session.append("INBOX", [Item(small_message(number), ("\\Seen", "Old")) for number in range(5)])
    assert scene.run().entry["state"] == "completed"
    before = scene.host_account()
    with scene.source_session() as session:
        session.select("INBOX")
        uids = session.uids()[-5:]
        session.store(uids[:2], "+FLAGS (\\Flagged New)")
        session.store(uids[2:4], "-FLAGS (\\Seen Old)")
        session.append("INBOX", [Item(small_message(100, "It is new."), ("\\Answered",))])
        session.create("Later")
        session.append("Later", [Item(small_message(101))])

    outcome = scene.run(state="latest")

    assert outcome.entry["state"] == "completed", outcome.output
    assert (outcome.entry["messages_copied"], outcome.entry["flags_updated"]) == (2, 4)
    after = scene.host_account()
    assert loss(scene.source_account(), after) == []
    assert after.folders[("Sent",)] == before.folders[("Sent",)]
    assert before.folders[("INBOX",)].messages.keys() < after.folders[("INBOX",)].messages.keys()
    assert scene.run(state="latest").result["changed"] is False


def test_mail_the_user_removed_stays_removed(box_scene: Scene) -> None:
    scene = box_scene
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(10)])
    assert scene.run().entry["state"] == "completed"
    with scene.host_session() as session:
        session.create("Kept")
        session.select("INBOX")
        uids = session.uids()
        session.delete(uids[:2])
        session.move(uids[2:4], "Kept")
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(99))])

    outcome = scene.run(state="latest")

    assert outcome.entry["messages_copied"] == 1
    host = scene.host_account()
    assert len(host.folders[("INBOX",)].messages) == 7
    assert len(host.folders[("Kept",)].messages) == 2


def test_flags_find_their_message_among_others(sdbox_scene: Scene) -> None:
    """UIDs differ on both sides: mail of the user's own came in between, and the source has gaps."""
    scene = sdbox_scene
    with scene.source_session() as session:
        fill(session, load_mail(30), ("INBOX",))
    assert scene.run().entry["state"] == "completed"
    with scene.host_session() as session:
        session.append("INBOX", [Item(small_message(number, "Not of the source.")) for number in range(3)])
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(50))])
    assert scene.run(state="latest").entry["messages_copied"] == 1
    with scene.source_session() as session:
        session.select("INBOX")
        last = session.uids()[-1]
        session.store([last], "+FLAGS (Found)")

    assert scene.run(state="latest").entry["flags_updated"] == 1

    having = [facts for facts in messages(scene.host_account(), ("INBOX",)) if "Found" in facts.flags]
    assert having == [facts for facts in messages(scene.source_account(), ("INBOX",)) if "Found" in facts.flags]


@pytest.fixture
def occupied(box_scene: Scene) -> Scene:
    """A scene whose mailbox exists on the host, with another password and mail of its own, some of it the source's
    too."""
    scene = box_scene
    with scene.source_session() as session:
        fill(session, load_mail(40), ("INBOX", "Sent"))
    scene.host.add_user(scene.address, OLD_PASSWORD)
    with scene.host_session(OLD_PASSWORD) as session:
        session.append("INBOX", [Item(data) for data in OLD_MAIL])
        session.create("Own")
        session.append("Own", [Item(OLD_MAIL[0])])
    return scene


def test_replace_keeps_the_old_mail_aside(occupied: Scene) -> None:
    outcome = occupied.run(ignore_existing=False)
    assert (outcome.entry["state"], outcome.result["changed"]) == ("completed", True), outcome.output
    wait_until(
        lambda: occupied.host.accepts_password(occupied.address, occupied.password), "Dovecot to look at its users file"
    )
    assert loss(occupied.source_account(), occupied.host_account()) == []
    aside = Path(outcome.entry["replaced_to"])
    kept = b"".join(file.read_bytes() for file in aside.rglob("*") if file.is_file()).replace(b"\r\n", b"\n")
    assert [data for data in OLD_MAIL if data.replace(b"\r\n", b"\n") not in kept] == []
    for state in ("present", "latest"):
        again = occupied.run(ignore_existing=False, state=state)
        assert (again.entry["state"], again.result["changed"]) == ("completed", False)


def test_replace_refuses_where_mail_would_stay_behind(scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    scene.host = new_host(mail_location="mdbox:~/mdbox:ALT=~/alt", separator="/")
    scene.host.add_user(scene.address, OLD_PASSWORD)
    with scene.source_session() as session:
        fill(session, load_mail(20), ("INBOX",))
    with scene.host_session(OLD_PASSWORD) as session:
        session.append("INBOX", [Item(data) for data in OLD_MAIL])
    before, users = scene.host_account(OLD_PASSWORD), scene.host.users_file.read_bytes()
    for check_mode in (True, False):
        outcome = scene.run(ignore_existing=False, check_mode=check_mode)
        assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "store_unsupported")
        assert "ALT" in outcome.entry["message"].upper()  # mail_alt_path from 2.4 on
        assert (scene.host_account(OLD_PASSWORD), scene.host.users_file.read_bytes()) == (before, users)
    merged = scene.run(ignore_existing=False, existing_content="merge")
    assert merged.entry["state"] == "completed", merged.output


def test_merge_adds_what_is_not_there(occupied: Scene) -> None:
    scene = occupied
    shared = list(scene.source_account().folders[("INBOX",)].messages.values())[:3]
    mail = [message.data for message in load_mail(40)]
    with scene.host_session(OLD_PASSWORD) as session:
        session.append(
            "INBOX", [Item(data) for data in mail if any(facts.content == digest_of(data) for facts in shared)]
        )
    before = scene.host_account(OLD_PASSWORD)

    outcome = scene.run(ignore_existing=False, existing_content="merge")

    assert outcome.entry["state"] == "completed", outcome.output
    source, host = scene.source_account(), scene.host_account(OLD_PASSWORD)
    expected = sorted(
        [facts.content for facts in messages(source, ("INBOX",))] + [digest_of(data) for data in OLD_MAIL]
    )
    assert sorted(facts.content for facts in messages(host, ("INBOX",))) == expected
    assert surplus(messages(before, ("INBOX",)), messages(host, ("INBOX",))) == []
    assert host.folders[("Own",)] == before.folders[("Own",)]
    again = scene.run(ignore_existing=False, existing_content="merge", state="latest")
    assert (again.entry["state"], again.result["changed"]) == ("completed", False)


def test_force_finds_what_is_there(box_scene: Scene) -> None:
    with box_scene.source_session() as session:
        fill(session, load_mail(60), FOLDERS)
    assert box_scene.run().entry["state"] == "completed"
    before = box_scene.host_account()
    outcome = box_scene.run(force=True)
    assert (outcome.entry["state"], outcome.entry["messages_copied"]) == ("completed", 0), outcome.output
    assert box_scene.host_account() == before


def test_maildir_may_be_written_over_imap(scene: Scene) -> None:
    with scene.source_session() as session:
        fill(session, load_mail(60), FOLDERS)
    outcome = scene.run(message_store="imap")
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []
    ours = [path for path in scene.maildir.rglob("*") if b"mailimport" in os.fsencode(path.name)]
    assert [path.parent for path in ours] == [scene.maildir], "the import's mark, and no message"


def test_files_are_not_written_where_they_are_not_understood(sdbox_scene: Scene) -> None:
    outcome = sdbox_scene.run(message_store="maildir")
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "store_unsupported")
    assert sdbox_scene.host_account().contents() == []


def test_host_with_a_prefix(scene: Scene, new_host: Callable[..., Dovecot]) -> None:
    scene.host = new_host(mail_location="sdbox:~/sdbox", separator=".", prefix="Mail.")
    with scene.source_session() as session:
        fill(session, load_mail(20), ("INBOX", "Projects{0}2024"))
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    source, host = scene.source_account(), scene.host_account()
    assert messages(host, ("Mail", "Projects", "2024")) == messages(source, ("Projects", "2024"))
    assert messages(host, ("INBOX",)) == messages(source, ("INBOX",))


def test_memory_stays_flat(scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]) -> None:
    settings = words().no_memory_limit
    scene.source = new_host(
        certificate=certificate, users={scene.address: scene.password}, extra_config=settings, **BOXES["mdbox"]
    )
    scene.host = new_host(extra_config=settings, **BOXES["mdbox"])
    with scene.source_session() as session:
        session.append("INBOX", [Item(large_message(1, LARGE_MESSAGE))])
        session.create("Many")
        session.append("Many", [Item(small_message(number)) for number in range(MANY_MESSAGES)])
    process = scene.start()
    peaks = [0.0]
    with repeatedly(lambda: peaks.extend(map(peak_memory_mib, group_members(process.pid)))):
        outcome = finish_module(process)
    assert outcome.entry["state"] == "completed", outcome.output
    assert scene.source_account().contents() == scene.host_account().contents()
    assert max(peaks) < LIMIT_MIB


def digest_of(data: bytes) -> Digest:
    """What a snapshot says of a message of these bytes."""
    return Digest(hashlib.sha256(data).hexdigest(), len(data))
