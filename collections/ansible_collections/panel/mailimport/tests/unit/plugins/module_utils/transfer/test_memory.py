# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import tracemalloc

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import SourceMessages
from ansible_collections.panel.mailimport.plugins.module_utils.store.base import FlagChange
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import memory as memory_module
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.memory import Memories, MessageMemory

HIGHEST = 2**32 - 1
FLAGS = [(), (b"\\Seen",), (b"\\Seen", b"$Forwarded"), (b"key",)]


def names(flags):
    return frozenset(flag.lower() for flag in flags)


def test_what_was_noted_is_known_and_nothing_else():
    memory = MessageMemory()
    memory.remember(5, (b"\\Seen", b"Key"))
    memory.remember(9, None)
    assert (5 in memory, 6 in memory, 9 in memory, 10 in memory, 1 in memory) == (True, False, True, False, False)
    assert memory.names_of(5) == {b"\\seen", b"key"}
    assert memory.names_of(6) is None and memory.names_of(9) is None
    assert memory.last_uid == 9


@pytest.mark.parametrize("most_late", [1, 7, 100_000])
def test_any_order_is_remembered_and_survives_packing(monkeypatch, most_late):
    monkeypatch.setattr(memory_module, "_MOST_LATE", most_late)
    chance = random.Random(7)
    memory, known = MessageMemory(), {}
    for _round in range(20):
        for _number in range(chance.randrange(60)):
            uid = chance.choice([chance.randrange(1, 90), chance.randrange(1, 90), HIGHEST - 1])
            known[uid] = chance.choice([None, *FLAGS])
            memory.remember(uid, known[uid])
        for uid in [*range(1, 95), HIGHEST - 2, HIGHEST - 1]:
            assert (uid in memory) == (uid in known), uid
            assert memory.names_of(uid) == (None if known.get(uid) is None else names(known[uid])), uid
        memory = MessageMemory(memory.pack())


def test_the_highest_uid_of_all_has_none_behind_it_and_is_not_remembered():
    memory = MessageMemory()
    memory.remember(HIGHEST - 1, ())
    memory.remember(HIGHEST, ())
    assert HIGHEST not in memory and HIGHEST - 1 in MessageMemory(memory.pack())


def test_only_the_difference_is_a_change():
    memory = MessageMemory()
    memory.remember(1, (b"\\Seen", b"Old", b"\\Recent"))
    assert memory.change(1, (b"\\seen", b"OLD")) == FlagChange()
    assert memory.change(1, (b"\\Flagged", b"New")) == FlagChange((b"\\Flagged", b"New"), (b"\\seen", b"old"))
    assert memory.change(2, (b"\\Seen",)) == FlagChange((b"\\Seen",)), "nothing is known: nothing is taken away"


@pytest.mark.parametrize("packed", [b"x", b"\x78\x9c", MessageMemory().pack()[:-3]])
def test_what_is_damaged_counts_as_nothing(packed):
    memory = MessageMemory(packed)
    memory.remember(1, ())
    assert memory.last_uid == 1 and memory.names_of(1) == frozenset()


def test_a_million_messages_stay_small():
    chance = random.Random(7)
    tracemalloc.start()
    memory = MessageMemory()
    for uid in range(1, 1_000_001):
        memory.remember(uid, (b"\\Seen",) if chance.random() < 0.95 else ())
    packed = memory.pack()
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(packed) < 300_000 and peak < 8 << 20


def test_a_hostile_source_does_not_fill_the_memory():
    memory = MessageMemory()
    tracemalloc.start()
    for uid in range(1, 20_000):
        memory.remember(uid, (b"k%d" % uid, b"x" * 200))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 << 20 and 19_999 in memory


def test_what_did_not_change_is_not_recorded_again():
    memories = Memories()
    memory = memories.load(b"A", 7)
    memory.remember(1, ())
    memories.store(b"A", 7, memory)
    (recorded,) = memories.take_changed()
    assert (recorded.raw_name, recorded.uidvalidity) == (b"A", 7)
    memories = Memories([recorded])
    memories.store(b"A", 7, memories.load(b"A", 7))
    assert memories.take_changed() == []
    assert memories.load(b"A", 8).last_uid == 0, "another folder that has the name now"
    assert isinstance(recorded, SourceMessages)
