# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Statements on the state's database, whose errors tell people what to do."""

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
        self.path = path

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all or nothing of what is executed inside."""
        with database_errors(self.path), transaction(self._database):
            yield

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with database_errors(self.path):
            return self._database.execute(statement, values)

    def rows(self, query: str, *values: Any) -> List[sqlite3.Row]:
        with database_errors(self.path):
            return self._database.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> Optional[sqlite3.Row]:
        """The first row, None when there is none."""
        return next(iter(self.rows(query, *values)), None)
