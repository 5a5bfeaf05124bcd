# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes two messages equal, for every store; and digests of the messages that a folder holds.

Two messages are equal when their canonical forms are. The canonical form is a message

* with LF for every line end: the CRs right before an LF, and those at the very end, are dropped. Dovecot keeps line
  ends as LF, shows them as CRLF, and loses one of several CRs each time. A CR elsewhere stays: ``a\\rb`` is not `ab`;
* with the byte 0x80 for NUL, as Dovecot keeps it: no IMAP literal holds a NUL (RFC 3501, section 4.3);
* without the header fields in which servers with mbox files keep UIDs and flags.

Nothing else is dropped, so equal headers alone never make two messages equal.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from typing import Optional, Union

# GNU Mailutils, UW IMAP, mbox(5) of mutt. A server that shows these fields shows other ones with every flag that
# changes, and nobody wrote them.
_MBOX_FIELDS = re.compile(
    rb"^(?:x-)?(?:status|uid|imapbase|imap|keywords):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_HEADER_END = re.compile(rb"(?:\A|(?<=\n))\n")
# So much of a message is searched for them.
_LONGEST_HEADER = 64 * 1024

_LONE_CR = re.compile(rb"\r[^\n]")
_CRS_BEFORE_LF = re.compile(rb"(?<!\r)\r+\n")
_WITHOUT_NUL = bytes([0x80]) + bytes(range(1, 256))
_CRS = b"\r" * 65536


class CanonicalDigest:
    """Digest of a message in canonical form, see the module; it takes the message piece by piece."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._beginning: Optional[bytearray] = bytearray()
        self._crs_held_back = 0

    def update(self, data: Union[bytes, memoryview]) -> None:
        text = bytes(data)
        if self._crs_held_back:
            text = self._behind_held_back(text)
        # What CRs at the end of a piece are is told by what comes behind them.
        kept = text.rstrip(b"\r")
        self._crs_held_back += len(text) - len(kept)
        self._feed(_canonical(kept))

    def _behind_held_back(self, text: bytes) -> bytes:
        """Return a piece without CRs at its beginning; those held back are settled unless it was all CRs."""
        behind = text.lstrip(b"\r")
        self._crs_held_back += len(text) - len(behind)
        if behind:
            crs, self._crs_held_back = self._crs_held_back, 0
            if not behind.startswith(b"\n"):
                for done in range(0, crs, len(_CRS)):
                    self._feed(_CRS[: crs - done])
        return behind

    def _feed(self, text: bytes) -> None:
        """Take canonical text: the beginning as a whole, since header fields of it may be dropped."""
        if self._beginning is None:
            self._digest.update(text)
            return
        room = _LONGEST_HEADER - len(self._beginning)
        self._beginning += text[:room]
        if len(text) > room:
            self._end_beginning()
            self._digest.update(text[room:])

    def _end_beginning(self) -> None:
        if self._beginning is not None:
            self._digest.update(_without_mbox_fields(bytes(self._beginning)))
            self._beginning = None

    def digest(self) -> bytes:
        """Return the digest of all that was taken; nothing more is taken then."""
        self._end_beginning()
        return self._digest.digest()


def _canonical(text: bytes) -> bytes:
    """Return a piece that does not end with CR in canonical form, header fields aside."""
    if _LONE_CR.search(text):
        return _CRS_BEFORE_LF.sub(b"\n", text).translate(_WITHOUT_NUL)
    return text.translate(_WITHOUT_NUL, b"\r")  # each CR has its LF: several times faster


def _without_mbox_fields(beginning: bytes) -> bytes:
    found = _HEADER_END.search(beginning)
    end = found.start() if found else len(beginning)
    return _MBOX_FIELDS.sub(b"", beginning[:end]) + beginning[end:]


class ContentIndex:
    """A multiset of digests in a private temporary database: SQLite spills it to disk when it grows."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA cache_size = -4096")
        self._database.execute("CREATE TABLE digests (digest BLOB PRIMARY KEY, copies INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def __del__(self) -> None:
        # It refers to itself, and nothing collects such things here: it would keep its memory. Where something does,
        # any thread may.
        self._database.close()

    def add(self, digest: bytes) -> None:
        self._database.execute(
            "INSERT INTO digests VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET copies = copies + 1", (digest,)
        )

    def pop(self, digest: bytes) -> bool:
        """Take one copy out; True when there was one."""
        changed = self._database.execute(
            "UPDATE digests SET copies = copies - 1 WHERE digest = ? AND copies > 0", (digest,)
        )
        return changed.rowcount > 0
