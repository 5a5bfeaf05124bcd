# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store when its process ends, the one before was killed, or the source breaks off."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import Fetched
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import Message
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import FlagChange
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import appender, conversation
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.flags import carry_flags
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.in_flight import InFlight
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.uid_map import UidMap
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import GoneError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill


@pytest.mark.parametrize("fate", ["before", "after"])
@pytest.mark.parametrize("cuts", [None, [20]])
def test_lost_answer_is_cleared_up(host, run, origin, some, fate, cuts):
    host.dies = lambda number: fate if number == 1 else None
    begun = run()
    writer = fill(begun.store, origin, some(1, flags=[b"Work"], cuts=cuts) + some(2))
    assert host.bodies() == [body(1), body(2)]
    assert begun.delivered == {1: 1, 2: 2}
    assert (host.processes, host.abandoned, writer.take_refusals()) == (3, 1, [])


def test_process_that_keeps_ending_is_given_up_and_nothing_counts_as_delivered(host, run, origin, some):
    host.dies = lambda number: "before"
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(*range(1, 10)):
        writer.add(fetched)
    with pytest.raises(MailImportError) as error:
        begun.store.commit()
    assert error.value.reason == "host_refused"
    assert "Fatal: that is why" in error.value.message
    assert host.processes < 20
    host.dies = lambda number: None
    begun.store.commit()
    refused = {refusal.uid for refusal in writer.take_refusals()}
    assert refused | set(begun.delivered) == set(range(1, 10))
    assert refused.isdisjoint(begun.delivered)
    assert len(host.bodies()) == len(begun.delivered) == len(writer.held)
    assert not begun.store.all_answers_known


def test_message_that_ends_the_process_is_left_out(host, run, origin, some):
    def refuse(flags, data):
        if data == body(2):
            raise GoneError

    host.refuse = refuse
    begun = run()
    writer = fill(begun.store, origin, some(1, 2, 3))
    assert host.bodies() == [body(1), body(3)]
    assert [(refusal.uid, refusal.reason, refusal.stored) for refusal in writer.take_refusals()] == [
        (2, "message_refused", False)
    ]
    assert 2 not in writer.held
    assert set(begun.delivered) == {1, 3}


def test_a15_message_that_its_owner_removes_at_once_is_delivered(host, run, origin, some):
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(1, 2):
        writer.add(fetched)
    begun.store.appender.drain()
    del host.folders[b"A"][0]
    begun.store.commit()
    assert (writer.take_refusals(), writer.written, begun.delivered) == ([], 2, {1: 1, 2: 2})
    fill(run().store, origin, some(1, 2))
    assert host.bodies() == [body(2)]


# With the code of RFC 5530, and as Dovecot says it.
NO_FOLDER = [b"NO [NONEXISTENT] none", b"NO Mailbox doesn't exist: A (0.001 + 0.000 secs)."]


@pytest.mark.parametrize("has_children", [False, True])
@pytest.mark.parametrize("answer", NO_FOLDER)
def test_a15_folder_that_its_owner_removes_at_once_is_delivered(host, run, origin, some, answer, has_children):
    host.no_folder = answer
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    begun.store.appender.drain()
    del host.folders[b"A"]
    if has_children:
        host.only_parents = {b"A"}
    begun.store.commit()
    assert (writer.take_refusals(), begun.delivered) == ([], {1: 1})


@pytest.mark.parametrize("answer", NO_FOLDER)
def test_a15_flags_of_a_folder_that_its_owner_removes_fail_nothing(host, run, origin, some, answer):
    begun = run()
    fill(begun.store, origin, some(1))
    host.no_folder = answer
    del host.folders[b"A"]
    carried = carry_flags(begun.store.sessions, b"A", {1: FlagChange(add=(b"\\Seen",))})
    assert (carried.changed, carried.refused) == (set(), set())


def test_a15_message_that_cannot_be_found_again_is_delivered_and_told(host, run, origin, some):
    """A host without UIDPLUS that keeps messages otherwise than they were sent."""
    host.appenduid = lambda uids: b""
    host.keep = lambda data: b"X-Added: by the host\r\n" + data
    begun = run()
    writer = fill(begun.store, origin, some(1, 2))
    told = writer.take_refusals()
    assert [(refusal.uid, refusal.reason, refusal.stored) for refusal in told] == [
        (1, "verification_failed", True),
        (2, "verification_failed", True),
    ]
    assert set(begun.delivered) == {1, 2}
    begun = run()
    again = fill(begun.store, origin, some(1, 2, flags=[b"\\Seen"]))
    assert [refusal.reason for refusal in again.take_refusals()] == ["verification_failed"] * 2
    assert len(host.bodies()) == 2
    asked = len(host.commands)
    assert begun.store.change_flags(A, origin(), {1: FlagChange(add=(b"\\Flagged",))}) == 0
    assert not [command for command in host.commands[asked:] if command.startswith("UID")]
    host.folders[b"A"][1].data = body(2)
    found = run()
    again = fill(found.store, origin, some(1, 2))
    assert [refusal.uid for refusal in again.take_refusals()] == [1]
    assert found.delivered[2] == 2


