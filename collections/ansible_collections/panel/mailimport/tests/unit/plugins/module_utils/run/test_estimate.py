# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many connections a source admits."""

from __future__ import annotations

from typing import List, Optional

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.run import estimate as module


@pytest.mark.parametrize(
    ("admitted", "found"),
    [
        ([1, 1, 2, 3, 4], {1: 1, 2: 2, 4: 4}),  # of 2 connections, one of the sample before was not gone yet
        ([1, 2, 2, 2], {1: 1, 2: 2, 4: 2}),
        ([1, 2, 3, 2], {1: 1, 2: 2, 4: 3}),
        ([1, None, 2, 4], {1: 1, 2: 2, 4: 4}),
        ([None, None], {}),
    ],
)
def test_a_source_that_does_not_admit_all_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, admitted: List[Optional[int]], found: object
) -> None:
    answers = iter(admitted)

    def sample(requests: object, _settings: object) -> Optional[module._Sample]:
        number = next(answers)
        return number and module._Sample(number, 1, 1.0)  # type: ignore[return-value]

    monkeypatch.setattr(module, "_sample", sample)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    samples = module._samples([None] * 4, None, None)  # type: ignore[arg-type, list-item]
    assert {number: each.connections for number, each in samples.items()} == found and not [*answers]
