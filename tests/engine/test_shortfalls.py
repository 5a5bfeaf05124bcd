# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An OK proves nothing: what the source counts and does not give is missing, and told until it is there or gone."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Hook, Session, times, usual_response
from support.mail import small_message

from .bench import Bench, digests, inbox, messages

CONDSTORE = CAPABILITIES + b" CONDSTORE ENABLE"


def figures(result: ImportResult) -> tuple[int, int, int, int]:
    """Messages in total, copied, there before, and left behind; they add up."""
    assert result.messages_total == result.messages_copied + result.messages_present + result.messages_failed, result
    return result.messages_total, result.messages_copied, result.messages_present, result.messages_failed


def only(*uids: int) -> Hook:
    """Answer a FETCH with OK and these messages only."""

    def fetch(session: Session, command: Command) -> None:
        wanted = [(number, message) for number, message in session.wanted(command) if message.uid in uids]
        session.send_messages(command, wanted)
        session.answer(command)

    return fetch


def ok_before_the_data(session: Session, command: Command) -> None:
    session.answer(command)
    session.send_messages(command, session.wanted(command))


def heal(server: FakeServer) -> None:
    server.on("UID FETCH", lambda session, command: session.behave(command))


each_store = pytest.mark.parametrize("store", ["auto", "imap"])
each_source = pytest.mark.parametrize("capabilities", [CAPABILITIES, CONDSTORE], ids=["plain", "condstore"])
each_answer = pytest.mark.parametrize(
    ("answer", "given"),
    [(only(), 0), (only(*range(4, 10)), 6), (ok_before_the_data, 0)],
    ids=["nothing", "six", "late"],
)


@each_answer
@each_store
@each_source
def test_a13_a_first_run_that_is_given_too_little(
    bench: Bench, capabilities: bytes, store: str, answer: Hook, given: int
) -> None:
    with FakeServer([Folder(b"INBOX", messages(15))], capabilities=capabilities) as server:
        server.on("UID FETCH", answer)
        for copied in (given, 0):
            result = bench.run(server.port, message_store=store).result
            assert (result.state, result.reason) == ("failed", "source_unavailable")
            assert figures(result) == (15, copied, given - copied, 15 - given)
            assert "counts 15 messages" in result.not_imported[0].message
        looked = bench.look(server.port, message_store=store).result
        if given:  # with nothing here, the source's count is all that check mode asks for
            assert (looked.messages_copied, looked.messages_failed) == (0, 15 - given)
        heal(server)
        looked = bench.look(server.port, message_store=store).result
        assert (looked.messages_copied, looked.messages_present) == (15 - given, given)
        assert figures(bench.completed(server, message_store=store).result) == (15, 15 - given, given, 0)


@pytest.mark.parametrize(("answer", "given"), [(only(), 0), (only(16, 17), 2), (only(19, 20), 2)])
@each_store
@each_source
def test_a13_a_later_run_that_is_given_too_little(
    bench: Bench, capabilities: bytes, store: str, answer: Hook, given: int
) -> None:
    with FakeServer([Folder(b"INBOX", messages(15))], capabilities=capabilities) as server:
        bench.completed(server, message_store=store)
        server.folder(b"INBOX").messages += [Message(uid, small_message(uid), modseq=9) for uid in range(16, 21)]
        server.on("UID FETCH", answer)
        for copied in (given, 0):
            result = bench.run(server.port, state="latest", message_store=store).result
            assert (result.state, result.reason) == ("failed", "source_unavailable")
            assert figures(result) == (20, copied, 15 + given - copied, 5 - given)
        assert bench.look(server.port, state="latest", message_store=store).result.messages_failed == 5 - given
        heal(server)
        assert bench.look(server.port, state="latest", message_store=store).result.messages_copied == 5 - given
        result = bench.completed(server, state="latest", message_store=store).result
        assert figures(result) == (20, 5 - given, 15 + given, 0)


def test_a13_a_new_message_that_is_withheld_while_another_was_removed(bench: Bench) -> None:
    """The source counts as many as in the last run."""
    with inbox(15) as server:
        bench.completed(server)
        del server.folder(b"INBOX").messages[3]
        server.folder(b"INBOX").messages += messages(1, 16)
        server.on("UID FETCH", lambda session, command: only(*range(1, 16))(session, command))
        result = bench.run(server.port, state="latest").result
        assert (result.state, result.messages_failed) == ("failed", 1)
        heal(server)
        assert bench.run(server.port, state="latest").result.messages_copied == 1


@each_store
def test_a13_what_the_owner_removed_here_does_not_come_back_meanwhile(bench: Bench, store: str) -> None:
    with inbox(15) as server:
        server.on("UID FETCH", only(*range(4, 10)))
        assert bench.run(server.port, message_store=store).result.messages_copied == 6
        with bench.session() as session:
            session.select("INBOX")
            session.delete(session.uids()[:2])
        assert figures(bench.run(server.port, message_store=store).result) == (15, 0, 6, 9)
        heal(server)
        result = bench.run(server.port, message_store=store).result
        assert (result.state, figures(result)) == ("completed", (15, 9, 6, 0))
        assert len(bench.messages()) == 13


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("left", [9, 0])
def test_a13_a_folder_that_shrinks_honestly_is_complete(bench: Bench, told: bool, left: int) -> None:
    """Somebody removes messages between EXAMINE and the end of the FETCH; the server says so then, or later."""
    with inbox(15) as server:

        def fetch(session: Session, command: Command) -> None:
            del server.folder(b"INBOX").messages[left:]
            for _message in range(15 - left if told else 0):
                session.write(b"* %d EXPUNGE\r\n" % (left + 1))
            session.behave(command)

        server.on("UID FETCH", times(1, fetch))
        assert figures(bench.completed(server).result) == (left, left, 0, 0)
        assert not bench.completed(server, state="latest").result.changed


