# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import resource
import signal
import time
from dataclasses import dataclass, replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.queue.dispatcher import run_over_queues
from ansible_collections.panel.mailimport.plugins.module_utils.queue.jobs import Bounds, Job
from ansible_collections.panel.mailimport.plugins.module_utils.queue.messages import JobNews, JobResult
from ansible_collections.panel.mailimport.plugins.module_utils.queue.places import queue_name
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.state.places import Places


@dataclass(frozen=True)
class Told(JobNews):
    """What the jobs of these tests tell."""

    what: str
    number: int = 0
    flag: bool = False


@dataclass(frozen=True)
class Done(JobResult):
    """What they come to."""

    queue: int
    pid: int
    open: int = 0


class Run:
    """Runs jobs and keeps what came of them, as the dispatcher told it."""

    def __init__(self, state_dir):
        self.state_dir = str(state_dir)
        self.told = []
        self.done = {}
        self.lost = {}

    def take(self, number, message):
        if isinstance(message, Done):
            self.done[number] = message
        else:
            self.told.append((number, message))

    def __call__(self, jobs, work, queues=(1, 2, 3), **bounds):
        run_over_queues(
            jobs, Bounds(queues, state_dir=self.state_dir, **bounds), work, self.take, self.lost.__setitem__
        )
        assert sorted([*self.done, *self.lost]) == [job.number for job in jobs]
        return self.done


@pytest.fixture
def run(tmp_path):
    State(str(tmp_path)).close()
    return Run(tmp_path)


def jobs(count, source="imap.example"):
    return [Job(number, source) for number in range(count)]


def done(assignment):
    return Done(assignment.queue, os.getpid())


def test_every_job_is_done_once_and_a_queue_is_one_process(run):
    results = run(jobs(20), lambda assignment, tell: done(assignment))
    assert sorted(results) == list(range(20)) and run.lost == {}
    assert (
        len({(result.queue, result.pid) for result in results.values()})
        == len({result.pid for result in results.values()})
        <= 3
    )
    assert os.getpid() not in {result.pid for result in results.values()}


def test_nothing_to_do_starts_nothing(run):
    assert run([], lambda assignment, tell: done(assignment)) == {}


def test_one_queue_keeps_the_order(run):
    run(jobs(5), lambda assignment, tell: tell(Told("began")) or done(assignment), queues=[1])
    assert [number for number, _message in run.told] == [0, 1, 2, 3, 4]


def test_what_a_worker_tells_comes_in_time(run):
    def work(assignment, tell):
        tell(Told("half"))
        return done(assignment)

    run(jobs(2), work)
    assert sorted(run.told, key=lambda told: told[0]) == [(0, Told("half")), (1, Told("half"))]


def test_a_worker_that_dies_loses_its_job_only(run):
    def work(assignment, tell):
        if assignment.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return done(assignment)

    results = run(jobs(6), work, queues=(1, 2))
    assert sorted(results) == [0, 2, 3, 4, 5]
    assert list(run.lost) == [1] and "ended early (wait status 9)" in run.lost[1]


def test_a_mistake_of_ours_is_told_and_stops_no_other(run):
    def work(assignment, tell):
        if assignment.number == 0:
            raise KeyError("nonesuch")
        return done(assignment)

    assert sorted(run(jobs(3), work, queues=[1])) == [1, 2]
    assert "KeyError in test_dispatcher.py line" in run.lost[0]


@pytest.mark.parametrize("nonsense", [Told("half", number=-1), Told(7), Bounds((1,))])
def test_a_worker_that_says_what_is_no_message_loses_its_job_only(run, nonsense):
    def work(assignment, tell):
        if assignment.number == 1:
            tell(nonsense)
        return done(assignment)

    assert sorted(run(jobs(4), work, queues=[1])) == [0, 2, 3]
    assert list(run.lost) == [1] and "it says what is no message" in run.lost[1]


def test_a_state_that_cannot_be_opened_ends_all(run, tmp_path):
    (tmp_path / "state.db").write_bytes(b"no database" * 100)
    assert run(jobs(3), lambda assignment, tell: done(assignment)) == {}
    assert all("no process of an import queue could work" in why for why in run.lost.values()) and len(run.lost) == 3


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MailImportError("host_refused", "state database: database is locked"), "state database: database is locked"),
        (KeyError("nonesuch"), "KeyError in test_dispatcher.py line "),
    ],
)
@pytest.mark.parametrize(
    ("resource", "what"),
    [("queue", "no process of an import queue could work"), ("source", "the import's process ended early")],
)
def test_why_a_worker_cannot_work_is_told(run, monkeypatch, error, told, resource, what):
    take_place = Places.take

    def refuse(state, wanted, pid):
        if wanted.startswith(resource):
            raise error
        return take_place(state, wanted, pid)

    monkeypatch.setattr(Places, "take", refuse)
    assert run(jobs(3), lambda assignment, tell: done(assignment), connections=5) == {}
    assert len(run.lost) == 3 and all(why.startswith("%s (%s" % (what, told)) for why in run.lost.values())


