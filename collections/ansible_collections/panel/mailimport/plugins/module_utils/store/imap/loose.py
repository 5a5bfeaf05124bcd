# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages known again although a server has altered them.

A server that alters messages does it to each in the same way: Cyrus puts an X for every 8-bit character of a header,
GNU Mailutils sets its blanks anew and takes a line `From ` of an mbox away, Courier ends the last line, pymap takes the
end of a last line away. What such a server holds is compared with what it was sent by a form that leaves all that out.
The body counts byte for byte but for its end, so that two messages of the same header are never taken for one.
"""

from __future__ import annotations

import hashlib
import re
from typing import Optional, Union

# Header fields of servers with mbox files, see store/contents.py.
_MBOX_FIELDS = re.compile(rb"^(?:x-)?(?:status|uid|imapbase|imap|keywords):[^\n]*\n?(?:[ \t][^\n]*\n?)*", re.I | re.M)
_MBOX_LINE = re.compile(rb"\A>?From [^\n]*\n")
_HEADER_END = re.compile(rb"(?:\A|(?<=\n))\n")
_LONGEST_HEADER = 64 * 1024
_EIGHT_BIT = bytes(range(128)) + b"X" * 128
_WITHOUT_NUL = bytes([0x80]) + bytes(range(1, 256))
_END = b" \t\n"


class LooseDigest:
    """Digest of a message in that form; it takes the message piece by piece."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._beginning: Optional[bytearray] = bytearray()
        self._held_back = b""

    def update(self, data: Union[bytes, memoryview]) -> None:
        text = bytes(data).translate(_WITHOUT_NUL, b"\r")
        if self._beginning is None:
            self._feed_body(text)
            return
        self._beginning += text
        if len(self._beginning) > _LONGEST_HEADER:
            self._end_beginning()

    def _end_beginning(self) -> None:
        beginning, self._beginning = bytes(self._beginning or b""), None
        found = _HEADER_END.search(beginning, 0, _LONGEST_HEADER)
        end = found.start() if found else min(len(beginning), _LONGEST_HEADER)
        header = _MBOX_FIELDS.sub(b"", _MBOX_LINE.sub(b"", beginning[:end]))
        self._digest.update(header.translate(_EIGHT_BIT, b" \t\n") + b"\0")
        self._feed_body(beginning[end:].lstrip(b"\n"))

    def _feed_body(self, text: bytes) -> None:
        """Take text of the body; what may be its end waits for what comes behind it."""
        text = self._held_back + text
        kept = text.rstrip(_END)
        self._held_back = text[len(kept) :]
        self._digest.update(kept)

    def digest(self) -> bytes:
        """Return the digest of all that was taken; nothing more is taken then."""
        if self._beginning is not None:
            self._end_beginning()
        return self._digest.digest()
