# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a source account may still give today. Behind that, the import is paused, and another run goes on."""

from __future__ import annotations

import math
import time
from typing import Optional

from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.readable import readable_size
from ..source.profiles import SourceProfile
from .news import Emit, Spent

_DAY = 24 * 3600.0
# What comes along with each message, about, in bytes; and how much may come before the state is told.
BESIDE_MESSAGE = 200
_UNTOLD = 16 << 20


def daily_limit(request: ImportRequest, profile: SourceProfile) -> Optional[int]:
    """Return how many bytes the source may give within a day, None without a limit."""
    asked = request.source.daily_bytes
    return profile.daily_bytes if asked is None else asked or None


class Budget:
    """Counts what comes.

    Args:
        limit: bytes within a day, None without a limit.
        spent: those that have come by now.
        emit: takes `Spent`.
    """

    def __init__(self, limit: Optional[int], spent: int, emit: Emit) -> None:
        self._limit = limit
        self._spent = spent
        self._untold = 0
        self._emit = emit

    @property
    def left(self) -> Optional[int]:
        """How many bytes may still come today, None without a limit."""
        return None if not self._limit else max(0, self._limit - self._spent)

    def spend(self, size: int) -> None:
        """A message of that size comes."""
        if self._limit:
            self._spent += size + BESIDE_MESSAGE
            self._untold += size + BESIDE_MESSAGE
            if self._untold >= _UNTOLD:
                self.tell()

    def tell(self) -> None:
        """Let the state know what has come."""
        if self._untold:
            self._emit(Spent(self._untold))
            self._untold = 0

    def check(self, here: int, total: int, rest_size: float) -> None:
        """Make sure that something is left.

        Args:
            here, total: messages, for people; `rest_size` is what has yet to come in bytes, about, 0 when nobody knows.

        Raises:
            MailImportError: nothing is; it says when to go on.
        """
        if not self._limit or self._spent < self._limit:
            return
        again = time.time() + _DAY
        days = days_of(rest_size + BESIDE_MESSAGE * max(0, total - here), self._limit) if rest_size > 0 else 0
        rest = ", and the rest takes about %d day%s more" % (days, "" if days == 1 else "s") if days else ""
        message = (
            "%s came from this account within a day, which is all that it gives (source_daily_bytes): run the task "
            "again after %s; %s of %s messages are here%s"
        )
        until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(again))
        told = readable_size(self._spent), until, format(here, ","), format(total, ","), rest
        raise MailImportError("throttled", message % told, retry_at=again)


def days_of(size: float, limit: Optional[int]) -> int:
    """Return how many days a source that gives `limit` bytes a day takes for so many; 0 without a limit."""
    return math.ceil(size / limit) if limit else 0
