# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail that a killed run has stored and its owner has put elsewhere since, on a scripted host that tells when mail came
(SAVEDATE).
"""

from __future__ import annotations

import calendar

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.deliveries import DeliveryBook
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.store import ImapStore
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import Stored
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import body

DATE = b"14-Nov-2023 22:13:20 +0000"
BEFORE, AFTER = b"30-Nov-2026 09:00:00 +0000", b"30-Nov-2026 12:05:00 +0000"
KILLED_SINCE = float(calendar.timegm((2026, 11, 30, 12, 0, 0)))


@pytest.fixture(autouse=True)
def folders(host):
    host.capabilities += " SAVEDATE"
    host.folders.update({b"A": [], b"Keep": [], b"Other": []})


@pytest.fixture
def store(host, location):
    """Of the run after one that was killed before it recorded anything."""
    place, book = location(driver="sdbox", layout="fs"), DeliveryBook(True, lambda *_news: None)
    store = ImapStore(place, host.open_pipe, book, killed_since=KILLED_SINCE)
    yield store
    store.sessions.close()


def stored(uid, number, saved):
    return Stored(uid, [], DATE, body(number), saved)


def bring(store, origin, messages, target=("A",), source=b"A"):
    writer = store.open_folder(target, origin(source), False)
    for fetched in messages:
        writer.add(fetched)
    writer.mark_complete()
    store.commit()


def numbers(host, name=b"A"):
    return sorted(int(message.data.split()[-1]) for message in host.folders[name])


def test_a15_what_was_there_before_leaves_gaps_that_are_nobodys(host, store, origin, some):
    """The owner has copied to another folder what has yet to come into this one."""
    host.folders[b"A"] = [stored(50, 90, BEFORE), stored(51, 1, AFTER)]
    host.folders[b"Keep"] = [stored(1, 2, AFTER)]
    host.next_uid = 52
    bring(store, origin, some(1, 2))
    assert (numbers(host), numbers(host, b"Keep")) == ([1, 2, 90], [2])


def test_a15_where_nobody_knows_when_a_run_was_killed_nothing_counts_as_moved(host, location, origin, some):
    """As when the state was lost. An equal message elsewhere may be anybody's, and a gap of any time."""
    host.folders[b"A"] = [stored(50, 90, AFTER)]
    host.folders[b"Keep"] = [stored(1, 2, AFTER)]
    host.next_uid = 51
    store = ImapStore(
        location(driver="sdbox", layout="fs"),
        host.open_pipe,
        DeliveryBook(True, lambda *_news: None),
        killed_since=None,
    )
    bring(store, origin, some(1, 2))
    store.sessions.close()
    assert (numbers(host), numbers(host, b"Keep")) == ([1, 2, 90], [2])


@pytest.mark.parametrize("saved", [AFTER, b"30-Nov-2026 11:56:00 +0000"], ids=["", "by a clock that is behind"])
def test_a15_each_gap_is_one_message(host, store, origin, some, saved):
    """Also where several folders of the source go into one."""
    host.folders[b"A"] = [stored(50, 90, BEFORE), stored(52, 2, saved)]
    host.folders[b"Keep"] = [stored(53, 1, saved), stored(54, 3, saved), stored(55, 4, saved)]
    host.folders[b"Other"] = [stored(56, 5, AFTER)]
    host.next_uid = 53
    bring(store, origin, some(1, 2, 3))
    bring(store, origin, some(4, 5), source=b"B")
    assert numbers(host) == [2, 3, 4, 5, 90]  # the first has the gap: 51
    assert numbers(host, b"Keep") == [1, 3, 4]


def test_a15_what_has_moved_is_found_though_nothing_else_has(host, store, origin, some):
    host.folders[b"A"] = [stored(50, 90, BEFORE), stored(52, 2, AFTER)]
    host.folders[b"Keep"] = [stored(53, 1, AFTER)]
    host.next_uid = 54
    bring(store, origin, some(1, 2))
    assert (numbers(host), numbers(host, b"Keep")) == ([2, 90], [1])


def test_a15_each_folder_is_read_once(host, store, origin, some):
    host.folders[b"Other"] = [stored(uid, uid, AFTER) for uid in range(1, 30)]
    host.folders[b"Keep"] = [stored(40, 40, AFTER)]
    host.folders[b"A"] = [stored(50, 50, AFTER)]
    host.next_uid = 51
    fetches = []
    answer = host.on_uid_fetch

    def on_uid_fetch(rest, lines, output):
        if b"BODY" in rest:
            fetches.extend(name for name, folder in host.folders.items() if folder is host.open)
        return answer(rest, lines, output)

    host.on_uid_fetch = on_uid_fetch
    for name in ("A", "B", "C"):
        path = name.encode()
        host.folders[path] = [stored(50, 50, AFTER)]
        bring(store, origin, some(60, 61), (name,), path)
    assert (fetches.count(b"Other"), fetches.count(b"Keep")) == (1, 1)
