# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copies that came to light long after a crash, or while their messages are stored again: they go, and nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import HeldCopy
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.digests import digests_of
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill

CRASHED_SINCE = 1790000000.0  # 2026-09-21 14:13 UTC
DATE, OTHER_DATE = b"18-Nov-2026 22:13:20 +0000", b"20-Nov-2026 22:13:20 +0000"
BEFORE, SINCE = b"20-Sep-2026 12:00:00 +0000", b"20-Nov-2026 22:13:20 +0000"
SENT_AT = 1795040000  # DATE
FLAGS = {b"\\Seen", b"Work"}


@pytest.fixture
def begin_again(host, run, origin, message):
    """Let an import that has brought message 1 begin again, with others in the folder; return what it leaves there."""
    host.capabilities += " SAVEDATE"

    def perform(*held, **options):
        host.folders[b"A"] = [Stored(uid, [], date, body(1), saved) for uid, (date, saved) in enumerate(held, start=1)]
        host.next_uid = len(held) + 1
        begun = run(driver="mdbox", interrupted=True, crashed_since=CRASHED_SINCE, **options)
        fill(begun.store, origin, [message(1, body(1), date=SENT_AT)])
        begun.store.clean_up()
        return [stored.uid for stored in host.folders[b"A"]]

    return perform


def test_a14_copies_that_a_repair_showed_late_are_removed(begin_again):
    assert begin_again((DATE, SINCE), (DATE, SINCE), (DATE, SINCE)) == [1]


def test_a14_the_owners_own_copy_outlives_a_new_beginning(begin_again):
    """It was there before the crash, or has a date of its own, though both are later than that."""
    assert begin_again((DATE, SINCE), (DATE, BEFORE), (OTHER_DATE, SINCE)) == [1, 2, 3]


def test_a14_what_another_import_has_brought_outlives_a_new_beginning(begin_again):
    """Two sources had the same mail. Which one is taken for whose by its content, neither goes."""
    assert begin_again((DATE, SINCE), (DATE, SINCE), (DATE, SINCE), others=[(9, 2, 1)]) == [1, 2]


def test_a14_what_another_import_has_brought_outlives_a_kill(host, run, origin, some):
    host.capabilities += " SAVEDATE"
    fill(run(driver="mdbox").store, origin, some(1))
    date = host.folders[b"A"][0].date
    host.folders[b"A"] += [Stored(uid, [], date, body(1), SINCE) for uid in (2, 3)]
    host.next_uid = 4
    begun = run(driver="mdbox", interrupted=True, killed_since=CRASHED_SINCE, others=[(9, 2, 1)])
    begun.store.open_folder(A, origin(), False)
    begun.store.clean_up()
    assert [stored.uid for stored in host.folders[b"A"]] == [1, 2]


def test_a14_what_the_import_had_brought_itself_outlives_a_new_beginning(begin_again):
    """Another one was there first, and is taken for it by its content."""
    assert begin_again((DATE, SINCE), (DATE, SINCE), (DATE, SINCE), forgotten=[1, 2, 1]) == [1, 2]


@pytest.mark.parametrize("number", [1, 2])
def test_a14_what_comes_to_light_while_it_is_stored_again_is_not_doubled(host, run, origin, some, number):
    """Of two equal messages the one with the flags that were sent is the one that was sent: the other one goes."""

    def dies(append):
        if append == 2:
            host.folders[b"A"] += [Stored(uid, [], DATE, body(uid)) for uid in range(1, number + 1)]
            host.next_uid = number + 1
        return {1: "before", 2: "after"}.get(append)

    host.dies = dies
    begun = run(driver="mdbox")
    fill(begun.store, origin, some(*range(1, number + 1), date=SENT_AT, flags=sorted(FLAGS)))
    begun.store.clean_up()
    stored = sorted(host.folders[b"A"], key=lambda each: each.data)
    assert [(each.data, each.flags) for each in stored] == [(body(uid), FLAGS) for uid in range(1, number + 1)]


def test_a14_what_a_killed_run_copied_from_another_folder_is_not_doubled(host, run, origin):
    """A copy of it has come to light beside it, without its flags."""
    host.capabilities += " SAVEDATE"
    host.folders[b"A"] = [Stored(1, [], DATE, body(1), SINCE), Stored(2, FLAGS, DATE, body(1), SINCE)]
    host.next_uid = 3
    begun = run(driver="mdbox", interrupted=True, killed_since=CRASHED_SINCE)
    writer = begun.store.open_folder(A, origin(), False)
    assert writer.recognizes(HeldCopy(1, tuple(FLAGS), len(body(1)), ()), digests_of(body(1)))
    writer.mark_complete()
    begun.store.commit()
    begun.store.clean_up()
    assert [(each.uid, each.flags) for each in host.folders[b"A"]] == [(2, FLAGS)]
