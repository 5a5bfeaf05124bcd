# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows of the database as records; one that somebody else has written to is named as damaged."""

from __future__ import annotations

import array
import json
import sqlite3
from typing import Dict, Iterable, List, Optional, Tuple

from ..model.imports import ImportKey
from ..process.alive import start_time
from .errors import row_errors
from .records import Deliveries, FolderMark, ImportRecord, interrupted, result_from_json


def import_record(row: sqlite3.Row, path: str) -> ImportRecord:
    """Raises MailImportError `host_refused` when the row is damaged, as do the others; `path` is the database's."""
    with row_errors(path, "import of %s" % row["address"]):
        result = result_from_json(row["result"])
        alive = row["process_started"] is not None and start_time(row["pid"]) == row["process_started"]
        waiting = row["waiting_pid"] is not None and start_time(row["waiting_pid"]) == row["waiting_process_started"]
        return ImportRecord(
            key=ImportKey(row["source_host"], row["source_user"], row["address"]),
            mailbox_existed=None if row["mailbox_existed"] is None else bool(row["mailbox_existed"]),
            owner=row["owner"],
            replaced_to=row["replaced_to"],
            result=interrupted(result) if row["finished_at"] is None and not alive else result,
            completed_once=bool(row["completed_once"]),
            replaced=bool(row["replaced"]),
            may_hold_unrecorded_mail=bool(row["unsettled"]),
            killed_since=float(row["unsettled"]) if row["unsettled"] > 1 else None,  # 1 is all that 0.2.0 said
            crashed_since=_moment(row["crashed_since"]),
            waiting=waiting,
            store_root=row["store_root"],
            store_stamp=row["store_stamp"],
            stop_requested=bool(row["stop_requested"]),
            being_made=bool(row["being_made"]),
            last_success=_moment(row["last_success"]),
            last_new=_moment(row["last_new"]),
            bytes_imported=int(row["bytes_imported"]),
            started_at=float(row["started_at"]),
            finished_at=_moment(row["finished_at"]),
        )


def _moment(value: object) -> Optional[float]:
    if value is None or isinstance(value, (int, float)):
        return value
    raise TypeError("%r is no moment" % (value,))


def folder_mark(row: sqlite3.Row, path: str) -> FolderMark:
    with row_errors(path, "mark of folder %r" % (row["raw_name"],)):
        return FolderMark(**dict(row, copied=bool(row["copied"]), missing=tuple(map(int, json.loads(row["missing"])))))


def deliveries(rows: Iterable[sqlite3.Row], path: str) -> List[Deliveries]:
    """Rows of one import, put together by folder."""
    runs: Dict[Tuple[bytes, int, int], array.array[int]] = {}
    for row in rows:
        folder = (row["raw_name"], row["uidvalidity"], row["target_uidvalidity"])
        with row_errors(path, "deliveries of folder %r" % (row["raw_name"],)):
            runs.setdefault(folder, array.array("I")).frombytes(row["runs"])
    return [Deliveries(*folder, packed) for folder, packed in runs.items()]
