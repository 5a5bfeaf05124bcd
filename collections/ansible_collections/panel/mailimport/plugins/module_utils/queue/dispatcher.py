# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many jobs over the import queues of a host: one forked worker a queue, and a dispatcher that gives each its next job.

A job is bound to a queue when that queue has come to it, so it always goes to the one with the least to do.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from typing import Callable, Dict, Iterator, List, Optional, Sequence, Union

from ..process.stop import STOPPED, is_stopping, request_stop
from .channel import Channel
from .jobs import Bounds, Job, Work
from .messages import (
    JobBroken,
    JobGiven,
    JobNews,
    JobResult,
    JobsAgain,
    JobWanted,
    Message,
    NothingLeft,
    NothingNow,
    QueueTaken,
    SourceCrowded,
    WorkerFailed,
    new_codec,
)
from .worker import serve

# So many descriptors are left to this process whatever the number of queues.
_SPARE = 16
# Seconds between two looks whether to stop, and those that workers have for it.
_LOOK_INTERVAL = 0.5
_STOPPING = 60.0


def run_over_queues(
    jobs: Sequence[Job],
    bounds: Bounds,
    work: Work,
    handle: Callable[[int, JobNews], None],
    lost: Callable[[int, str], None],
    note: Callable[[str], None] = lambda line: None,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> None:
    """Do all jobs, in their order as far as sources admit. When this process is to stop, so are the workers, and what
    has not begun is lost.

    Args:
        handle: called here with a job's number and each of its news, at last its result.
        lost: called with a job's number, and why, when it came to no result.
        note: called with a line for people: who is in the way of a queue.
        is_abandoned: asked now and then whether nobody waits for results any more; then this process is to stop.
    """
    dispatcher = _Dispatcher(jobs, bounds, work, handle, lost, note, is_abandoned)
    try:
        dispatcher.run()
    finally:
        dispatcher.stop()


class _WorkerProcess:
    """The dispatcher's view of a worker process. `dismissed`: it was told that nothing is left. `trouble`: what ends
    it, as far as it says so.
    """

    def __init__(self, queue: int, pid: int, channel: Channel) -> None:
        self.queue = queue
        self.pid = pid
        self.channel = channel
        self.job: Optional[Job] = None
        self.dismissed = False
        self.trouble: Optional[str] = None

    def tell(self, message: Message) -> None:
        # One that is gone is noticed by the end of its channel.
        with suppress(ConnectionError):
            self.channel.send(message)


class _Dispatcher:
    def __init__(
        self,
        jobs: Sequence[Job],
        bounds: Bounds,
        work: Work,
        handle: Callable[[int, JobNews], None],
        lost: Callable[[int, str], None],
        note: Callable[[str], None],
        is_abandoned: Callable[[], bool],
    ) -> None:
        self._pending: List[Job] = list(jobs)
        self._bounds = bounds
        self._work = work
        self._handle = handle
        self._lost = lost
        self._note = note
        self._is_abandoned = is_abandoned
        # When workers that were told to stop are ended all the same; None as long as nobody was.
        self._patience_ends: Optional[float] = None
        self._running: Counter[str] = Counter()
        # What a source was found to admit, by its name; lowered for the rest of the run.
        self._admitted: Dict[str, int] = {}
        # Queues without a worker yet: more than there are jobs are only looked at when those before them are taken.
        self._unused: List[int] = list(bounds.queues)
        self._workers: List[_WorkerProcess] = []
        self._idle: List[_WorkerProcess] = []
        self._selector = selectors.DefaultSelector()
        self._refusal = ""
        self._codec = new_codec()

    def run(self) -> None:
        if is_stopping():
            self._lose_pending(STOPPED)
        for _job in self._pending:
            self._try_another_queue()
        if not self._workers and self._pending:
            self._lose_pending("no process of an import queue could be started (%s)" % self._refusal)
        while self._workers:
            for key, _events in self._selector.select(_LOOK_INTERVAL):
                self._read(key.data)
            if self._is_abandoned():
                request_stop()
            if is_stopping():
                self._stop_workers()

    def _stop_workers(self) -> None:
        if self._patience_ends is None:
            self._patience_ends = time.monotonic() + _STOPPING
            self._lose_pending(STOPPED)
            self._dismiss_unneeded()
            for worker in self._workers:
                os.kill(worker.pid, signal.SIGTERM)
        elif time.monotonic() > self._patience_ends:
            for worker in self._workers:
                os.kill(worker.pid, signal.SIGKILL)

    def _try_another_queue(self) -> None:
        if self._unused:
            self._start(self._unused.pop(0))  # where that fails, fewer queues do it too

    def stop(self) -> None:
        """End what is left of the workers."""
        for worker in list(self._workers):
            os.kill(worker.pid, signal.SIGKILL)
            self._reap(worker)
        self._selector.close()

    def _start(self, queue: int) -> bool:
        """Start a worker; False when the system gives no process or no descriptors for one."""
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        ends: Sequence[socket.socket] = ()
        try:
            with _spare_descriptors():
                ends = socket.socketpair()
            pid = os.fork()
        except OSError as error:
            for end in ends:
                end.close()
            self._refusal = str(error.strerror)
            return False
        here, there = ends
        if pid == 0:
            serve(queue, parent, Channel(there, self._codec), self._bounds, self._work)
        there.close()
        worker = _WorkerProcess(queue, pid, Channel(here, self._codec))
        self._workers.append(worker)
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        return True

    def _read(self, worker: _WorkerProcess) -> None:
        try:
            for message in worker.channel.receive():
                self._on_message(worker, message)
        except (EOFError, ConnectionError):
            self._end(worker)
        except ValueError as error:
            # A fault of ours ends one job, and not all: what came before it counts, and nothing that comes after it.
            worker.trouble = "it says what is no message: %s" % error
            os.kill(worker.pid, signal.SIGKILL)
            self._end(worker)

    def _on_message(self, worker: _WorkerProcess, message: Message) -> None:
        if isinstance(message, JobWanted):
            self._assign(worker)
        elif isinstance(message, QueueTaken):
            self._note(message.text)
            if self._pending:
                self._try_another_queue()
        elif isinstance(message, WorkerFailed):
            worker.trouble = message.why
        elif worker.job is None:
            raise ValueError("it speaks of a job that it does not have")
        elif isinstance(message, (JobResult, SourceCrowded, JobBroken)):
            self._on_job_end(worker, worker.job, message)
        elif isinstance(message, JobNews):
            self._handle(worker.job.number, message)
        else:
            raise ValueError("it says what only a run says")

    def _on_job_end(
        self, worker: _WorkerProcess, job: Job, message: Union[JobResult, SourceCrowded, JobBroken]
    ) -> None:
        self._release(worker)
        if isinstance(message, JobResult):
            self._handle(job.number, message)
        elif isinstance(message, SourceCrowded):
            # Later, with fewer connections to its source: as many as are open now, without this one.
            self._admitted[job.source] = max(1, self._running[job.source])
            self._pending.insert(0, job)
        else:
            self._lost(job.number, message.why)
        self._retry_idle()

    def _assign(self, worker: _WorkerProcess) -> None:
        """Give a worker the first job that its source admits, or tell it to come again, or that nothing is left."""
        if worker.dismissed:
            return
        job = next(filter(self._is_admitted, self._pending), None)
        if job is not None:
            self._pending.remove(job)
            worker.job = job
            self._running[job.source] += 1
            worker.tell(JobGiven(job.number, job.source, alone=self._running[job.source] == 1))
        elif self._pending:
            self._idle.append(worker)
            worker.tell(NothingNow())
        if not self._pending:
            self._dismiss_unneeded()

    def _dismiss_unneeded(self) -> None:
        """Whoever waits for its turn, or asks now, need not."""
        for unneeded in [worker for worker in self._workers if worker.job is None and not worker.dismissed]:
            unneeded.dismissed = True
            unneeded.tell(NothingLeft())

    def _is_admitted(self, job: Job) -> bool:
        limits = [limit for limit in (self._admitted.get(job.source), self._bounds.connections) if limit is not None]
        return not limits or self._running[job.source] < min(limits)

    def _release(self, worker: _WorkerProcess) -> None:
        if worker.job is not None:
            self._running[worker.job.source] -= 1
            worker.job = None

    def _retry_idle(self) -> None:
        """Have those ask again that a source did not admit."""
        idle, self._idle = self._idle, []
        for worker in idle:
            worker.tell(JobsAgain())

    def _end(self, worker: _WorkerProcess) -> None:
        """A worker has ended: with nothing left to do, or before its time."""
        self._workers.remove(worker)
        status = self._reap(worker)
        why = worker.trouble or "wait status %d" % status
        job = worker.job
        self._release(worker)
        if job is not None:
            self._lost(job.number, "the import's process ended early (%s)" % why)
        if worker in self._idle:
            self._idle.remove(worker)
        # One that was sent a signal to stop has come to an orderly end before its time.
        replaced = self._pending and (job is not None or status == 0) and self._start(worker.queue)
        if not replaced and not self._workers:
            # They did not even come to ask for a job.
            self._lose_pending("no process of an import queue could work (%s)" % why)
        self._retry_idle()

    def _lose_pending(self, why: str) -> None:
        for job in self._pending:
            self._lost(job.number, why)
        self._pending.clear()

    def _reap(self, worker: _WorkerProcess) -> int:
        self._selector.unregister(worker.channel)
        worker.channel.close()
        return os.waitpid(worker.pid, 0)[1]


@contextmanager
def _spare_descriptors() -> Iterator[None]:
    """Fail rather than take the last descriptors: the run needs some to tell what becomes of the jobs."""
    with ExitStack() as spare:
        for _number in range(_SPARE):
            spare.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        yield
