# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the host shows after a crash of its process, and what an earlier run left."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill

TORN = b"\x80" * 30


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
    writer.mark_complete()
    begun.store.commit()
    assert [stored.flags for stored in store] == [{b"\\Seen", b"Work"}] * 2


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
    writer.mark_complete()
    begun.store.commit()
    begun.store.clean_up()
    assert host.bodies() == [body(7), *map(body, (1, 2, 1, 1, 9))], (
        "the copies with another date or a flag are somebody's"
    )
    assert host.bodies(b"B") == [body(3)]


def test_a14_copies_that_come_to_light_before_ours_are_stored_are_removed(host, run, origin, some):
    """The host repairs all folders while messages wait for a folder that was empty when this run opened it."""
    host.folders[b"B"] = []
    begun = run(driver="mdbox")
    writers = [begun.store.open_folder((name,), origin(name.encode()), False) for name in ("A", "B")]
    for writer, fetched in zip(writers, some(1, 3)):
        writer.add(fetched)
        writer.mark_complete()

    def reveal():
        host.reveal = lambda: None
        for content in (body(3), b"\x80" * 30 + body(4)):
            host.folders[b"B"].append(Stored(host.next_uid, [], b"14-Nov-2023 22:13:20 +0000", content))
            host.next_uid += 1

    host.reveal = reveal
    host.complaint = b"Warning: mdbox /x: rebuilding indexes\n"
    host.dies = lambda number: "before" if number == 1 else None
    begun.store.commit()
    begun.store.clean_up()
    assert (host.bodies(), host.bodies(b"B")) == ([body(1)], [body(3)])


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
    writer.mark_complete()
    begun.store.commit()
    begun.store.clean_up()
    wanted = {b"\\Seen", b"$HasAttachment"} if rebuilt else set()
    assert [stored.flags for stored in host.folders[b"A"]] == [wanted, set()]


def test_a14_nothing_is_looked_for_when_nothing_crashed(host, run, origin, some):
    begun = run()
    fill(begun.store, origin, some(1, 2))
    asked = len(host.commands)
    begun.store.clean_up()
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
        writer.mark_complete()
    store.commit()
    assert sorted(host.bodies()) == [body(1), body(1), body(2), body(2)]
