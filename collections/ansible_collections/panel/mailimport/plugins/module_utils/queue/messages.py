# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run and its workers say to each other: one class a kind of message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model.codec import Codec
from ..model.errors import REASONS, SKIP_REASONS

# Any of the messages below.
Message = Any


class JobNews:
    """What the work on a job tells its run. Each kind of work derives its own."""


class JobResult(JobNews):
    """The last news of a job: what came of it."""


@dataclass(frozen=True)
class JobWanted:
    """A worker: its queue has come to it, and it can take a job."""


@dataclass(frozen=True)
class QueueTaken:
    """A worker: it waits in line for its queue, and behind whom."""

    text: str


@dataclass(frozen=True)
class WorkerFailed:
    """A worker: it has to end, and why."""

    why: str


@dataclass(frozen=True)
class SourceCrowded:
    """A worker: the source of its job admits no more connections. The job is to come again."""


@dataclass(frozen=True)
class JobBroken:
    """A worker: a fault of ours has ended its job."""

    why: str


@dataclass(frozen=True)
class JobGiven:
    """The run: a job to do. `alone`: no other job of this run is at the same source, so it has to wait if the source
    admits no more connections.
    """

    number: int
    source: str
    alone: bool


@dataclass(frozen=True)
class NothingNow:
    """The run: no source of what is left admits another job; `JobsAgain` or `NothingLeft` follows."""


@dataclass(frozen=True)
class JobsAgain:
    """The run: ask once more."""


@dataclass(frozen=True)
class NothingLeft:
    """The run: no job is left, and the worker can end."""


_KINDS = (
    JobWanted,
    QueueTaken,
    WorkerFailed,
    SourceCrowded,
    JobBroken,
    JobGiven,
    NothingNow,
    JobsAgain,
    NothingLeft,
)


def new_codec() -> Codec:
    """Return what encodes and decodes these messages, and the news and results of jobs that are defined by now."""
    return Codec("message", (*_KINDS, *JobNews.__subclasses__(), *JobResult.__subclasses__()), REASONS | SKIP_REASONS)
