# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kill at some of the system calls of an import into a Maildir; `scripts/faults.sh killing` tries all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.dovecot import Dovecot

from .bench import PASSWORD
from .killing import ADDRESS, MAILDIRS, PROCESSES, SCENARIOS, check_all, stand_of


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("layout", MAILDIRS)
def test_c7_a_kill_loses_nothing_and_leaves_nothing_behind(
    new_host: Callable[..., Dovecot], place: Path, layout: str, scenario: str, process: str
) -> None:
    host = new_host(mail_location=MAILDIRS[layout], separator="/", users={ADDRESS: PASSWORD})
    stand = stand_of(scenario, host, place / "stand")
    # Another few of them for each combination, the same each time.
    # The run itself makes few calls, and some of them not every time.
    step = 7 if process == "run" else 41
    first = sorted(MAILDIRS).index(layout) * 17 + sorted(SCENARIOS).index(scenario) * 5
    kills = list(check_all(stand, process, step, first % step))
    assert kills
    assert [found for found in kills if found] == []
