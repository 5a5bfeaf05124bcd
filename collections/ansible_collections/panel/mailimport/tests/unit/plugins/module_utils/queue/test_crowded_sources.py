# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs over queues when their source admits only so many connections."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.queue.jobs import Job
from ansible_collections.panel.mailimport.plugins.module_utils.queue.places import queue_name
from ansible_collections.panel.mailimport.plugins.module_utils.state.places import Places
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.queue.job_runs import (
    Told,
    done,
    jobs,
    places,
    stand_in_line,
    wait_for,
    wait_until,
)


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
    join_line, handle = Places.join, run.handle

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
        return join_line(state, resource, pid)

    def handle_late(number, message):
        """Both have something to say by then."""
        if message == Told("began"):
            wait_until((tmp_path / ("left by %d" % second())).exists, "the second")
        handle(number, message)

    def work(assignment, tell):
        if assignment.number == 1 and not (tmp_path / "began").exists():
            wait_until(lambda: list(tmp_path.glob("second.*")), "the second")
            (tmp_path / "began").touch()
            tell(Told("began"))
            return None
        return done(assignment)

    monkeypatch.setattr(Places, "join", in_turn)
    monkeypatch.setattr(run, "handle", handle_late)
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