def stand_in_line(state_dir, resource, pid=None):
    """Take a place for this process, or for another."""
    with State(str(state_dir)) as state:
        state.places.take(resource, pid or os.getpid())


def places(state_dir, pattern):
    with State(str(state_dir)) as state:
        return state._database.rows("SELECT count(*) AS places FROM places WHERE resource LIKE ?", pattern)[0]["places"]


def wait_for(path):
    wait_until(path.exists, path.name)


def wait_until(condition, what):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited in vain for %s" % what
        time.sleep(0.01)


@pytest.fixture
def given_up():
    """Fail where a job that nobody takes would be waited for for good."""
    before = signal.signal(signal.SIGALRM, lambda number, frame: pytest.fail("a job was waited for in vain"))
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def places_left(tmp_path, monkeypatch):
    """How many places in line each worker has left by now."""
    leave = Places.leave

    def leave_and_note(state, place):
        leave(state, place)
        with open(tmp_path / ("left by %d" % os.getpid()), "a") as notes:
            notes.write(".")

    monkeypatch.setattr(Places, "leave", leave_and_note)
    return lambda: [path.stat().st_size for path in tmp_path.glob("left by *")]


def test_queues_that_others_have_are_not_waited_for_when_another_is_free(run, tmp_path):
    """Everything goes to the queue with the least to do."""
    stand_in_line(tmp_path, queue_name(1))
    results = run(jobs(5), lambda assignment, tell: done(assignment), queues=(1, 2))
    assert {result.queue for result in results.values()} == {2}
    assert places(tmp_path, "%") == 1  # nobody's but ours


def test_a_single_job_goes_to_the_first_queue_that_nobody_has(run, tmp_path):
    stand_in_line(tmp_path, queue_name(1))
    stand_in_line(tmp_path, queue_name(2))
    assert run(jobs(1), lambda assignment, tell: done(assignment), queues=range(1, 100))[0].queue == 3


def test_no_more_workers_than_jobs_are_started_when_queues_are_free(run, monkeypatch):
    started = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: started.append(1) or fork())
    run(jobs(2), lambda assignment, tell: done(assignment), queues=range(1, 100))
    assert len(started) == 2


