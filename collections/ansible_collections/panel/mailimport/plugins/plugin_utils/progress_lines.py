# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes lines for people of what a module tells of its imports (see the collection's `model/progress.py`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import (
    Counts,
    Ended,
    Finished,
    Noted,
    ProgressEvent,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.readable import readable_time

# Seconds between two lines with nothing but counts.
_COUNTS_INTERVAL = 5.0


class ProgressLines:
    """The lines on one host's run: one for each mailbox that ends, and counts now and then.

    Args:
        host: what each line begins with.
        clock: tells seconds.

    Attributes:
        finished: the module said that all is done.
    """

    def __init__(self, host: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._clock = clock
        self._began = clock()
        self._counted = self._began
        self._noted = ""
        self.finished = False

    def of(self, event: ProgressEvent) -> Iterator[str]:
        """Yield the lines that one event of the module is worth."""
        if isinstance(event, Ended):
            yield self._line(_ended(event))
        elif isinstance(event, Noted) and event.text != self._noted:
            self._noted = event.text
            yield self._line(event.text)
        elif isinstance(event, Counts) and self._clock() - self._counted >= _COUNTS_INTERVAL:
            self._counted = self._clock()
            yield self._line(self._counts(event))
        self.finished = self.finished or isinstance(event, Finished)

    def _line(self, text: str) -> str:
        return on_host(self._host, text)

    def _counts(self, counts: Counts) -> str:
        elapsed = max(self._clock() - self._began, 0.001)
        parts = [
            "%d of %d mailboxes" % (counts.done, counts.mailboxes),
            "%s messages" % format(counts.messages, ","),
        ]
        parts.append("%.1f MB/s" % (counts.bytes / elapsed / 1e6))
        if 0 < counts.share < 1:
            parts.append("about %s left" % readable_time(elapsed * (1 - counts.share) / counts.share))
        return ", ".join(parts)


def on_host(host: str, text: str) -> str:
    """The line with the host it is about, unless that is the mailbox which the line begins with anyway."""
    return text if text.startswith(host + ": ") else "[%s] %s" % (host, text)


def _ended(entry: Ended) -> str:
    """How one import ended."""
    if entry.state == "failed":
        return "%s: failed: %s (%s)" % (entry.email or "a row", entry.message, entry.reason)
    if entry.state == "completed" and entry.copied:
        return "%s: %s, %s messages copied" % (entry.email, entry.message, format(entry.copied, ","))
    if entry.state == "completed":
        return "%s: %s" % (entry.email, entry.message)
    return "%s: %s: %s" % (entry.email, entry.state, entry.message)
