# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.contents import CanonicalDigest
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.digests import digests_of
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.files import digest_of_content
from hypothesis import example, given, settings
from hypothesis import strategies as st

NOTED = (
    b"Status: RO\r\nFrom: a\r\nX-IMAPbase: 1795523844   3 $Label1\r\n  NonJunk\r\nX-UID: 1\r\nSubject: "
    b"s\r\nx-status: F\r\n\r\nStatus: text\r\n"
)
PLAIN = b"From: a\r\nSubject: s\r\n\r\nStatus: text\r\n"


def canonical(*pieces):
    digest = CanonicalDigest()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def as_dovecot_shows_it(message):
    """What APPEND and FETCH make of a message: one of several CRs before an LF is lost, as one at the end is, and every
    line end is CRLF."""
    kept = re.sub(rb"\r(?=\n)|\r\Z", b"", message.replace(b"\0", b"\x80"))
    return re.sub(rb"(?<!\r)\n", b"\r\n", kept)


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_what_servers_note_in_mbox_files_is_no_content(line_end):
    assert canonical(NOTED.replace(b"\r\n", line_end)) == canonical(PLAIN)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        (b"\r\nStatus: text\r\n", b"\r\n"),
        (b"Status-Of: x\r\nX-UIDL: 7\r\nXStatus: 1\r\n\r\n", b"\r\n"),
        (b"Subject: Status: O\r\n\r\nX-UID: 1\r\n", b"Subject: Status: O\r\n\r\n"),
        (b"Status", b""),
    ],
)
def test_all_else_is(message, other):
    assert canonical(message) != canonical(other)


@pytest.mark.parametrize(
    ("message", "other"),
    [
        (b"a\rb", b"ab"),
        (b"a\rb", b"a\nb"),
        (b"a\r\rb", b"a\rb"),
        (b"\ra", b"a"),
        (b"a\r\r\rb\r\n", b"a\r\n"),
        (b"a\n", b"a"),
        (b"a ", b"a"),
        (b"a\x80", b"a\x81"),
        (b"", b"\0"),
        (b"S: x\r\n\r\nA", b"S: x\r\n\r\na"),
    ],
)
def test_a8_other_messages_are_others_for_every_store(tmp_path, directory, message, other):
    assert canonical(message) != canonical(other)
    for name, data in (("one", message), ("other", other)):
        (tmp_path / name).write_bytes(data)
    assert digest_of_content("one", directory) != digest_of_content("other", directory)
    assert digests_of(message).folded != digests_of(other).folded


@settings(deadline=None, database=None, max_examples=300)
@given(st.lists(st.binary(max_size=4) | st.text("\r\n\0ab", max_size=6).map(str.encode), max_size=8))
@example([b"a\r", b"\r", b"\r\n", b"b\r"])
@example([b"a\r", b"\r", b"b"])
def test_a8_a_message_is_equal_to_what_dovecot_makes_of_it_however_it_is_cut(pieces):
    message = b"".join(pieces)
    assert canonical(*pieces) == canonical(message) == canonical(as_dovecot_shows_it(message))
    assert digests_of(message).folded == canonical(message)


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("body", [b"", b"x" * 200_000, b"y" * (64 * 1024 - len(NOTED)), b"\r" * 70_000 + b"z"])
def test_pieces_do_not_matter(piece, body):
    whole = NOTED + body
    pieces = [memoryview(whole)[start : start + piece] for start in range(0, len(whole), piece)]
    assert canonical(*pieces) == canonical(PLAIN + body)


def test_a_file_has_the_content_that_was_sent(tmp_path, directory):
    for name, data in (
        ("noted", NOTED),
        ("plain", PLAIN),
        ("by Dovecot", PLAIN.replace(b"\r\n", b"\n")),
        ("other", PLAIN + b"x"),
    ):
        (tmp_path / name).write_bytes(data)
    noted, plain, dovecots, other = (
        digest_of_content(name, directory) for name in ("noted", "plain", "by Dovecot", "other")
    )
    assert noted == plain == dovecots != other
