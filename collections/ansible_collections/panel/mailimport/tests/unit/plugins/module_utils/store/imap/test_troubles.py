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
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import appender
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
    assert (host.processes, host.abandoned, writer.take_refusals()) == (3, 1, [])


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
    assert (host.bodies(), writer.before) == ([body(1), body(2)], 2)


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
    host.reveal = lambda: [stored.flags.clear() for stored in store]
    fill(run().store, origin, some(1, 2, flags=[b"\\Seen", b"Work"]))
    assert [stored.flags for stored in store] == [{b"\\Seen", b"Work"}] * 2


def test_c06_flags_lost_in_a_crash_are_given_again_whatever_is_remembered_meanwhile(host, run, origin, some):
    """Who adds a message remembers its flags at once; a message that earlier runs remember keeps what it has."""
    host.dies = lambda number: "after" if number == 1 else None
    store = host.folders[b"A"] = []
    host.reveal = lambda: [stored.flags.clear() for stored in store]
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.remembered = remembered = set()
    for fetched in some(1, 2, flags=[b"\\Seen", b"Work"]):
        writer.add(fetched)
        remembered.add(fetched.message.uid)
    writer.finish()
    begun.store.commit()
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


def test_a15_folder_that_its_owner_removes_at_once_is_delivered(host, run, origin, some):
    begun = run()
    writer = begun.store.open_folder(A, origin(), False)
    writer.add(some(1)[0])
    begun.store.appender.drain()
    del host.folders[b"A"]
    begun.store.commit()
    assert (writer.take_refusals(), begun.delivered) == ([], {1: 1})


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
    assert host.abandoned == 1


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
    assert begun.store.settled


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
    writer.finish()
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


def test_a14_what_only_the_next_message_brings_to_light_is_not_doubled(host, run, origin, some):
    """As mdbox of Dovecot: a file that a crash left is repaired when the next message is stored in it."""
    hidden = []

    def dies(number):
        if number == 1:
            hidden.extend(Stored(uid, [], b"01-Jan-2020 00:00:00 +0000", body(uid)) for uid in (1, 2))
            host.next_uid = 3
            return "before"
        return None

    def reveal():
        host.folders[b"A"].extend(hidden)
        hidden.clear()

    host.dies, host.reveal = dies, reveal
    begun = run()
    fill(begun.store, origin, some(1, 2, 3))
    assert sorted(host.bodies()) == [body(1), body(2), body(3)]
    assert set(begun.delivered) == {1, 2, 3}


def test_a14_copies_that_come_to_light_later_are_removed_and_nothing_else(host, run, origin, some):
    """mdbox repairs all folders at once: what an earlier crash left in one comes to light with the next crash."""
    other, date = ("B",), b"14-Nov-2023 22:13:20 +0000"
    host.folders[b"A"] = [Stored(1, [], date, body(7))]
    host.next_uid = 2
    begun = run(driver="mdbox")
    fill(begun.store, origin, some(1, 2))

    def reveal():
        kept = Stored(host.next_uid, [b"\\Flagged"], date, body(1))  # with a flag it is somebody's, too
        host.folders[b"A"].append(kept)
        host.next_uid += 1
        for content, when in ((body(1), date), (body(1), b"01-Jan-2020 00:00:00 +0000"), (body(9), date)):
            host.folders[b"A"].append(Stored(host.next_uid, [], when, content))
            host.next_uid += 1

    host.reveal = reveal
    host.complaint = b"Warning: mdbox /x: rebuilding indexes\n"
    host.dies = lambda number: "before" if number == 2 else None
    writer = begun.store.open_folder(other, origin(b"B"), False)
    writer.add(some(3)[0])
    writer.finish()
    begun.store.commit()
    begun.store.finish()
    assert host.bodies() == [body(7), *map(body, (1, 2, 1, 1, 9))], (
        "the copies with another date or a flag are somebody's"
    )
    assert host.bodies(b"B") == [body(3)]


