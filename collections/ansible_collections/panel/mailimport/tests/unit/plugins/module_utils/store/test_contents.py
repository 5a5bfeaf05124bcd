# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.contents import without_mbox_notes
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.digests import Digester
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.files import digest_of_content

NOTED = (
    b"Status: RO\r\nFrom: a\r\nX-IMAPbase: 1795523844   3 $Label1\r\n  NonJunk\r\nX-UID: 1\r\nSubject: "
    b"s\r\nx-status: F\r\n\r\nStatus: text\r\n"
)
PLAIN = b"From: a\r\nSubject: s\r\n\r\nStatus: text\r\n"


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"])
def test_notes_of_mbox_files_are_no_content(line_end):
    assert without_mbox_notes(NOTED.replace(b"\r\n", line_end)) == PLAIN.replace(b"\r\n", line_end)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\r\nStatus: text\r\n",
        b"Status-Of: x\r\nX-UIDL: 7\r\nXStatus: 1\r\n\r\n",
        b"Subject: Status: O\r\n\r\nX-UID: 1\r\n",
    ],
)
def test_all_else_is(message):
    assert without_mbox_notes(message) == message


@pytest.mark.parametrize("piece", [1, 7, 100_000])
@pytest.mark.parametrize("body", [b"", b"x" * 200_000, b"y" * (64 * 1024 - len(NOTED))])
def test_pieces_do_not_matter(piece, body):
    whole = Digester()
    whole.update(PLAIN + body)
    digester = Digester()
    for start in range(0, len(NOTED + body), piece):
        digester.update((NOTED + body)[start : start + piece])
    found, plain = digester.digests(), whole.digests()
    assert (found.folded == plain.folded, found.exact == plain.exact, found.size) == (True, False, len(NOTED + body))


def test_a_file_has_the_content_that_was_sent(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    for name, data in (
        ("noted", NOTED),
        ("plain", PLAIN),
        ("by Dovecot", PLAIN.replace(b"\r\n", b"\n")),
        ("other", PLAIN + b"x"),
    ):
        (tmp_path / name).write_bytes(data)
    assert (
        digest_of_content("noted", directory)
        == digest_of_content("plain", directory)
        == digest_of_content("by Dovecot", directory)
    )
    assert digest_of_content("other", directory) != digest_of_content("plain", directory)
    os.close(directory)
