# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mail host remembers between runs: owners of domains, imports and how far their folders have come."""

from __future__ import annotations

import os
import time
from typing import Callable, ContextManager, Dict, Iterable, List, Optional, Set, Tuple

from ..model import clock
from ..model.address import Address
from ..model.errors import MailImportError
from ..model.imports import ImportKey, ImportResult
from ..process.alive import start_time
from . import rows
from .budgets import Budgets
from .connection import Connection
from .errors import database_errors, state_file_errors
from .folders import OF_IMPORT, OF_KEY, Folders, require_begun
from .host_key import make_host_key, proof_of
from .locks import mailbox_lock
from .places import Places
from .records import ImportRecord, result_to_json
from .schema import open_database, snapshot_database
from .switches import Switches

_BEGIN = """INSERT INTO imports (source_host, source_user, address, owner, started_at, pid, process_started, result)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source_host, source_user, address) DO UPDATE SET owner = excluded.owner,
started_at = excluded.started_at, finished_at = NULL, pid = excluded.pid,
process_started = excluded.process_started, result = excluded.result, waiting_pid = NULL,
last_new = CASE WHEN unsettled THEN excluded.started_at ELSE last_new END"""
_ENQUEUE = """INSERT INTO imports
(source_host, source_user, address, owner, started_at, pid, process_started, result, waiting_pid,
waiting_process_started)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (source_host, source_user, address) DO UPDATE SET stop_requested = 0,
waiting_pid = excluded.waiting_pid, waiting_process_started = excluded.waiting_process_started"""