@pytest.mark.parametrize(("driver", "complaint"), [("mdbox", b"rebuilding"), ("mdbox", b""), ("sdbox", b"rebuilding")])
def test_a14_the_owners_own_copy_outlives_a_kill(host, run, origin, some, driver, complaint):
    """It was there before the host repaired anything, whatever ended the run before."""
    fill(run(driver=driver).store, origin, some(1, 2))
    host.folders[b"A"].append(Stored(host.next_uid, [], b"14-Nov-2023 22:13:20 +0000", body(1)))
    host.next_uid += 1
    host.complaint = complaint
    begun = run(driver=driver, interrupted=True)
    fill(begun.store, origin, some(3))
    begun.store.finish()
    assert host.bodies() == [body(1), body(2), body(1), body(3)]


@pytest.mark.parametrize("rebuilt", [True, False])
def test_c06_flags_that_a_rebuild_lost_are_given_again(host, run, origin, some, rebuilt):
    """mdbox loses keywords of all folders when its indexes are rebuilt; without a rebuild it is the owner's doing."""
    begun = run()
    fill(begun.store, origin, some(1, flags=[b"\\Seen", b"$HasAttachment"]) + some(2))

    def reveal():
        for stored in host.folders[b"A"]:
            stored.flags.clear()

    host.reveal = reveal
    host.complaint = b"Warning: mdbox /x: rebuilding indexes\n" if rebuilt else b"Fatal: killed\n"
    host.dies = lambda number: "before" if number == 2 else None
    writer = begun.store.open_folder(("B",), origin(b"B"), False)
    writer.add(some(3)[0])
    writer.finish()
    begun.store.commit()
    begun.store.finish()
    wanted = {b"\\Seen", b"$HasAttachment"} if rebuilt else set()
    assert [stored.flags for stored in host.folders[b"A"]] == [wanted, set()]


def test_a14_nothing_is_looked_for_when_nothing_crashed(host, run, origin, some):
    begun = run()
    fill(begun.store, origin, some(1, 2))
    asked = len(host.commands)
    begun.store.finish()
    assert len(host.commands) == asked


@pytest.mark.parametrize("flags", [[], [b"Work"]])
def test_a14_what_a_failure_brings_to_light_is_not_doubled(host, run, origin, some, flags):
    """As sdbox of Dovecot: it fails once when it meets the file of a message that it does not know of."""
    host.dies = lambda number: "before" if number == 1 else None
    failed = []

    def refuse(_flags, data):
        if host.appends and not failed:
            failed.append(1)
            host.folders[b"A"].append(Stored(host.next_uid, [], b"14-Nov-2023 22:13:20 +0000", body(1)))
            host.next_uid += 1
            return b"NO [SERVERBUG] Internal error"
        return None

    host.refuse = refuse
    begun = run()
    writer = fill(begun.store, origin, some(1, 2, 3, flags=flags))
    assert sorted(host.bodies()) == [body(1), body(2), body(3)]
    assert (writer.take_refusals(), set(begun.delivered)) == ([], {1, 2, 3})
    assert [stored.flags for stored in host.folders[b"A"]] == [set(flags)] * 3


def test_a16_mail_without_a_record_is_recognized(host, run, origin, some):
    first = run()
    fill(first.store, origin, some(1, 2, flags=[b"\\Seen"]))
    host.folders[b"A"][0].flags.clear()  # by its owner
    first.delivered.clear()
    begun = run()
    writer = fill(begun.store, origin, some(1, 2, 3, flags=[b"\\Seen"]))
    assert (host.bodies(), writer.written) == ([body(1), body(2), body(3)], 1)
    assert begun.delivered == {1: 1, 2: 2, 3: 3}
    assert host.folders[b"A"][0].flags == set(), "what its owner did stays"
    assert writer.take_refusals() == []


def test_a16_equal_messages_of_two_folders_that_become_one_are_both_there(host, run, origin, some):
    """Each message of the host is one of theirs at most, in this run and in the next."""
    host.folders[b"A"] = [Stored(1, [], b"14-Nov-2023 22:13:20 +0000", body(1))]
    host.next_uid = 2
    store = run().store
    first = store.open_folder(A, origin(), False)
    second = store.open_folder(A, origin(b"B"), False)
    for writer in (first, second):
        for fetched in some(1, 2):
            writer.add(fetched)
        writer.finish()
    store.commit()
    assert sorted(host.bodies()) == [body(1), body(1), body(2), body(2)]


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
