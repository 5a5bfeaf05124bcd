# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags are merged three ways: a later run carries what changed at the source since the last one, and what the owner
changed here stays."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.sessions import HostSessions
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Session
from support.imap import Item
from support.mail import small_message

from .bench import Bench, messages

CONDSTORE = CAPABILITIES + b" CONDSTORE ENABLE"
KEYWORDS = [b"Keyword%d" % number for number in range(30)]

each_source = pytest.mark.parametrize("capabilities", [CAPABILITIES, CONDSTORE], ids=["plain", "condstore"])
each_store = pytest.mark.parametrize("store", ["auto", "imap"])


def source(capabilities: bytes, flags: tuple[bytes, ...] = ()) -> FakeServer:
    """Twenty messages with these flags."""
    found = messages(20)
    for message in found:
        message.flags = flags
    return FakeServer([Folder(b"INBOX", found)], capabilities=capabilities)


def change(server: FakeServer, uid: int, *flags: bytes, modseq: int) -> None:
    """A message of the source has these flags from now on."""
    (message,) = [message for message in server.folder(b"INBOX").messages if message.uid == uid]
    message.flags, message.modseq = flags, modseq


def touch_all(server: FakeServer, modseq: int) -> None:
    """Something happens to each message of the source that changes none of its flags."""
    for message in server.folder(b"INBOX").messages:
        message.modseq = modseq


def mark_here(bench: Bench, change: str, *uids: int) -> None:
    """Its owner changes flags of messages in the mailbox."""
    with bench.session() as session:
        session.select("INBOX")
        session.store(uids, change)


def flags_here(bench: Bench) -> list[set[str]]:
    return [set(facts.flags) - {"\\Recent"} for _uid, facts in sorted(bench.messages().items())]


@each_store
@each_source
def test_a12_the_owners_marks_stay(bench: Bench, capabilities: bytes, store: str) -> None:
    with source(capabilities) as server:
        bench.completed(server, message_store=store)
        mark_here(bench, "+FLAGS (\\Seen)", *range(1, 16))
        mark_here(bench, "+FLAGS (\\Flagged important)", 3, 17)
        marked = flags_here(bench)
        for run in range(2):
            touch_all(server, 10 + run)
            looked = bench.look(server.port, state="latest", message_store=store).result
            result = bench.completed(server, state="latest", message_store=store).result
            assert (result.flags_updated, result.changed) == (0, False)
            assert (looked.flags_updated, looked.changed) == (0, False)
    assert flags_here(bench) == marked


@each_store
@each_source
def test_a12_only_what_changed_at_the_source_is_carried(bench: Bench, capabilities: bytes, store: str) -> None:
    with source(capabilities, (b"\\Seen", b"work")) as server:
        bench.completed(server, message_store=store)
        mark_here(bench, "-FLAGS (\\Seen work)", 1, 2)
        mark_here(bench, "+FLAGS (\\Flagged mine)", 1, 2, 3)
        change(server, 2, b"\\Seen", b"work", b"\\Answered", modseq=10)
        change(server, 3, b"\\Seen", modseq=11)
        change(server, 4, b"WORK", b"\\Seen", modseq=12)
        looked = bench.look(server.port, state="latest", message_store=store).result
        result = bench.completed(server, state="latest", message_store=store).result
        assert (result.flags_updated, looked.flags_updated, result.changed, looked.changed) == (2, 2, True, True)
        assert flags_here(bench)[:5] == [
            {"\\Flagged", "mine"},
            {"\\Flagged", "mine", "\\Answered"},
            {"\\Flagged", "mine", "\\Seen"},
            {"\\Seen", "work"},
            {"\\Seen", "work"},
        ]
        change(server, 2, b"work", modseq=13)
        change(server, 3, b"\\Seen", b"mine", modseq=14)
        result = bench.completed(server, state="latest", message_store=store).result
        assert (result.flags_updated, result.changed) == (1, True), "one has what the other side did already"
    assert flags_here(bench)[1:3] == [{"\\Flagged", "mine"}, {"\\Flagged", "mine", "\\Seen"}]


