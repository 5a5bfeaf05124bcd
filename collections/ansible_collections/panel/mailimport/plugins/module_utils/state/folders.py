# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far the folders of imports have come, what their messages were at the source, and which ones they are here."""

from __future__ import annotations

import array
import json
import sqlite3
from typing import Iterable, List, Tuple

from ..model.imports import ImportKey
from ..model.mail import FORGOTTEN_EPOCH
from . import rows
from .connection import Connection
from .records import Deliveries, FolderMark, SourceMessages

OF_KEY = "source_host = ? AND source_user = ? AND address = ?"
# The same in the tables that belong to imports.
OF_IMPORT = "import = (SELECT id FROM imports WHERE %s)" % OF_KEY
_FOLDER_COLUMNS = (
    "raw_name, target_name, uidvalidity, last_uid, uidnext, messages, highest_modseq, copied, missing, flagless"
)


class Folders:
    """See the module."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def marks(self, key: ImportKey) -> List[FolderMark]:
        """Marks of all folders of an import, in order of their names at the source."""
        query = "SELECT %s FROM folders JOIN imports ON imports.id = folders.import WHERE %s ORDER BY raw_name"
        found = self._connection.rows(query % (_FOLDER_COLUMNS, OF_KEY), *key)
        return [rows.folder_mark(row, self._connection.path) for row in found]

    def commit(
        self,
        key: ImportKey,
        marks: Iterable[FolderMark],
        messages: Iterable[SourceMessages] = (),
        deliveries: Iterable[Deliveries] = (),
    ) -> None:
        """Record how far the folders of an import that has begun have come, what their messages are at the source, and
        which ones of the target folders they are. Call it when those are durable.
        """
        insert = "INSERT OR REPLACE INTO source_messages SELECT id, ?, ?, ? FROM imports WHERE " + OF_KEY
        with self._connection.transaction():
            for delivered in deliveries:
                self._add_deliveries(key, delivered)
            for mark in marks:
                self._commit_folder(key, mark)
            for each in messages:
                require_begun(self._connection.execute(insert, each.raw_name, each.uidvalidity, each.packed, *key), key)

    def messages(self, key: ImportKey) -> List[SourceMessages]:
        """What is remembered of the source's messages, a folder an entry."""
        query = (
            "SELECT raw_name, uidvalidity, packed FROM source_messages "
            "JOIN imports ON imports.id = source_messages.import WHERE " + OF_KEY
        )
        return [SourceMessages(**dict(row)) for row in self._connection.rows(query, *key)]

    def _commit_folder(self, key: ImportKey, mark: FolderMark) -> None:
        if mark.last_uid > 0:  # until then messages are known again that came under other UIDs
            self._forget_deliveries(key, "raw_name = ? AND uidvalidity != ?", mark.raw_name, mark.uidvalidity)
        executed = self._connection.execute(
            "INSERT OR REPLACE INTO folders (import, %s) SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM imports WHERE %s"
            % (_FOLDER_COLUMNS, OF_KEY),
            *_values_of(mark),
            *key,
        )
        require_begun(executed, key)

    def _add_deliveries(self, key: ImportKey, delivered: Deliveries) -> None:
        """Record messages beside those recorded before; what was in another target folder is forgotten."""
        folder = (delivered.raw_name, delivered.uidvalidity, delivered.target_uidvalidity)
        self._forget_deliveries(
            key, "raw_name = ? AND target_uidvalidity != ?", delivered.raw_name, delivered.target_uidvalidity
        )
        insert = "INSERT INTO deliveries SELECT id, ?, ?, ?, ? FROM imports WHERE " + OF_KEY
        require_begun(self._connection.execute(insert, *folder, array.array("I", delivered.runs).tobytes(), *key), key)

    def _forget_deliveries(self, key: ImportKey, which: str, *values: object) -> None:
        self._connection.execute("DELETE FROM deliveries WHERE %s AND %s" % (OF_IMPORT, which), *key, *values)

    def forget_deliveries(self, key: ImportKey) -> None:
        """Messages that were delivered count no more, but can be known again."""
        self._connection.execute("UPDATE deliveries SET uidvalidity = ? WHERE " + OF_IMPORT, FORGOTTEN_EPOCH, *key)

    def deliveries(self, key: ImportKey) -> List[Deliveries]:
        """All messages that are known to have been delivered into stores that choose the UIDs, a folder an entry."""
        query = (
            "SELECT deliveries.* FROM deliveries JOIN imports ON imports.id = deliveries.import WHERE %s ORDER BY "
            "deliveries.rowid" % OF_KEY
        )
        return rows.deliveries(self._connection.rows(query, *key), self._connection.path)

    def deliveries_of_others(self, key: ImportKey) -> List[Deliveries]:
        """The same of all other imports of a mailbox, for the UIDs here."""
        query = (
            "SELECT deliveries.* FROM deliveries JOIN imports ON imports.id = deliveries.import "
            "WHERE NOT (%s) AND address = ?" % OF_KEY
        )
        return rows.deliveries(self._connection.rows(query, *key, key.address), self._connection.path)


def _values_of(mark: FolderMark) -> Tuple[object, ...]:
    """What is recorded of a folder, as in _FOLDER_COLUMNS."""
    return (
        mark.raw_name,
        mark.target_name,
        mark.uidvalidity,
        mark.last_uid,
        mark.uidnext,
        mark.messages,
        mark.highest_modseq,
        mark.copied,
        json.dumps(mark.missing),
        mark.flagless,
    )


def require_begun(executed: sqlite3.Cursor, key: ImportKey) -> None:
    if executed.rowcount != 1:
        raise LookupError("the import of %s has not begun" % key.address)