def test_a15_damaged_message_is_compared_again_and_not_stored_again(host, run, origin, some):
    host.keep = lambda data: data.replace(b"Number", b"Nummer")
    fill(run().store, origin, some(1, 2))
    host.folders[b"A"][0].data = body(1)
    begun = run()
    writer = fill(begun.store, origin, [*some(1), *some(2, cuts=[5])])
    assert [(refusal.uid, refusal.reason) for refusal in writer.take_refusals()] == [(2, "verification_failed")]
    assert (len(host.bodies()), writer.written, begun.delivered) == (2, 0, {1: 1, 2: 2})
    del host.folders[b"A"][1]
    assert fill(run().store, origin, some(1, 2)).take_refusals() == []
    assert len(host.bodies()) == 1


@pytest.mark.parametrize("shown", [True, False])
def test_how_long_a_message_is_compared_again_does_not_depend_on_the_others(
    host, run, origin, some, shown, monkeypatch
):
    """A host may alter each message that it gets: what is known of all others is not gone through for each."""
    host.keep = lambda data: data.replace(b"Number", b"Nummer")
    if not shown:
        host.appenduid = lambda uids: b""
    gone_through = []
    triples = UidMap.triples
    monkeypatch.setattr(UidMap, "triples", lambda self: gone_through.append(self) or triples(self))
    times = []
    for uids in (range(1, 11, 2), range(11, 51, 2)):
        fill(run().store, origin, some(*uids))
        gone_through.clear()
        assert len(fill(run().store, origin, some(*uids)).take_refusals()) == len(uids)
        times.append(len(gone_through))
    assert times[1] == times[0]


def test_a15_messages_are_delivered_when_they_cannot_be_read_back(host, run, origin, some):
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(1, 2):
        writer.add(fetched)
    begun.store.appender.drain()
    host.on_examine = lambda rest, lines, output: b"NO [SERVERBUG] Internal error"
    begun.store.commit()
    told = writer.take_refusals()
    assert [(refusal.uid, refusal.reason, refusal.stored) for refusal in told] == [
        (1, "verification_failed", True),
        (2, "verification_failed", True),
    ]
    assert "SERVERBUG" in told[0].message
    assert begun.delivered == {1: 1, 2: 2}


def test_a15_messages_that_nobody_could_compare_are_told(host, run, origin, some):
    """The process ends whenever it is to give them back, so that the run ends; they are delivered all the same."""

    def end(rest, lines, output):
        raise GoneError

    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(1, 2):
        writer.add(fetched)
    begun.store.appender.drain()
    host.on_examine = end
    with pytest.raises(MailImportError):
        begun.store.commit()
    begun.store.commit()
    told = writer.take_refusals()
    assert [(refusal.uid, refusal.reason, refusal.stored) for refusal in told] == [
        (1, "verification_failed", True),
        (2, "verification_failed", True),
    ]
    assert begun.delivered == {1: 1, 2: 2}


def test_source_that_breaks_off_leaves_no_torn_message(host, run, origin, some):
    def chunks():
        yield memoryview(b"half of")
        raise MailImportError("connection_failed", "the source is gone")

    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    with pytest.raises(MailImportError, match="the source is gone"):
        writer.add(Fetched(Message(2, (), 1_700_000_000), 100, chunks=chunks()))
    begun.store.commit()
    assert host.bodies() == [body(1)]
    assert (writer.last_uid, 2 in writer.held, set(begun.delivered)) == (1, False, {1})


def test_a20_long_message_is_asked_for_again_when_the_process_ends_in_it(host, run, origin, some):
    """Nothing is raised, for it is no fault of the source's; it is just not there yet."""
    host.dies = lambda number: "before" if number == 2 else None
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    lost = some(2, cuts=[5])[0]
    assert writer.add(lost) is None
    assert lost.skip() in (b"", body(2)[5:]), "the source goes on behind it"
    assert (2 in writer.held, writer.written) == (False, 1)
    assert writer.add(some(2, cuts=[5])[0]) == len(body(2))
    begun.store.commit()
    assert (host.bodies(), writer.take_refusals()) == ([body(1), body(2)], [])
    assert begun.store.all_answers_known


