# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import tracemalloc

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import uids as uids_module
from ansible_collections.panel.mailimport.plugins.module_utils.imap.uids import (
    UidSet,
    parse_sequence_set,
    sequence_below,
    sequence_set,
)
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(deadline=None, database=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 2**32 - 1) | st.integers(0, 40))),
    st.lists(st.integers(0, 2**32 - 1)),
)
def test_a_uid_set_is_a_set(changes, others):
    uids, truth = UidSet(), set()
    for add, uid in changes:
        (uids.add if add else uids.discard)(uid)
        (truth.add if add else truth.discard)(uid)
    assert len(uids) == len(truth)
    for uid in [uid for _add, uid in changes] + others:
        assert (uid in uids) == (uid in truth)
    assert list(uids) == sorted(truth - {0}) or 0 in truth
    assert [uid for first, last in uids.ranges() for uid in range(first, last + 1)] == sorted(truth) or 0 in truth


def test_scattered_uids_take_little_memory():
    tracemalloc.start()
    uids = UidSet()
    for number in range(20_000):
        uids.add(1 + number * 200_000)
    used, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(uids), used < 20_000 * 220) == (20_000, True), used


@pytest.mark.parametrize(
    ("uids", "most", "sets"),
    [
        ([], 5, []),
        ([3], 5, [b"3"]),
        ([3, 1, 2, 7, 9, 8], 5, [b"1:3,7:9"]),
        ([1, 3, 5, 7, 9], 2, [b"1,3", b"5,7", b"9"]),
        ([4, 4, 5], 5, [b"4:5"]),
    ],
)
def test_sequence_set(uids, most, sets, monkeypatch):
    monkeypatch.setattr(uids_module, "_MOST_RANGES", most)
    assert list(sequence_set(uids)) == sets


@pytest.mark.parametrize(
    ("text", "most", "uids"),
    [
        (b"7", 1, [7]),
        (b"3:5", 3, [3, 4, 5]),
        (b"5:3,9", 4, [3, 4, 5, 9]),
        (b"1:4294967295", 500, []),
        (b"1:4", 3, []),
        (b"1,2,3", 2, []),
    ],
)
def test_uids_of_an_answer(text, most, uids):
    assert parse_sequence_set(text, most) == uids


def test_a_set_of_uids_fits_into_a_command():
    uids = [uid for first in range(4_000_000_000, 4_000_010_000, 4) for uid in (first, first + 1)]
    sets = list(sequence_set(uids))
    assert max(map(len, sets)) < 7_900
    assert [uid for text in sets for uid in parse_sequence_set(text, len(uids))] == uids


@pytest.mark.parametrize(
    ("uids", "end", "left"),
    [
        (b"1:*", 5, b"1:4"),
        (b"1,3:8,9", 5, b"1,3:4"),
        (b"4:*", 5, b"4"),
        (b"5:*", 5, b""),
        (b"2,7", 1, b""),
        (b"*", 5, b""),
    ],
)
def test_what_is_below_a_uid(uids, end, left):
    assert sequence_below(uids, end) == left
