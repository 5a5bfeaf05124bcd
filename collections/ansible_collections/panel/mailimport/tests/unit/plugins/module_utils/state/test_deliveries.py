# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sqlite3
import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import (
    Deliveries,
    FolderMark,
    SourceMessages,
)
from ansible_collections.panel.mailimport.plugins.module_utils.state.schema import _MIGRATIONS

KEY = ImportKey("imap.old.example", "anna", "anna@example.org")
OTHER = ImportKey("imap.old.example", "bert", "bert@example.org")


@pytest.fixture
def state(tmp_path):
    with State(str(tmp_path / "state")) as opened:
        for key in (KEY, OTHER):
            opened.begin(key, "customer1", 1)
        yield opened


def delivered(raw_name=b"A", uidvalidity=7, target_uidvalidity=9, runs=(1, 1, 5)):
    return Deliveries(raw_name, uidvalidity, target_uidvalidity, runs)


def known(state, key=KEY):
    return [
        (entry.raw_name, entry.uidvalidity, entry.target_uidvalidity, tuple(entry.runs))
        for entry in state.folders.deliveries(key)
    ]


def test_runs_add_up_folder_by_folder(state):
    state.folders.commit(KEY, (), (), [delivered()])
    state.folders.commit(KEY, (), (), [delivered(raw_name=b"B\xff", runs=(2**32 - 1, 8, 1))])
    state.folders.commit(KEY, (), (), [delivered(runs=(9, 6, 2, 20, 9, 1))])
    assert known(state) == [(b"A", 7, 9, (1, 1, 5, 9, 6, 2, 20, 9, 1)), (b"B\xff", 7, 9, (2**32 - 1, 8, 1))]
    assert known(state, OTHER) == []


@pytest.mark.parametrize("change", [{}, {"uidvalidity": 8}])
def test_uids_of_another_target_folder_under_the_same_name_replace_the_old(state, change):
    state.folders.commit(KEY, (), (), [delivered()])
    state.folders.commit(OTHER, (), (), [delivered()])
    state.folders.commit(KEY, (), (), [delivered(runs=(3, 3, 1), target_uidvalidity=10, **change)])
    assert [entry[3] for entry in known(state)] == [(3, 3, 1)]
    assert [entry[3] for entry in known(state, OTHER)] == [(1, 1, 5)]


def test_what_came_under_other_uids_is_known_until_the_folder_has_been_gone_through(state):
    for key in (KEY, OTHER):
        state.folders.commit(key, (), (), [delivered(), delivered(raw_name=b"B")])
    new = delivered(uidvalidity=8, runs=(3, 3, 1))
    state.folders.commit(KEY, [FolderMark(b"A", "A", 8)], (), [new])
    assert known(state) == [(b"A", 7, 9, (1, 1, 5)), (b"B", 7, 9, (1, 1, 5)), (b"A", 8, 9, (3, 3, 1))]
    state.folders.commit(KEY, [FolderMark(b"A", "A", 8, last_uid=3)])
    assert known(state) == [(b"B", 7, 9, (1, 1, 5)), (b"A", 8, 9, (3, 3, 1))]
    assert len(known(state, OTHER)) == 2


def test_of_a_dropped_import_there_are_none_and_a_forgotten_one_has_them_until_it_has_come_anew(state):
    for key in (KEY, OTHER):
        state.folders.commit(key, (), (), [delivered()])
    state.forget(KEY)
    state.drop(OTHER)
    assert known(state) == [(b"A", -1, 9, (1, 1, 5))] and known(state, OTHER) == []
    state.folders.commit(KEY, [FolderMark(b"A", "A", 7, last_uid=3)], (), [delivered(runs=(3, 3, 1))])
    assert known(state) == [(b"A", 7, 9, (3, 3, 1))]
    state.forget_mail(KEY)
    assert known(state) == []


def test_doubt_is_remembered_until_it_is_settled(state):
    assert state.import_record(KEY).may_hold_unrecorded_mail is False
    state.note_writing(KEY, "/srv/mail")
    state.begin(KEY, "customer1", 2)
    assert (state.import_record(KEY).may_hold_unrecorded_mail, state.import_record(OTHER).may_hold_unrecorded_mail) == (
        True,
        False,
    )
    state.note_all_recorded(KEY)
    assert state.import_record(KEY).may_hold_unrecorded_mail is False


def test_a_state_of_before_comes_up_to_date(tmp_path):
    directory = tmp_path / "state"
    directory.mkdir()
    database = sqlite3.connect(directory / "state.db")
    database.executescript(_MIGRATIONS[0])
    database.execute("PRAGMA user_version = 1")
    database.execute("INSERT INTO domains VALUES ('example.org', 'customer1')")
    database.commit()
    database.close()
    with State(str(directory)) as state:
        assert state.owner_of("example.org") == "customer1"
        state.begin(KEY, "customer1", 1)
        state.folders.commit(KEY, (), (), [delivered()])
        assert len(known(state)) == 1


def test_what_the_source_had_outlives_a_new_beginning_and_not_the_mailbox(tmp_path):
    messages = [SourceMessages(b"A", 7, b"\0packed"), SourceMessages(b"B", 2**32 - 1, b"")]
    with State(str(tmp_path)) as state:
        state.begin(KEY, "customer", os.getpid())
        state.folders.commit(KEY, [], messages)
        state.folders.commit(KEY, [], [SourceMessages(b"A", 8, b"more")])
        state.forget(KEY)
        assert state.folders.messages(KEY) == [SourceMessages(b"A", 8, b"more"), messages[1]]
        state.drop(KEY)
        state.begin(KEY, "customer", os.getpid())
        assert state.folders.messages(KEY) == []


def test_a14_when_the_first_run_was_killed_stays_known(state, monkeypatch):
    """What it left in no index of the host may come to light after any later run."""

    def known():
        record = state.import_record(KEY)
        return record.killed_since, record.crashed_since

    def begin(moment, since=None):
        monkeypatch.setattr(time, "time", lambda: moment)
        state.note_writing(KEY, "/srv/mail", since)
        return known()

    assert begin(1000) == (1000, None)
    state.note_all_recorded(KEY)
    assert begin(2000) == (2000, None), "nobody was killed"
    assert begin(3000) == (2000, 2000)
    state.note_all_recorded(KEY)
    assert (known(), begin(4000)) == ((None, 2000), (4000, 2000))
    assert begin(5000, since=1500) == (1500, 1500), "a state that is behind"
    state.forget(KEY)
    assert known() == (1500, 1500)
    state.note_all_recorded(KEY)
    assert known() == (None, 1500)
    state.note_all_recorded(KEY, from_the_beginning=True)
    assert known() == (None, None), "what was left is looked for once"
    begin(6000)
    assert begin(7000) == (6000, 6000)
    state.forget_mail(KEY)
    assert known() == (6000, None)


def test_what_other_imports_brought_into_a_mailbox_is_known(state):
    others = [KEY._replace(source_user="bert"), KEY._replace(source_host="imap.other.example")]
    for number, key in enumerate([KEY, *others, OTHER]):
        state.begin(key, "customer1", 1)
        state.folders.commit(key, (), (), [delivered(runs=(1, 10 * number + 1, 1))])
    state.forget(others[0])
    found = [(entry.target_uidvalidity, *entry.runs) for entry in state.folders.deliveries_of_others(KEY)]
    assert sorted(found) == [(9, 1, 11, 1), (9, 1, 21, 1)]
