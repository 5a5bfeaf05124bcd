# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.queue.places import (
    PlaceInLine,
    place_in_line,
    queue_name,
)
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

QUEUE = queue_name(1)


@pytest.fixture
def state(tmp_path):
    with State(str(tmp_path)) as state:
        yield state


def give_up(_place, _seconds):
    return False


def has_turn(state, capacity=1, resource=QUEUE):
    with place_in_line(state, resource, capacity, give_up) as ours:
        return ours


@pytest.fixture
def other_process():
    """A process that stands in line until it is killed."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    yield pid
    if pid_is_ours(pid):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def pid_is_ours(pid):
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def test_a_queue_takes_one_at_a_time(state):
    with place_in_line(state, QUEUE, 1, give_up) as ours:
        assert ours and not has_turn(state)
        assert has_turn(state, resource=queue_name(2))
    assert has_turn(state)


def test_so_many_connections_are_open_at_a_time(state):
    with place_in_line(state, "source", 2, give_up) as first, place_in_line(state, "source", 2, give_up) as second:
        assert first and second and not has_turn(state, 2, "source")
    assert has_turn(state, 2, "source")


def test_who_came_first_is_next_and_who_was_served_goes_to_the_end(state):
    served = state.places.join(QUEUE, os.getpid())
    waiting = state.places.join(QUEUE, os.getpid())
    state.places.leave(served)
    assert not has_turn(state)  # it came later than the one that waits
    assert state.places.count_before(waiting) == 0


def test_a_process_that_is_gone_has_no_place(state, other_process):
    theirs = state.places.join(QUEUE, other_process)
    ours = state.places.join(QUEUE, os.getpid())
    assert state.places.count_before(ours) == 1
    os.kill(other_process, signal.SIGKILL)
    os.waitpid(other_process, 0)
    assert state.places.count_before(ours) == 0
    assert state.places.join(QUEUE, os.getpid()) > ours > theirs


def test_the_place_is_left_when_what_it_was_for_fails(state):
    with pytest.raises(ValueError, match="oops"), place_in_line(state, QUEUE, 1, give_up):
        raise ValueError("oops")
    assert has_turn(state)


def test_waiting_goes_on_until_the_turn_comes(state):
    first = state.places.join(QUEUE, os.getpid())
    looks = []

    def look_again(_place, seconds):
        looks.append(seconds)
        if len(looks) == 3:
            state.places.leave(first)
        return True

    with place_in_line(state, QUEUE, 1, look_again) as ours:
        assert ours and len(looks) == 3


def test_a_place_is_kept_from_job_to_job_until_somebody_stands_behind_it(state, other_process):
    place = PlaceInLine(state, QUEUE, 1, give_up)
    assert place.wait_for_turn()
    before = state.places.join("another", os.getpid())
    assert place.wait_for_turn() and state.places.join("another", os.getpid()) == before + 1  # nothing was written
    state.places.join(QUEUE, other_process)
    assert not place.wait_for_turn()
    place.leave()
    assert not has_turn(state)