@pytest.fixture
def few_descriptors():
    """Let this process open no more than that many."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda count: resource.setrlimit(
        resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + count, before[1])
    )
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_queues_than_descriptors_are_fewer_queues(run, few_descriptors):
    few_descriptors(60)
    results = run(jobs(100), lambda assignment, tell: done(assignment), queues=range(1, 101))
    assert sorted(results) == list(range(100)) and run.lost == {}


def test_jobs_that_nobody_is_left_for_are_told(run, monkeypatch):
    """The one worker dies, and the system has no process for another."""
    fork, forks = os.fork, []

    def refuse_later():
        forks.append(1)
        if len(forks) > 1:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", refuse_later)
    open_before = len(os.listdir("/proc/self/fd"))
    assert run(jobs(3), lambda assignment, tell: os._exit(3), queues=[1]) == {}
    assert "ended early" in run.lost[0] and all(
        "no process of an import queue could work" in run.lost[number] for number in (1, 2)
    )
    assert len(os.listdir("/proc/self/fd")) == open_before


def test_no_worker_at_all_is_told_for_every_job(run, few_descriptors):
    few_descriptors(5)
    assert run(jobs(3), lambda assignment, tell: done(assignment)) == {}
    assert set(run.lost.values()) == {"no process of an import queue could be started (Too many open files)"}


def test_a_crowded_source_gets_fewer_connections_and_no_job_fails(run, tmp_path):
    def work(assignment, tell):
        """The third is turned away while the first two hold their connections."""
        tell(Told("waits", assignment.number, assignment.wait_if_crowded))
        if assignment.number == 2 and not (tmp_path / "turned away").exists():
            (tmp_path / "turned away").touch()
            return None
        if assignment.number < 2:
            wait_for(tmp_path / "turned away")
        return done(assignment)

    results = run(jobs(6), work)
    assert sorted(results) == [0, 1, 2, 3, 4, 5] and run.lost == {}
    attempts = [message.number for _number, message in run.told]
    assert attempts.count(2) == 2 and len(attempts) == 7
    waits = {message.number: message.flag for _number, message in reversed(run.told)}  # at the first attempt
    assert waits[0] is True  # alone, it would have had to wait itself
    assert waits[2] is False


@pytest.mark.parametrize("number", [0, 2])
def test_a_job_that_was_turned_away_is_the_next(run, tmp_path, given_up, number):
    def work(assignment, tell):
        tell(Told("began"))
        if assignment.number == number and not (tmp_path / "turned away").exists():
            (tmp_path / "turned away").touch()
            return None
        return done(assignment)

    run(jobs(3), work, queues=[1])
    assert [job for job, _message in run.told] == sorted([0, 1, 2, number]) and run.lost == {}


@pytest.mark.parametrize("last", [1, 2])
def test_a_crowded_source_is_not_asked_for_as_many_connections_again(run, tmp_path, places_left, given_up, last):
    def work(assignment, tell):
        """The last is turned away; the others end when its worker has come for more, and been sent away or given the
        same job again.
        """
        if assignment.number == last:
            if not (tmp_path / "turned away").exists():
                (tmp_path / "turned away").touch()
                return None
            (tmp_path / "again").touch()
        elif assignment.number == last - 1:
            # Two places of its job, at the source and in its queue, and one in which it asked for the next.
            wait_until(lambda: 3 in places_left() or (tmp_path / "again").exists(), "the last")
            tell(Told("too early", flag=(tmp_path / "again").exists()))
            (tmp_path / "told").touch()
        else:
            wait_for(tmp_path / "told")
        return done(assignment)

    assert sorted(run(jobs(last + 1), work, connections=last + 1)) == list(range(last + 1))
    assert run.told == [(last - 1, Told("too early", flag=False))]


@pytest.mark.parametrize("ending", ["done", "killed"])
def test_a_worker_that_a_source_did_not_admit_takes_over_when_the_others_stand_in_line(
    run, tmp_path, places_left, given_up, ending
):
    def work(assignment, tell):
        """The first ends when the other worker has been sent away; by then another run is the next in its own queue."""
        tell(Told("in", assignment.queue))
        if assignment.number == 0:
            wait_until(places_left, "the other worker")
            stand_in_line(tmp_path, queue_name(assignment.queue), os.getppid())
            if ending == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
        return done(assignment)

    run(jobs(2), work, queues=(1, 2), connections=1)
    assert list(run.lost) == ([0] if ending == "killed" else [])
    assert sorted(message.number for _number, message in run.told) == [1, 2]


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_asked_before_it_heard_that_nothing_is_left_gets_no_job(
    run, tmp_path, monkeypatch, places_left, given_up
):
    take_place, take = Places.take, run.take

    def second():
        return next(int(path.suffix[1:]) for path in tmp_path.glob("second.*"))

    def in_turn(state, resource, pid):
        """The second worker asks when the first has been turned away, which asks again when the second is gone."""
        if resource == queue_name(2):
            (tmp_path / ("second.%d" % pid)).touch()
            wait_for(tmp_path / "turned away")
        elif (tmp_path / "began").exists():
            (tmp_path / "turned away").touch()
            wait_until(lambda: not is_running(second()), "the end of the second")
        return take_place(state, resource, pid)

    def take_late(number, message):
        """Both have something to say by then."""
        if message == Told("began"):
            wait_until((tmp_path / ("left by %d" % second())).exists, "the second")
        take(number, message)

    def work(assignment, tell):
        if assignment.number == 1 and not (tmp_path / "began").exists():
            wait_until(lambda: list(tmp_path.glob("second.*")), "the second")
            (tmp_path / "began").touch()
            tell(Told("began"))
            return None
        return done(assignment)

    monkeypatch.setattr(Places, "take", in_turn)
    monkeypatch.setattr(run, "take", take_late)
    assert sorted(run(jobs(2), work, queues=(1, 2))) == [0, 1] and run.lost == {}


def test_connections_to_a_source_are_limited_across_runs(run, tmp_path):
    stand_in_line(tmp_path, "source imap.example")
    results = run(
        jobs(6), lambda assignment, tell: replace(done(assignment), open=places(tmp_path, "source %")), connections=2
    )
    # One is taken: only one of our own is open at a time, and perhaps one more waits.
    assert {result.open for result in results.values()} <= {2, 3}


def test_other_sources_are_not_held_up_by_one_that_is_full(run, tmp_path):
    mixed = [Job(0, "one.example"), Job(1, "one.example"), Job(2, "two.example")]

    def work(assignment, tell):
        """The first ends only when the third is done, which stands behind one more of the same source."""
        if assignment.number == 0:
            wait_for(tmp_path / "done")
        if assignment.number == 2:
            (tmp_path / "done").touch()
        return done(assignment)

    assert sorted(run(mixed, work, queues=(1, 2), connections=1)) == [0, 1, 2]
