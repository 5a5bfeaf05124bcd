# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one run could not do is still known in the next, and what one did is not done twice."""

from __future__ import annotations

import os
import shutil
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.writer import MaildirWriter
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Session
from support.dovecot import MAIL_GID, MAIL_UID
from support.imap import Item
from support.mail import small_message

from .bench import Bench, digest, inbox, messages

BODY = b"BODY.PEEK[]"
CONDSTORE = CAPABILITIES + b" CONDSTORE ENABLE"


@pytest.fixture(autouse=True)
def short_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.3)


def without(uid: int, session: Session, command: Command) -> None:
    """Answer a FETCH of messages, but for one of them, which is listed all the same."""
    session.send_messages(
        command,
        [
            (number, message)
            for number, message in session.wanted(command)
            if message.uid != uid or BODY not in command.rest
        ],
    )
    session.answer(command)


def two_folders() -> FakeServer:
    return FakeServer([Folder(b"INBOX", messages(5)), Folder(b"Sent", messages(5, 201))])


def lose_after_inbox(server: FakeServer) -> None:
    """The source goes away for good when all of INBOX has come."""
    gone = []

    def fetch(session: Session, command: Command) -> None:
        session.behave(command)
        if session.folder and session.folder.name == b"INBOX" and BODY + b")" in command.rest:
            gone.append(True)

    def hang_up_when_gone(session: Session, command: Command) -> None:
        if gone:
            session.hang_up()
        session.behave(command)

    server.on("UID FETCH", fetch)
    server.on("GREETING", hang_up_when_gone)
    server.on("EXAMINE", hang_up_when_gone)


def heal(server: FakeServer) -> None:
    for command in ("UID FETCH", "GREETING", "EXAMINE"):
        server.on(command, lambda session, command: session.behave(command))


@pytest.mark.parametrize("trouble", ["lost", "not listed"])
def test_a_message_left_behind_is_tried_until_it_comes(bench: Bench, trouble: str) -> None:
    with two_folders() as server:
        server.on("UID FETCH", lambda session, command: without(3, session, command))
        assert bench.run(server.port).reasons == [("INBOX", "source_unavailable", 3)]
        server.folder(b"INBOX").messages += messages(2, 6)
        server.folder(b"Sent").messages += messages(2, 206)

        def refuse_listing(session: Session, command: Command) -> None:
            if BODY not in command.rest:
                return session.answer(command, b"NO [UNAVAILABLE] not now")
            return session.behave(command)

        heal(server)
        if trouble == "lost":
            lose_after_inbox(server)
        else:
            server.on("UID FETCH", refuse_listing)
        assert bench.run(server.port).result.state == "failed"
        heal(server)
        bench.completed(server)


def test_mail_that_arrives_meanwhile_does_not_stand_for_what_did_not_come(bench: Bench) -> None:
    with inbox() as server:
        first = []

        def fetch(session: Session, command: Command) -> None:
            if first:
                return session.behave(command)
            first.append(True)
            server.folder(b"INBOX").messages += messages(1, 6)
            session.write(b"* 6 EXISTS\r\n")
            return without(3, session, command)

        server.on("UID FETCH", fetch)
        bench.completed(server)


def test_a_run_that_is_cut_short_tells_what_had_arrived_before(bench: Bench) -> None:
    """Also what its owner has removed since."""
    with two_folders() as server:
        bench.completed(server)
        with bench.session() as session:
            session.select("INBOX")
            session.delete(session.uids()[:2])
        server.folder(b"INBOX").messages += messages(2, 6)
        server.folder(b"Sent").messages += messages(2, 206)
        lose_after_inbox(server)
        result = bench.run(server.port, state="latest").result
    assert (result.state, result.messages_total, result.messages_copied, result.messages_present) == (
        "failed",
        14,
        2,
        10,
    )


@pytest.mark.parametrize("store", ["auto", "imap"])
def test_a_mailbox_without_mail_is_replaced_once(bench: Bench, store: str) -> None:
    with two_folders() as server:
        lose_after_inbox(server)
        first = bench.run(server.port, message_store=store).result
        heal(server)
        second = bench.completed(server, message_store=store).result
    assert (first.messages_copied, second.messages_copied) == (5, 5)
    assert (first.replaced_to, second.replaced_to) == (None, None)


