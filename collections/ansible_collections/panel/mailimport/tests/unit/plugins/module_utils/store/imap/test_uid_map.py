# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import tracemalloc

from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.deliveries import DeliveryBook
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.uid_map import UidMap


def mapped(pairs):
    known = UidMap()
    for source, target in pairs:
        known.add(source, target)
    return known


def test_what_counts_up_on_both_sides_is_one_run():
    known = mapped([(5, 1), (6, 2), (7, 3), (9, 4), (10, 6), (11, 7)])
    assert known.runs == [5, 1, 3, 9, 4, 1, 10, 6, 2]
    assert mapped((uid, uid + 7) for uid in range(1, 100_001)).runs == [1, 8, 100_000]


def test_runs_make_the_same_map_again():
    known = UidMap(mapped([(5, 1), (6, 2), (9, 4)]).runs)
    known.add(10, 5)
    assert list(known.sources()) == [5, 6, 9, 10]
    assert list(known.targets()) == [1, 2, 4, 5]
    assert known.highest_target == 5


def test_targets_are_found_whatever_the_order_of_delivery():
    known = mapped([(50, 1), (51, 2), (3, 3), (4, 4), (60, 5), (2**32 - 1, 2**32 - 2)])
    assert known.targets_of([2, 3, 4, 5, 49, 50, 51, 52, 60, 61, 2**32 - 1]) == {
        3: 3,
        4: 4,
        50: 1,
        51: 2,
        60: 5,
        2**32 - 1: 2**32 - 2,
    }


def test_empty_map():
    known = UidMap()
    assert not known
    assert (known.highest_target, known.runs, known.targets_of([1])) == (0, [], {})


def test_a15_a_message_that_the_host_does_not_show_has_no_target():
    known = mapped([(1, 0), (2, 1), (3, 0), (4, 5)])
    assert known.targets_of([1, 2, 3, 4]) == {2: 1, 4: 5}
    assert known.hidden() == {1, 3}
    known.add(3, 9)  # it was found since
    assert (known.targets_of([3]), known.hidden()) == ({3: 9}, {1})
    assert list(known.sources()) == [1, 2, 3, 4, 3]


def test_what_is_recorded_of_a_batch_takes_no_memory_for_each_message_before(origin):
    """Half of the messages were deleted at the source: each of the others is a run of its own."""
    book, taken = DeliveryBook(False, lambda _origin, _uidvalidity, uids: taken.append(uids.runs)), []
    book.load(b"A", 77, 5, mapped((2 * uid, uid) for uid in range(1, 50_000)).runs)
    before = book.record_of(origin()).delivered
    tracemalloc.start()
    book.add(origin(), 5, mapped([(100_000, 50_000), (100_001, 50_001)]))
    _size, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000, most
    known = book.record_of(origin()).delivered
    assert known.targets_of([2, 99_998, 100_000, 100_001]) == {2: 1, 99_998: 49_999, 100_000: 50_000, 100_001: 50_001}
    assert (before.targets_of([100_000]), taken) == ({}, [[100_000, 50_000, 2]])
