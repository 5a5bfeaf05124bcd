# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.reader import ResponseReader
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import Status
from ansible_collections.panel.mailimport.plugins.module_utils.imap.stream import ByteStream
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError


def ended(status: Status) -> MailImportError:
    return MailImportError("interrupted", str(status))


@pytest.fixture
def reader_of():
    """Make a reader of what a server sends before it closes."""
    sockets = []

    def make(data: bytes) -> ResponseReader:
        ours, theirs = socket.socketpair()
        sockets.append(ours)
        with theirs:
            theirs.sendall(data)
        return ResponseReader(
            ByteStream(ours, "server:143"), lambda status: MailImportError("interrupted", str(status))
        )

    yield make
    for sock in sockets:
        sock.close()


def test_answers_are_collected_with_the_untagged_responses_before_them(reader_of):
    seen = []
    status = reader_of(b"* 3 EXISTS\r\nM1 OK one\r\n* LIST () NIL {1}\r\nA\r\nM2 NO [CLOSED] two\r\n").collect(
        [b"M1", b"M2"], seen.append
    )
    assert status == Status("NO", b"CLOSED", "two")
    assert seen == [[b"3 EXISTS"], [b"LIST () NIL ", b"A", b""]]


@pytest.mark.parametrize("bye", [b"* BYE too many connections\r\n", b"* bye [UNAVAILABLE] too many connections\r\n"])
def test_c3_whose_fault_a_bye_is_is_said_by_whoever_reads(reader_of, bye):
    with pytest.raises(MailImportError, match="too many connections") as error:
        reader_of(bye).collect([b"M1"])
    assert error.value.reason == "interrupted"
