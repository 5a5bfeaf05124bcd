# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.uids import UidSet
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceFolder
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import FolderMark
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.memory import MessageMemory
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.survey import FolderRecord, survey_folder

# Of UIDs 1 to 5, 4 was not there in the last run.
MARK = FolderMark(b"A", "A", 77, last_uid=5, uidnext=6, messages=4, copied=True)


class Source:
    """A session on a folder that counts so many messages and lists these UIDs, one list each time that it is asked."""

    def __init__(self, exists, *listings):
        self.exists, self.listings, self.asked = exists, list(listings), []

    def search_uids(self, _source, take, first=1):
        listing = self.listings.pop(0) if len(self.listings) > 1 else self.listings[0]
        self.asked.append(first)
        for uid in listing:
            if uid >= first:
                take(uid)
        return self.exists


def uid_set(uids):
    found = UidSet()
    for uid in uids:
        found.add(uid)
    return found


def record(mark=None, came=(), held=()):
    memory = MessageMemory()
    for uid in came:
        memory.remember(uid, ())
    return FolderRecord(mark, memory, uid_set(held))


def survey(source, known, uidnext=None, given_up=()):
    return survey_folder(source, SourceFolder(b"A", ("A",), uidvalidity=77, uidnext=uidnext), known, given_up)


def figures(found):
    return list(found.missing), found.present, found.shortfall


def test_all_of_a_folder_that_nothing_is_known_of():
    source = Source(3, [1, 2, 9])
    assert figures(survey(source, record())) == ([1, 2, 9], 0, 0)
    assert source.asked == [1]


def test_only_what_is_new_is_asked_for():
    source = Source(5, [1, 2, 3, 5, 6])
    assert figures(survey(source, record(MARK, [1, 2, 3, 5]), uidnext=7)) == ([6], 4, 0)
    assert source.asked == [6]


def test_what_the_owner_removed_here_does_not_come_back():
    assert figures(survey(Source(4, [1, 2, 3, 5]), record(MARK, [1, 2, 3, 5], held=[1]))) == ([], 4, 0)


def test_what_was_removed_at_the_source_is_no_shortfall():
    source = Source(3, [1, 5, 6])
    assert figures(survey(source, record(MARK, [1, 2, 3, 5]), uidnext=7)) == ([6], 2, 0)
    assert source.asked == [6]


def test_a_uid_that_appears_below_the_watermark_is_found():
    source = Source(5, [1, 2, 3, 4, 5])
    assert figures(survey(source, record(MARK, [1, 2, 3, 5]))) == ([4], 4, 0)
    assert source.asked == [6, 1]


def test_without_a_memory_the_watermark_counts():
    assert figures(survey(Source(5, [1, 2, 3, 4, 5]), record(MARK, held=[1, 2]))) == ([], 5, 0)


def test_the_newest_message_that_is_not_listed_raises_doubts():
    """One was removed, one is withheld: the number is the same."""
    source = Source(4, [2, 3, 5])
    assert figures(survey(source, record(MARK, [1, 2, 3, 5]), uidnext=7)) == ([], 3, 1)
    assert source.asked == [6, 1, 1]


@pytest.mark.parametrize(
    ("known", "listed", "figures_of_it"),
    [
        (record(), [], ([], 0, 15)),
        (record(), [1, 2], ([1, 2], 0, 13)),
        (record(held=[1, 2, 3]), [1], ([], 3, 12)),
        (record(held=range(1, 16)), [], ([], 15, 0)),
        (record(MARK, [1, 2, 3, 5]), [], ([], 4, 11)),
        (record(MARK, [1, 2, 3, 5]), [5, 6], ([6], 4, 10)),
        (record(replace(MARK, last_uid=0), [1, 2, 3, 5]), [], ([], 4, 11)),
    ],
)
def test_what_is_counted_and_not_listed_is_missing(known, listed, figures_of_it):
    assert figures(survey(Source(15, listed), known)) == figures_of_it


def test_messages_that_were_removed_meanwhile_are_looked_for_once():
    source = Source(5, [1, 2], [1, 2, 3, 4, 5])
    assert figures(survey(source, record())) == ([1, 2, 3, 4, 5], 0, 0)
    assert source.asked == [1, 1]


def test_a_uid_of_several_messages():
    found = survey(Source(4, [1, 2, 2, 3]), record())
    assert figures(found) == ([1, 2, 3], 0, 1)
    assert [(entry.reason, entry.uid) for entry in found.problems("A")] == [("message_refused", 2)]
    assert survey(Source(3, [1, 2, 2, 3]), record()).problems("A") == [], "somebody changed flags meanwhile"


def test_what_an_earlier_run_left_behind_is_looked_for_and_what_this_one_gave_up_is_not():
    known = record(replace(MARK, missing=(2,), copied=False), [1, 3, 5])
    source = Source(4, [1, 2, 3, 5])
    assert figures(survey(source, known)) == ([2], 3, 0) and source.asked == [2]
    assert figures(survey(source, known, given_up=[2])) == ([], 3, 0)
