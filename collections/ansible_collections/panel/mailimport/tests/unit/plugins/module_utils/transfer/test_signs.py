# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import zlib

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.memory import MessageMemory
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.signs import MessageSigns, sign_of


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (b"Message-ID: <a@b>\r\nX: 1\r\n\r\nx", b"X: 2\r\nmessage-id: <a@b>\r\n\r\ny", True),
        (b"Message-ID: <a@b>\r\n\r\nx", b"Message-ID: <c@b>\r\n\r\nx", False),
        (b"Subject: one\r\nX: 1\r\n\r\n", b"X: 2\r\nSubject: one\r\n\r\n", True),
        (b"Subject: one\r\n\r\n", b"Subject: two\r\n\r\n", False),
        (b"\r\nMessage-ID: <a@b>\r\n", b"\r\nMessage-ID: <a@b>\r\n1", False),
        (b"X: 1\r\n\r\n", b"X: 2\r\n\r\n", False),
    ],
)
def test_what_tells_messages_apart(one, other, equal):
    assert (sign_of(one) == sign_of(other)) is equal


def test_few_signs_are_kept_the_newest_and_some_of_old():
    signs = MessageSigns()
    for run in range(20):
        signs = MessageSigns(signs.as_dict())
        for uid in range(100 * run + 1, 100 * run + 101):
            signs.remember(uid, bytearray(b"Subject: %d\r\n\r\n" % uid))
    kept = signs.as_dict()
    assert len(kept) <= 8
    assert {1, 1997, 1998, 1999, 2000} <= set(kept)
    assert kept[1998] == sign_of(b"Subject: 1998\r\n\r\n")


def test_signs_are_packed_with_the_messages():
    memory = MessageMemory()
    memory.remember(7, ())
    memory.signs.remember(7, bytearray(b"Subject: one\r\n\r\n"))
    again = MessageMemory(memory.pack())
    assert (7 in again, again.signs.as_dict()) == (True, {7: sign_of(b"Subject: one\r\n\r\n")})
    assert again.pack() == memory.pack()


def test_what_an_older_version_packed_has_no_signs():
    memory = MessageMemory()
    memory.remember(7, None)
    header, _line_end, runs = zlib.decompress(memory.pack()).partition(b"\n")
    old = MessageMemory(zlib.compress(json.dumps(json.loads(header)[:2]).encode() + b"\n" + runs))
    assert (7 in old, bool(old.signs)) == (True, False)


@pytest.mark.parametrize("signs", ["x", 5, [1], {"x": "y"}, None])
def test_damaged_signs_are_nothing(signs):
    memory = MessageMemory()
    memory.remember(7, None)
    header, _line_end, runs = zlib.decompress(memory.pack()).partition(b"\n")
    damaged = zlib.compress(json.dumps([*json.loads(header)[:2], signs]).encode() + b"\n" + runs)
    assert not MessageMemory(damaged).signs
