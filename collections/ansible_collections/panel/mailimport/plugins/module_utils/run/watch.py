# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An eye on the process of an import: what it is called, and when it is ended from outside."""

from __future__ import annotations

import time
from typing import Optional

from ..model.address import Address
from ..model.errors import MailImportError
from ..model.imports import ImportKey
from ..process.alive import is_suspended
from ..process.stop import is_stopping, stopped
from ..state.database import State

STOP_REQUESTED = "the import was stopped on request (mail_import_control); the next run continues"
# Seconds that a process may be suspended. The mailbox's owner may suspend it, for it has his uid; the queue is not his.
LONGEST_SUSPENDED = 60.0


def import_title(address: Address, queue: Optional[int]) -> str:
    """What the process shows that imports a mailbox."""
    return "import %s%s" % (address, "" if queue is None else ", queue %d" % queue)


def worker_title(address: Address, queue: int) -> str:
    """What the process shows that serves a queue, and waits for the one that imports."""
    return "queue %d: %s" % (queue, address)


class ImportWatch:
    """Called about once a second with the pid of an import's process.

    Raises:
        MailImportError: `interrupted` when the import is to end.
    """

    def __init__(self, state: State, key: ImportKey) -> None:
        self._state = state
        self._key = key
        self._suspended_since: Optional[float] = None

    def __call__(self, child: int) -> None:
        if is_stopping():
            raise stopped()
        if self._state.is_stop_requested(self._key):
            raise stopped(STOP_REQUESTED)
        if not is_suspended(child):
            self._suspended_since = None
            return
        now = time.monotonic()
        self._suspended_since = now if self._suspended_since is None else self._suspended_since
        if now - self._suspended_since >= LONGEST_SUSPENDED:
            message = "the import's process was suspended (SIGSTOP) for %d seconds and ended; the next run continues"
            raise MailImportError("interrupted", message % LONGEST_SUSPENDED)
