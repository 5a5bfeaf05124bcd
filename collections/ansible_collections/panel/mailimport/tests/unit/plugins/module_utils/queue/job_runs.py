# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of jobs over queues, and what other runs on the host do meanwhile."""

from __future__ import annotations

import ast
import os
import resource
import time
from dataclasses import dataclass

from ansible_collections.panel.mailimport.plugins.module_utils.process.fork import keep_only
from ansible_collections.panel.mailimport.plugins.module_utils.queue.dispatcher import run_over_queues
from ansible_collections.panel.mailimport.plugins.module_utils.queue.jobs import Bounds, Job
from ansible_collections.panel.mailimport.plugins.module_utils.queue.messages import JobNews, JobResult
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State


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

    def handle(self, number, message):
        if isinstance(message, Done):
            self.done[number] = message
        else:
            self.told.append((number, message))

    def __call__(self, jobs, work, queues=(1, 2, 3), **bounds):
        run_over_queues(
            jobs, Bounds(queues, state_dir=self.state_dir, **bounds), work, self.handle, self.lost.__setitem__
        )
        assert sorted([*self.done, *self.lost]) == [job.number for job in jobs]
        return self.done


def jobs(count, source="imap.example"):
    return [Job(number, source) for number in range(count)]


def done(assignment):
    return Done(assignment.queue, os.getpid())


def with_few_descriptors(count, act, run):
    """Let a process of its own do that which can open no more than so many descriptors, and in which no thread of
    another test takes any of them; return the numbers of the jobs that were done, and what was told of the others.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            keep_only([writing])
            resource.setrlimit(resource.RLIMIT_NOFILE, (count, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
            act()
            os.write(writing, repr((sorted(run.done), run.lost)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as stream:
        told = stream.read()
    os.waitpid(pid, 0)
    return ast.literal_eval(told)


def stand_in_line(state_dir, resource, pid=None):
    """Take a place for this process, or for another."""
    with State(str(state_dir)) as state:
        state.places.join(resource, pid or os.getpid())


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
