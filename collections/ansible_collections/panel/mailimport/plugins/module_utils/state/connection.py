# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements on the state's database, whose errors tell people what to do.

What is committed survives the death of this process. Only what is committed as `durable` is on the disk by then, and
with it all that was committed before, by whatever process: the log keeps the order. So one flush serves many records,
and a power failure takes the latest ones at most.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

from .errors import database_errors
from .schema import transaction


class Connection:
    """An open database. All methods raise MailImportError, `host_refused` or `disk_full`."""

    def __init__(self, database: sqlite3.Connection, path: str) -> None:
        self._database = database
        self._durable = False
        self.path = path

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def transaction(self, durable: bool = False) -> Iterator[None]:
        """Commit all or nothing of what is executed inside."""
        with database_errors(self.path):
            self._set_durable(durable)
            try:
                with transaction(self._database):
                    yield
            finally:
                self._set_durable(False)

    def _set_durable(self, durable: bool) -> None:
        if durable is not self._durable:
            self._database.execute("PRAGMA synchronous = %s" % ("FULL" if durable else "NORMAL"))
            self._durable = durable

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Execute a statement, in a transaction of its own where there is none."""
        with database_errors(self.path):
            return self._database.execute(statement, values)

    def flush(self) -> None:
        """Make durable all that was committed."""
        with self.transaction(durable=True):
            # A commit that changes nothing would not be written.
            self.execute("PRAGMA user_version = %d" % self.rows("PRAGMA user_version")[0][0])

    def rows(self, query: str, *values: Any) -> List[sqlite3.Row]:
        with database_errors(self.path):
            return self._database.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> Optional[sqlite3.Row]:
        """The first row, None when there is none."""
        return next(iter(self.rows(query, *values)), None)
