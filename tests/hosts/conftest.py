# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail hosts whose mailboxes are in a real database."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.databases import SERVERS, Database, DatabaseServer
from support.dovecot import Dovecot
from support.dovecot_words import words
from support.mail import load_mail
from support.scene import Scene, fill
from support.sql_hosts import accounts_settings

# Every schema on every engine that it exists for. PostfixAdmin's is the one that its own script makes.
KINDS = [
    (engine, schema)
    for engine in ("mysql", "postgresql", "sqlite")
    for schema in ("postfixadmin", "iredmail", "ispmail")
    if (engine, schema) != ("sqlite", "iredmail")
]


class SqlScene(Scene):
    """A scene whose mail host keeps its mailboxes in a database."""

    database: Database
    database_server: DatabaseServer
    schema: str

    def host_options(self) -> dict[str, Any]:
        return {
            "host_backend": "sql",
            "dovecot_config": str(self.host.config),
            "state_dir": str(self.state_dir),
            "sql_schema": self.schema,
            **self.database.options,
        }


@pytest.fixture(scope="session")
def database_servers(workplace: Path) -> Iterator[Callable[[str], DatabaseServer]]:
    """The database server of an engine, started when it is first asked for."""
    running: dict[str, DatabaseServer] = {}

    def server_of(engine: str) -> DatabaseServer:
        if engine not in running:
            directory = Path(tempfile.mkdtemp(prefix="%s-" % engine, dir=workplace))
            directory.chmod(0o755)
            server = SERVERS[engine](directory / "server")
            server.start()
            running[engine] = server
        return running[engine]

    yield server_of
    for server in running.values():
        server.stop()


@pytest.fixture
def sql_scene(
    place: Path,
    source: Dovecot,
    authority: Any,
    account_numbers: Iterator[int],
    database_servers: Callable[[str], DatabaseServer],
) -> Iterator[Callable[..., SqlScene]]:
    """Make a scene with some dozen messages at the source, whose mail host has its mailboxes in a database."""
    hosts: list[Dovecot] = []

    def make(engine: str, schema: str, **options: Any) -> SqlScene:
        server = database_servers(engine)
        database = server.database(schema)
        directory = place / ("host%d" % len(hosts))
        if schema == "iredmail":  # its installer writes the site's directory into the table
            change = "ALTER TABLE mailbox ALTER COLUMN storagebasedirectory SET DEFAULT '%s'" % (directory / "mail")
            database.execute(change)
        accounts = accounts_settings(database, schema, directory, words())
        host = Dovecot(directory, "sql-%s-%d" % (place.name, len(hosts)), accounts=accounts, **options)
        host.start()
        hosts.append(host)
        number = next(account_numbers)
        address, password = "user%d@source.example" % number, "pass word %d" % number
        scene = SqlScene(place, source, address, password, host, authority.ca_file)
        scene.database, scene.database_server, scene.schema = database, server, schema
        with scene.source_session() as session:
            fill(session, load_mail(20), ("INBOX", "Sent", "Projects{0}2024"))
        return scene

    yield make
    for host in hosts:
        host.stop()
