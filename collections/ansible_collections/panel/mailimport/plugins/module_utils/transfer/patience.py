# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long an import puts up with a source that is busy, away or broken."""

from __future__ import annotations

import time

from ..imap.refusals import SourceBusyError
from ..model.errors import MailImportError
from .news import Emit, Waiting

# Attempts in a row that bring nothing and are made in any case, and seconds before the second of them.
ATTEMPTS = 4
RECONNECT_WAIT = 0.25

# After these it is time that counts, in seconds of waiting: for a server that throttles, and for one that is down or
# says so.
LONGEST_BUSY = 3600.0
LONGEST_OUTAGE = 300.0
LONGEST_PAUSE = 30.0
# Seconds up to which a server that asks to wait again and again is given more than it asks for.
LONGEST_BACKOFF = 600.0

# Troubles that another attempt may get over.
PASSING = frozenset(("connection_failed", "protocol_error", "source_unavailable", "throttled", "too_many_connections"))


def pause(emit: Emit, seconds: float, why: str) -> None:
    """Wait, and say so."""
    emit(Waiting(round(seconds, 1), why))
    time.sleep(seconds)


class Patience:
    """Counts failures and seconds since something was gained.

    Args:
        emit: takes `Waiting`.
        wait_if_crowded: whether to wait when the source admits no more connections, too; if not, whoever opened them
            has to.
    """

    def __init__(self, emit: Emit, wait_if_crowded: bool = True) -> None:
        self._emit = emit
        self._wait_if_crowded = wait_if_crowded
        self._waited = 0.0
        self.failures = 0

    def gained(self) -> None:
        """Something came, or a folder is done with: begin to count anew."""
        self.failures = 0
        self._waited = 0.0

    def wait(self, error: MailImportError, connecting: bool = False) -> None:
        """Wait before another attempt.

        Args:
            connecting: the trouble is that no connection can be made, as when a server restarts.

        Raises:
            MailImportError: `error` itself, when it will not pass, another run is to wait for it, or patience is at its
                end.
        """
        if error.retry_at is not None:
            raise error
        step = 1 << min(self.failures, 16)
        if isinstance(error, SourceBusyError):
            if error.crowded and not self._wait_if_crowded:
                raise error
            is_busy = error.overload and error.reason not in ("source_unavailable", "permission_denied")
            longest = LONGEST_BUSY if is_busy else LONGEST_OUTAGE
            seconds = max(error.wait, min(LONGEST_BACKOFF, error.wait * min(8, step)))
        elif error.reason in PASSING:
            longest = LONGEST_OUTAGE if connecting else 0.0
            seconds = min(LONGEST_PAUSE, RECONNECT_WAIT * step)
        else:
            raise error
        if self.failures >= ATTEMPTS and self._waited >= longest:
            raise error
        self.failures += 1
        self._waited += seconds
        self.pause(seconds, error.message)

    def pause(self, seconds: float, why: str) -> None:
        """Wait, and say so."""
        pause(self._emit, seconds, why)
