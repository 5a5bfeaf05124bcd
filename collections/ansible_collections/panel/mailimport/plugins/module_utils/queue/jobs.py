# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs, and what is done with them: what a run gives to its queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from .messages import JobNews, JobResult


@dataclass(frozen=True)
class Job:
    """Something to do with a source. `number` names it; `source` is the host it connects to."""

    number: int
    source: str


@dataclass(frozen=True)
class Assignment:
    """A job at its turn: in which queue, and whether it has to wait for a source that admits no more connections."""

    number: int
    queue: int
    wait_if_crowded: bool


Tell = Callable[[JobNews], None]
# Does a job in a worker, tells the dispatcher's side of its progress, and returns the result; None when the source was
# crowded and the job is to come again.
Work = Callable[[Assignment, Tell], Optional[JobResult]]


@dataclass(frozen=True)
class Bounds:
    """How much may be done at once.

    `queues` are the numbers of the import queues this run uses. `connections` is the most that one source may have, of
    all runs on the host, None without a limit. `state_dir` is where the host's lines are kept, None for a run that must
    not write. `imports`: the jobs are imports, which stand in line for their queue.
    """

    queues: Sequence[int]
    connections: Optional[int] = None
    state_dir: Optional[str] = None
    imports: bool = True
