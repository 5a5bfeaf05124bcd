# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came from source accounts within the last day, for sources that give only so much."""

from __future__ import annotations

from ..model import clock
from ..model.imports import ImportKey
from .connection import Connection

DAY = 24 * 3600.0


class Budgets:
    """See the module. A source account is known by its host and user, whatever mailbox it is imported into."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def note_spent(self, key: ImportKey, size: int) -> None:
        """So many bytes came from the source account of an import just now."""
        now = clock.now()
        self._connection.execute("DELETE FROM spent WHERE spent_at <= ?", now - DAY)
        self._connection.execute("INSERT INTO spent VALUES (?, ?, ?, ?)", key.source_host, key.source_user, now, size)

    def spent(self, key: ImportKey) -> int:
        """How many bytes came from the source account of an import within the last day."""
        query = "SELECT SUM(bytes) AS total FROM spent WHERE source_host = ? AND source_user = ? AND spent_at > ?"
        row = self._connection.row(query, key.source_host, key.source_user, clock.now() - DAY)
        return int(row["total"] or 0) if row else 0
