# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import's process that is suspended, or is to stop, ends and frees its queue; one that waits does not."""

from __future__ import annotations

import os
import signal
import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.run import watch as watch_module
from ansible_collections.panel.mailimport.plugins.module_utils.run.watch import ImportWatch
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import sandbox
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import Note

KEY = ImportKey("imap.old.example", "anna", "anna@example.org")


@pytest.fixture
def state(tmp_path):
    with State(str(tmp_path / "state")) as state:
        state.enqueue([(KEY, "customer")], os.getpid())
        yield state


@pytest.fixture
def watched(state, monkeypatch):
    """Run work in a process that is looked at often."""
    monkeypatch.setattr(sandbox, "_WATCH_INTERVAL", 0.01)

    def perform(work, handle=lambda event: None):
        sandbox.run_as(os.geteuid(), os.getegid(), work, handle, watch=ImportWatch(state, KEY))

    return perform


def suspend(_emit):
    os.kill(os.getpid(), signal.SIGSTOP)


def test_b13_a_suspended_process_is_ended(watched, monkeypatch):
    monkeypatch.setattr(watch_module, "LONGEST_SUSPENDED", 0.05)
    with pytest.raises(MailImportError, match="suspended") as ended:
        watched(suspend)
    assert ended.value.reason == "interrupted"


def test_b13_one_that_waits_for_a_busy_source_is_not(watched, monkeypatch):
    monkeypatch.setattr(watch_module, "LONGEST_SUSPENDED", 0.05)
    watched(lambda emit: time.sleep(0.3))


def test_b13_one_that_goes_on_in_time_is_not(watched, monkeypatch):
    """Suspensions do not add up."""
    monkeypatch.setattr(watch_module, "LONGEST_SUSPENDED", 5.0)

    def work(emit):
        continues = os.getpid()
        for _time in range(3):
            child = os.fork()
            if child == 0:
                while not watch_module.is_suspended(continues):
                    time.sleep(0.001)
                time.sleep(0.05)
                os.kill(continues, signal.SIGCONT)
                os._exit(0)
            os.kill(continues, signal.SIGSTOP)
            os.waitpid(child, 0)

    watched(work)


def test_d01_an_import_that_is_to_stop_ends_with_what_it_gives_back(watched, state, tmp_path):
    lock = tmp_path / "lock"

    def work(emit):
        lock.touch()
        try:
            emit(Note("begun"))
            time.sleep(60)
        finally:
            lock.unlink()

    with pytest.raises(MailImportError, match="mail_import_control"):
        watched(work, lambda event: state.request_stop(KEY))
    assert not lock.exists()


def test_d01_a_later_run_is_not_meant(state):
    state.request_stop(KEY)
    assert state.is_stop_requested(KEY)
    state.enqueue([(KEY, "customer")], os.getpid())
    assert not state.is_stop_requested(KEY)