@each_store
@each_source
def test_a12_new_mail_is_remembered_like_that_of_the_first_run(bench: Bench, capabilities: bytes, store: str) -> None:
    with source(capabilities) as server:
        bench.completed(server, message_store=store)
        for uid in (21, 22):
            server.folder(b"INBOX").messages.append(Message(uid, small_message(uid), flags=(b"\\Seen",), modseq=20))
        bench.completed(server, state="latest", message_store=store)
        mark_here(bench, "-FLAGS (\\Seen)", 21)
        mark_here(bench, "+FLAGS (\\Flagged)", 1, 22)
        marked = flags_here(bench)
        touch_all(server, 30)
        assert not bench.completed(server, state="latest", message_store=store).result.changed
        assert flags_here(bench) == marked
        change(server, 22, modseq=40)
        assert bench.completed(server, state="latest", message_store=store).result.flags_updated == 1
    assert flags_here(bench)[20:] == [set(), {"\\Flagged"}]


@each_store
@each_source
def test_a12_force_begins_again_and_keeps_the_marks(bench: Bench, capabilities: bytes, store: str) -> None:
    options = {"state": "latest", "existing_content": "merge", "message_store": store}
    with source(capabilities, (b"\\Seen",)) as server:
        bench.completed(server, **options)
        mark_here(bench, "-FLAGS (\\Seen)", 1)
        mark_here(bench, "+FLAGS (\\Flagged)", 2)
        change(server, 3, b"\\Answered", modseq=10)
        marked = flags_here(bench)
        looked = bench.look(server.port, force=True, **options).result
        result = bench.completed(server, force=True, **options).result
        assert (result.messages_copied, result.flags_updated, looked.flags_updated) == (0, 1, 1)
        marked[2] = {"\\Answered"}
        assert flags_here(bench) == marked
        assert not bench.completed(server, **options).result.changed


@each_source
def test_a12_an_import_that_was_killed_knows_no_less(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capabilities: bytes
) -> None:
    with source(capabilities, (b"\\Seen",)) as server:
        with monkeypatch.context() as killed:
            commit = MaildirStore.commit

            def commit_and_die(store: MaildirStore) -> None:
                commit(store)
                os.kill(os.getpid(), signal.SIGKILL)

            killed.setattr(MaildirStore, "commit", commit_and_die)
            assert bench.run(server.port).result.reason == "interrupted"
        assert bench.completed(server).result.flags_updated == 0
        mark_here(bench, "-FLAGS (\\Seen)", 1, 2)
        mark_here(bench, "+FLAGS (\\Flagged)", 3)
        marked = flags_here(bench)
        touch_all(server, 10)
        assert not bench.completed(server, state="latest").result.changed
        assert flags_here(bench) == marked
        change(server, 3, modseq=20)
        assert bench.completed(server, state="latest").result.flags_updated == 1
    assert flags_here(bench)[2] == {"\\Flagged"}


@each_store
@each_source
def test_a12_after_an_older_version_nothing_is_taken_away(bench: Bench, capabilities: bytes, store: str) -> None:
    """Which flags the source had then, nobody knows: what it has now is added once."""
    with source(capabilities) as server:
        bench.completed(server, message_store=store)
        with sqlite3.connect(bench.state_dir / "state.db") as state:
            state.execute("DELETE FROM source_messages")
        state.close()
        mark_here(bench, "+FLAGS (\\Seen)", *range(1, 16))
        change(server, 16, b"\\Answered", modseq=10)
        assert bench.completed(server, state="latest", message_store=store).result.flags_updated == 1
        assert flags_here(bench)[14:17] == [{"\\Seen"}, {"\\Answered"}, set()]
        change(server, 16, modseq=11)
        touch_all(server, 12)
        assert bench.completed(server, state="latest", message_store=store).result.flags_updated == 1
    assert flags_here(bench)[14:17] == [{"\\Seen"}, set(), set()]


@each_source
def test_a12_a_run_that_fails_in_the_middle_of_flags_takes_no_marks(bench: Bench, capabilities: bytes) -> None:
    with source(capabilities) as server:
        bench.completed(server)
        mark_here(bench, "+FLAGS (\\Seen)", *range(1, 16))
        touch_all(server, 10)
        change(server, 1, b"\\Flagged", modseq=11)

        def no_flags(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:5])
            session.answer(command, b"NO [UNAVAILABLE] flags not now")

        server.on("UID FETCH", no_flags)
        assert bench.run(server.port, state="latest").result.flags_updated == 1
        server.on("UID FETCH", lambda session, command: session.behave(command))
        assert bench.completed(server, state="latest").result.flags_updated == 0
    assert flags_here(bench) == [{"\\Seen", "\\Flagged"}, *[{"\\Seen"}] * 14, *[set()] * 5]


