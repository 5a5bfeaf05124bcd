# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sqlite3

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.contents import ContentIndex
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.digests import (
    Digester,
    UidsByContent,
    digests_of,
)


def test_pieces_make_the_digests_of_the_whole():
    digester = Digester()
    for piece in (b"a\0b\r", memoryview(b"\nc\r\r\n"), b""):
        digester.update(piece)
    assert digester.digests() == digests_of(b"a\0b\r\nc\r\r\n")
    assert digester.digests().size == 9


@pytest.mark.parametrize(
    ("sent", "kept"), [(b"a\0b", b"a\x80b"), (b"a\r", b"a"), (b"a\r\r\nb", b"a\r\nb"), (b"same", b"same")]
)
def test_what_dovecot_keeps_is_known_again(sent, kept):
    assert digests_of(sent).folded == digests_of(kept).folded
    assert (digests_of(sent).exact == digests_of(kept).exact) == (sent == kept)


def test_each_message_is_taken_once_and_the_oldest_first():
    index = UidsByContent()
    for uid, data in ((9, b"x"), (4, b"x"), (5, b"y")):
        index.add(digests_of(data), uid)
    assert len(index) == 3
    assert [index.pop(digests_of(b"x")) for _time in range(3)] == [4, 9, None]
    assert index.pop(digests_of(b"z")) is None
    assert len(index) == 1


@pytest.mark.parametrize("index", [UidsByContent, ContentIndex])
def test_an_index_gives_its_memory_back_when_nobody_has_it_any_more(index):
    """A mailbox's process collects nothing, and there may be an index for each message that is refused."""
    one = index()
    database = one._database
    del one
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        database.execute("SELECT 1")
