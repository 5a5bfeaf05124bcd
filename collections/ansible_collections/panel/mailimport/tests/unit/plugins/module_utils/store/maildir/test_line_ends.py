# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Line feeds that a message is longer by when it is sent with CRLF."""

from __future__ import annotations

import random

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.line_ends import (
    BareLineFeeds,
    bare_line_feeds,
)


@pytest.mark.parametrize(
    "data, count",
    [
        (b"", 0),
        (b"a\r\nb\r\n", 0),
        (b"a\nb\n", 2),
        (b"\n", 1),
        (b"\r\r\n\n", 1),
        (b"a\rb\r", 0),
        (b"\n\r", 1),
        (b"\x85\xff\n", 1),
    ],
)
def test_only_line_feeds_without_a_carriage_return_count(data: bytes, count: int) -> None:
    assert bare_line_feeds(memoryview(data)) == count


def test_chunks_may_end_anywhere() -> None:
    chance = random.Random(7)
    for _number in range(3000):
        data = bytes(chance.choice(b"\r\nab") for _position in range(chance.randrange(30)))
        counter, position = BareLineFeeds(), 0
        while position < len(data):
            step = chance.randrange(6)
            counter.add(memoryview(data)[position : position + step])
            position += step
        assert counter.count == len(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) - len(data), data