class State:
    """The state of one mail host, a database in `state_dir` (made with mode 0711 when absent).

    It holds no secret, and losing it loses no mail. An open State belongs to the process that opened it: a forked
    child leaves it alone. Close it, or use it as a context manager. What it records survives the death of the process,
    and a power failure from the next `flush` on, or where a method says so.

    Raises:
        MailImportError: `host_refused` when the directory cannot be written or the database is damaged or of a newer
            version; `disk_full`. So do all methods.

    Attributes:
        folders: how far the folders of imports have come.
        places: places in line for what only so many processes may have at once.
        budgets: what came from sources that give only so much a day.
        switches: what is known of the switch of domains.
    """

    def __init__(self, state_dir: str) -> None:
        path = _database_in(state_dir)
        with state_file_errors(state_dir), database_errors(path):
            os.makedirs(state_dir, 0o711, exist_ok=True)
            _require_ours(state_dir)
            # The mail transfer agent reads the map of domains in here; nobody but root can list the rest or read it.
            os.chmod(state_dir, 0o711)
            make_host_key(state_dir)
            self._use(state_dir, Connection(open_database(path), path))

    @classmethod
    def open_readonly(cls, state_dir: str) -> State:
        """The state as it is now, for looking only: creates nothing, an absent state is an empty one."""
        path = _database_in(state_dir)
        state = cls.__new__(cls)
        with state_file_errors(state_dir), database_errors(path):
            state._use(state_dir, Connection(snapshot_database(path), path))
        return state

    def _use(self, state_dir: str, database: Connection) -> None:
        self._directory = state_dir
        self._database = database
        self.folders = Folders(database)
        self.places = Places(database)
        self.budgets = Budgets(database)
        self.switches = Switches(database)

    def close(self) -> None:
        self._database.close()

    def flush(self) -> None:
        """Make durable all that was recorded, by this process and others."""
        self._database.flush()

    def __enter__(self) -> State:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def owner_of(self, domain: str) -> Optional[str]:
        """Owner of a mail domain, None when nobody recorded one."""
        row = self._database.row("SELECT owner FROM domains WHERE domain = ?", domain)
        return row["owner"] if row else None

    def claim_domain(self, domain: str, owner: str) -> str:
        """Record a domain's owner unless it has one; return whose it is now. Of two runs that claim it at once one is
        told the other.
        """
        with self._database.transaction(durable=True):
            self._database.execute("INSERT INTO domains VALUES (?, ?) ON CONFLICT (domain) DO NOTHING", domain, owner)
        return self.owner_of(domain) or owner

    def release_domain(self, domain: str, key: ImportKey) -> None:
        """Take back the claim of an import that made nothing. It stays when another import into the domain is known,
        which may rely on it: whoever comes later claims anew.
        """
        self._database.execute(
            "DELETE FROM domains WHERE domain = ? AND NOT EXISTS "
            "(SELECT 1 FROM imports WHERE substr(address, -length(?)) = ? AND NOT (%s))" % OF_KEY,
            domain,
            "@" + domain,
            "@" + domain,
            *key,
        )

    def proof_of(self, key: ImportKey) -> bytes:
        """What shows that a store was imported into by this host, nothing when that cannot be shown."""
        return proof_of(self._directory, key)

    def domains(self) -> Dict[str, str]:
        """Owner by domain."""
        return {row["domain"]: row["owner"] for row in self._database.rows("SELECT * FROM domains ORDER BY domain")}

    def import_record(self, key: ImportKey) -> Optional[ImportRecord]:
        row = self._database.row("SELECT * FROM imports WHERE " + OF_KEY, *key)
        return rows.import_record(row, self._database.path) if row else None

    def imports(self) -> List[ImportRecord]:
        """All imports this host knows, in order of their mailboxes."""
        found = self._database.rows("SELECT * FROM imports ORDER BY address, source_host, source_user")
        return [rows.import_record(row, self._database.path) for row in found]

    def begin(self, key: ImportKey, owner: str, pid: int, queue: Optional[int] = None) -> None:
        """Record that process `pid` runs this import now, in an import queue or outside of them."""
        result = ImportResult(
            email=key.address, source="%s@%s" % (key.source_user, key.source_host), state="running", queue=queue
        )
        self._database.execute(
            _BEGIN,
            *key,
            owner,
            clock.now(),
            pid,
            start_time(pid),
            result_to_json(result),
        )

    def enqueue(self, waiting: Iterable[Tuple[ImportKey, str]], pid: int) -> None:
        """Record that process `pid` is going to run these imports (key and owner), so that everybody sees them; what is
        known of them stays.
        """
        started = start_time(pid)
        with self._database.transaction():
            for key, owner in waiting:
                result = ImportResult(email=key.address, source="%s@%s" % (key.source_user, key.source_host))
                self._database.execute(
                    _ENQUEUE, *key, owner, clock.now(), pid, started, result_to_json(result), pid, started
                )

    def request_stop(self, key: ImportKey) -> None:
        """Ask whoever runs this import, or is going to, to end it; a later run is not meant."""
        self._update(key, "stop_requested = 1")

    def is_stop_requested(self, key: ImportKey) -> bool:
        row = self._database.row("SELECT stop_requested FROM imports WHERE " + OF_KEY, *key)
        return bool(row and row["stop_requested"])

    def note_contact(self, key: ImportKey, mailbox_existed: bool) -> None:
        """Record, durably and before the mailbox is touched, whether it existed; only the first contact counts."""
        with self._database.transaction(durable=True):
            self._update(key, "mailbox_existed = COALESCE(mailbox_existed, ?)", mailbox_existed)

    def note_new(self, keys: Iterable[ImportKey]) -> None:
        """Record, durably and in one go, that these mailboxes did not exist, and are about to be created."""
        with self._database.transaction(durable=True):
            for key in keys:
                self._update(key, "mailbox_existed = COALESCE(mailbox_existed, 0), being_made = 1")

    def note_made(self, key: ImportKey) -> None:
        """Record that it is known what came of creating the mailbox."""
        self._update(key, "being_made = 0")

    def drop(self, key: ImportKey) -> None:
        """Forget an import altogether: its mailbox is gone."""
        self._database.execute("DELETE FROM imports WHERE " + OF_KEY, *key)

    def progress(self, key: ImportKey, result: ImportResult) -> None:
        """Record the counts of an import that is running."""
        self._update(key, "result = ?", result_to_json(result))

    def note_replaced(self, key: ImportKey, path: Optional[str], done: bool) -> None:
        """Record, durably, that the mailbox's contents are to be moved to `path`, or that it has been done, so that it
        happens once.
        """
        with self._database.transaction(durable=True):
            self._update(key, "replaced_to = ?, replaced = ?", path, done)

    def note_writing(self, key: ImportKey, store_root: Optional[str], since: Optional[int] = None) -> None:
        """Record, durably and before a store is written to, where that is, and that from now on, or `since` earlier,
        mail may be left behind unnoticed.
        """
        with self._database.transaction(durable=True):
            began = "unsettled = CASE unsettled WHEN 0 THEN ?1 ELSE MIN(unsettled, ?1) END"
            crashed = (
                "crashed_since = CASE WHEN ?3 THEN MIN(COALESCE(crashed_since, ?1), ?1) "
                "WHEN unsettled > 1 THEN MIN(COALESCE(crashed_since, unsettled), unsettled) ELSE crashed_since END"
            )
            assignments = ", ".join((began, "store_root = ?2", crashed))
            self._update(key, assignments, since or int(time.time()), store_root, since is not None)

    def note_all_recorded(self, key: ImportKey, from_the_beginning: bool = False) -> None:
        """Record that all is known of what was written; `from_the_beginning`: and that copies were looked for which
        killed runs of any time may have left.
        """
        self._update(
            key, "unsettled = 0, crashed_since = CASE WHEN ? THEN NULL ELSE crashed_since END", from_the_beginning
        )

    def note_store(self, key: ImportKey, store_root: Optional[str], stamp: Optional[int]) -> None:
        """Record where the store is that can show whether its mail is still there, None for nowhere, and the time of
        its marker.
        """
        self._update(key, "store_root = ?, store_stamp = ?", store_root, stamp)

    def record_result(self, key: ImportKey, result: ImportResult, to_the_end: bool) -> None:
        """Record how an import ended; `to_the_end`: the source is imported, and stays known as that whatever later runs
        come to.
        """
        now = clock.now()
        self._update(
            key,
            "result = ?, finished_at = ?, completed_once = completed_once OR ?, "
            "last_success = COALESCE(?, last_success), last_new = COALESCE(?, last_new), "
            "bytes_imported = bytes_imported + ?",
            result_to_json(result),
            now,
            to_the_end,
            now if result.state == "completed" else None,
            now if result.messages_copied else None,
            result.bytes_copied,
        )

    def record_results(self, ended: Iterable[Tuple[ImportKey, ImportResult]], pid: int) -> None:
        """Record in one go how imports ended for which process `pid` has waited, and nothing had to be done."""
        with self._database.transaction():
            for key, result in ended:
                self.record_result(key, result, False)
                self._update(key, "waiting_pid = NULLIF(waiting_pid, ?)", pid)

    def forget(self, key: ImportKey) -> None:
        """Drop what makes an import continue or count as done, so that it begins again. Which messages it delivered is
        kept for sources that write them anew, see transfer/rebuilt.py.
        """
        with self._database.transaction():
            self._forget_progress(key, "folders")
            self.folders.forget_deliveries(key)
            # Where a killed run may have moved mail to is looked for by the next one.
            self._update(key, "replaced_to = CASE WHEN replaced THEN NULL ELSE replaced_to END, replaced = 0")

    def forget_mail(self, key: ImportKey) -> None:
        """Drop what is known of messages that were removed from the host; what `replace` has done is not done again."""
        with self._database.transaction():
            self._forget_progress(key, "folders", "deliveries", "source_messages")
            self._update(key, "crashed_since = NULL")

    def _forget_progress(self, key: ImportKey, *tables: str) -> None:
        for table in tables:
            self._database.execute("DELETE FROM %s WHERE %s" % (table, OF_IMPORT), *key)
        self._update(key, "completed_once = 0, store_root = NULL, store_stamp = NULL, bytes_imported = 0")

    def notices(self, kind: str) -> Set[str]:
        """Addresses of the mailboxes whose owners have had a notice of this kind."""
        return {row["address"] for row in self._database.rows("SELECT address FROM notices WHERE kind = ?", kind)}

    def note_notice(self, address: str, kind: str) -> None:
        """Record, durably, that a notice was delivered."""
        with self._database.transaction(durable=True):
            self._database.execute("INSERT OR IGNORE INTO notices VALUES (?, ?, ?)", address, kind, clock.now())

    def lock_mailbox(self, address: Address, waiting: Optional[Callable[[], None]] = None) -> ContextManager[int]:
        """Hold a mailbox against all other runs on this host, see `mailbox_lock`."""
        return mailbox_lock(self._directory, address, waiting)

    def _update(self, key: ImportKey, assignments: str, *values: object) -> None:
        require_begun(
            self._database.execute("UPDATE imports SET %s WHERE %s" % (assignments, OF_KEY), *values, *key), key
        )


def _database_in(state_dir: str) -> str:
    return os.path.join(state_dir, "state.db")


def _require_ours(state_dir: str) -> None:
    """Refuse a directory of somebody else's, or a link, who could put links in place of our files: below /tmp, say,
    others may have been there first.
    """
    if not {os.lstat(state_dir).st_uid, os.stat(state_dir).st_uid} <= {os.geteuid(), 0}:
        raise MailImportError(
            "host_refused",
            "state_dir %s belongs to another user: choose a directory where only root can write" % state_dir,
        )
