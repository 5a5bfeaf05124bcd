# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs after others that were killed: what those left is known, be it shown late, and what others brought stays."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import copies
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill

DATE = b"14-Nov-2023 22:13:20 +0000"
KILLED_SINCE = 1796040000.0  # 2026-11-30 12:00 UTC
EARLIER, LATER = b"30-Nov-2026 11:59:00 +0000", b"30-Nov-2026 12:01:00 +0000"


def reveal(host, *numbers, saved=LATER, flags=(), date=DATE, name=b"A"):
    """Show messages again, as a repair of mdbox does: with new UIDs, dates of saving, and no flags."""
    for number in numbers:
        host.folders[name].append(Stored(host.next_uid, flags, date, body(number), saved))
        host.next_uid += 1


@pytest.mark.parametrize("recorded", [(), (1, 2), (1, 2, 3)])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a14_copies_that_came_to_light_while_a_killed_run_stored_are_removed(host, run, origin, some, recorded, when):
    """Two runs are killed: what the first one stored is hidden as the second one begins, and shown before its end."""
    host.folders[b"A"] = []
    host.capabilities += " SAVEDATE"
    second = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    writer = second.store.open_folder(A, origin(), False)
    if when == "before":
        reveal(host, 1, 2, 3)
    for fetched in [*some(1, 2, flags=[b"\\Seen", b"Work"]), *some(3)]:
        writer.add(fetched)
    writer.mark_complete()
    second.store.commit()
    if when == "after":
        reveal(host, 1, 2, 3)
    for number in set(second.delivered) - set(recorded):
        del second.delivered[number]

    third = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fill(third.store, origin, [*some(1, 2, flags=[b"\\Seen", b"Work"]), *some(3, 4)])
    third.store.clean_up()

    kept = sorted((stored.data, stored.flags) for stored in host.folders[b"A"])
    flags = {b"\\Seen", b"Work"}
    assert kept == [(body(1), flags), (body(2), flags), (body(3), set()), (body(4), set())]
    assert sorted(third.delivered) == [1, 2, 3, 4]


def test_a14_copies_of_others_outlive_a_kill_and_a_repair(host, run, origin, some):
    """What its owner put there before, or has given a flag or another date, and what was delivered meanwhile."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    fill(run(driver="mdbox").store, origin, some(1, 2))
    reveal(host, 1, saved=EARLIER)
    theirs = [body(1)] * 2
    reveal(host, 1, 2, flags=[b"\\Flagged"])
    reveal(host, 1, 2, 9, date=b"01-Jan-2020 00:00:00 +0000")
    theirs += [body(1), body(2), body(1), body(2), body(9)]
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fill(begun.store, origin, some(1, 2, 3))
    begun.store.clean_up()
    assert sorted(host.bodies()) == sorted([*theirs, body(2), body(3)])


def test_a14_a_repair_for_somebody_else_is_noticed(host, run, origin, some):
    """A delivery makes the host repair its indexes: no process of this run says a word of it."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fill(begun.store, origin, some(1, 2))
    reveal(host, 2, 1)
    begun.store.clean_up()
    assert host.bodies() == [body(1), body(2)]


def test_a14_copies_that_a_killed_run_was_about_to_remove_are_removed(host, run, origin, some):
    """It died between marking them and removing them; neither is such a one taken for the import's own."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    reveal(host, 1, 2, flags=[b"\\Deleted"])
    reveal(host, 1)
    reveal(host, 2, flags=[b"\\Seen"])
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fill(begun.store, origin, [*some(1), *some(2, flags=[b"\\Seen"])])
    begun.store.clean_up()
    assert [(stored.data, stored.flags) for stored in host.folders[b"A"]] == [(body(1), set()), (body(2), {b"\\Seen"})]


def test_a14_copies_are_removed_though_nothing_else_is_left_to_do(host, run, origin, some):
    """The run before died at its very end, when all of its messages were recorded: no folder is opened any more."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    fill(run(driver="mdbox").store, origin, some(1, 2))
    reveal(host, 1, 2)
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    begun.store.clean_up()
    assert host.bodies() == [body(1), body(2)]


def test_a14_copies_whose_date_the_host_has_chosen_are_removed(host, run, origin, some):
    """For a date in the future it takes the time of storing, another one each time."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    host.keep_date = lambda _date: b"30-Nov-2026 12:05:00 +0000"
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fill(begun.store, origin, some(1))
    reveal(host, 1, date=b"30-Nov-2026 12:01:00 +0000")
    begun.store.clean_up()
    assert host.bodies() == [body(1)]


def test_a14_copies_are_looked_for_by_the_next_run_when_this_one_did_not_get_there(host, run, origin, some):
    """Nobody was killed but the host's own process, and the source was lost then."""
    host.dies = lambda number: "before" if number == 1 else None
    begun = run(driver="mdbox")
    fill(begun.store, origin, some(1, 2))
    assert not begun.store.all_answers_known
    begun.store.clean_up()
    assert begun.store.all_answers_known


