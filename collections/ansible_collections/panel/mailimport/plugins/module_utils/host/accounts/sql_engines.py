# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database engines: a connection for each operation, one transaction, and errors as a person understands them.

A driver is imported only when its engine is chosen. No connection outlives its operation: a forked process would
share it.
"""

from __future__ import annotations

import os
import re
import sqlite3
import ssl
from abc import ABC, abstractmethod
from contextlib import closing, contextmanager
from typing import Any, Dict, Iterator, List, Mapping, Tuple

from ...model.errors import MailImportError

# Runs that create the same domain at once would create it twice where no key forbids it.
_LOCK = "panel.mailimport"
# Seconds for a lock, and for a database that another program writes to.
_PATIENCE = 30

# A hash as it stands in a database, behind its scheme.
_HASH = re.compile(r"\{[\w.-]+\}[^\s',\")]*")

Row = Tuple[Any, ...]


class Connection:
    """A connection in the middle of a transaction."""

    def __init__(self, engine: Engine, cursor: Any) -> None:
        self._engine = engine
        self._cursor = cursor

    def query(self, statement: str, values: Mapping[str, Any]) -> List[Row]:
        """Return the rows of a query."""
        self._cursor.execute(self._engine.written(statement), values)
        return [tuple(row) for row in self._cursor.fetchall()]

    def execute(self, statement: str, values: Mapping[str, Any]) -> int:
        """Run a statement that changes rows; return how many."""
        self._cursor.execute(self._engine.written(statement), values)
        return int(self._cursor.rowcount)


class Engine(ABC):
    """A database, by its options: `login_host`, `login_port`, `login_unix_socket`, `login_user`, `login_password`,
    `login_db`, `ssl_mode`, `ca_cert`.
    """

    # Words of its language that are not those of the others.
    words: Mapping[str, str] = {}

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options

    @property
    def place(self) -> str:
        """The database, for people."""
        return "database %s" % self._options["login_db"]

    @abstractmethod
    def transaction(self, write: bool = False) -> Any:
        """A context manager that gives a Connection, and commits at its end, or rolls back after an error.

        Args:
            write: no other run of this collection writes meanwhile.

        Raises:
            MailImportError: `host_refused` for all that the database refuses.
        """

    def written(self, statement: str) -> str:
        """A statement with named parameters as the driver wants it."""
        return statement

    def _connection_error(self, error: Exception) -> MailImportError:
        return MailImportError("host_refused", "cannot open %s: %s" % (self.place, error))

    def _refusal(self, kind: str, error: str) -> MailImportError:
        hint = {
            "duplicate": "another mailbox or domain of that name was created meanwhile, or one that this database takes"
            " for the same",
            "schema": "its tables are not those of sql_schema, or the database is another one",
            "rights": "login_user may not do that: grant it SELECT, INSERT, UPDATE and DELETE on the tables",
            "locked": "another program keeps it locked: run the task again",
            "value": "a value does not fit its column",
        }.get(kind)
        return MailImportError("host_refused", "%s: %s%s" % (self.place, "%s: " % hint if hint else "", error))


class MySql(Engine):
    """MySQL or MariaDB, by PyMySQL."""

    words = {
        "now": "NOW()",
        "yes": "1",
        "no": "0",
        "in_days": "NOW() + INTERVAL %(password_days)s DAY",
    }
    _KINDS: Dict[int, str] = {
        1062: "duplicate",
        **dict.fromkeys((1054, 1146, 1364), "schema"),
        **dict.fromkeys((1044, 1142, 1143, 1290), "rights"),
        **dict.fromkeys((1205, 1213, 3572), "locked"),
        **dict.fromkeys((1048, 1264, 1265, 1366, 1406), "value"),
    }

    @contextmanager
    def transaction(self, write: bool = False) -> Iterator[Connection]:
        pymysql = _driver("pymysql", "PyMySQL")
        if (self._options.get("ssl_mode") or "prefer") not in ("disable", "prefer") and pymysql.VERSION < (1, 2):
            # Older ones go on without TLS when the server, or somebody on the way, does not offer it.
            raise MailImportError("host_refused", "ssl_mode needs PyMySQL 1.2 on the mail host: run the role again")
        try:
            connection = pymysql.connect(**self._arguments())
        except pymysql.Error as error:
            raise self._connection_error(_text_of(error)) from None
        with closing(connection):
            try:
                cursor = connection.cursor()
                if write:
                    cursor.execute("SELECT GET_LOCK(%s, %s)", (_LOCK, _PATIENCE))
                    if cursor.fetchone() != (1,):
                        raise self._refusal("locked", "lock %s is not to be had" % _LOCK)
                yield Connection(self, cursor)
                connection.commit()
            except pymysql.Error as error:
                number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
                # Some texts quote the statement or a value, the hash of a password among them.
                text = _HASH.sub("{…}", str(_text_of(error)))
                raise self._refusal(self._KINDS.get(number, ""), text) from None

    def _arguments(self) -> Dict[str, Any]:
        options = self._options
        arguments: Dict[str, Any] = {
            "user": options["login_user"],
            "password": options.get("login_password") or "",
            "database": options["login_db"],
            "connect_timeout": _PATIENCE,
            "read_timeout": 2 * _PATIENCE,
            "write_timeout": 2 * _PATIENCE,
            "charset": "utf8mb4",
        }
        if options.get("login_unix_socket"):
            return {**arguments, "unix_socket": options["login_unix_socket"]}
        arguments.update(host=options.get("login_host") or "localhost", port=options.get("login_port") or 3306)
        mode = options.get("ssl_mode") or "prefer"
        if mode == "disable":
            arguments["ssl_disabled"] = True
        elif mode != "prefer":
            arguments["ssl"] = self._tls_context(mode)
        return arguments

    def _tls_context(self, mode: str) -> ssl.SSLContext:
        """What a connection that must be encrypted is encrypted with; `require` takes any certificate."""
        try:
            context = ssl.create_default_context(cafile=self._options.get("ca_cert"))
        except (OSError, ssl.SSLError) as error:
            raise MailImportError("host_refused", "ca_cert of the database: %s" % error) from None
        context.check_hostname = mode == "verify-full"
        if mode == "require":
            context.verify_mode = ssl.CERT_NONE
        return context


class PostgreSql(Engine):
    """PostgreSQL, by psycopg 3."""

    words = {
        "now": "NOW()",
        "yes": "TRUE",
        "no": "FALSE",
        "in_days": "NOW() + %(password_days)s * INTERVAL '1 day'",
    }
    # SQLSTATE, or the class that it begins with (PostgreSQL, appendix A).
    _KINDS = {
        "23505": "duplicate",
        "42501": "rights",
        "25006": "rights",
        "42": "schema",
        "55": "locked",
        "40": "locked",
    }
    _KINDS.update({"57014": "locked", "22": "value", "23": "value"})

    @contextmanager
    def transaction(self, write: bool = False) -> Iterator[Connection]:
        psycopg = _driver("psycopg", "psycopg")
        try:
            # The driver puts parameters in: of one that is used twice, the server would guess two types.
            connection = psycopg.connect(cursor_factory=psycopg.ClientCursor, **self._arguments())
        except psycopg.Error as error:
            raise self._connection_error(error) from None
        with closing(connection):
            try:
                cursor = connection.cursor()
                cursor.execute("SET LOCAL lock_timeout = '%ds'" % _PATIENCE)
                if write:
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (_LOCK,))
                yield Connection(self, cursor)
                connection.commit()
            except psycopg.Error as error:
                state = error.sqlstate or ""
                # Not the whole error: its details show rows, with the hashes in them.
                text = error.diag.message_primary or type(error).__name__
                raise self._refusal(self._KINDS.get(state, self._KINDS.get(state[:2], "")), text) from None

    def _arguments(self) -> Dict[str, Any]:
        options = self._options
        host = options.get("login_unix_socket") or options.get("login_host") or "localhost"
        arguments = {
            "host": host,
            "port": options.get("login_port"),
            "user": options["login_user"],
            "password": options.get("login_password"),
            "dbname": options["login_db"],
            "sslmode": options.get("ssl_mode"),
            "sslrootcert": options.get("ca_cert"),
            "connect_timeout": _PATIENCE,
        }
        return {name: value for name, value in arguments.items() if value is not None}


class Sqlite(Engine):
    """An SQLite file, by Python's own module."""

    words = {
        "now": "datetime('now')",
        "yes": "1",
        "no": "0",
        "in_days": "datetime('now', '+' || %(password_days)s || ' days')",
    }

    @property
    def place(self) -> str:
        return "SQLite database %s" % self._options["login_db"]

    def written(self, statement: str) -> str:
        return statement.replace("%(", ":").replace(")s", "") if "%(" in statement else statement

    @contextmanager
    def transaction(self, write: bool = False) -> Iterator[Connection]:
        path = os.path.abspath(self._options["login_db"])
        if not os.path.isfile(path):
            # SQLite would create it, and Dovecot could not read it.
            raise MailImportError("host_refused", "there is no SQLite database %s: login_db must be its file" % path)
        try:
            connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            with closing(connection):
                cursor = connection.cursor()
                cursor.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield Connection(self, cursor)
                    cursor.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        cursor.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self._refusal(_sqlite_kind(str(error)), str(error)) from None


