# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of the state and how an older database comes up to date."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import Iterator

from ..model.errors import MailImportError

_BUSY_TIMEOUT = 30.0

# One entry a schema version, in order; an entry that was released is never changed.
_MIGRATIONS = (
    """
    CREATE TABLE domains (
        domain TEXT PRIMARY KEY,
        owner TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE imports (
        id INTEGER PRIMARY KEY,
        source_host TEXT NOT NULL,
        source_user TEXT NOT NULL,
        address TEXT NOT NULL,
        mailbox_existed INTEGER,
        owner TEXT NOT NULL,
        replaced_to TEXT,
        started_at REAL NOT NULL,
        finished_at REAL,
        pid INTEGER NOT NULL,
        process_started INTEGER,
        completed_once INTEGER NOT NULL DEFAULT 0,
        result TEXT NOT NULL,
        UNIQUE (source_host, source_user, address)
    );
    CREATE TABLE folders (
        import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
        raw_name BLOB NOT NULL,
        target_name TEXT NOT NULL,
        uidvalidity INTEGER NOT NULL,
        last_uid INTEGER NOT NULL,
        uidnext INTEGER,
        messages INTEGER,
        highest_modseq INTEGER,
        copied INTEGER NOT NULL,
        missing TEXT NOT NULL,
        PRIMARY KEY (import, raw_name)
    ) WITHOUT ROWID;
    """,
    # Messages in stores that choose the UIDs themselves: a row a commit, its runs of UIDs packed.
    """
    CREATE TABLE deliveries (
        import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
        raw_name BLOB NOT NULL,
        uidvalidity INTEGER NOT NULL,
        target_uidvalidity INTEGER NOT NULL,
        runs BLOB NOT NULL
    );
    CREATE INDEX deliveries_of_folder ON deliveries (import, raw_name);
    ALTER TABLE imports ADD COLUMN unsettled INTEGER NOT NULL DEFAULT 0;
    """,
    # Who waits for, or has, what only so many may have at a time (an import queue, connections to a source): the first
    # of those alive.
    """
    CREATE TABLE places (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        resource TEXT NOT NULL,
        pid INTEGER NOT NULL,
        process_started INTEGER
    );
    CREATE INDEX places_of_resource ON places (resource, id);
    ALTER TABLE imports ADD COLUMN waiting_pid INTEGER;
    ALTER TABLE imports ADD COLUMN waiting_process_started INTEGER;
    """,
    # Whether `replace` has been done: where the contents went does not tell, for people remove them, and there may have
    # been none.
    """
    ALTER TABLE imports ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
    UPDATE imports SET replaced = 1 WHERE replaced_to IS NOT NULL AND id IN (SELECT import FROM folders);
    """,
    "ALTER TABLE folders ADD COLUMN flagless TEXT NOT NULL DEFAULT ''",
    # The messages of the source and their flags as they were last seen. An import that begins again still knows them.
    """
    CREATE TABLE source_messages (
        import INTEGER NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
        raw_name BLOB NOT NULL,
        uidvalidity INTEGER NOT NULL,
        packed BLOB NOT NULL,
        PRIMARY KEY (import, raw_name)
    ) WITHOUT ROWID;
    """,
    # The root of the store that holds the marker of the import; NULL when there is none.
    "ALTER TABLE imports ADD COLUMN store_root TEXT",
    # Somebody wants the import that runs, or waits, to end.
    "ALTER TABLE imports ADD COLUMN stop_requested INTEGER NOT NULL DEFAULT 0",
    # When a run last ended with everything here, and how many bytes all runs have brought. A text within a result has
    # its quotes escaped, so the pattern finds its state alone.
    """
    ALTER TABLE imports ADD COLUMN last_success REAL;
    ALTER TABLE imports ADD COLUMN bytes_imported INTEGER NOT NULL DEFAULT 0;
    UPDATE imports SET last_success = finished_at WHERE result LIKE '%"state": "completed"%';
    """,
    # Notices that owners of mailboxes have had.
    """
    CREATE TABLE notices (
        address TEXT NOT NULL,
        kind TEXT NOT NULL,
        sent_at REAL NOT NULL,
        PRIMARY KEY (address, kind)
    ) WITHOUT ROWID;
    """,
    # Bytes that came from source accounts which give only so many a day.
    """
    CREATE TABLE spent (
        source_host TEXT NOT NULL,
        source_user TEXT NOT NULL,
        spent_at REAL NOT NULL,
        bytes INTEGER NOT NULL
    );
    CREATE INDEX spent_of_source ON spent (source_host, source_user, spent_at);
    """,
    # When a run last brought a message; which MX records the domains had, as the switch goes on; what is finished.
    """
    ALTER TABLE imports ADD COLUMN last_new REAL;
    CREATE TABLE mx_records (
        id INTEGER PRIMARY KEY,
        domain TEXT NOT NULL,
        switched TEXT NOT NULL,
        records TEXT NOT NULL,
        ttl INTEGER,
        first_seen REAL NOT NULL,
        last_seen REAL NOT NULL
    );
    CREATE TABLE migrations (
        name TEXT PRIMARY KEY,
        finished_at REAL NOT NULL
    ) WITHOUT ROWID;
    """,
    # The time that the marker of the import had when a run last wrote into the store; NULL when nobody knows.
    "ALTER TABLE imports ADD COLUMN store_stamp INTEGER",
    # A run is about to make the mailbox, or did not live to say what became of that.
    "ALTER TABLE imports ADD COLUMN being_made INTEGER NOT NULL DEFAULT 0",
    # When the first run began that was killed while it wrote, whatever later runs have found out since.
    "ALTER TABLE imports ADD COLUMN crashed_since REAL",
)


