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
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, NoReturn, Optional, Sequence

from ..model.errors import MailImportError
from ..process.fork import describe_bug, die_with, keep_only
from ..process.stop import STOPPED, is_stopping, request_stop, stop_on_signals
from ..state.database import State
from .channel import Channel, Message
from .places import PlaceInLine, place_in_line, queue_name, source_name

# So many descriptors are left to this process whatever the number of queues.
_SPARE = 16
# Seconds between two looks whether to stop, and those that workers have for it.
_LOOK_INTERVAL = 0.5
_STOPPING = 60.0

Tell = Callable[[Message], None]


@dataclass(frozen=True)
class Job:
    """Something to do with a source. `number` names it; `source` is the host it connects to."""

    number: int
    source: str


@dataclass(frozen=True)
class Assignment:
    """A job at its turn: in which queue, and whether it has to be patient with a source that admits no more
    connections.
    """

    number: int
    queue: int
    patient: bool


# Does a job in a worker, tells the dispatcher's side of its progress, and returns the result; None when the source was
# crowded and the job is to come again.
Work = Callable[[Assignment, Tell], Optional[Dict[str, Any]]]


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


def run_over_queues(
    jobs: Sequence[Job],
    bounds: Bounds,
    work: Work,
    take: Callable[[int, Message], None],
    lost: Callable[[int, str], None],
    note: Callable[[str], None] = lambda line: None,
    is_abandoned: Callable[[], bool] = lambda: False,
) -> None:
    """Do all jobs, in their order as far as sources admit. When this process is to stop, so are the workers, and what
    has not begun is lost.

    Args:
        take: called here with a job's number and each message of `work`, at last what it returned.
        lost: called with a job's number, and why, when it came to no result.
        note: called with a line for people: who is in the way of a queue.
        is_abandoned: asked now and then whether nobody waits for results any more; then this process is to stop.
    """
    dispatcher = _Dispatcher(jobs, bounds, work, take, lost, note, is_abandoned)
    try:
        dispatcher.run()
    finally:
        dispatcher.stop()


