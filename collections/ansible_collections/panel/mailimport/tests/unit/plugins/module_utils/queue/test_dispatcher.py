# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.queue.jobs import Bounds
from ansible_collections.panel.mailimport.plugins.module_utils.queue.messages import NothingNow
from ansible_collections.panel.mailimport.plugins.module_utils.queue.places import queue_name
from ansible_collections.panel.mailimport.plugins.module_utils.state.places import Places
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.queue.job_runs import (
    Told,
    done,
    jobs,
    places,
    stand_in_line,
    with_few_descriptors,
)


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


@pytest.mark.parametrize("nonsense", [Told("half", number=-1), Told(7), Bounds((1,)), NothingNow()])
def test_a_worker_that_says_what_is_no_message_loses_its_job_only(run, nonsense):
    def work(assignment, tell):
        if assignment.number == 1:
            tell(nonsense)
        return done(assignment)

    assert sorted(run(jobs(4), work, queues=[1])) == [0, 2, 3]
    assert list(run.lost) == [1] and "it says what is no message" in run.lost[1]
    assert run.lost[1].count("only a run says") == isinstance(nonsense, NothingNow)


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
    join_line = Places.join

    def refuse(state, wanted, pid):
        if wanted.startswith(resource):
            raise error
        return join_line(state, wanted, pid)

    monkeypatch.setattr(Places, "join", refuse)
    assert run(jobs(3), lambda assignment, tell: done(assignment), connections=5) == {}
    assert len(run.lost) == 3 and all(why.startswith("%s (%s" % (what, told)) for why in run.lost.values())


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


def test_more_queues_than_descriptors_are_fewer_queues(run):
    results, lost = with_few_descriptors(
        60, lambda: run(jobs(100), lambda assignment, tell: done(assignment), queues=range(1, 101)), run
    )
    assert (lost, results) == ({}, list(range(100)))


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


def test_no_worker_at_all_is_told_for_every_job(run):
    results, lost = with_few_descriptors(5, lambda: run(jobs(3), lambda assignment, tell: done(assignment)), run)
    assert (results, set(lost.values())) == (
        [],
        {"no process of an import queue could be started (Too many open files)"},
    )
