# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests of messages as they were sent and as a server may keep them, and UIDs found again by them."""

from __future__ import annotations

import hashlib
import sqlite3
from enum import IntEnum
from typing import Iterable, List, NamedTuple, Optional, Tuple, Union

from ..contents import CanonicalDigest
from .loose import LooseDigest

# The header of a record in a file of mdbox, which is zero until the message behind it is complete (dbox-file.h). When
# Dovecot is killed before that and rebuilds its indexes, it takes header and what there is of the message for a
# message.
_TORN = b"\x80" * 30


class Digests(NamedTuple):
    """SHA-256 of a message's bytes, and `folded`, the digest of its canonical form; `size` in bytes.

    `loose` is the digest of a form that a server which alters messages leaves as it is, see loose.py. `torn`: this is
    no message but what a killed Dovecot left of one.
    """

    exact: bytes
    folded: bytes
    size: int
    torn: bool
    loose: bytes = b""


class Digester:
    """Takes a message piece by piece."""

    def __init__(self) -> None:
        self._exact = hashlib.sha256()
        self._canonical = CanonicalDigest()
        self._loose = LooseDigest()
        self._size = 0
        self._beginning = b""

    def update(self, data: Union[bytes, memoryview]) -> None:
        self._exact.update(data)
        self._canonical.update(data)
        self._loose.update(data)
        self._size += len(data)
        if len(self._beginning) < len(_TORN):
            self._beginning += data[: len(_TORN)]

    def digests(self) -> Digests:
        """The digests of all that was taken; nothing more is taken then."""
        torn = self._beginning.startswith(_TORN)
        return Digests(self._exact.digest(), self._canonical.digest(), self._size, torn, self._loose.digest())


def digests_of(data: bytes) -> Digests:
    digester = Digester()
    digester.update(data)
    return digester.digests()


class Flagging(IntEnum):
    """Which flags a message has: none, some, or none but the one that says that it is to be removed."""

    NONE = 0
    SOME = 1
    DELETED = 2


def flagging_of(flags: Iterable[bytes]) -> Flagging:
    given = {flag.lower() for flag in flags} - {b"\\recent"}
    if given == {b"\\deleted"}:
        return Flagging.DELETED
    return Flagging.SOME if given else Flagging.NONE


class UidsByContent:
    """Messages of a target folder by their folded digests, in a private temporary database that spills to disk.

    `len()` is the number of messages that have not been taken out, `highest` the highest UID of all.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA cache_size = -4096")
        self._database.execute(
            "CREATE TABLE messages (digest BLOB, uid INTEGER, loose BLOB, flagging INTEGER, PRIMARY KEY (digest, uid)) "
            "WITHOUT ROWID"
        )
        self._database.execute("BEGIN")
        self._count = 0
        self._is_indexed = self._is_numbered = False
        self.highest = 0

    def __del__(self) -> None:
        # It refers to itself, and nothing collects such things here: it would keep its memory. Where something does,
        # any thread may.
        self._database.close()

    def __len__(self) -> int:
        return self._count

    def add(self, digests: Digests, uid: int, flagging: Flagging = Flagging.NONE) -> None:
        self._database.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?)", (digests.folded, uid, digests.loose, flagging)
        )
        self._count += 1
        self.highest = max(self.highest, uid)

    def pop(self, digests: Digests, flagging: Flagging = Flagging.NONE) -> Optional[int]:
        """Take out a message of that content: one like that in its flags if there is such, one that is to be removed
        if there is no other, the oldest of several. Return its UID, None when there is none.
        """
        query = "SELECT digest, uid FROM messages WHERE digest = ? ORDER BY flagging <> ?, flagging, uid LIMIT 1"
        return self._pop(query, digests.folded, flagging)

    def pop_altered(self, digests: Digests, first: int = 1) -> Optional[int]:
        """The same for a message that a server may have altered, of those from a UID on."""
        if not self._is_indexed:
            self._database.execute("CREATE INDEX loosely ON messages (loose, uid)")
            self._is_indexed = True
        query = "SELECT digest, uid FROM messages WHERE loose = ? AND uid >= ? ORDER BY uid LIMIT 1"
        return self._pop(query, digests.loose, first)

    def drop(self, digests: Digests, uid: int) -> None:
        """Take out one message, if it is there."""
        query = "DELETE FROM messages WHERE digest = ? AND uid = ?"
        self._count -= self._database.execute(query, (digests.folded, uid)).rowcount

    def pop_uid(self, uid: int) -> bool:
        """Take out the message of that UID; True when it was there."""
        if not self._is_numbered:
            self._database.execute("CREATE INDEX numbers ON messages (uid)")
            self._is_numbered = True
        taken = self._database.execute("DELETE FROM messages WHERE uid = ?", (uid,)).rowcount
        self._count -= taken
        return taken > 0

    def uids(self) -> List[int]:
        """The UIDs of messages that have not been taken out."""
        return [uid for (uid,) in self._database.execute("SELECT uid FROM messages")]

    def _pop(self, query: str, *values: Union[bytes, int]) -> Optional[int]:
        row: Optional[Tuple[bytes, int]] = self._database.execute(query, values).fetchone()
        if row is None:
            return None
        self._database.execute("DELETE FROM messages WHERE digest = ? AND uid = ?", row)
        self._count -= 1
        return row[1]
