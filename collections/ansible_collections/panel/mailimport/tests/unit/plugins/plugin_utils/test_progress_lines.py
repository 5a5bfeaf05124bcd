# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import (
    Begun,
    Counts,
    Ended,
    Finished,
    Noted,
    ProgressEvent,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.progress_lines import ProgressLines


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(clock: Clock) -> ProgressLines:
    return ProgressLines("mx1", clock)


ENDED = Ended("anna@example.org", "completed", None, "Import completed successfully", 1234)
COUNTS = Counts(50, 200, 12345, 80_000_000, 0.25)


def ended(**changes: Any) -> Ended:
    return replace(ENDED, **changes)


def counts(**changes: Any) -> Counts:
    return replace(COUNTS, **changes)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ended(), "[mx1] anna@example.org: Import completed successfully, 1,234 messages copied"),
        (ended(state="skipped", message="it existed before"), "[mx1] anna@example.org: skipped: it existed before"),
        (
            ended(state="failed", reason="auth_failed", message="wrong password"),
            "[mx1] anna@example.org: failed: wrong password (auth_failed)",
        ),
        (
            ended(state="failed", reason="invalid_row", message="line 7: no email", email=""),
            "[mx1] a row: failed: line 7: no email (invalid_row)",
        ),
        (ended(copied=0), "[mx1] anna@example.org: Import completed successfully"),
        (Noted("waiting 5 seconds"), "[mx1] waiting 5 seconds"),
    ],
)
def test_each_thing_that_happens_is_a_line(lines: ProgressLines, event: ProgressEvent, line: str) -> None:
    assert list(lines.of(event)) == [line]


def test_counts_come_now_and_then_with_the_time_that_is_left(lines: ProgressLines, clock: Clock) -> None:
    clock.now += 1
    assert list(lines.of(counts())) == []
    clock.now += 39
    assert list(lines.of(counts())) == ["[mx1] 50 of 200 mailboxes, 12,345 messages, 2.0 MB/s, about 2 min left"]
    assert list(lines.of(counts())) == []
    clock.now += 7160
    assert list(lines.of(counts())) == ["[mx1] 50 of 200 mailboxes, 12,345 messages, 0.0 MB/s, about 6 h 0 min left"]
    clock.now += 10
    assert list(lines.of(counts(share=1.0))) == ["[mx1] 50 of 200 mailboxes, 12,345 messages, 0.0 MB/s"]


def test_the_end_is_told(lines: ProgressLines) -> None:
    list(lines.of(Begun(3)))
    assert not lines.finished
    list(lines.of(Finished()))
    assert lines.finished


def test_d8_a_line_is_not_said_twice(lines: ProgressLines) -> None:
    note = Noted("anna@example.org: 77 of 77 messages")
    assert [line for _time in range(2) for line in lines.of(note)] == ["[mx1] anna@example.org: 77 of 77 messages"]


def test_d8_a_host_that_is_the_mailbox_is_not_named_beside_it(clock: Clock) -> None:
    lines = ProgressLines("anna@example.org", clock)
    assert list(lines.of(ended(copied=3))) == ["anna@example.org: Import completed successfully, 3 messages copied"]
    assert list(lines.of(Noted("waiting"))) == ["[anna@example.org] waiting"]
