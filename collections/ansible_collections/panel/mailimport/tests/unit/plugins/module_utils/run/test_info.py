# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model import clock
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import read_moment
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import Filter, imports_on_host, summarize
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
from ansible_collections.panel.mailimport.plugins.module_utils.state import schema
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

KEY = ImportKey("imap.example.net", "anna", "anna@example.org")


def test_results_add_up():
    results = [
        ImportResult(
            "a@example.org",
            "x",
            state="completed",
            folders=2,
            messages_total=10,
            messages_copied=7,
            messages_present=3,
            bytes_copied=100,
        ),
        ImportResult(
            "b@example.org",
            "x",
            state="failed",
            messages_total=5,
            messages_copied=1,
            messages_failed=4,
            bytes_copied=1,
            flags_updated=6,
        ),
        ImportResult("c@example.org", "x", state="completed"),
    ]
    assert summarize(iter(results)) == {
        "queued": 0,
        "running": 0,
        "paused": 0,
        "completed": 2,
        "skipped": 0,
        "failed": 1,
        "replaced": 0,
        "folders": 2,
        "messages_total": 15,
        "messages_copied": 8,
        "messages_present": 3,
        "messages_failed": 4,
        "bytes_copied": 101,
        "flags_updated": 6,
    }


def test_a_host_that_knows_nothing_is_not_made_to(tmp_path):
    settings = HostSettings(str(tmp_path / "state"))
    known = imports_on_host(settings)
    assert (known["imports"], known["domains"], known["summary"]["completed"]) == ([], [], 0)
    assert list(tmp_path.iterdir()) == []


def test_an_import_that_waits_for_its_turn_is_queued_whatever_its_last_run_came_to(tmp_path):
    settings = HostSettings(str(tmp_path))
    with State(str(tmp_path)) as state:
        state.begin(KEY, "customer", os.getpid(), 2)
        state.record_result(
            KEY,
            ImportResult("anna@example.org", "there", "failed", "auth_failed", "wrong password", queue=2),
            to_the_end=False,
        )
        state.enqueue([(KEY, "customer")], os.getpid())
    known = imports_on_host(settings)
    (entry,) = known["imports"]
    assert (entry["state"], entry["reason"], entry["message"], entry["queue"]) == (
        "queued",
        None,
        "waiting for an import queue",
        None,
    )
    assert (known["summary"]["queued"], known["summary"]["failed"]) == (1, 0)


def test_an_import_that_runs_does_so_whoever_waits_for_it_to_end(tmp_path):
    settings = HostSettings(str(tmp_path))
    with State(str(tmp_path)) as state:
        state.begin(KEY, "customer", os.getpid(), 2)
        state.enqueue([(KEY, "customer")], os.getpid())
        state.progress(KEY, ImportResult("anna@example.org", "there", "running", queue=2, bytes_copied=7))
        (running,) = imports_on_host(settings)["imports"]
        state.record_result(KEY, ImportResult("anna@example.org", "there", "completed", queue=2), to_the_end=True)
        (waiting,) = imports_on_host(settings)["imports"]
    assert [(entry["state"], entry["queue"]) for entry in (running, waiting)] == [("running", 2), ("queued", None)]
    assert (running["bytes_imported"], running["grade"]) == (7, None)