class _Worker:
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
        take: Callable[[int, Message], None],
        lost: Callable[[int, str], None],
        note: Callable[[str], None],
        is_abandoned: Callable[[], bool],
    ) -> None:
        self._pending: List[Job] = list(jobs)
        self._bounds = bounds
        self._work = work
        self._take = take
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
        self._workers: List[_Worker] = []
        self._idle: List[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._refusal = ""

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
            _serve(queue, parent, Channel(there), self._bounds, self._work)
        there.close()
        worker = _Worker(queue, pid, Channel(here))
        self._workers.append(worker)
        self._selector.register(worker.channel, selectors.EVENT_READ, worker)
        return True

    def _read(self, worker: _Worker) -> None:
        try:
            for message in worker.channel.receive():
                self._on_message(worker, message)
        except (EOFError, ConnectionError):
            self._end(worker)

    def _on_message(self, worker: _Worker, message: Message) -> None:
        kind, job = message["kind"], worker.job
        if kind == "ask":
            self._assign(worker)
            return
        if kind == "wait":
            self._note(message["what"])
            if self._pending:
                self._try_another_queue()
            return
        if kind == "unable":
            worker.trouble = message["what"]
            return
        if job is None:
            raise ValueError("worker %d speaks of a job that it does not have" % worker.queue)
        if kind == "told":
            self._take(job.number, message["what"])
            return
        self._release(worker)
        if kind == "done":
            self._take(job.number, message["what"])
        elif kind == "crowded":
            # Later, with fewer connections to its source: as many as are open now, without this one.
            self._admitted[job.source] = max(1, self._running[job.source])
            self._pending.insert(0, job)
        else:
            self._lost(job.number, message["what"])
        self._retry_idle()

    def _assign(self, worker: _Worker) -> None:
        """Give a worker the first job that its source admits, or tell it to come again, or that nothing is left."""
        if worker.dismissed:
            return
        job = next(filter(self._is_admitted, self._pending), None)
        if job is not None:
            self._pending.remove(job)
            worker.job = job
            self._running[job.source] += 1
            worker.tell({"job": job.number, "source": job.source, "patient": self._running[job.source] == 1})
        elif self._pending:
            self._idle.append(worker)
            worker.tell({"job": None, "later": True})
        if not self._pending:
            self._dismiss_unneeded()

    def _dismiss_unneeded(self) -> None:
        """Whoever waits for its turn, or asks now, need not."""
        for unneeded in [worker for worker in self._workers if worker.job is None and not worker.dismissed]:
            unneeded.dismissed = True
            unneeded.tell({"job": None, "later": False})

    def _is_admitted(self, job: Job) -> bool:
        limits = [limit for limit in (self._admitted.get(job.source), self._bounds.connections) if limit is not None]
        return not limits or self._running[job.source] < min(limits)

    def _release(self, worker: _Worker) -> None:
        if worker.job is not None:
            self._running[worker.job.source] -= 1
            worker.job = None

    def _retry_idle(self) -> None:
        """Have those ask again that a source did not admit."""
        idle, self._idle = self._idle, []
        for worker in idle:
            worker.tell({"again": True})

    def _end(self, worker: _Worker) -> None:
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

    def _reap(self, worker: _Worker) -> int:
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


def _serve(queue: int, parent: int, channel: Channel, bounds: Bounds, work: Work) -> NoReturn:
    """A worker's whole life."""
    status = 1
    try:
        keep_only([channel.fileno()])
        stop_on_signals()
        die_with(parent)
        with ExitStack() as stack:
            state = stack.enter_context(State(bounds.state_dir)) if bounds.state_dir else None
            place = None
            if state and bounds.imports:
                place = PlaceInLine(state, queue_name(queue), 1, _Wait(queue, channel, state))
                stack.callback(place.leave)
            while _take_turn(queue, channel, bounds, work, state, place):
                pass
        status = 0
    except (EOFError, ConnectionError):
        pass  # the run is gone, and this process with it
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has to hear of it
        with suppress(ConnectionError):
            channel.send(
                {"kind": "unable", "what": error.message if isinstance(error, MailImportError) else describe_bug(error)}
            )
    finally:
        os._exit(status)


def _take_turn(
    queue: int, channel: Channel, bounds: Bounds, work: Work, state: Optional[State], place: Optional[PlaceInLine]
) -> bool:
    """Wait for the queue, if jobs have to, ask for a job and do it; False when there is none any more."""
    ours = place.take() if place else True
    if is_stopping():
        return False
    if ours:
        channel.send({"kind": "ask"})
    answer = channel.next()
    if answer["job"] is None:
        if place:
            place.leave()  # others can use it
        # What comes next is to ask again, or that nothing is left.
        return bool(answer["later"]) and "again" in channel.next()
    with ExitStack() as places:
        if state and bounds.connections:
            places.enter_context(place_in_line(state, source_name(answer["source"]), bounds.connections, _pause))
        admitted = _run_job(Assignment(answer["job"], queue, answer["patient"]), channel, work)
    if place and not admitted:
        place.leave()
    return True


class _Wait:
    """Waits in line as long as the run has nothing to say, having told it that the queue is taken, and by whom."""

    def __init__(self, queue: int, channel: Channel, state: State) -> None:
        self._queue = queue
        self._channel = channel
        self._state = state
        self._told = False

    def __call__(self, place: int, seconds: float) -> bool:
        if not self._told:
            before = self._state.places.import_before(place)
            behind = before.key.address if before else "another run"
            self._channel.send({"kind": "wait", "what": "waiting in queue %d behind %s" % (self._queue, behind)})
            self._told = True
        return not is_stopping() and self._channel.is_silent(seconds)


def _pause(_place: int, seconds: float) -> bool:
    time.sleep(seconds)
    return not is_stopping()


def _run_job(assignment: Assignment, channel: Channel, work: Work) -> bool:
    """Do a job; False when its source admits no more connections."""
    try:
        done = work(assignment, lambda what: channel.send({"kind": "told", "what": what}))
    except Exception as error:  # noqa: BLE001 - whatever it is, the run has to hear of it
        channel.send({"kind": "broken", "what": describe_bug(error)})
        return True
    channel.send({"kind": "crowded"} if done is None else {"kind": "done", "what": done})
    return done is not None