def test_mail_is_replaced_once_though_somebody_removed_what_was_kept(bench: Bench) -> None:
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(999))])
    with two_folders() as server:
        lose_after_inbox(server)
        kept = bench.run(server.port).result.replaced_to
        assert kept
        shutil.rmtree(kept)
        heal(server)
        assert bench.completed(server).result.messages_copied == 5
        assert sorted(path.name for path in bench.host.home_of(bench.address).iterdir() if path.is_dir()) == ["Maildir"]


def test_an_answer_that_says_nothing_of_flags_changes_none(bench: Bench) -> None:
    flagged = [Message(uid, small_message(uid), flags=(b"\\Seen",)) for uid in (1, 2)]
    with FakeServer([Folder(b"INBOX", flagged)], capabilities=CONDSTORE) as server:
        bench.completed(server)
        flagged[0].flags += (b"\\Answered",)
        flagged[0].modseq = 9

        def fetch(session: Session, command: Command) -> None:
            session.send_messages(command, session.wanted(command))
            session.write(
                b"* 1 FETCH (UID 1 MODSEQ (10))\r\n* 2 FETCH (UID 2 MODSEQ (11))\r\n"
            )  # RFC 7162 section 3.1.4
            session.answer(command)

        server.on("UID FETCH", fetch)
        bench.completed(server, state="latest")
    assert [sorted(facts.flags) for _uid, facts in sorted(bench.messages().items())] == [
        ["\\Answered", "\\Seen"],
        ["\\Seen"],
    ]


def test_flags_that_the_source_does_not_tell_are_reported_and_asked_for_again(bench: Bench) -> None:
    with FakeServer([Folder(b"INBOX", messages(3))], capabilities=CONDSTORE) as server:
        bench.completed(server)
        folder = server.folder(b"INBOX")
        folder.messages[0].flags, folder.messages[0].modseq = (b"\\Seen",), 9
        folder.messages.append(Message(4, small_message(4), modseq=10))

        def no_flags(session: Session, command: Command) -> None:
            if command.rest.startswith(b"1:3 "):
                return session.answer(command, b"NO [UNAVAILABLE] flags not now")
            return session.behave(command)

        server.on("UID FETCH", no_flags)
        run = bench.run(server.port, state="latest")
        assert (run.result.messages_copied, run.reasons) == (1, [("INBOX", "source_unavailable", None)])
        heal(server)
        assert bench.completed(server, state="latest").result.flags_updated == 1
    assert "\\Seen" in bench.messages()[1].flags


def test_words_of_the_source_with_a_parenthesis_are_no_trouble(bench: Bench) -> None:
    with inbox() as server:
        server.folder(b"INBOX").messages.append(Message(9, small_message(9) + b"x" * 5000))
        assert bench.run(server.port, max_message_size=3000).reasons == [("INBOX", "message_refused", 9)]

        def examine(session: Session, command: Command) -> None:
            session.write(b"* OK [ALERT] maintenance tonight :)\r\n")
            session.behave(command)

        server.on("EXAMINE", examine)
        assert bench.run(server.port, max_message_size=3000).reasons == [("INBOX", "message_refused", 9)]


@pytest.mark.parametrize("name", ["dovecot-uidlist", "dovecot-keywords", "subscriptions", "cur/x:2,"])
def test_a_pipe_that_the_owner_planted_is_not_waited_for(bench: Bench, name: str) -> None:
    with FakeServer([Folder(b"INBOX", messages(3), subscribed=True)]) as server:
        bench.completed(server)
        server.folder(b"INBOX").messages.append(Message(4, small_message(4), flags=(b"keyword",)))
        path = bench.host.home_of(bench.address) / "Maildir" / name
        path.unlink(missing_ok=True)
        os.mkfifo(path)
        os.chown(path, MAIL_UID, MAIL_GID)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.alarm(60)  # a run that waits for the pipe would do so for good
        try:
            result = bench.run(server.port, state="latest", existing_content="merge", force=True).result
        finally:
            signal.alarm(0)
        assert (result.state, result.reason) == ("failed", "host_refused") and path.name in result.message
        path.unlink()
        run = bench.run(server.port, state="latest", existing_content="merge", force=True)
        assert run.result.state == "completed"
    assert digest(small_message(4)) in bench.digests()