def finish(state, address, result_state, reason=None, size=0):
    key = ImportKey("imap.example.net", address, address)
    result = ImportResult(address, "there", result_state, reason, bytes_copied=size)
    state.begin(key, "customer", os.getpid())
    state.record_result(key, result, to_the_end=result_state == "completed")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["anna@example.org", "ben@example.com", "cleo@example.org"]),
        ({"addresses": ("Ben@Example.com", "nobody@example.com")}, ["ben@example.com"]),
        ({"domains": ("EXAMPLE.org",)}, ["anna@example.org", "cleo@example.org"]),
        ({"states": ("failed", "queued")}, ["cleo@example.org"]),
        ({"domains": ("example.com",), "states": ("failed",)}, []),
    ],
)
def test_only_what_is_asked_for_is_listed_and_counted(tmp_path, wanted, found):
    with State(str(tmp_path)) as state:
        finish(state, "anna@example.org", "completed")
        finish(state, "ben@example.com", "completed")
        finish(state, "cleo@example.org", "failed", "auth_failed")
        for domain in ("example.org", "example.com"):
            state.claim_domain(domain, "customer")
    known = imports_on_host(HostSettings(str(tmp_path)), Filter(**wanted))
    assert [entry["email"] for entry in known["imports"]] == found
    assert known["summary"]["completed"] + known["summary"]["failed"] == len(found)
    assert len(known["domains"]) == (1 if "domains" in wanted else 2)


def test_a_filter_that_can_never_fit_is_refused():
    with pytest.raises(MailImportError, match="not a mailbox address"):
        Filter(addresses=("anna",))


def test_a_later_failure_leaves_the_last_success_and_what_was_brought(tmp_path):
    settings = HostSettings(str(tmp_path))
    with State(str(tmp_path)) as state:
        finish(state, "anna@example.org", "failed", "auth_failed")
        (never,) = imports_on_host(settings)["imports"]
        finish(state, "anna@example.org", "completed", size=100)
        (once,) = imports_on_host(settings)["imports"]
        finish(state, "anna@example.org", "failed", "connection_failed", size=20)
        (later,) = imports_on_host(settings)["imports"]
    assert (never["last_success"], never["grade"]) == (None, "poor")
    assert (once["grade"], once["bytes_imported"]) == ("perfect", 100)
    assert once["last_success"] == later["last_success"] and once["last_success"].endswith("Z")
    assert (later["grade"], later["bytes_imported"]) == ("poor", 120)


def test_a_success_of_a_version_that_did_not_note_it_is_known(tmp_path):
    with closing(sqlite3.connect(str(tmp_path / "state.db"))) as old:
        for number, statements in enumerate(schema._MIGRATIONS[:8], start=1):
            old.executescript(statements)
            old.execute("PRAGMA user_version = %d" % number)
        for address, result_state, message in (
            ("anna@example.org", "completed", ""),
            ("ben@example.org", "failed", '"state": "completed"'),
        ):
            result = json.dumps(ImportResult(address, "there", result_state, message=message).as_dict())
            old.execute(
                "INSERT INTO imports (source_host, source_user, address, owner, started_at, finished_at, pid, result) "
                "VALUES ('imap', 'x', ?, 'customer', 1, 1700000000, 1, ?)",
                (address, result),
            )
        old.commit()
    found = [entry["last_success"] for entry in imports_on_host(HostSettings(str(tmp_path)))["imports"]]
    assert found == ["2023-11-14T22:13:20Z", None]


def test_when_something_new_came_last_is_known(tmp_path, monkeypatch):
    settings = HostSettings(str(tmp_path))

    def seen(hours, copied, killed=False):
        monkeypatch.setenv(clock.AHEAD, str(hours * 3600))
        with State(str(tmp_path)) as state:
            state.begin(KEY, "customer", os.getpid())
            if killed:
                state.note_writing(KEY, None)
            else:
                state.record_result(KEY, ImportResult(KEY.address, "x", "completed", messages_copied=copied), True)
        (entry,) = imports_on_host(settings)["imports"]
        return tuple(
            entry[name] and round((read_moment(entry[name]) - began) / 3600) for name in ("last_run", "last_new")
        )

    began = clock.now()
    assert seen(0, 0) == (0, None)
    assert seen(1, 3) == (1, 1)
    assert seen(2, 0) == (2, 1)
    # A run that was killed while it wrote may have brought something: the next one knows.
    assert seen(3, 0, killed=True) == (None, 1)
    assert seen(4, 0) == (4, 4)
