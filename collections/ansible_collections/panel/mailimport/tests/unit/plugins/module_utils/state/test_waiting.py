# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports that a run has yet to come to."""

from __future__ import annotations

import os
import signal
import sqlite3

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.state import schema
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

KEY = ImportKey("imap.example.net", "anna", "anna@example.org")
OTHER = ImportKey("imap.example.net", "bert", "bert@example.org")


@pytest.fixture
def state(tmp_path):
    with State(str(tmp_path)) as state:
        yield state


def test_everybody_sees_what_is_going_to_be_imported(state):
    state.enqueue([(KEY, "customer"), (OTHER, "customer")], os.getpid())
    assert [(record.key, record.waiting, record.result.state) for record in state.imports()] == [
        (KEY, True, "queued"),
        (OTHER, True, "queued"),
    ]
    state.begin(KEY, "customer", os.getpid(), 2)
    record = state.import_record(KEY)
    assert (record.waiting, record.result.state, record.result.queue) == (False, "running", 2)


def test_what_is_known_of_an_import_stays_while_it_waits(state):
    state.begin(KEY, "customer", os.getpid())
    state.record_result(KEY, ImportResult("anna@example.org", "there", "completed", messages_total=7), to_the_end=True)
    state.enqueue([(KEY, "customer")], os.getpid())
    record = state.import_record(KEY)
    assert (
        record.waiting
        and record.completed_once
        and record.result.state == "completed"
        and record.result.messages_total == 7
    )


def test_who_waits_for_a_run_that_died_waits_no_more(state, tmp_path):
    child = os.fork()
    if child == 0:
        signal.pause()
    state.enqueue([(KEY, "customer")], child)
    assert state.import_record(KEY).waiting
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    record = state.import_record(KEY)
    assert not record.waiting and (record.result.state, record.result.reason) == ("failed", "interrupted")


def test_a_database_of_the_version_before_takes_places_and_keeps_its_imports(tmp_path):
    path = str(tmp_path / "state.db")
    with sqlite3.connect(path, isolation_level=None) as old:
        for number, statements in enumerate(schema._MIGRATIONS[:2], start=1):
            old.executescript(statements)
            old.execute("PRAGMA user_version = %d" % number)
        old.execute(
            "INSERT INTO imports (source_host, source_user, address, owner, started_at, finished_at, pid, "
            "completed_once, result) VALUES (?,?,?,?,1,2,3,1,?)",
            (
                *KEY,
                "customer",
                '{"email": "anna@example.org", "source": "there", "state": "completed", "not_imported": []}',
            ),
        )
    old.close()
    with State(str(tmp_path)) as state:
        record = state.import_record(KEY)
        assert (
            record.completed_once
            and not record.waiting
            and record.result.state == "completed"
            and record.result.queue is None
        )
        assert state.places.count_before(state.places.join("queue 1", os.getpid())) == 0