def test_a14_what_a_killed_run_stored_below_what_is_recorded_is_its_own_when_mailboxes_are_merged(
    host, run, origin, some
):
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    reveal(host, 1, saved=EARLIER)
    reveal(host, 2)
    first = run(driver="mdbox")
    fill(first.store, origin, some(3), by_content=True)
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    fill(begun.store, origin, some(1, 2, flags=[b"\\Seen"]), by_content=True)
    begun.store.clean_up()
    flags = [(stored.data, stored.flags) for stored in host.folders[b"A"]]
    assert flags == [(body(1), set()), (body(2), {b"\\Seen"}), (body(3), set())]
    assert begun.delivered == {2: 2, 3: 3}


@pytest.mark.parametrize("folders", [1, 2])
def test_a14_what_a_begun_message_brings_to_light_in_a_folder_without_mail_is_not_sent(
    host, run, origin, some, folders
):
    """In whatever folder it is begun: the host shows what it has in all of them."""
    host.folders.update({b"A": [], b"B": []})
    begun = run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE)
    begun.store.expect_folders([("B",), A])
    host.reveal = lambda: reveal(host, 1, 2)
    if folders == 2:
        begun.store.open_folder(("B",), origin(b"B"), False)
    writer = fill(begun.store, origin, some(1, 2, 3))
    assert (host.bodies(), writer.written) == ([body(1), body(2), body(3)], 1)


@pytest.mark.parametrize(("driver", "complaint"), [("mdbox", b"rebuilding"), ("mdbox", b""), ("sdbox", b"rebuilding")])
def test_a14_the_owners_own_copy_outlives_a_kill(host, run, origin, some, driver, complaint):
    """It was there before the host repaired anything, whatever ended the run before."""
    fill(run(driver=driver).store, origin, some(1, 2))
    host.folders[b"A"].append(Stored(host.next_uid, [], b"14-Nov-2023 22:13:20 +0000", body(1)))
    host.next_uid += 1
    host.complaint = complaint
    begun = run(driver=driver, interrupted=True)
    fill(begun.store, origin, some(3))
    begun.store.clean_up()
    assert host.bodies() == [body(1), body(2), body(1), body(3)]


def test_a14_the_owners_own_copy_outlives_a_kill_of_which_nobody_knows_the_time(host, run, origin, some, monkeypatch):
    """Then only what comes while this run is at work may be removed: what came in the second in which it began may have
    been there before."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = []
    fill(run(driver="mdbox").store, origin, some(1, 2))
    reveal(host, 1, saved=LATER)
    monkeypatch.setattr(copies.time, "time", lambda: KILLED_SINCE + 60.5)
    begun = run(driver="mdbox", interrupted=True)
    fill(begun.store, origin, some(1, 2))
    begun.store.clean_up()
    assert host.bodies() == [body(1), body(2), body(1)]


def test_a14_the_owners_own_copy_outlives_a_kill_though_it_is_the_last_message(host, run, origin, some):
    """A host that is asked for all from a UID on names its last message, whatever UID that has."""
    host.capabilities += " SAVEDATE"
    fill(run(driver="mdbox").store, origin, some(1, 2))
    reveal(host, 1, saved=EARLIER)
    run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE).store.clean_up()
    assert host.bodies() == [body(1), body(2), body(1)]


def test_a14_the_owners_own_copy_outlives_a_folder_that_does_not_open_at_first(host, run, origin, some):
    """As one of mdbox may, once, after a crash: how far it went before is not known then."""
    host.capabilities += " SAVEDATE"
    fill(run(driver="mdbox").store, origin, some(1, 2))
    reveal(host, 1, saved=EARLIER)
    reveal(host, 2)
    refusals, status = iter([b"NO [SERVERBUG] once"]), host.on_status

    def on_status(rest, lines, output):
        return (b'"A"' in rest and next(refusals, None)) or status(rest, lines, output)

    host.on_status = on_status
    run(driver="mdbox", interrupted=True, killed_since=KILLED_SINCE).store.clean_up()
    assert host.bodies() == [body(1), body(2), body(1)]


@pytest.mark.parametrize("interrupted", [False, True])
def test_a16_what_is_recorded_is_no_other_message_when_mailboxes_are_merged(
    host, run, origin, some, message, interrupted
):
    """Asked for all behind what is recorded, the host names the last message, which is recorded."""
    host.folders[b"A"] = []
    reveal(host, 9)
    fill(run().store, origin, some(1), by_content=True)
    begun = run(interrupted=interrupted)
    fill(begun.store, origin, [message(2, body(1))], by_content=True)
    assert (host.bodies(), begun.delivered) == ([body(9), body(1), body(1)], {1: 2, 2: 3})


def test_a16_what_is_recorded_is_no_other_message_after_a_kill(host, run, origin, some, message):
    fill(run().store, origin, some(1))
    begun = run(interrupted=True)
    fill(begun.store, origin, [message(2, body(1))])
    assert (host.bodies(), begun.delivered) == ([body(1), body(1)], {1: 1, 2: 2})


def test_a16_what_an_import_that_begins_again_has_forgotten_is_known_by_its_content(host, run, origin, some):
    fill(run().store, origin, some(1, 2))
    run().delivered.clear()
    begun = run(interrupted=True, forgotten=[1, 1, 2])
    fill(begun.store, origin, some(1, 2, 3))
    assert (host.bodies(), begun.delivered) == ([body(1), body(2), body(3)], {1: 1, 2: 2, 3: 3})