def test_a12_a_source_that_counts_its_changes_anew(bench: Bench) -> None:
    """A server that was restored begins at a low HIGHESTMODSEQ again."""
    with source(CONDSTORE) as server:
        touch_all(server, 100)
        bench.completed(server)
        touch_all(server, 3)
        change(server, 3, b"\\Seen", modseq=5)
        assert bench.look(server.port, state="latest").result.flags_updated == 1
        assert bench.completed(server, state="latest").result.flags_updated == 1
        assert not bench.run(server.port, state="latest").result.changed


@each_source
def test_a22_a_keyword_without_a_letter_is_taken_away(bench: Bench, capabilities: bytes) -> None:
    tagged = [Message(uid, small_message(uid), flags=(keyword,)) for uid, keyword in enumerate(KEYWORDS, start=1)]
    with FakeServer([Folder(b"INBOX", tagged)], capabilities=capabilities) as server:
        bench.completed(server)
        mark_here(bench, "+FLAGS (Keyword29 mine)", 1, 29)
        change(server, 29, modseq=10)
        change(server, 30, b"Keyword1", modseq=10)
        result = bench.completed(server, state="latest").result
        assert (result.flags_updated, result.changed) == (2, True)
        assert flags_here(bench)[28:] == [{"Keyword29", "mine"}, {"Keyword1"}]
        assert not bench.completed(server, state="latest").result.changed
    assert flags_here(bench)[0] == {"Keyword0", "Keyword29", "mine"}


@pytest.mark.parametrize("repaired", [True, False])
def test_c06_keywords_that_a_repair_of_the_host_took_from_earlier_messages(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, repaired: bool
) -> None:
    """mdbox loses keywords when its indexes are rebuilt; without that, it is their owner who has removed them."""
    marked = [Message(uid, small_message(uid), flags=(b"\\Flagged", b"Work")) for uid in (1, 2)]
    with FakeServer([Folder(b"INBOX", [*marked, Message(3, small_message(3))])]) as server:
        bench.completed(server, message_store="imap")
        with bench.session() as owner:
            owner.select("INBOX")
            owner.command(b"UID STORE 1:* -FLAGS (Work \\Flagged)")
        server.folders[0].messages += [Message(4, small_message(4))]
        monkeypatch.setattr(HostSessions, "has_rebuilt", lambda _sessions: repaired)
        assert bench.run(server.port, state="latest", message_store="imap").result.state == "completed"
    flags = [sorted(facts.flags - {"\\Recent"}) for _uid, facts in sorted(bench.messages().items())]
    assert flags == ([["Work"], ["Work"], [], []] if repaired else [[], [], [], []]), flags


@pytest.mark.parametrize("own", [0, 3])
def test_a12_where_files_were_written_and_the_hosts_server_writes_by_now(bench: Bench, own: int) -> None:
    """A plugin that came to the host, say. Flags are carried to messages of before as to others, UIDs here being those
    of the source or not; what its owner removed does not come back, and nothing comes twice."""
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(900 + number)) for number in range(own)])
    with source(CONDSTORE) as server:
        assert bench.run(server.port, existing_content="merge").result.state == "completed"
        with bench.session() as session:
            session.select("INBOX")
            session.delete(session.uids()[own + 4 : own + 6])
        change(server, 3, b"\\Flagged", b"Work", modseq=7)
        change(server, 5, b"\\Seen", modseq=7)
        server.folders[0].messages += [Message(21, small_message(21), modseq=8)]
        options = {"existing_content": "merge", "state": "latest", "message_store": "imap"}
        result = bench.run(server.port, **options).result
        assert (result.state, result.messages_copied, result.flags_updated) == ("completed", 1, 1)
        assert flags_here(bench)[own : own + 4] == [set(), set(), {"\\Flagged", "Work"}, set()]
        assert len(bench.messages()) == own + 19
        assert not bench.run(server.port, **options).result.changed