def _sqlite_kind(text: str) -> str:
    """What an error of SQLite is about. Python 3.9 tells nothing but its text."""
    for beginning, kind in (
        ("UNIQUE constraint", "duplicate"),
        ("no such", "schema"),
        ("table ", "schema"),
        ("file is not a database", "schema"),
        ("attempt to write a readonly", "rights"),
        ("unable to open", "rights"),
        ("database is locked", "locked"),
        ("NOT NULL constraint", "value"),
        ("CHECK constraint", "value"),
    ):
        if text.startswith(beginning):
            return kind
    return ""


ENGINES: Mapping[str, type[Engine]] = {"mysql": MySql, "postgresql": PostgreSql, "sqlite": Sqlite}


def open_engine(name: str, options: Mapping[str, Any]) -> Engine:
    """Return the engine of that name; nothing is connected yet.

    Raises:
        MailImportError: `invalid_row` for options that mean nothing to it, or are missing.
    """
    needed = ("login_db",) if name == "sqlite" else ("login_db", "login_user")
    missing = [option for option in needed if not options.get(option)]
    if missing:
        raise MailImportError("invalid_row", "sql_engine=%s needs %s" % (name, " and ".join(missing)))
    return ENGINES[name](options)


def _driver(module: str, package: str) -> Any:
    try:
        return __import__(module)
    except ImportError:
        message = "the Python package %s is not on the mail host: name sql_engine to the role panel.mailimport.setup"
        raise MailImportError("host_refused", message % package) from None


def _text_of(error: Exception) -> Any:
    """PyMySQL's errors are a number and a text."""
    return error.args[1] if len(error.args) > 1 else error
