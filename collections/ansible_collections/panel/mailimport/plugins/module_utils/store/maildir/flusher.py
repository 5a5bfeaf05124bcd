# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has come goes to disk while more is coming."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Optional

from .files import syncfs

# So much is flushed at a time: the flush of a batch, for which all wait, then finds little to do.
_BYTES = 16 << 20
_MESSAGES = 1000
# Not worth a thread, which takes as long as writing so many.
_FEW_MESSAGES = 20


class Flusher:
    """Flushes the filesystem of a directory, in a thread of its own.

    Args:
        directory: handle, open as long as this is used.
    """

    def __init__(self, directory: int) -> None:
        self._directory = directory
        self._running: Optional[Future[None]] = None
        self._owed = False
        self._bytes = 0
        self._messages = 0

    def count(self, size: int) -> None:
        """A message of that size in bytes has been written: flush when it has become much.

        Raises:
            OSError: an earlier flush failed.
        """
        self._bytes += size
        self._messages += 1
        if (self._bytes >= _BYTES or self._messages >= _MESSAGES) and (self._running is None or self._running.done()):
            self.wait()
            self._start()

    def start(self) -> None:
        """Begin to flush what has been written until now; what is little is flushed when it is waited for."""
        if self._messages < _FEW_MESSAGES and self._running is None:
            self._owed = True
        else:
            self._start()

    def _start(self) -> None:
        self._bytes = self._messages = 0
        pool = ThreadPoolExecutor(max_workers=1)
        self._running = pool.submit(syncfs, self._directory)
        pool.shutdown(wait=False)

    def wait(self) -> None:
        """Return when nothing is being flushed.

        Raises:
            OSError: it failed, and what was written may be lost.
        """
        running, self._running = self._running, None
        if running is not None:
            running.result()
        if self._owed:
            self._owed = False
            self._bytes = self._messages = 0
            syncfs(self._directory)
