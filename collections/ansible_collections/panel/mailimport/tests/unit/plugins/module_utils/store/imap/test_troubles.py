# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store when its process ends, the one before was killed, or the source breaks off."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import Fetched
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import Message
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import GoneError, Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill

TORN = b"\x80" * 30


@pytest.mark.parametrize("fate", ["before", "after"])
@pytest.mark.parametrize("cuts", [None, [20]])
def test_lost_answer_is_cleared_up(host, run, origin, some, fate, cuts):
    host.dies = lambda number: fate if number == 1 else None
    begun = run()
    writer = fill(begun.store, origin, some(1, flags=[b"Work"], cuts=cuts) + some(2))
    assert host.bodies() == [body(1), body(2)]
    assert begun.delivered == {1: 1, 2: 2}
    assert (host.processes, host.repaired, writer.take_refusals()) == (2, ["A"], [])


def test_pieces_a_crash_left_are_removed_and_nothing_else(host, run, origin, some):
    """mdbox shows the zeros of an unfinished record and what was written behind them as a message."""
    old, strange = TORN + b"of the owner's own", b"\x80" * 29 + b"strange"
    host.folders[b"A"] = [Stored(1, [], b"01-Jan-2020 00:00:00 +0000", old)]
    host.next_uid = 2

    def crash(number):
        if number == 1:
            host.folders[b"A"] += [
                Stored(uid, [], b"01-Jan-2020 00:00:00 +0000", data)
                for uid, data in ((2, TORN + body(2)), (3, TORN), (4, strange))
            ]
            host.next_uid = 5
            return "before"
        return None

    host.dies = crash
    writer = fill(run().store, origin, some(1, 2))
    assert host.bodies() == [old, strange, body(1), body(2)]
    assert (writer.before, writer.take_refusals()) == (1, [])


def test_pieces_an_earlier_run_left_are_removed(host, run, origin, some):
    first = run()
    fill(first.store, origin, some(1))
    host.folders[b"A"].append(Stored(2, [], b"01-Jan-2020 00:00:00 +0000", TORN + b"half"))
    host.next_uid = 3
    fill(run().store, origin, some(1))
    assert len(host.bodies()) == 2, "nobody was killed"
    writer = fill(run(interrupted=True).store, origin, some(1, 2))
    assert (host.bodies(), writer.before) == ([body(1), body(2)], 1)


def test_what_comes_to_light_late_is_known_all_the_same(host, run, origin, some):
    """A process that crashed may leave messages that the host only finds when the next one meets them."""
    hidden = []

    def dies(number):
        folder = host.folders[b"A"]
        if number == 1:
            hidden.append(Stored(host.next_uid, [], b"01-Jan-2020 00:00:00 +0000", body(3)))
            return "before"
        if number == 2:
            folder.extend(hidden)
            host.next_uid += 1
            return "before"
        return None

    host.dies = dies
    begun = run()
    fill(begun.store, origin, some(1, 2, 3, 4, flags=[b"Work"]))
    assert sorted(host.bodies()) == [body(1), body(2), body(3), body(4)]
    assert [stored.flags for stored in host.folders[b"A"]] == [{b"Work"}] * 4
    assert set(begun.delivered) == {1, 2, 3, 4}


def test_flags_lost_in_a_crash_are_given_again(host, run, origin, some):
    host.dies = lambda number: "after" if number == 1 else None
    store = host.folders[b"A"] = []
    host.repaired = type(
        "Repair", (), {"append": staticmethod(lambda folder: [stored.flags.clear() for stored in store])}
    )
    fill(run().store, origin, some(1, 2, flags=[b"\\Seen", b"Work"]))
    assert [stored.flags for stored in store] == [{b"\\Seen", b"Work"}] * 2


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
    assert not begun.store.settled


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


def test_message_that_vanishes_is_not_delivered(host, run, origin, some):
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    for fetched in some(1, 2):
        writer.add(fetched)
    begun.store.appender.drain()
    del host.folders[b"A"][0]
    begun.store.commit()
    assert [(refusal.uid, refusal.reason, refusal.stored) for refusal in writer.take_refusals()] == [
        (1, "verification_failed", False)
    ]
    assert set(begun.delivered) == {2}


def test_run_after_a_kill_finds_what_nobody_noted(host, run, origin, some, message):
    first = run()
    fill(first.store, origin, some(1))
    first.delivered.clear()
    host.keep = lambda data: data
    begun = run(interrupted=True)
    twins = [message(5, body(1)), message(6, body(1))]
    writer = fill(begun.store, origin, [*some(1, 2), *twins])
    assert host.bodies() == [body(1), body(2), body(1), body(1)]
    assert (begun.delivered, writer.written) == ({1: 1, 2: 2, 5: 3, 6: 4}, 3)
    assert host.repaired == ["A"]


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


def test_long_message_is_asked_for_again_when_the_process_ends_in_it(host, run, origin, some):
    host.dies = lambda number: "before" if number == 2 else None
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    with pytest.raises(MailImportError) as error:
        writer.add(some(2, cuts=[5])[0])
    assert error.value.reason == "connection_failed", "what makes the copy fetch it again"
    writer.add(some(2, cuts=[5])[0])
    begun.store.commit()
    assert host.bodies() == [body(1), body(2)]


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
