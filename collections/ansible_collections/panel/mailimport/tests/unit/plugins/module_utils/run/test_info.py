# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import imports_on_host, summarize
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
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
        state.finish(
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
        (running,) = imports_on_host(settings)["imports"]
        state.finish(KEY, ImportResult("anna@example.org", "there", "completed", queue=2), to_the_end=True)
        (waiting,) = imports_on_host(settings)["imports"]
    assert [(entry["state"], entry["queue"]) for entry in (running, waiting)] == [("running", 2), ("queued", None)]
