# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests of the messages a folder holds, for finding equal ones."""

from __future__ import annotations

import sqlite3


class ContentIndex:
    """A multiset of digests in a private temporary database: SQLite spills it to disk when it grows."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA cache_size = -4096")
        self._database.execute("CREATE TABLE digests (digest BLOB PRIMARY KEY, copies INTEGER) WITHOUT ROWID")
        self._database.execute("BEGIN")

    def add(self, digest: bytes) -> None:
        self._database.execute("INSERT INTO digests VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET copies = copies + 1", (digest,))

    def take(self, digest: bytes) -> bool:
        """Take one copy out; True when there was one."""
        changed = self._database.execute("UPDATE digests SET copies = copies - 1 WHERE digest = ? AND copies > 0", (digest,))
        return changed.rowcount > 0
