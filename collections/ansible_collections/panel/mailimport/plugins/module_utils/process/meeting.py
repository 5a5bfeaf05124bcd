# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A meeting: processes that are forked for the same thing begin it at the same time."""

from __future__ import annotations

import mmap
import time

_LOOK_AGAIN = 0.01


class Meeting:
    """A place in memory that processes share which are forked from this one.

    There is no lock, which a killed process would hold for ever.

    Args:
        members: those who are to come, numbered from 0.
    """

    def __init__(self, members: int) -> None:
        self._memory = mmap.mmap(-1, members)
        self._members = members

    def come(self, member: int) -> None:
        """This one is here, or is not going to come: nobody need wait for it."""
        self._memory[member] = 1

    def has_come(self, member: int) -> bool:
        return self._memory[member] == 1

    def wait(self, longest: float) -> None:
        """Wait until all have come, but not longer than so many seconds."""
        ends = time.monotonic() + longest
        while self._memory.find(b"\0", 0, self._members) >= 0 and time.monotonic() < ends:
            time.sleep(_LOOK_AGAIN)
