# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A worker: the process that serves one import queue, one job after the other."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress
from typing import NoReturn, Optional

from ..model.errors import MailImportError
from ..process.fork import describe_bug, die_with, keep_only
from ..process.stop import is_stopping, stop_on_signals
from ..state.database import State
from .channel import Channel
from .jobs import Assignment, Bounds, Work
from .messages import (
    JobBroken,
    JobGiven,
    JobsAgain,
    JobWanted,
    NothingNow,
    QueueTaken,
    SourceCrowded,
    WorkerFailed,
)
from .places import PlaceInLine, place_in_line, queue_name, source_name


def serve(queue: int, parent: int, channel: Channel, bounds: Bounds, work: Work) -> NoReturn:
    """Be a worker until no job is left, and end this process."""
    status = 1
    try:
        keep_only([channel.fileno()])
        stop_on_signals()
        die_with(parent)
        with ExitStack() as stack:
            state = stack.enter_context(State(bounds.state_dir)) if bounds.state_dir else None
            worker = _Worker(queue, channel, bounds, work, state)
            stack.callback(worker.leave_line)
            while worker.run_next_job():
                pass
        status = 0
    except (EOFError, ConnectionError):
        pass  # the run is gone, and this process with it
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has to hear of it
        with suppress(ConnectionError):
            channel.send(WorkerFailed(error.message if isinstance(error, MailImportError) else describe_bug(error)))
    finally:
        os._exit(status)


class _Worker:
    def __init__(self, queue: int, channel: Channel, bounds: Bounds, work: Work, state: Optional[State]) -> None:
        self._queue = queue
        self._channel = channel
        self._connections = bounds.connections
        self._work = work
        self._state = state
        self._has_told_of_wait = False
        self._place: Optional[PlaceInLine] = None
        if state and bounds.imports:
            self._place = PlaceInLine(state, queue_name(queue), 1, self._wait_for_queue)

    def run_next_job(self) -> bool:
        """Wait for the queue, if jobs have to, ask for a job and do it; False when there is none any more."""
        ours = self._place.wait_for_turn() if self._place else True
        if is_stopping():
            return False
        if ours:
            self._channel.send(JobWanted())
        answer = self._channel.next()
        if isinstance(answer, JobGiven):
            if not self._run_job(answer):
                self.leave_line()
            return True
        self.leave_line()
        return isinstance(answer, NothingNow) and isinstance(self._channel.next(), JobsAgain)

    def leave_line(self) -> None:
        """Let others have the queue."""
        if self._place:
            self._place.leave()

    def _wait_for_queue(self, place: int, seconds: float) -> bool:
        """Wait as long as the run has nothing to say, having told it that the queue is taken, and by whom."""
        if self._state and not self._has_told_of_wait:
            before = self._state.places.import_before(place)
            behind = before.key.address if before else "another run"
            self._channel.send(QueueTaken("waiting in queue %d behind %s" % (self._queue, behind)))
            self._has_told_of_wait = True
        return not is_stopping() and self._channel.is_silent(seconds)

    def _run_job(self, job: JobGiven) -> bool:
        """Do a job, when its turn at the source has come; False when the source admits no more connections."""
        assignment = Assignment(job.number, self._queue, wait_if_crowded=job.alone)
        with ExitStack() as places:
            if self._state and self._connections:
                places.enter_context(place_in_line(self._state, source_name(job.source), self._connections, _pause))
            try:
                result = self._work(assignment, self._channel.send)
            except Exception as error:  # noqa: BLE001 - whatever it is, the run has to hear of it
                self._channel.send(JobBroken(describe_bug(error)))
                return True
            self._channel.send(SourceCrowded() if result is None else result)
            return result is not None


def _pause(_place: int, seconds: float) -> bool:
    time.sleep(seconds)
    return not is_stopping()
