# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places in line for what only so many may have at a time, across all runs on the host.

A place belongs to a process: one that is gone, however it ended, has none. Whoever has been in line the longest is
next, and a run comes back to the end of the line after each import, so that a small run does not wait for the whole of
a large one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Callable, Iterator

from ..state.database import State

# Seconds between two looks at the line.
_INTERVAL = 0.05


def queue_name(number: int) -> str:
    """The resource that an import queue is."""
    return "queue %d" % number


def source_name(host: str) -> str:
    """The resource that connections to a source are."""
    return "source %s" % host.casefold()


@contextmanager
def place_in_line(state: State, resource: str, capacity: int, pause: Callable[[int, float], bool]) -> Iterator[bool]:
    """Wait until fewer than `capacity` others stand before us, and keep the place while the context lasts.

    Args:
        pause: called with the number of the place, waits for so many seconds, and tells whether to go on waiting.

    Yields:
        Whether the turn has come; False when `pause` said to stop.
    """
    place = state.places.take(resource, os.getpid())
    try:
        ours = True
        while state.places.count_before(place) >= capacity:
            if not pause(place, _INTERVAL):
                ours = False
                break
        yield ours
    finally:
        state.places.leave(place)
