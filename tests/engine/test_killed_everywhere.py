# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A kill at some of the system calls of an import into a Maildir; `scripts/faults.sh killing` tries all of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from .killing import check_all
from .stand import LAYOUTS, SCENARIOS, stand_of

_MAILDIRS = [name for name, layout in LAYOUTS.items() if layout.direct]


@pytest.mark.parametrize(
    "process, layout, scenario",
    [each for each in itertools.product(("import", "run"), _MAILDIRS, SCENARIOS) if "new" not in each],
)
def test_c7_a_kill_loses_nothing_and_leaves_nothing_behind(
    place: Path, process: str, layout: str, scenario: str
) -> None:
    # Another few of them for each combination, the same each time.
    step = {"import": 47, "run": 31}[process]
    first = _MAILDIRS.index(layout) * 17 + list(SCENARIOS).index(scenario) * 5
    with stand_of(layout, scenario, place) as stand:
        kills = [found for found in check_all(stand, process, step, first % step) if found is not None]
    assert kills
    assert [found for found in kills if found] == []
