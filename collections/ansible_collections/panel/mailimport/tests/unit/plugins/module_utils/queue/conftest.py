# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.state.places import Places
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.queue.job_runs import (
    Run,
)


@pytest.fixture
def run(tmp_path):
    State(str(tmp_path)).close()
    return Run(tmp_path)


@pytest.fixture
def given_up():
    """Fail where a job that nobody takes would be waited for for good."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: pytest.fail("a job was waited for in vain"))
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def places_left(tmp_path, monkeypatch):
    """How many places in line each worker has left by now."""
    leave = Places.leave

    def leave_and_note(state, place):
        leave(state, place)
        with open(tmp_path / ("left by %d" % os.getpid()), "a") as notes:
            notes.write(".")

    monkeypatch.setattr(Places, "leave", leave_and_note)
    return lambda: [path.stat().st_size for path in tmp_path.glob("left by *")]
