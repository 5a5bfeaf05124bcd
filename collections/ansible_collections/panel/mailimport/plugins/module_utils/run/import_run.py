# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One import in one run: what its steps share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

from ..host.mail_host import MailHost
from ..model.imports import ImportRequest, ImportResult
from ..state.database import State
from ..state.shared import SharedState
from .news_handler import NewsHandler
from .outcome import Outcome


@dataclass(frozen=True)
class RunContext:
    """How an import came to its turn.

    `queue` is the number of the import queue, None outside of queues. `made`: the mailbox was made ahead by this run.
    `login_checked`: its login at the source was found to work in this run. When the source admits no more connections
    it waits (`wait_if_crowded`) or fails at once, and likewise at its first login (`login_waits_if_crowded`), before
    anything is made.
    `shared`: the state, as a process has it that runs one import after the other.
    """

    queue: Optional[int] = None
    made: bool = False
    login_checked: bool = False
    wait_if_crowded: bool = True
    login_waits_if_crowded: bool = False
    shared: Optional[SharedState] = None


@dataclass(frozen=True)
class ImportRun:
    """See the module. `lock` is the descriptor of the mailbox's lock, None when nothing is to be written."""

    request: ImportRequest
    host: MailHost
    state: State
    state_dir: str
    outcome: Outcome
    news_handler: NewsHandler
    lock: Optional[int]
    context: RunContext

    @property
    def result(self) -> ImportResult:
        return self.outcome.result

    @property
    def locks(self) -> Tuple[int, ...]:
        """Descriptors that every process of this import holds."""
        return () if self.lock is None else (self.lock,)
