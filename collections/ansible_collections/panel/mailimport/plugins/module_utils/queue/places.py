# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places in line for what only so many may have at a time, across all runs on the host.

A place belongs to a process: one that is gone, however it ended, has none. Whoever has been in line the longest is
next, and a run goes to the end of the line after each import when somebody stands behind it, so that a small run does
not wait for the whole of a large one.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

from ..state.database import State

# Seconds between two looks at the line.
_INTERVAL = 0.05


def queue_name(number: int) -> str:
    """The resource that an import queue is."""
    return "queue %d" % number


def source_name(host: str) -> str:
    """The resource that connections to a source are."""
    return "source %s" % host.casefold()


class PlaceInLine:
    """A place in the line for a resource, for one job after the other: it is kept between them while nobody stands
    behind it.

    Args:
        capacity: so many have the resource at a time.
        pause: called with the number of the place, waits for so many seconds, and tells whether to go on waiting.
    """

    def __init__(self, state: State, resource: str, capacity: int, pause: Callable[[int, float], bool]) -> None:
        self._places = state.places
        self._resource = resource
        self._capacity = capacity
        self._pause = pause
        self._place: Optional[int] = None

    def wait_for_turn(self) -> bool:
        """Wait until the turn has come; False when `pause` said to stop."""
        if self._place is not None and not self._places.has_others_behind(self._place):
            return True
        self.leave()
        self._place = self._places.join(self._resource, os.getpid())
        while self._places.count_before(self._place) >= self._capacity:
            if not self._pause(self._place, _INTERVAL):
                self.leave()
                return False
        return True

    def leave(self) -> None:
        """Let others have it."""
        if self._place is not None:
            self._places.leave(self._place)
            self._place = None


@contextmanager
def place_in_line(state: State, resource: str, capacity: int, pause: Callable[[int, float], bool]) -> Iterator[bool]:
    """Have a place as long as the context lasts, see PlaceInLine.

    Yields:
        Whether the turn has come.
    """
    place = PlaceInLine(state, resource, capacity, pause)
    try:
        yield place.wait_for_turn()
    finally:
        place.leave()