KEYWORDS = [b"Keyword%d" % number for number in range(30)]


def tagged_inbox() -> FakeServer:
    """More keywords than a folder has letters for, one a message."""
    return FakeServer(
        [
            Folder(
                b"INBOX",
                [Message(uid, small_message(uid), flags=(keyword,)) for uid, keyword in enumerate(KEYWORDS, start=1)],
            )
        ]
    )


def keywords_here(bench: Bench) -> list[frozenset[str]]:
    return [facts.flags for _uid, facts in sorted(bench.messages().items())]


@pytest.mark.parametrize("when", ["a folder is new", "a folder has more"])
def test_keywords_beyond_the_letters_are_set_by_the_next_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """A file name has letters for 26 of them; Dovecot is told of the others when their messages are there."""
    with tagged_inbox() as server:
        tagged = server.folder(b"INBOX").messages
        if when == "a folder has more":
            server.folder(b"INBOX").messages = tagged[:27]
            bench.completed(server)
            server.folder(b"INBOX").messages = tagged
        with monkeypatch.context() as killed:
            killed.setattr(
                MaildirStore, "_add_excess_keywords", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
            )
            assert bench.run(server.port, state="latest").result.reason == "interrupted"
        run = bench.completed(server, state="latest" if when == "a folder has more" else "present")
    assert run.result.changed
    assert keywords_here(bench) == [frozenset([keyword.decode()]) for keyword in KEYWORDS]
    assert list((bench.host.home_of(bench.address) / "Maildir" / "tmp").iterdir()) == []


def test_c06_keywords_beyond_the_letters_are_set_although_another_folder_failed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second folder cannot be shown, and a moment later it can."""
    publish, shown = MaildirWriter.publish, []

    def publish_one(writer: MaildirWriter) -> None:
        shown.append(writer)
        if len(shown) == 2:
            raise MailImportError("host_refused", "tmp in the mailbox is not a directory")
        publish(writer)

    with bench.session() as session:
        session.append("INBOX", [Item(small_message(999))])
    with tagged_inbox() as server:
        server.folders.append(Folder(b"Later", messages(3, 101)))
        with monkeypatch.context() as failing:
            failing.setattr(MaildirWriter, "publish", publish_one)
            assert bench.run(server.port, existing_content="merge").result.state == "failed"
        assert bench.run(server.port, existing_content="merge").result.state == "completed"
    assert keywords_here(bench)[1:] == [frozenset([keyword.decode()]) for keyword in KEYWORDS]
    assert len(bench.messages("Later")) == 3


def test_keywords_of_messages_that_come_again_are_those_of_the_source_by_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tagged_inbox() as server:
        with monkeypatch.context() as killed:
            killed.setattr(MaildirWriter, "publish", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL))
            assert bench.run(server.port).result.reason == "interrupted"
        for message in server.folder(b"INBOX").messages:
            message.flags = (b"\\Seen",)
        bench.completed(server)
    assert keywords_here(bench) == [frozenset(["\\Seen"])] * 30


def test_keywords_wait_while_the_source_refuses_the_folder(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with tagged_inbox() as server:
        with monkeypatch.context() as killed:
            killed.setattr(
                MaildirStore, "_add_excess_keywords", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
            )
            assert bench.run(server.port).result.reason == "interrupted"
        for command in ("EXAMINE", "SELECT"):
            server.on(command, lambda session, command: session.answer(command, b"NO [NOPERM] not now"))
        assert bench.run(server.port).reasons == [("INBOX", "folder_refused", None)]
        for command in ("EXAMINE", "SELECT"):
            server.on(command, lambda session, command: session.behave(command))
        bench.completed(server)
    assert keywords_here(bench) == [frozenset([keyword.decode()]) for keyword in KEYWORDS]


def test_a_source_that_is_down_is_told_at_once(bench: Bench) -> None:
    """Of a mailbox that has been imported, too; an outage in the middle of an import is waited for."""
    with inbox() as server:
        bench.completed(server)
        port = server.port
    run = bench.run(port, state="latest")
    assert (run.result.state, run.result.reason, run.waits) == ("failed", "connection_failed", [])
