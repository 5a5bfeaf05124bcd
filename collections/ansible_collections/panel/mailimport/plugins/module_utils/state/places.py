# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Places in line for what only so many processes of a host may have at once: import queues, connections to a source."""

from __future__ import annotations

from typing import Optional

from ..process.alive import start_time
from . import rows
from .connection import Connection
from .records import ImportRecord


class Places:
    """See the module."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def join(self, resource: str, pid: int) -> int:
        """Join the line for a resource of this host; return the place's number. A process that is gone has no place."""
        statement = "INSERT INTO places (resource, pid, process_started) VALUES (?, ?, ?)"
        return int(self._connection.execute(statement, resource, pid, start_time(pid)).lastrowid or 0)

    def leave(self, place: int) -> None:
        """Leave the line, or free what was had."""
        self._connection.execute("DELETE FROM places WHERE id = ?", place)

    def count_before(self, place: int) -> int:
        """How many living processes stand before a place in its line; those that are gone are removed."""
        query = (
            "SELECT * FROM places WHERE id < ? AND resource = (SELECT resource FROM places WHERE id = ?) ORDER BY id"
        )
        alive = 0
        for row in self._connection.rows(query, place, place):
            if start_time(row["pid"]) == row["process_started"]:
                alive += 1
            else:
                self.leave(row["id"])
        return alive

    def has_others_behind(self, place: int) -> bool:
        """Whether anybody came to its line after a place."""
        query = "SELECT 1 FROM places WHERE id > ? AND resource = (SELECT resource FROM places WHERE id = ?) LIMIT 1"
        return self._connection.row(query, place, place) is not None

    def import_before(self, place: int) -> Optional[ImportRecord]:
        """The import that whoever is next to a place in its line runs, None when it does not run one."""
        query = (
            "SELECT imports.* FROM places JOIN imports ON imports.pid = places.pid AND "
            "imports.process_started = places.process_started AND imports.finished_at IS NULL WHERE places.id < ? AND "
            "places.resource = (SELECT resource FROM places WHERE id = ?) ORDER BY places.id"
        )
        row = self._connection.row(query, place, place)
        return rows.import_record(row, self._connection.path) if row else None
