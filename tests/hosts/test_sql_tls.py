# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connections to a MariaDB over the network: encrypted and checked as far as ssl_mode says, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.sql_engines import open_engine
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from support.databases import PASSWORD, USER, MariaDb
from support.dovecot import free_ports
from support.tls import Authority

ENCRYPTED = "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'SSL_CIPHER'"


def started(directory: Path, *options: str) -> tuple[MariaDb, int]:
    server, (port,) = MariaDb(directory), free_ports(1)
    server.start("--bind-address=127.0.0.1", "--port=%d" % port, *options)
    server.create("mail")
    return server, port


@pytest.fixture(scope="module")
def with_tls(shelf: Path, authority: Authority) -> Iterator[int]:
    """The port of a server with a certificate of the tests' authority for the name localhost."""
    certificate = authority.issue("database", address=None)
    files = []
    for name, path in (("cert", certificate[0]), ("key", certificate[1])):
        copy = shelf / ("database-%s.pem" % name)
        shutil.copy(path, copy)
        shutil.chown(copy, "mysql")
        files.append("--ssl-%s=%s" % (name, copy))
    server, port = started(shelf / "with-tls", *files)
    yield port
    server.stop()


@pytest.fixture(scope="module")
def without_tls(shelf: Path) -> Iterator[int]:
    """The port of a server that offers no TLS."""
    server, port = started(shelf / "without-tls", "--skip-ssl")
    yield port
    server.stop()


def is_encrypted(port: int, **options: Any) -> bool:
    """Whether a connection with these options is; MailImportError when there is none."""
    given = {"login_host": "localhost", "login_port": port, "login_user": USER, "login_password": PASSWORD, **options}
    with open_engine("mysql", {"login_db": "mail", **given}).transaction() as connection:
        ((answer,),) = connection.query(ENCRYPTED, {})
    return bool(answer)


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca", "require", "prefer"])
def test_a_connection_is_encrypted(with_tls: int, authority: Authority, mode: str) -> None:
    assert is_encrypted(with_tls, ssl_mode=mode, ca_cert=str(authority.ca_file))


@pytest.mark.parametrize("mode", ["verify-full", "verify-ca"])
def test_a_certificate_of_nobody_is_refused(with_tls: int, mode: str) -> None:
    with pytest.raises(MailImportError, match="certificate"):
        is_encrypted(with_tls, ssl_mode=mode)


def test_a_certificate_for_another_name_is_refused(with_tls: int, authority: Authority) -> None:
    other = {"login_host": "127.0.0.1", "ca_cert": str(authority.ca_file)}
    with pytest.raises(MailImportError, match="certificate"):
        is_encrypted(with_tls, ssl_mode="verify-full", **other)
    assert is_encrypted(with_tls, ssl_mode="verify-ca", **other)


def test_no_tls_is_taken_only_where_it_is_admitted(without_tls: int, authority: Authority) -> None:
    for mode in ("verify-full", "verify-ca", "require"):
        with pytest.raises(MailImportError, match="SSL is required"):
            is_encrypted(without_tls, ssl_mode=mode, ca_cert=str(authority.ca_file))
    assert not is_encrypted(without_tls, ssl_mode="prefer") and not is_encrypted(without_tls, ssl_mode="disable")


def test_no_hash_is_in_what_the_database_says(with_tls: int) -> None:
    engine = open_engine(
        "mysql",
        {
            "login_db": "mail",
            "login_host": "localhost",
            "login_port": with_tls,
            "login_user": USER,
            "login_password": PASSWORD,
        },
    )
    with pytest.raises(MailImportError) as error, engine.transaction(write=True) as connection:
        connection.execute("SELEC %(password_hash)s", {"password_hash": "{SHA512-CRYPT}$6$salt$secret"})
    assert "SELEC" in error.value.message and "$6$" not in error.value.message
