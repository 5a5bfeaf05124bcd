# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.verify import spread
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.views import comparable_flags


@pytest.mark.parametrize(
    ("count", "most", "chosen"),
    [
        (5, None, [1, 2, 3, 4, 5]),
        (5, 5, [1, 2, 3, 4, 5]),
        (5, 9, [1, 2, 3, 4, 5]),
        (5, 1, [5]),
        (5, 2, [1, 5]),
        (9, 3, [1, 5, 9]),
        (0, 3, []),
    ],
)
def test_a_sample_reaches_from_the_first_to_the_last(count, most, chosen):
    assert list(spread(range(1, count + 1), most)) == chosen


def test_a_large_sample_has_no_message_twice():
    chosen = list(spread(range(1000), 997))
    assert len(set(chosen)) == 997
    assert (chosen[0], chosen[-1]) == (0, 999)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b"\\Seen", b"$Forwarded"), (b"\\SEEN", b"\\Forwarded")),
        ((b"\\Recent", b"\\Seen"), (b"\\Seen",)),
        ((b"Invoice", b"INVOICE"), (b"invoice",)),
        ((b"(no keyword)",), ()),
    ],
)
def test_flags_that_are_the_same_to_programs(one, other):
    assert comparable_flags(one) == comparable_flags(other)
