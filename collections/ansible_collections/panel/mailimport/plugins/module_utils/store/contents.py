# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes two messages equal, and digests of those that a folder holds."""

from __future__ import annotations

import re
import sqlite3

# Header fields in which mbox files keep UIDs and flags (GNU Mailutils, UW IMAP, mbox(5) of mutt). A server that shows
# them shows another one with every flag that changes, and nobody wrote them.
_MBOX_NOTES = re.compile(
    rb"^(?:x-)?(?:status|uid|imapbase|imap|keywords):[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)
_HEADER_END = re.compile(rb"(?:\A|(?<=\n))\r?\n")


def without_mbox_notes(beginning: bytes) -> bytes:
    """Return the beginning of a message without what a server with mbox files noted in its header."""
    found = _HEADER_END.search(beginning)
    end = found.start() if found else len(beginning)
    return _MBOX_NOTES.sub(b"", beginning[:end]) + beginning[end:]


class ContentIndex:
    """A multiset of digests in a private temporary database: SQLite spills it to disk when it grows."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA cache_size = -4096")
        self._database.execute("CREATE TABLE digests (digest BLOB PRIMARY KEY, copies INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, digest: bytes) -> None:
        self._database.execute(
            "INSERT INTO digests VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET copies = copies + 1", (digest,)
        )

    def take(self, digest: bytes) -> bool:
        """Take one copy out; True when there was one."""
        changed = self._database.execute(
            "UPDATE digests SET copies = copies - 1 WHERE digest = ? AND copies > 0", (digest,)
        )
        return changed.rowcount > 0