@pytest.mark.parametrize("cuts", [None, [5]])
def test_a20_successor_that_ends_while_reading_back_doubles_nothing(host, run, origin, some, cuts):
    host.dies = lambda number: "after" if number == 1 else None
    examine, ends = host.on_examine, []

    def dying(rest, lines, output):
        if not ends:
            ends.append(1)
            raise GoneError
        return examine(rest, lines, output)

    host.on_examine = dying
    begun = run()
    writer = fill(begun.store, origin, some(1, 2, cuts=cuts))
    assert (host.bodies(), writer.take_refusals(), begun.delivered) == ([body(1), body(2)], [], {1: 1, 2: 2})


def test_a20_long_message_that_ends_the_process_each_time_is_left_out(host, run, origin, some):
    def refuse(flags, data):
        if data == body(2):
            raise GoneError

    host.refuse = refuse
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    assert writer.add(some(2, cuts=[5])[0]) is None
    assert writer.add(some(2, cuts=[5])[0]) == len(body(2)), "it was counted, and will be taken back"
    begun.store.commit()
    (refusal,) = writer.take_refusals()
    assert (refusal.uid, refusal.reason, writer.written) == (2, "message_refused", 0)


def test_a20_answers_of_the_next_process_are_not_those_of_the_last(host, run, origin, some, monkeypatch):
    """A batch is on its way when the process ends, and something else notices that first."""
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 2)
    host.dies = lambda number: "before" if number == 1 else None
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(1, 2, 3):
        writer.add(fetched)
    for name in ("B", "C", "D", "E"):
        begun.store.open_folder((name,), origin(name.encode()), False)
    writer.mark_complete()
    begun.store.commit()
    assert sorted(host.bodies()) == [body(1), body(2), body(3)]
    assert (writer.take_refusals(), set(begun.delivered)) == ([], {1, 2, 3})


@pytest.mark.parametrize(
    "farewell", [b"* BYE Too many simultaneous connections\r\n", b"* BYE [LIMIT] rate limit\r\n", b"* BYE see you\r\n"]
)
def test_c3_a_farewell_of_the_host_is_the_hosts(host, run, origin, some, farewell):
    def leave(rest, lines, output):
        output.write(farewell)
        raise GoneError

    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    host.on_append = leave
    writer.add(some(1)[0])
    with pytest.raises(MailImportError) as error:
        begun.store.commit()
    assert error.value.reason == "host_refused"
    assert "this host" in error.value.message


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (b"* OK [CAPABILITY IMAP4rev1] who are you\r\n", "who are you"),
        (b"* BYE too busy\r\n", "too busy"),
        (b"hello\r\n", "let"),
        (b"", "that is why"),
    ],
)
def test_process_that_lets_nobody_in(host, run, origin, greeting, words):
    host.greeting = greeting
    with pytest.raises(MailImportError) as error:
        run().store.open_folder(A, origin(), False)
    assert error.value.reason == "host_refused"
    assert words in error.value.message


@pytest.mark.parametrize(
    ("complaint", "reason"),
    [
        (b"Fatal: that is why\n", "folder_refused"),
        (b"Error: write() failed: No space left on device\n", "disk_full"),
        (b"Error: write() failed: Disk quota exceeded\n", "over_quota"),
    ],
)
def test_why_a_folder_is_not_read_back_is_told(host, run, origin, some, complaint, reason):
    """A disk that is full is no matter of one folder, though another one still opens."""

    def on_uid_fetch(rest, lines, output):
        raise GoneError

    fill(run().store, origin, some(1))
    host.on_uid_fetch, host.complaint = on_uid_fetch, complaint
    with pytest.raises(MailImportError) as error:
        run(interrupted=True).store.open_folder(A, origin(), False)
    assert error.value.reason == reason, error.value.message


def test_the_hosts_own_process_is_no_far_server_however_slow_it_is(run, origin, some, monkeypatch):
    """It is not sent command after command: they would be in memory until a folder is shown."""
    monkeypatch.setattr(conversation, "_FAR", 0.0)
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 10)
    most = []
    send = InFlight.send

    def sends(flight, folder, session, messages):
        send(flight, folder, session, messages)
        most.append(len(flight))

    monkeypatch.setattr(InFlight, "send", sends)
    fill(run().store, origin, some(*range(1, 101)))
    assert max(most) == 1
