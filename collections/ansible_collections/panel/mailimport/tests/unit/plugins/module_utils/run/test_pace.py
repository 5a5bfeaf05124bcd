# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long imports that run and wait are going to take, from what has come since they began."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.run.pace import Running, seconds_left, share_done
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import ImportRecord

NOW = 1_000_000.0


def record(state, began, ended=None, waiting=False, **figures):
    result = ImportResult("a@example.org", "s", state=state, **figures)
    started, finished = NOW - began, None if ended is None else NOW - ended
    key = ImportKey("s", "u", "a@example.org")
    return ImportRecord(key, False, "o", None, result, False, waiting=waiting, started_at=started, finished_at=finished)


def done(began, ended, size):
    return record("completed", began, ended, bytes_copied=size)


def running(began, total, copied, size):
    return record("running", began, messages_total=total, messages_copied=copied, bytes_copied=size)


def waiting():
    return record("queued", 0, waiting=True)


def test_nothing_that_runs_has_no_end():
    assert seconds_left([], NOW) is None
    assert seconds_left([done(500, 400, 9)], NOW) is None


def test_what_is_left_takes_as_long_for_its_bytes_as_what_has_come():
    # A quarter of 400 MB in 100 seconds.
    assert seconds_left([running(100, 1000, 250, 100)], NOW) == 300
    # 100 of one and 300 of another, of which a third has come; one that waits counts as an average one.
    some = [done(100, 50, 100), running(50, 30, 10, 100), waiting()]
    assert seconds_left(some, NOW) == 200


def test_what_ran_yesterday_says_nothing_of_today():
    yesterday = done(86_400, 86_000, 10**12)
    assert seconds_left([yesterday, running(100, 1000, 500, 100)], NOW) == 100
    # Without a gap between, it belongs to the same run.
    assert seconds_left([done(300, 150, 100), running(100, 10, 5, 50)], NOW) == 100


@pytest.mark.parametrize("begun", [[running(3, 0, 0, 0)], [running(3, 0, 0, 7), waiting()], [waiting()]])
def test_before_anything_has_come_nobody_knows(begun):
    assert seconds_left(begun, NOW) is None


def test_those_that_failed_before_their_first_mail_say_nothing_of_the_rest():
    failed = record("failed", 100, 99, reason="auth_failed")
    assert seconds_left([failed, waiting(), waiting()], NOW) is None
    assert seconds_left([failed] * 5 + [running(100, 1000, 500, 100), waiting()], NOW) == 300


def test_without_bytes_imports_count():
    assert share_done(1, 0, [], 4) == 0.25 and share_done(0, 0, [], 0) == 1.0
    assert share_done(1, 50, [Running(10, 5, 25)], 2) == 0.75
