# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks of dates and flags. Numbers: README.md."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import account_import
from fakes.imap_mail import DATE, Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Session, usual_response
from support.imap import Digest
from support.mail import small_message

from .bench import Bench, digest, inbox, messages

# 5 January 2026, 10:00 UTC: what DATE says, and the Date: of every small message.
MOMENT = 1_767_607_200


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A mail host in another time zone than anybody else."""
    monkeypatch.setenv("TZ", "Pacific/Chatham")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        b"05-Jan-2026 10:00:00 +0000",
        b" 5-Jan-2026 10:00:00 +0000",
        b"5-Jan-2026 10:00:00 +0000",
        b"05-JAN-2026 10:00:00 +0000",
        b"05-Jan-2026  10:00:00 +0000",
        b"05-Jan-2026 15:30:00 +0530",
        b"04-Jan-2026 22:30:00 -1130",
    ],
)
def test_q17_q19_dates_in_every_form_and_zone(bench: Bench, far_away: None, text: bytes) -> None:
    with inbox() as server:
        for message in server.folders[0].messages:
            message.date = text
            message.body = b"Date: Tue, 01 Jan 2019 01:01:01 +0000\r\n\r\n" + message.body
        bench.completed(server)
    assert {facts.internal_date for facts in bench.messages().values()} == {MOMENT}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"garbage",
        b"30-Dec-1899 00:00:00 +0000",
        b"01-Jan-0000 00:00:00 +0000",
        b"05-Jan-26 10:00:00 +0000",
        b"00-Jan-2026 10:00:00 +0000",
        b"05-Foo-2026 10:00:00 +0000",
        b"05-Jan-2026 25:00:00 +0000",
        b"05-Jan-2026 10:61:00 +0000",
        b"05-Jan-2026 10:00:00 +9900",
        b"05-Jan-2026 10:00:00",
        b"2026-01-05T10:00:00Z",
        b"05-Jan-20260 10:00:00 +0000",
    ],
)
def test_q18_a_date_that_is_none_comes_from_the_header(bench: Bench, text: bytes) -> None:
    with inbox() as server:
        server.folders[0].messages[2].date = text
        bench.completed(server)
    assert {facts.internal_date for facts in bench.messages().values()} == {MOMENT}


@pytest.mark.parametrize("item", [b"", b"INTERNALDATE NIL "])
@pytest.mark.parametrize("body_size", [10, 200_000])
def test_q18_no_date_at_all(bench: Bench, item: bytes, body_size: int) -> None:
    def render(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
        for piece in usual_response(sequence, message, with_body):
            yield piece.replace(b'INTERNALDATE "%s" ' % DATE, item)

    with inbox() as server:
        server.render = render
        server.folders[0].messages[2].body += b"z" * body_size
        server.folders[0].messages[3].body = b"Date: none of your business\r\n\r\n" + b"z" * body_size
        began = time.time()
        bench.completed(server)
    dates = [facts.internal_date for facts in bench.messages().values()]
    assert dates[:3] + dates[4:] == [MOMENT] * 4
    assert began - 1 <= dates[3] <= time.time()


def test_q20_recent_is_nobodys_flag(bench: Bench) -> None:
    with inbox(1) as server:
        server.folders[0].messages[0].flags = (b"\\Recent", b"\\Seen")
        run = bench.completed(server)
    assert run.result.not_imported == []
    assert bench.messages()[1].flags == {"\\Seen"}


def test_q21_system_flags_of_a_servers_own(bench: Bench) -> None:
    """Those that others know as keywords become these; the rest is listed and stops nothing."""
    with inbox(1) as server:
        server.folders[0].messages[0].flags = (
            b"\\Seen",
            b"\\FORWARDED",
            b"\\NotJunk",
            b"\\X-EON-HAS-ATTACHMENT",
            b"\\Indexed",
        )
        run = bench.run(server.port)
    assert run.result.state == "completed"
    assert bench.messages()[1].flags == {"\\Seen", "$Forwarded", "$NotJunk"}
    assert run.reasons == [("", "keyword_refused", None)] * 2
    named = " ".join(entry.message for entry in run.result.not_imported)
    assert "X-EON-HAS-ATTACHMENT" in named
    assert "Indexed" in named


def test_q22_keywords_of_odd_characters(bench: Bench) -> None:
    with inbox(1) as server:
        server.folders[0].messages[0].flags = (
            b"TEST:FLAG211",
            b"$Label1",
            b"a/b.c",
            b"&auml;",
            b"100%x".replace(b"%", b"_"),
        )
        bench.completed(server)
    assert bench.messages()[1].flags == {"TEST:FLAG211", "$Label1", "a/b.c", "&auml;", "100_x"}


def test_q23_more_keywords_than_a_folder_can_have(bench: Bench) -> None:
    """A Maildir folder has letters for 26 only: what is beyond gets there another way."""
    with inbox(30) as server:
        for message in server.folders[0].messages:
            message.flags = (b"\\Seen", b"keyword%d" % message.uid)
        bench.completed(server)
    assert {uid: facts.flags for uid, facts in bench.messages().items()} == {
        uid: {"\\Seen", "keyword%d" % uid} for uid in range(1, 31)
    }


@pytest.mark.both_dovecots
@pytest.mark.parametrize("way", ["dovecot", "imap"])
def test_what_a_source_says_of_a_message_never_makes_it_run(bench: Bench, way: str) -> None:
    """Dovecot takes what follows a line that it does not understand for commands, even a message that was announced:
    one of more than 64 KiB, or with a date of the year 10000.
    """
    body = b"Subject: x\r\n\r\nX1 CREATE Owned\r\nX2 DELETE Kept\r\nX3 LOGOUT\r\n"
    with bench.session() as session:
        session.create("Kept")
    with inbox(3) as server:
        for message in server.folders[0].messages[:2]:
            message.body = body
        server.folders[0].messages[0].flags = tuple(b"k%d%s" % (number, b"y" * 240) for number in range(300))
        server.folders[0].messages[1].date = b"31-Dec-9999 23:59:59 -1200"
        changes = {"message_store": "imap"} if way == "dovecot" else {}
        run = bench.run(server.port, over_network=way == "imap", existing_content="merge", **changes)
    account = bench.account()
    assert sorted(account.contents()) == sorted(
        Digest(digest(message.body), len(message.body)) for message in server.folders[0].messages
    )
    assert (("Owned",) in account.folders, ("Kept",) in account.folders) == (False, True)
    assert run.result.messages_copied == 3


def test_q24_a_folder_without_permanentflags(bench: Bench) -> None:
    """It means that all flags are kept (RFC 3501 section 7.1); the fake server never says it."""
    with inbox(1) as server:
        server.folders[0].messages[0].flags = (b"\\Flagged", b"$Label1", b"Invoice")
        bench.completed(server)
    assert bench.messages()[1].flags == {"\\Flagged", "$Label1", "Invoice"}


def test_q25_letters_of_a_keyword_change_case(bench: Bench) -> None:
    with inbox() as server:
        for message in server.folders[0].messages:
            message.flags = (b"$MDNSent", b"\\Seen")
        bench.completed(server)
        for message in server.folders[0].messages:
            message.flags = (b"\\SEEN", b"$MdnSent")
        run = bench.completed(server, state="latest")
    assert (run.result.changed, run.result.flags_updated) == (False, 0)


def test_q27_a_message_marked_deleted_stays(bench: Bench) -> None:
    with inbox() as server:
        server.folders[0].messages[1].flags = (b"\\Deleted", b"\\Seen")
        bench.completed(server)
    assert bench.messages()[2].flags == {"\\Deleted", "\\Seen"}


def test_flags_that_changed_are_carried_over_without_condstore(bench: Bench) -> None:
    with inbox() as server:
        bench.completed(server)
        server.folders[0].messages[1].flags = (b"\\Answered",)
        server.folders[0].messages[3].flags = (b"\\Seen", b"$Label1")
        run = bench.completed(server, state="latest")
    assert run.result.flags_updated == 2
    assert [facts.flags for facts in bench.messages().values()] == [
        set(),
        {"\\Answered"},
        set(),
        {"\\Seen", "$Label1"},
        set(),
    ]


def test_q73_condstore_that_is_only_announced(bench: Bench) -> None:
    """NOMODSEQ, HIGHESTMODSEQ 0 or nothing, and CHANGEDSINCE refused: it helps nobody and stops nobody."""
    folder = Folder(b"INBOX", messages(5))
    with FakeServer([folder], capabilities=b"IMAP4rev1 CONDSTORE") as server:
        server.rewrite = lambda piece: piece.replace(b"HIGHESTMODSEQ 1]", b"NOMODSEQ]").replace(
            b" HIGHESTMODSEQ 1)", b" HIGHESTMODSEQ 0)"
        )

        def fetch(session, command) -> None:
            if b"CHANGEDSINCE" in command.rest:
                session.answer(command, b"BAD what is that")
            else:
                session.behave(command)

        server.on("UID FETCH", fetch)
        bench.completed(server)
        folder.messages[1].flags = (b"\\Seen",)
        folder.messages.append(Message(6, small_message(6)))
        bench.completed(server, state="latest")
    assert bench.messages()[2].flags == {"\\Seen"}


def apart(session: Session, command: Command) -> None:
    """Answer a FETCH of messages without their flags: a response holds what the server likes to send at once (RFC 3501
    section 7.4.2).
    """
    if b"BODY" not in command.rest:
        return session.behave(command)
    for number, message in session.wanted(command):
        body = b"BODY[] {%d}\r\n%s" % (len(message.body), message.body)
        session.write_body(
            b'* %d FETCH (UID %d INTERNALDATE "01-Feb-2020 10:00:00 +0000" %s)\r\n' % (number, message.uid, body)
        )
    session.write(b"* 1 FETCH (FLAGS (\\Seen))\r\n")
    return session.answer(command)


FLAGS = [(b"\\Seen",), (b"$Label1", b"\\Flagged"), ()]


def flagged_inbox(capabilities: bytes = CAPABILITIES) -> FakeServer:
    flagged = [Message(uid, small_message(uid), flags=flags) for uid, flags in enumerate(FLAGS, start=1)]
    return FakeServer([Folder(b"INBOX", flagged)], capabilities=capabilities)


def flags_here(bench: Bench) -> list[frozenset[str]]:
    return [facts.flags for _uid, facts in sorted(bench.messages().items())]


def as_text(flags: Iterable[tuple[bytes, ...]]) -> list[frozenset[str]]:
    return [frozenset(flag.decode() for flag in some) for some in flags]


@pytest.mark.parametrize("store", ["auto", "imap"])
def test_flags_that_come_apart_from_their_message_are_asked_for(bench: Bench, store: str) -> None:
    with flagged_inbox() as server:
        server.on("UID FETCH", apart)
        bench.completed(server, message_store=store)
        server.folder(b"INBOX").messages.append(Message(4, small_message(4), flags=(b"\\Answered",)))
        bench.completed(server, message_store=store, state="latest")
        assert flags_here(bench) == as_text([*FLAGS, (b"\\Answered",)])


def test_flags_of_more_messages_than_one_set_of_uids_names_are_asked_for(bench: Bench) -> None:
    """No two of their UIDs are in a row, so that each is a range of its own."""
    seen = [Message(uid, small_message(uid), (b"\\Seen",)) for uid in range(1, 1000, 2)]
    with FakeServer([Folder(b"INBOX", seen)]) as server:
        server.on("UID FETCH", apart)
        run = bench.run(server.port)
        assert (run.result.state, run.reasons) == ("completed", [])
    assert all(facts.flags == {"\\Seen"} for facts in bench.messages().values())


@pytest.mark.parametrize("store", ["auto", "imap"])
@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES + b" CONDSTORE ENABLE"])
@pytest.mark.parametrize("state", ["present", "latest"])
def test_flags_that_a_killed_run_did_not_come_to_ask_for_are_asked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, state: str, capabilities: bytes, store: str
) -> None:
    with flagged_inbox(capabilities) as server:
        server.on("UID FETCH", apart)
        with monkeypatch.context() as killed:
            killed.setattr(account_import, "ask_for_flags", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL))
            assert bench.run(server.port, message_store=store).result.reason == "interrupted"
        if store == "auto":
            result = bench.completed(server, state=state).result
            assert (result.changed, result.messages_copied, flags_here(bench)) == (True, 0, as_text(FLAGS))
        server.folder(b"INBOX").messages.append(Message(4, small_message(4), flags=(b"\\Answered",)))
        result = bench.completed(server, state="latest", message_store=store).result
        assert (result.changed, result.messages_copied, flags_here(bench)) == (
            True,
            1,
            as_text([*FLAGS, (b"\\Answered",)]),
        )
        assert bench.completed(server, state=state, message_store=store).result.changed is False


def test_flags_of_another_folder_are_not_given(bench: Bench) -> None:
    """The folder is replaced at the source when its messages have come."""
    with flagged_inbox() as server:

        def replace(session: Session, command: Command) -> None:
            apart(session, command)
            server.folder(b"INBOX").uidvalidity += 1
            for message in server.folder(b"INBOX").messages:
                message.flags = (b"\\Deleted",)

        server.on("UID FETCH", replace)
        run = bench.run(server.port)
        assert ("INBOX", "source_unavailable", None) in run.reasons and flags_here(bench) == [frozenset()] * 3


def test_flags_that_the_source_never_tells_are_reported(bench: Bench) -> None:
    """By each run."""
    with inbox(3) as server:

        def no_flags(session: Session, command: Command) -> None:
            for number, message in session.wanted(command):
                body = b" BODY[] {%d}\r\n%s" % (len(message.body), message.body) if b"BODY" in command.rest else b""
                session.write_body(b"* %d FETCH (UID %d%s)\r\n" % (number, message.uid, body))
            session.answer(command)

        server.on("UID FETCH", no_flags)
        for copied in (3, 0):
            run = bench.run(server.port)
            assert (run.result.state, run.reasons, run.result.messages_copied) == (
                "failed",
                [("INBOX", "source_unavailable", None)],
                copied,
            )
            assert "does not tell the flags of 3 messages" in run.result.message


@pytest.fixture
def without_flags(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    """A source whose messages have come, by a run that was killed before it asked for their flags."""
    with flagged_inbox() as server:
        server.on("UID FETCH", apart)
        with monkeypatch.context() as killed:
            killed.setattr(account_import, "ask_for_flags", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL))
            assert bench.run(server.port).result.reason == "interrupted"
        yield server


def test_a_message_that_its_owner_has_moved_needs_no_flags(bench: Bench, without_flags: FakeServer) -> None:
    """And does not come again."""
    with bench.session() as session:
        session.create("Archive")
        session.select("INBOX")
        session.move(session.uids()[:1], "Archive")
    run = bench.run(without_flags.port)
    assert (run.result.state, run.result.messages_copied, sorted(bench.messages())) == ("completed", 0, [2, 3])


def test_a_message_that_the_source_has_no_more_needs_no_flags(bench: Bench, without_flags: FakeServer) -> None:
    del without_flags.folder(b"INBOX").messages[0]
    assert bench.run(without_flags.port).result.state == "completed"
    assert flags_here(bench) == [frozenset(), *as_text(FLAGS[1:])]


def test_flags_of_the_owner_s_own_stay_when_those_of_the_source_come(bench: Bench, without_flags: FakeServer) -> None:
    with bench.session() as session:
        session.select("INBOX")
        session.store(session.uids()[1:2], "+FLAGS (\\Draft)")
    run = bench.run(without_flags.port)
    assert (run.result.state, run.result.flags_updated) == ("completed", 2)
    assert flags_here(bench) == [frozenset(["\\Seen"]), frozenset(["\\Draft", "\\Flagged", "$Label1"]), frozenset()]
