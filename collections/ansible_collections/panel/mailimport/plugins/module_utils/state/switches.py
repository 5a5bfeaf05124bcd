# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mail host remembers of the switch: which MX records the domains had, and which migrations are finished."""

from __future__ import annotations

import json
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..model import clock
from .connection import Connection
from .errors import row_errors


class Sighting(NamedTuple):
    """The MX records of a domain as its own servers had them from `first_seen` to `last_seen`, at least.

    `switched` is `yes` when mail comes to the new servers, `no`, or `mixed`. `ttl` is None when nobody knows it.
    """

    switched: str
    records: Tuple[str, ...]
    ttl: Optional[int]
    first_seen: float
    last_seen: float


class Switches:
    """See the module."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def sightings(self) -> Dict[str, List[Sighting]]:
        """What was seen of each domain, the oldest first."""
        found: Dict[str, List[Sighting]] = {}
        for row in self._connection.rows("SELECT * FROM mx_records ORDER BY domain, id"):
            with row_errors(self._connection.path, "MX records of %s" % row["domain"]):
                records = tuple(map(str, json.loads(row["records"])))
                seen = Sighting(row["switched"], records, row["ttl"], float(row["first_seen"]), float(row["last_seen"]))
            found.setdefault(row["domain"], []).append(seen)
        return found

    def record(self, domain: str, history: List[Sighting]) -> None:
        """Record the last entry of a domain's history, which is new or has been seen again."""
        latest = history[-1]
        with self._connection.transaction(durable=True):
            self._connection.execute(
                "DELETE FROM mx_records WHERE domain = ? AND first_seen = ?", domain, latest.first_seen
            )
            self._connection.execute(
                "INSERT INTO mx_records (domain, switched, records, ttl, first_seen, last_seen) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                domain,
                latest.switched,
                json.dumps(latest.records),
                latest.ttl,
                latest.first_seen,
                latest.last_seen,
            )

    def finished(self) -> Dict[str, float]:
        """When migrations were finished, by their names."""
        return {row["name"]: row["finished_at"] for row in self._connection.rows("SELECT * FROM migrations")}

    def note_finished(self, name: str) -> None:
        """Record that a migration is finished; the first time counts."""
        with self._connection.transaction(durable=True):
            self._connection.execute("INSERT OR IGNORE INTO migrations VALUES (?, ?)", name, clock.now())
