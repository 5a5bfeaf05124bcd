# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Database servers of one's own, each with its data and its socket in a directory, with the schemas of mail hosts.

PostfixAdmin's schema is made by its own upgrade script, from Debian's package; those of iRedMail and the ISPmail guide
are the columns that matter, written down in `schemas/`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any, Sequence

from .dovecot import wait_until

PASSWORD = "the-databases-word"  # noqa: S105 - of a server that lives for one run
USER = "mailadmin"

_SCHEMAS = Path(__file__).parent / "schemas"
_POSTFIXADMIN = Path("/usr/share/postfixadmin")


class Database(ABC):
    """One database with a schema, as its administrator has it.

    Attributes: `options` are those that the modules take for it; `dovecot` names Dovecot's driver for it, `connect` is
    its connection for Dovecot 2.3 and `connect_24` its settings for 2.4.
    """

    engine: str
    options: dict[str, Any]
    dovecot: str
    connect: str
    connect_24: str

    @abstractmethod
    def execute(self, *statements: str) -> None:
        """Run statements as the administrator."""

    @abstractmethod
    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query, as the administrator."""


class DatabaseServer(ABC):
    """A server, or what stands for one, that makes databases. Those of a schema are copies of a first one."""

    engine: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._count = 0
        self._made: dict[str, str] = {}

    def start(self) -> None:  # noqa: B027 - a file needs no server
        """Start and return when it answers."""

    def stop(self) -> None:  # noqa: B027
        """Stop; the data stay in the directory."""

    def database(self, schema: str) -> Database:
        """A new database with that schema: `postfixadmin`, `iredmail` or `ispmail`."""
        if schema not in self._made:
            name = "%s_first" % schema
            self.create(name)
            if schema == "postfixadmin":
                _run_upgrade(self.directory, self.postfixadmin_settings(name))
            else:
                self.open(name).execute(*_statements(_SCHEMAS / ("%s.%s.sql" % (schema, self.engine))))
            self._made[schema] = name
        self._count += 1
        name = "mail%d" % self._count
        self.copy(self._made[schema], name)
        return self.open(name)

    @abstractmethod
    def create(self, name: str) -> None:
        """Create an empty database."""

    @abstractmethod
    def copy(self, first: str, name: str) -> None:
        """Create a database with what another one holds."""

    @abstractmethod
    def open(self, name: str) -> Database:
        """A database that is there."""

    @abstractmethod
    def postfixadmin_settings(self, name: str) -> dict[str, str]:
        """PostfixAdmin's `$CONF` for a database."""


def _statements(file: Path) -> list[str]:
    return [text.strip() for text in file.read_text().split(";\n") if text.strip()]


def _run_upgrade(directory: Path, settings: dict[str, str]) -> None:
    """Make PostfixAdmin's tables by its own script (public/upgrade.php), in a copy of it with settings of its own."""
    place = directory / "postfixadmin"
    if not place.exists():
        shutil.copytree(_POSTFIXADMIN, place, ignore_dangling_symlinks=True)
    lines = ["$CONF['%s'] = '%s';" % item for item in {"configured": "1", "setup_password": "x", **settings}.items()]
    (place / "config.local.php").write_text("<?php\n%s\n" % "\n".join(lines))
    # Debian's package asks the administrator for these.
    names = ("type", "user", "pass", "server", "port", "name")
    (place / "public" / "dbconfig.inc.php").write_text(
        "<?php\n%s\n" % "\n".join("$db%s = '';" % name for name in names)
    )
    # As PostfixAdmin's own command line does: its pages need a library that not every Debian puts in the same place.
    script = "define('POSTFIXADMIN_CLI', true); require 'upgrade.php';"
    made = subprocess.run(["php", "-r", script], cwd=place / "public", capture_output=True, text=True, check=False)
    if made.returncode:
        raise RuntimeError("PostfixAdmin's upgrade.php fails: %s%s" % (made.stdout, made.stderr))


