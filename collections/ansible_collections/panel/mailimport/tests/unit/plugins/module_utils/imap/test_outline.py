# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.outline import digest_of_fields, parse_outline
from ansible_collections.panel.mailimport.plugins.module_utils.imap.responses import Literal

HEADER = b"Date: Mon, 05 Jan 2026 10:00:00 +0000\r\nSubject: a long\r\n subject\r\nMessage-ID: <1@example.org>\r\n\r\n"
OTHERS = b"From: a@example.org\nMESSAGE-ID:<1@example.org>\nX-Subject: none\nSubject: a  long subject\n\tSubject: no\n"


@pytest.mark.parametrize(
    "text",
    [
        HEADER + b"Subject: of the text\r\n",
        b"Message-ID: <1@example.org>\nsubject: a long subject\nDate: Mon, 05 Jan 2026 10:00:00 +0000\n",
        b"From: x\r\n" + HEADER,
    ],
)
def test_fields_are_the_same_however_they_are_written(text):
    assert digest_of_fields(text) == digest_of_fields(HEADER)


@pytest.mark.parametrize(
    "text",
    [HEADER.replace(b"long", b"lonG"), HEADER.replace(b"<1@", b"<2@"), HEADER.replace(b"Jan", b"Feb"), OTHERS, b""],
)
def test_other_fields_are_others(text):
    assert digest_of_fields(text) != digest_of_fields(HEADER)


@pytest.mark.parametrize(
    "parts",
    [
        [
            b'3 FETCH (UID 7 RFC822.SIZE 900 FLAGS (\\Seen) INTERNALDATE "05-Jan-2026 10:00:00 +0000" '
            b"BODY[HEADER.FIELDS (DATE MESSAGE-ID SUBJECT)] ",
            Literal(HEADER),
            b")\r\n",
        ],
        [
            b"3 FETCH (BODY[HEADER.FIELDS (Date Message-Id Subject)] ",
            Literal(HEADER),
            b' INTERNALDATE " 5-Jan-2026 12:00:00 +0200" flags (\\Seen) rfc822.size 900 MODSEQ (12) UID 7)\r\n',
        ],
        [
            b'3 FETCH (FLAGS (\\Seen) INTERNALDATE "05-Jan-2026 10:00:00 +0000" RFC822.SIZE 900 UID 7 '
            b'BODY[HEADER.FIELDS ("DATE" "MESSAGE-ID" "SUBJECT")] ',
            Literal(HEADER),
            b")\r\n",
        ],
    ],
)
def test_an_outline_is_read_in_any_order(parts):
    told = parse_outline(parts)
    assert (told.uid, told.flags) == (7, (b"\\Seen",))
    assert told.outline == (900, 1767607200, digest_of_fields(HEADER))


@pytest.mark.parametrize(
    "parts",
    [
        [b"3 EXISTS\r\n"],
        [b"3 FETCH (FLAGS (\\Seen))\r\n"],
        [b"3 FETCH (UID 7 FLAGS ())\r\n"],
        [b"OK [UIDNEXT 4] x\r\n"],
    ],
)
def test_a_response_without_an_outline_is_passed_over(parts):
    assert parse_outline(parts) is None


def test_what_a_server_does_not_tell_is_not_known():
    told = parse_outline([b'3 FETCH (UID 7 RFC822.SIZE 900 INTERNALDATE "no date" BODY[HEADER.FIELDS (DATE)] NIL)\r\n'])
    assert told.outline == (900, None, digest_of_fields(b""))
