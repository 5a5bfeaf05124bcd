# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source that gives its messages other UIDs and keeps the UIDVALIDITY: nothing comes twice, nothing is missing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Session
from support.mail import small_message

from .bench import Bench, Run, digests, messages

CONDSTORE = CAPABILITIES + b" CONDSTORE ENABLE"

each_store = pytest.mark.parametrize("store", ["auto", "imap"])
each_source = pytest.mark.parametrize("capabilities", [CAPABILITIES, CONDSTORE], ids=["plain", "condstore"])

Mail = list[Message]
Body = Callable[[int], bytes]


def renumbered(mail: Mail) -> Mail:
    """The same messages, counted from one, with new mod-sequences."""
    return [Message(uid, message.body, modseq=9) for uid, message in enumerate(mail, 1)]


def one_before_all(mail: Mail) -> Mail:
    return renumbered([Message(0, small_message(500)), *mail, Message(0, small_message(501))])


def first_removed(mail: Mail) -> Mail:
    return renumbered([*mail[1:], Message(0, small_message(501)), Message(0, small_message(502))])


def middle_removed(mail: Mail) -> Mail:
    return renumbered([*mail[:4], *mail[5:], Message(0, small_message(501)), Message(0, small_message(502))])


def middle_removed_and_nothing_new(mail: Mail) -> Mail:
    return renumbered([*mail[:4], *mail[5:]])


def inserted_in_the_middle(mail: Mail) -> Mail:
    return renumbered([*mail[:5], Message(0, small_message(501)), *mail[5:]])


def reversed_with_new(mail: Mail) -> Mail:
    return renumbered([Message(0, small_message(501)), *mail[::-1]])


def last_uid_used_again(mail: Mail) -> Mail:
    return renumbered([*mail[:-1], Message(0, small_message(501)), Message(0, small_message(502))])


each_way = pytest.mark.parametrize(
    "shift",
    [
        one_before_all,
        first_removed,
        middle_removed,
        middle_removed_and_nothing_new,
        inserted_in_the_middle,
        reversed_with_new,
        last_uid_used_again,
    ],
)


def without_message_id(number: int) -> bytes:
    return small_message(number).replace(b"Message-ID: ", b"X-Other: ")


def without_header(number: int) -> bytes:
    return b"\r\nnothing but text %d\r\n" % number


def long_one(number: int) -> bytes:
    return small_message(number, "It is a long one. " * 20_000)


def run(bench: Bench, server: FakeServer, store: str, **changes: object) -> Run:
    return bench.run(server.port, **{"state": "latest", "message_store": store, **changes})


def expect(bench: Bench, *everything: Mail) -> None:
    """Each message that the source ever had is here once."""
    union = {message.body: message for mail in everything for message in mail}
    assert sorted(bench.digests()) == sorted(digests(union.values()))


def told(result: Run) -> bool:
    return any("other UIDs under the same UIDVALIDITY" in line for line in result.lines)


@each_way
@each_store
@each_source
def test_a7_uids_that_shift_under_the_same_uidvalidity(
    bench: Bench, capabilities: bytes, store: str, shift: Callable[[Mail], Mail]
) -> None:
    before = messages(10)
    with FakeServer([Folder(b"INBOX", before)], capabilities=capabilities) as server:
        bench.completed(server, message_store=store)
        after = server.folders[0].messages = shift(before)
        result = run(bench, server, store)
        assert (result.result.state, result.reasons) == ("completed", [])
        assert told(result)
        expect(bench, before, after)
        again = run(bench, server, store)
        assert (again.result.changed, told(again)) == (False, False)


@pytest.mark.parametrize("body", [without_message_id, without_header, long_one])
@each_store
def test_a7_of_messages_of_any_kind(bench: Bench, store: str, body: Body) -> None:
    before = [Message(uid, body(uid)) for uid in range(1, 7)]
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        after = server.folders[0].messages = renumbered([*before[1:], *(Message(0, body(n)) for n in (50, 51))])
        assert run(bench, server, store).result.messages_copied == 2
        expect(bench, before, after)


@each_store
@each_source
def test_a7_again_and_again(bench: Bench, capabilities: bytes, store: str) -> None:
    """A gateway counts anew each time that it starts."""
    everything = messages(6)
    with FakeServer([Folder(b"INBOX", everything)], capabilities=capabilities) as server:
        bench.completed(server, message_store=store)
        for number in range(3):
            everything = [Message(0, small_message(600 + number)), *everything]
            server.folders[0].messages = renumbered(everything)
            server.folders[0].messages[-1].modseq = 20 + number
            result = run(bench, server, store).result
            assert (result.state, result.messages_copied, result.messages_present) == ("completed", 1, 6 + number)
            expect(bench, everything)