class _Server(DatabaseServer):
    """A server process of an unprivileged user of the system."""

    user: str

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        # The socket's path must fit the 108 bytes of a Unix socket address.
        self.sockets = Path(tempfile.mkdtemp(prefix="database-"))
        self.data = directory / "data"
        directory.mkdir(parents=True, exist_ok=True)
        for path in (directory, self.sockets):
            path.chmod(0o755)
            shutil.chown(path, self.user, self.user)

    def run(self, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.as_user(command), capture_output=True, text=True, check=True, cwd=self.directory, **options
        )

    def as_user(self, command: Sequence[str]) -> list[str]:
        ids = pwd.getpwnam(self.user)
        return ["setpriv", "--reuid=%d" % ids.pw_uid, "--regid=%d" % ids.pw_gid, "--clear-groups", "--", *command]

    def launch(self, *command: str) -> None:
        with (self.directory / "server.log").open("w") as log:
            self._process = subprocess.Popen(
                self.as_user(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def running(self) -> bool:
        if self._process.poll() is not None:
            raise RuntimeError("the database does not start: %s" % (self.directory / "server.log").read_text())
        return True

    def stop(self) -> None:
        # At once: its data are not needed any more.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self.sockets, ignore_errors=True)


class MariaDb(_Server):
    """MariaDB, of Debian's mariadb-server."""

    engine = "mysql"
    user = "mysql"

    def start(self, *options: str) -> None:
        """Start it; with options, such as a port to listen on, in place of the one that closes it to the network."""
        data = "--datadir=%s" % self.data
        self.run(
            "mariadb-install-db", "--no-defaults", data, "--skip-test-db", "--auth-root-authentication-method=normal"
        )
        self.socket = self.sockets / "mysql"
        usual = ("--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0")
        network = options or ("--skip-networking",)
        self.launch("mariadbd", "--no-defaults", data, "--socket=%s" % self.socket, *usual, *network)
        wait_until(lambda: self.running() and self._answers(), "MariaDB to answer")
        self.open("mysql").execute("CREATE USER %s@localhost IDENTIFIED BY '%s'" % (USER, PASSWORD))

    def _answers(self) -> bool:
        import pymysql

        try:
            pymysql.connect(unix_socket=str(self.socket), user="root").close()
        except pymysql.Error:
            return False
        return True

    def create(self, name: str) -> None:
        self.open("mysql").execute(
            "CREATE DATABASE %s CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci" % name,
            "GRANT ALL ON %s.* TO %s@localhost" % (name, USER),
        )

    def copy(self, first: str, name: str) -> None:
        self.create(name)
        client = ["--no-defaults", "--socket=%s" % self.socket, "--user=root"]
        dump = self.run("mariadb-dump", *client, first)
        self.run("mariadb", *client, name, input=dump.stdout)

    def open(self, name: str) -> Database:
        return _MariaDbDatabase(self.socket, name)

    def postfixadmin_settings(self, name: str) -> dict[str, str]:
        return {
            "database_type": "mysqli",
            "database_host": "localhost",
            "database_socket": str(self.socket),
            "database_user": USER,
            "database_password": PASSWORD,
            "database_name": name,
        }


class _MariaDbDatabase(Database):
    engine = "mysql"
    dovecot = "mysql"

    def __init__(self, socket: Path, name: str) -> None:
        self._socket = str(socket)
        self.name = name
        self.options = {
            "sql_engine": "mysql",
            "login_unix_socket": self._socket,
            "login_user": USER,
            "login_password": PASSWORD,
            "login_db": name,
        }
        self.connect = "host=%s dbname=%s user=%s password=%s" % (socket, name, USER, PASSWORD)
        self.connect_24 = "mysql %s {\n  user = %s\n  password = %s\n  dbname = %s\n}" % (socket, USER, PASSWORD, name)

    def _connection(self) -> Any:
        import pymysql

        return pymysql.connect(unix_socket=self._socket, user="root", database=self.name, autocommit=True)

    def execute(self, *statements: str) -> None:
        with closing(self._connection()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self._connection()) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return [tuple(row) for row in cursor.fetchall()]


class PostgreSql(_Server):
    """PostgreSQL, of Debian's postgresql."""

    engine = "postgresql"
    user = "postgres"

    def start(self) -> None:
        (programs,) = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
        self.run(
            str(programs / "initdb"), "--pgdata=%s" % self.data, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"
        )
        (self.data / "pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        options = ("-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50")
        self.launch(str(programs / "postgres"), "-D", str(self.data), "-k", str(self.sockets), *options)
        wait_until(lambda: self.running() and self._answers(), "PostgreSQL to answer")
        self.open("postgres").execute("CREATE ROLE %s LOGIN PASSWORD '%s'" % (USER, PASSWORD))

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host=str(self.sockets), user="postgres").close()
        except psycopg.Error:
            return False
        return True

    def create(self, name: str) -> None:
        self.open("postgres").execute("CREATE DATABASE %s OWNER %s" % (name, USER))

    def copy(self, first: str, name: str) -> None:
        self.open("postgres").execute("CREATE DATABASE %s TEMPLATE %s OWNER %s" % (name, first, USER))

    def open(self, name: str) -> Database:
        return _PostgreSqlDatabase(self.sockets, name)

    def postfixadmin_settings(self, name: str) -> dict[str, str]:
        return {
            "database_type": "pgsql",
            "database_host": str(self.sockets),
            "database_user": USER,
            "database_password": PASSWORD,
            "database_name": name,
        }


class _PostgreSqlDatabase(Database):
    engine = "postgresql"
    dovecot = "pgsql"

    def __init__(self, sockets: Path, name: str) -> None:
        self._sockets = str(sockets)
        self.name = name
        self.options = {
            "sql_engine": "postgresql",
            "login_unix_socket": self._sockets,
            "login_user": USER,
            "login_password": PASSWORD,
            "login_db": name,
        }
        self.connect = "host=%s dbname=%s user=%s password=%s" % (sockets, name, USER, PASSWORD)
        parameters = "    user = %s\n    password = %s\n    dbname = %s\n" % (USER, PASSWORD, name)
        self.connect_24 = "pgsql %s {\n  parameters {\n%s  }\n}" % (sockets, parameters)

    def _connection(self) -> Any:
        import psycopg

        # As its owner would: what is created by the superuser would not be the administrator's.
        connection = psycopg.connect(host=self._sockets, user="postgres", dbname=self.name, autocommit=True)
        if self.name not in ("postgres",):
            connection.execute("SET ROLE %s" % USER)
        return connection

    def execute(self, *statements: str) -> None:
        with closing(self._connection()) as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(self._connection()) as connection:
            return list(connection.execute(query).fetchall())


class SqliteFiles(DatabaseServer):
    """Files in a directory, which Dovecot's unprivileged processes can read and the administrator writes."""

    engine = "sqlite"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)

    def _path(self, name: str) -> Path:
        return self.directory / ("%s.db" % name)

    def create(self, name: str) -> None:
        # PostfixAdmin wants the file to be there.
        self._path(name).touch()

    def copy(self, first: str, name: str) -> None:
        shutil.copy(self._path(first), self._path(name))
        self._path(name).chmod(0o644)

    def open(self, name: str) -> Database:
        return _SqliteDatabase(self._path(name))

    def postfixadmin_settings(self, name: str) -> dict[str, str]:
        return {"database_type": "sqlite", "database_name": str(self._path(name))}


class _SqliteDatabase(Database):
    engine = "sqlite"
    dovecot = "sqlite"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.options = {"sql_engine": "sqlite", "login_db": str(path)}
        self.connect = str(path)
        self.connect_24 = "sqlite_path = %s" % path

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()


SERVERS = {"mysql": MariaDb, "postgresql": PostgreSql, "sqlite": SqliteFiles}
