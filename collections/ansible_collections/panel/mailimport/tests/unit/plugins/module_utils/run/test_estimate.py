# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many connections a source admits."""

from __future__ import annotations

from typing import Callable, List

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.process.meeting import Meeting
from ansible_collections.panel.mailimport.plugins.module_utils.queue.jobs import Assignment
from ansible_collections.panel.mailimport.plugins.module_utils.run import estimate as module

ADMITTED, REFUSED, BROKEN = module._Came(1, 1.0), module._Came(), module._Came()


@pytest.mark.parametrize(
    ("answers", "came"),
    [
        ([ADMITTED], ADMITTED),
        ([REFUSED, ADMITTED], ADMITTED),  # a connection of the sample before was not gone yet
        ([REFUSED, REFUSED], REFUSED),
        ([BROKEN], BROKEN),  # it was admitted
    ],
    ids=["admitted", "admitted at last", "refused", "broken"],
)
def test_who_is_not_admitted_asks_once_more_and_nobody_else_does(
    monkeypatch: pytest.MonkeyPatch, answers: List[module._Came], came: module._Came
) -> None:
    left = list(answers)

    def log_in(_request: object, _settings: object, begin: Callable[[], None]) -> module._Came:
        answer = left.pop(0)
        if answer is not REFUSED:
            begin()
        return answer

    monkeypatch.setattr(module, "_came_over_one", log_in)
    monkeypatch.setattr(module, "_CLOSING", 0.0)
    meeting = Meeting(2)
    meeting.come(1)
    requests: List[object] = [None, None]
    found = module._sample_one(requests, None, meeting, Assignment(0, 1, False), lambda news: None)  # type: ignore[arg-type]
    assert (found, left) == (came, []) and meeting.has_come(0)


@pytest.mark.parametrize(
    ("admitted", "found"),
    [([1, 2, 4], {1: 1, 2: 2, 4: 4}), ([1, 2, 2], {1: 1, 2: 2, 4: 2}), ([1, 0], {1: 1}), ([0], {})],
)
def test_more_connections_are_tried_as_long_as_all_are_admitted(
    monkeypatch: pytest.MonkeyPatch, admitted: List[int], found: object
) -> None:
    answers = iter(admitted)

    def sample(_requests: object, _settings: object) -> object:
        number = next(answers)
        return module._Sample(number, 1, 1.0) if number else None

    monkeypatch.setattr(module, "_sample", sample)
    samples = module._samples([None] * 4, None, None)  # type: ignore[arg-type, list-item]
    assert {number: each.connections for number, each in samples.items()} == found and not [*answers]