@pytest.mark.parametrize("told", [True, False])
def test_a13_a_folder_that_shrinks_honestly_in_a_later_run(bench: Bench, told: bool) -> None:
    with inbox(15) as server:
        bench.completed(server)
        server.folder(b"INBOX").messages += messages(5, 16)

        def fetch(session: Session, command: Command) -> None:
            del server.folder(b"INBOX").messages[12:]
            for _message in range(8 if told else 0):
                session.write(b"* 13 EXPUNGE\r\n")
            session.behave(command)

        server.on("UID FETCH", times(2, fetch))
        result = bench.run(server.port, state="latest").result
    assert (result.state, result.messages_copied, result.messages_failed) == ("completed", 0, 0)


@each_store
@each_source
def test_a5_a_uid_that_appears_below_the_others(bench: Bench, capabilities: bytes, store: str) -> None:
    found = [message for message in messages(5) if message.uid != 4]
    with FakeServer([Folder(b"INBOX", found)], capabilities=capabilities) as server:
        bench.completed(server, message_store=store)
        found.insert(3, Message(4, small_message(4), modseq=9))
        assert bench.look(server.port, state="latest", message_store=store).result.messages_copied == 1
        assert figures(bench.completed(server, state="latest", message_store=store).result) == (5, 1, 4, 0)
        assert not bench.completed(server, state="latest", message_store=store).result.changed


@each_store
def test_a5_with_new_mail_above_and_mail_that_the_owner_removed(bench: Bench, store: str) -> None:
    found = [message for message in messages(9) if message.uid not in (2, 4, 5)]
    with FakeServer([Folder(b"INBOX", found)]) as server:
        bench.completed(server, message_store=store)
        with bench.session() as session:
            session.select("INBOX")
            session.delete(session.uids()[:1])
        server.folder(b"INBOX").messages = messages(11)
        result = bench.run(server.port, state="latest", message_store=store).result
        assert (result.state, figures(result)) == ("completed", (11, 5, 6, 0))
    assert len(bench.messages()) == 10, "what its owner removed does not come back"


def test_a6_a_message_without_a_uid_of_its_own(bench: Bench) -> None:
    """UID 0 is nobody's: the message is counted and cannot be asked for."""
    with inbox(12) as server:

        def render(number: int, message: Message, with_body: bool) -> Iterable[bytes]:
            response = b"".join(usual_response(number, message, with_body))
            yield response.replace(b"(UID 5 ", b"(UID 0 ", 1)

        server.render = render
        for copied in (11, 0):
            result = bench.run(server.port, state="latest").result
            assert result.state == "failed"
            assert figures(result) == (12, copied, 11 - copied, 1)
        server.render = usual_response
        assert figures(bench.completed(server, state="latest").result) == (12, 1, 11, 0)


@pytest.mark.parametrize(
    ("capabilities", "store"), [(CAPABILITIES, "auto"), (CONDSTORE, "imap")], ids=["plain", "condstore"]
)
def test_a5_a_message_that_comes_below_while_another_goes(bench: Bench, capabilities: bytes, store: str) -> None:
    """The source counts as many as before, and its next UID is what it was."""
    options = {"state": "latest", "message_store": store}
    with FakeServer([Folder(b"INBOX", messages(6))], capabilities=capabilities) as server:
        everything = server.folder(b"INBOX").messages
        server.folder(b"INBOX").messages = [message for message in everything if message.uid not in (2, 4)]
        bench.completed(server, **options)
        for message in everything:
            message.modseq = 7
        server.folder(b"INBOX").messages = [message for message in everything if message.uid not in (3, 5)]
        looked = bench.look(server.port, **options).result
        result = bench.run(server.port, **options).result
        assert (result.state, looked.messages_copied, result.messages_copied) == ("completed", 2, 2)
        assert set(digests(everything)) == set(bench.digests())
        assert not bench.run(server.port, **options).result.changed


def test_a13_a_status_that_counts_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that gave UIDs away and counts no messages is opened; so is one that was imported before."""
    figures = Folder.figures
    with inbox(5) as server:
        monkeypatch.setattr(
            Folder, "figures", lambda folder, items: re.sub(rb"MESSAGES \d+", b"MESSAGES 0", figures(folder, items))
        )
        assert bench.look(server.port).result.messages_copied == 5
        bench.completed(server)
        server.folder(b"INBOX").messages += messages(2, 6)
        assert bench.completed(server, state="latest").result.messages_copied == 2
        server.folder(b"INBOX").messages = []
        assert not bench.run(server.port, state="latest").result.changed