@each_store
def test_a7_and_ordinary_mail_from_then_on(bench: Bench, store: str) -> None:
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        server.folders[0].messages = one_before_all(before)
        run(bench, server, store)
        server.folders[0].messages += messages(2, 9)
        result = run(bench, server, store)
        assert (result.result.messages_copied, result.result.messages_present, told(result)) == (2, 8, False)
        with bench.session() as owner:
            owner.select("INBOX")
            owner.delete(owner.uids()[-1:])
        server.folders[0].messages += messages(1, 11)
        assert run(bench, server, store).result.messages_copied == 1
        assert len(bench.messages()) == 10, "what its owner removed does not come back"


@each_store
def test_a7_all_uids_are_others(bench: Bench, store: str) -> None:
    """None of those that are known is there: UIDNEXT, which may only rise, has fallen."""
    before = messages(6, 101)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        after = server.folders[0].messages = renumbered([*before, Message(0, small_message(700))])
        assert run(bench, server, store).result.messages_copied == 1
        expect(bench, before, after)


@each_store
def test_a7_flags_are_not_carried_to_other_messages(bench: Bench, store: str) -> None:
    before = messages(4)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        server.folders[0].messages = one_before_all(before)
        server.folders[0].messages[1].flags = (b"\\Flagged",)
        run(bench, server, store)
        flagged = [facts.content.sha256 for facts in bench.messages().values() if b"\\Flagged" in facts.flags]
        assert flagged in ([], digests(before[:1]))


@pytest.mark.parametrize("state", ["present", "latest"])
@each_store
def test_a7_force_compares_content(bench: Bench, store: str, state: str) -> None:
    """Also where the figures are those of the last run."""
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        after = server.folders[0].messages = renumbered([*before[1:], Message(0, small_message(700))])
        result = run(bench, server, store, state=state, force=True, existing_content="merge")
        assert (result.result.state, result.result.messages_copied) == ("completed", 1)
        expect(bench, before, after)
        assert not run(bench, server, store).result.changed


@each_store
def test_a7_a_run_that_breaks_off_while_it_compares(bench: Bench, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.3)
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        after = server.folders[0].messages = one_before_all(before)

        def act(session: Session, command: Command) -> None:
            if b"BODY.PEEK[])" in command.rest:
                session.send_messages(command, list(session.wanted(command))[:3])
                server.on("GREETING", lambda session, command: session.hang_up())
                session.hang_up()
            session.behave(command)

        server.on("UID FETCH", act)
        assert run(bench, server, store).result.state == "failed"
        server.on("UID FETCH", Session.behave)
        server.on("GREETING", Session.behave)
        assert run(bench, server, store).result.state == "completed"
        expect(bench, before, after)


@each_store
@each_source
def test_a7_honest_sources_do_not_pay(bench: Bench, capabilities: bytes, store: str) -> None:
    """No question is asked by a first import, and none where nothing is new."""
    with FakeServer([Folder(b"INBOX", messages(6))], capabilities=capabilities) as server:
        bench.completed(server, message_store=store)
        run(bench, server, store)
        run(bench, server, store, state="present")
        assert not [command for command in server.commands if b"BODY.PEEK[]<0" in command.rest]
        server.folders[0].messages = [*server.folders[0].messages[1:], *messages(2, 7)]
        server.folders[0].messages[-1].modseq = 9
        result = run(bench, server, store)
        assert (result.result.state, result.result.messages_copied, told(result)) == ("completed", 2, False)


@each_store
def test_a7_a_source_that_goes_away_when_it_is_asked(bench: Bench, store: str) -> None:
    """The question is nobody's duty: its mail arrives all the same."""
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        server.folders[0].messages = [*before, *messages(2, 7)]

        def act(session: Session, command: Command) -> None:
            if b"BODY.PEEK[]<0" in command.rest:
                session.hang_up()
            session.behave(command)

        server.on("UID FETCH", act)
        result = run(bench, server, store)
        assert (result.result.state, result.result.messages_copied) == ("completed", 2)


@pytest.mark.parametrize("answer", [b"BAD what", b"NO not now", b"OK done"])
@each_store
def test_a7_a_source_that_does_not_answer(bench: Bench, store: str, answer: bytes) -> None:
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server, message_store=store)
        server.folders[0].messages = [*before, *messages(2, 7)]
        server.on(
            "UID FETCH",
            lambda session, command: (
                session.answer(command, answer) if b"BODY.PEEK[]<0" in command.rest else session.behave(command)
            ),
        )
        result = run(bench, server, store)
        assert (result.result.state, result.result.messages_copied, told(result)) == ("completed", 2, False)


def test_a7_check_mode_tells_it_and_changes_nothing(bench: Bench) -> None:
    before = messages(6)
    with FakeServer([Folder(b"INBOX", before)]) as server:
        bench.completed(server)
        server.folders[0].messages = one_before_all(before)
        assert told(bench.look(server.port, state="latest"))
        expect(bench, before)
        run(bench, server, "auto")
        looked = bench.look(server.port, state="latest")
        assert (looked.result.messages_copied, looked.result.messages_present, told(looked)) == (0, 8, False)
