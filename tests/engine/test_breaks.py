# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks of busy servers and of connections that break: the import waits, says so, goes on and ends with all mail
once."""

from __future__ import annotations

import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Session, of_folder, says, times, usual_response
from support.mail import small_message

from .bench import Bench, digests, inbox, messages, three_folders


def refuse_message(uid: int, status: bytes, stop: bool):
    """Answer a FETCH that touches one message with a status: without that message, or without it and all behind it."""

    def act(session: Session, command: Command) -> None:
        wanted = list(session.wanted(command))
        if b"BODY" not in command.rest or uid not in [message.uid for _number, message in wanted]:
            session.behave(command)
            return
        session.send_messages(
            command,
            [(number, message) for number, message in wanted if message.uid < uid or (message.uid > uid and not stop)],
        )
        session.answer(command, status)

    return act


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize(
    "status",
    [b"NO [UNAVAILABLE] try again", b"NO [SERVERBUG] internal error", b"NO cannot read it", b"BAD cannot read it"],
)
def test_q33_one_message_that_never_comes_is_listed(bench: Bench, status: bytes, stop: bool) -> None:
    with three_folders() as server:
        server.folders[1].messages = messages(40, 101)
        server.on("UID FETCH", refuse_message(117, status, stop))
        run = bench.run(server.port)

        assert (run.result.state, run.reasons) == ("failed", [("Middle", "source_unavailable", 117)])
        assert run.result.messages_copied == 49
        assert bench.digests() == digests(server.folders[0].messages)
        assert bench.digests("Middle") == digests(
            [message for message in server.folders[1].messages if message.uid != 117]
        )
        # It is tried again each time, and comes once the server can.
        assert bench.run(server.port).reasons == run.reasons
        server.on("UID FETCH", Session.behave)
        assert bench.completed(server).result.messages_copied == 1


@pytest.mark.parametrize("stop", [True, False])
def test_q33_trouble_that_passes(bench: Bench, stop: bool) -> None:
    with three_folders() as server:
        server.on("UID FETCH", times(3, refuse_message(103, b"NO [UNAVAILABLE] try again", stop)))
        run = bench.completed(server)
    assert run.waits


@pytest.mark.parametrize("status", [b"NO some of it failed", b"NO [UNAVAILABLE] busy", b"BAD odd"])
@pytest.mark.parametrize("missing", [0, 2])
def test_q34_no_although_data_came(bench: Bench, status: bytes, missing: int) -> None:
    """What came is taken, what did not is asked for again."""
    with three_folders() as server:

        def fetch(session: Session, command: Command) -> None:
            wanted = list(session.wanted(command))
            session.send_messages(command, wanted[: len(wanted) - missing])
            session.answer(command, status)

        server.on("UID FETCH", of_folder(b"Middle", times(1, fetch)))
        run = bench.completed(server)
    assert run.result.messages_copied == 15


def test_q34_a_gap_in_what_was_new_is_closed(bench: Bench) -> None:
    """The second run has no count to compare with: a NO is enough to look again."""
    with inbox() as server:
        bench.completed(server)
        server.folders[0].messages += messages(6, 6)
        server.on("UID FETCH", times(1, refuse_message(8, b"NO [UNAVAILABLE] busy", stop=False)))
        assert bench.completed(server, state="latest").result.messages_copied == 6


def test_q38_a_token_that_runs_out(bench: Bench) -> None:
    """What came before stays; a run with a new token goes on."""
    with three_folders() as server:

        def expire(session: Session, command: Command) -> None:
            session.write(b"* BYE Session invalidated - AccessTokenExpired\r\n")
            server.on("LOGIN", says(b"NO [AUTHENTICATIONFAILED] token expired"))
            session.hang_up()

        server.on("UID FETCH", of_folder(b"Sent", expire))
        run = bench.run(server.port)
        assert (run.result.state, run.result.reason) == ("failed", "auth_failed")
        assert bench.digests() == digests(server.folders[0].messages)

        server.on("LOGIN", Session.behave)
        server.on("UID FETCH", Session.behave)
        assert bench.completed(server).result.messages_copied == 5


def in_mid_literal(session: Session, command: Command) -> None:
    """Send a message and the first half of the next."""
    first, second = list(session.wanted(command))[:2]
    session.send_messages(command, [first])
    whole = b"".join(usual_response(*second, True))
    session.write_body(whole[: len(whole) // 2])


@pytest.mark.parametrize("ending", [b"", b"* BYE shutting down\r\n"])
def test_q39_the_connection_ends_in_mid_literal(bench: Bench, ending: bytes) -> None:
    def act(session: Session, command: Command) -> None:
        in_mid_literal(session, command)
        session.write_body(ending)
        session.hang_up()

    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Middle", times(2, act)))
        run = bench.completed(server)
    assert run.result.messages_copied == 15


def test_q39_silence_in_mid_literal(bench: Bench) -> None:
    """A connection that is open at one end only is given up after source_timeout."""

    def act(session: Session, command: Command) -> None:
        in_mid_literal(session, command)
        session.flush()
        session.folder = None
        session.read_on()

    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        run = bench.completed(server, source_timeout=0.3)
    assert "sent nothing for 0.3 seconds" in run.waits[0]


def drip(session: Session, text: bytes) -> None:
    """Send text a byte at a time, never silent for long, until the client goes or it is all sent."""
    for byte in text:
        session.write_body(bytes([byte]))
        session.flush()
        time.sleep(0.05)


@pytest.mark.parametrize("where", ["in a body", "in a line", "between answers"])
def test_a_source_that_drips_counts_as_dead_and_the_import_goes_on(bench: Bench, where: str) -> None:
    """It is never silent for source_timeout, and brings next to nothing."""

    def act(session: Session, command: Command) -> None:
        if where == "in a body":
            in_mid_literal(session, command)
        drip(session, {"in a line": b"* OK " + b"x" * 500, "between answers": b"* OK\r\n" * 99}.get(where, b"y" * 500))
        session.hang_up()

    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        run = bench.completed(server, source_timeout=0.2, source_min_rate=1000)
    assert any("source_min_rate" in line for line in run.waits), run.waits
    assert run.result.messages_copied == 15


def test_q42_a_server_that_ends_sessions_after_ten_errors(bench: Bench) -> None:
    """Microsoft 365 does; folders that cannot be opened must not use up the patience for the others."""
    folders = [Folder(b"Bad%02d" % number, messages(1)) for number in range(30)]
    with FakeServer([*folders, Folder(b"INBOX", messages(5)), Folder(b"Good", messages(5))]) as server:
        errors: dict[int, int] = {}

        def examine(session: Session, command: Command) -> None:
            if b"Bad" in command.rest:
                errors[session.number] = errors.get(session.number, 0) + 1
                session.folder = None
                session.answer(command, b"NO [NOPERM] not yours")
                if errors[session.number] >= 10:
                    session.write(b"* BYE too many errors\r\n")
                    session.hang_up()
            else:
                session.behave(command)

        server.on("EXAMINE", examine)
        server.on("SELECT", examine)
        run = bench.run(server.port)
    assert sorted(run.reasons) == [("Bad%02d" % number, "folder_refused", None) for number in range(30)]
    assert bench.digests() == digests(server.folder(b"INBOX").messages)
    assert bench.digests("Good") == digests(server.folder(b"Good").messages)


def test_q45_a_folder_in_use_is_tried_again(bench: Bench) -> None:
    with three_folders() as server:
        server.on("EXAMINE", of_folder(b"Middle", times(2, says(b"NO [INUSE] mailbox locked by a POP session"))))
        run = bench.completed(server)
    assert "INUSE" in run.waits[0]


@pytest.mark.parametrize(
    "status", [b"NO [INUSE] locked", b"NO [SERVERBUG] index is corrupt", b"NO [UNAVAILABLE] backend"]
)
def test_q45_q79_a_folder_in_use_for_good_stops_no_other(bench: Bench, status: bytes) -> None:
    with three_folders() as server:
        server.on("EXAMINE", of_folder(b"Middle", says(status)))
        server.on("SELECT", of_folder(b"Middle", says(status)))
        run = bench.run(server.port)
    assert (run.result.state, run.reasons) == ("failed", [("Middle", "folder_refused", None)])
    assert status.decode()[3:] in run.result.not_imported[0].message
    assert bench.digests() == digests(server.folders[0].messages)
    assert bench.digests("Sent") == digests(server.folders[2].messages)


def test_q80_a_server_that_is_down_for_a_while(bench: Bench) -> None:
    """Connections fail many times in a row: it is time that counts, and no message is to blame."""
    with three_folders() as server:
        down = [20]

        def greet(session: Session, command: Command) -> None:
            if server.received("UID FETCH") and down[0]:
                down[0] -= 1
                session.hang_up()
            session.behave(command)

        server.on("GREETING", greet)
        server.on("UID FETCH", of_folder(b"Middle", times(1, lambda session, command: session.hang_up())))
        run = bench.completed(server)
    assert down == [0]
    assert len(run.waits) >= 20


def test_q80_a_server_that_stays_down(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.3)
    with three_folders() as server:
        server.on(
            "GREETING",
            lambda session, command: session.hang_up() if server.received("UID FETCH") else session.behave(command),
        )
        server.on("UID FETCH", of_folder(b"Middle", lambda session, command: session.hang_up()))
        run = bench.run(server.port)
        assert (run.result.state, run.result.reason) == ("failed", "connection_failed")
        assert bench.digests() == digests(server.folders[0].messages)

        server.on("GREETING", Session.behave)
        server.on("UID FETCH", Session.behave)
        bench.completed(server)


def test_a_message_that_kills_every_session_is_listed(bench: Bench) -> None:
    """The server crashes on one message: it is found, the others arrive."""
    with three_folders() as server:
        server.folders[1].messages = messages(20, 101)

        def fetch(session: Session, command: Command) -> None:
            for number, message in session.wanted(command):
                if message.uid == 113 and b"BODY" in command.rest:
                    session.hang_up()
                session.send_messages(command, [(number, message)])
            session.answer(command)

        server.on("UID FETCH", fetch)
        run = bench.run(server.port)
    assert (run.result.state, [(folder, uid) for folder, _reason, uid in run.reasons]) == ("failed", [("Middle", 113)])
    assert bench.digests("Middle") == digests([message for message in server.folders[1].messages if message.uid != 113])
    assert bench.digests("Sent") == digests(server.folders[2].messages)


@pytest.mark.parametrize(
    "line",
    [
        b"* 3 FETCH (UID\r\n",
        b"complete nonsense\r\n",
        b"* 3 FETCH (UID 0 FLAGS ())\r\n",
        b'* 3 FETCH (UID 3 FLAGS ("\r\n',
        b"\x00\xff\r\n",
    ],
)
def test_a_damaged_line_is_met_with_another_try(bench: Bench, line: bytes) -> None:
    """Once is an accident of the line; the import goes on behind what came."""
    with three_folders() as server:

        def fetch(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:2])
            session.write(line)
            session.answer(command)

        server.on("UID FETCH", of_folder(b"Middle", times(1, fetch)))
        run = bench.completed(server)
    # A response, if a broken one, costs no connection: the messages that it left out are asked for.
    assert run.waits or line.startswith(b"* ")


def test_a_server_that_sends_nonsense_for_one_folder(bench: Bench) -> None:
    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Middle", lambda session, command: session.write(b"complete nonsense\r\n")))
        run = bench.run(server.port)
    assert run.result.state == "failed"
    assert [(folder) for folder, _reason, _uid in run.reasons] == ["Middle"]
    assert bench.digests() == digests(server.folders[0].messages)
    assert bench.digests("Sent") == digests(server.folders[2].messages)


EXCHANGE_GREETING = b"* OK The Microsoft Exchange IMAP4 service is ready. [QQBNADAAUABSAA==]\r\n"


def _notice_and_forwarded_notice() -> list[Message]:
    notice = (
        b"From: Microsoft Exchange Server\r\nTo: anna\r\nSubject: Retrieval using the IMAP4 protocol failed for the "
        b"following message: 3\r\n"
        b"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\nThe server couldn't retrieve the following "
        b'message:\r\n\r\nSubject: "offer"\r\n'
    )
    forwarded = b"Subject: Fwd: what is this?\r\n\r\n----- Forwarded -----\r\n" + notice
    return [Message(1, small_message(1)), Message(3, notice), Message(4, forwarded)]


@pytest.mark.parametrize(
    "greeting, capabilities",
    [
        pytest.param(EXCHANGE_GREETING, CAPABILITIES, id="by its greeting"),
        pytest.param(b"* OK IMAP4 ready\r\n", CAPABILITIES + b" CLIENTACCESSRULES", id="behind a proxy"),
    ],
)
def test_q68_a_notice_in_place_of_a_message_is_no_message(bench: Bench, greeting: bytes, capabilities: bytes) -> None:
    """Exchange sends one for a message it cannot convert."""
    mail = _notice_and_forwarded_notice()
    with FakeServer([Folder(b"INBOX", mail)], greeting=greeting, capabilities=capabilities) as server:
        run = bench.run(server.port)
        assert (run.result.state, run.reasons) == ("failed", [("INBOX", "message_refused", 3)])
        assert "Exchange" in run.result.not_imported[0].message
        assert bench.digests() == digests([mail[0], mail[2]])


def test_q68_a_notice_that_an_earlier_move_has_stored_elsewhere_is_mail(bench: Bench) -> None:
    with FakeServer([Folder(b"INBOX", _notice_and_forwarded_notice()), Folder(b"Kalender", messages(0))]) as server:
        server.folders[1].messages.append(_notice_and_forwarded_notice()[1])
        bench.completed(server)