def open_database(path: str) -> sqlite3.Connection:
    """Open or create the database for reading and writing; what is committed survives the death of the process."""
    _make_file(path)
    connection = _connect(path)
    os.chmod(path, 0o600)
    _use_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, path)
    return connection


def _make_file(path: str) -> None:
    """Make the file if it is not there; SQLite gives its other files the same mode.

    One that is there is not opened: closing it would take all locks from it that this process has, those of other
    connections too (fcntl(2); https://www.sqlite.org/howtocorrupt.html section 2.2), and another process would take the
    log away from under them.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if os.path.islink(path):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path) from None


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Set the journal mode; SQLite does not wait by itself when another run is doing the same to a new database."""
    deadline = time.monotonic() + _BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def snapshot_database(path: str) -> sqlite3.Connection:
    """Copy what the database holds now into memory; an absent one is empty. Writes no file.

    Raises:
        NotADirectoryError: it could not be made there either.
    """
    with suppress(FileNotFoundError):
        os.stat(path)
    snapshot = _connect(":memory:")
    if os.path.exists(path):
        # Without a log beside it nobody is writing; only then SQLite may be told so, and makes no files of its own.
        mode = "mode=ro" if os.path.exists(path + "-wal") else "immutable=1"
        uri = "file:%s?%s" % (path.replace("%", "%25").replace("?", "%3f").replace("#", "%23"), mode)
        database = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT)
        try:
            database.backup(snapshot)
        finally:
            database.close()
    migrate(snapshot, path)
    snapshot.execute("PRAGMA query_only = ON")
    return snapshot


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring the tables up to the newest version this code knows.

    Raises:
        MailImportError: `host_refused` when the database is newer than that.
    """
    with transaction(connection):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(_MIGRATIONS):
            message = "state database %s is of a newer version of panel.mailimport: update the collection" % path
            raise MailImportError("host_refused", message)
        for number, statements in enumerate(_MIGRATIONS[version:], version + 1):
            for statement in filter(str.strip, statements.split(";")):
                connection.execute(statement)
            connection.execute("PRAGMA user_version = %d" % number)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit all or nothing of what is executed inside."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
