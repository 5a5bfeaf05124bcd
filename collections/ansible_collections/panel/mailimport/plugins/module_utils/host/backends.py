# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of mail hosts by name (`host_backend`): which options each takes, and how it is opened.

The code of a kind is loaded when it is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, FrozenSet, Mapping

from ..model.errors import MailImportError
from .domain_map import DomainMap
from .mail_host import MailHost

if TYPE_CHECKING:
    from .dovecot.server import DovecotServer

# Where ispmanager 6 installs itself.
_MGRCTL = "/usr/local/mgr5/sbin/mgrctl"

# PostfixAdmin's own default, where passwords expire.
_PASSWORD_DAYS = 365


@dataclass(frozen=True)
class Backend:
    """A kind of mail host.

    `options` are the names of the module options that mean something to it. `open` makes the host of those that are set
    and of the path of the map of domains; it must not ask the host for anything yet.
    """

    options: FrozenSet[str]
    open: Callable[[Mapping[str, Any], str], MailHost]


def _server(options: Mapping[str, Any]) -> DovecotServer:
    from .dovecot.server import DovecotServer

    return DovecotServer(options.get("dovecot_config"), options.get("dovecot_command") or ())


def _open_dovecot(options: Mapping[str, Any], domains_file: str) -> MailHost:
    from .accounts.passwd_file import PasswdFileAccounts

    server = _server(options)
    own = {name: options.get(name) for name in ("users_file", "mail_home", "uid", "gid")}
    accounts = PasswdFileAccounts(lambda: server.settings, server.hash_password, **own)
    return MailHost(accounts, server, DomainMap(domains_file))


def _open_sql(options: Mapping[str, Any], domains_file: str) -> MailHost:
    from .accounts.sql import SqlAccounts
    from .accounts.sql_engines import open_engine
    from .accounts.sql_schemas import schema_of

    server = _server(options)
    _require("sql", options, "sql_engine", "sql_schema")
    engine = open_engine(options["sql_engine"], options)
    schema = schema_of(options["sql_schema"], engine.words, options.get("sql_statements"))
    days = options.get("sql_password_days")
    accounts = SqlAccounts(
        engine, schema, server.hash_password, options.get("quota") or 0, _PASSWORD_DAYS if days is None else days
    )
    return MailHost(accounts, server, None if schema.create_domain else DomainMap(domains_file))


def _open_none(options: Mapping[str, Any], _domains_file: str) -> MailHost:
    from .accounts.made_elsewhere import MadeElsewhere

    server = _server(options)
    return MailHost(MadeElsewhere(server), server)


def _open_ispmanager(options: Mapping[str, Any], _domains_file: str) -> MailHost:
    from .accounts.ispmanager import IspmanagerAccounts
    from .accounts.mgrctl import Mgrctl

    server = _server(options)
    mgrctl = Mgrctl(options.get("mgrctl") or _MGRCTL)
    own = [options.get(name) for name in ("users_file", "quota")]
    return MailHost(IspmanagerAccounts(mgrctl, lambda: server.settings, *own), server)


def _open_command(options: Mapping[str, Any], domains_file: str) -> MailHost:
    from .accounts.command import CommandAccounts
    from .accounts.command_lines import CommandLines

    server = _server(options)
    _require("command", options, "host_command")
    lines = CommandLines(options["host_command"])
    accounts = CommandAccounts(lines, server.hash_password, options.get("quota") or 0)
    return MailHost(accounts, server, None if "create_domain" in lines else DomainMap(domains_file))


def _open_docker_mailserver(options: Mapping[str, Any], domains_file: str) -> MailHost:
    from .accounts.docker_mailserver import DockerMailserverAccounts

    _require("docker_mailserver", options, "dovecot_command", "users_file")
    server = _server(options)
    accounts = DockerMailserverAccounts(options["users_file"], server.hash_password, options.get("quota") or 0)
    return MailHost(accounts, server, DomainMap(domains_file))


def _open_mailcow(options: Mapping[str, Any], _domains_file: str) -> MailHost:
    from .accounts.mailcow import MailcowAccounts
    from .accounts.mailcow_api import MailcowApi

    _require("mailcow", options, "dovecot_command", "mailcow_url", "mailcow_api_key")
    server = _server(options)
    validate = options.get("mailcow_validate_certs")
    api = MailcowApi(
        options["mailcow_url"], options["mailcow_api_key"], options.get("ca_cert"), validate is None or validate
    )
    return MailHost(MailcowAccounts(api, server.hash_password, options.get("quota") or 0), server)


def _require(kind: str, options: Mapping[str, Any], *names: str) -> None:
    missing = [name for name in names if not options.get(name)]
    if missing:
        raise MailImportError("invalid_row", "host_backend=%s needs %s" % (kind, " and ".join(missing)))


def _open_imap(options: Mapping[str, Any], _domains_file: str) -> MailHost:
    from .accounts.imap_login import LoginAccounts
    from .imap_server.options import server_options
    from .imap_server.server import ImapServer

    server = ImapServer(server_options(options))
    return MailHost(LoginAccounts(server), server)


_IMAP_OPTIONS = """target_host target_port target_tls target_validate_certs target_ca_cert target_tls_fingerprint
target_user target_master_user target_master_password target_auth target_timeout target_max_connections
target_verify"""

_MAILCOW_OPTIONS = "dovecot_config dovecot_command mailcow_url mailcow_api_key mailcow_validate_certs ca_cert quota"

_SQL_OPTIONS = """dovecot_config dovecot_command sql_engine sql_schema sql_statements sql_password_days quota login_host
login_port login_unix_socket login_user login_password login_db ssl_mode ca_cert"""

BACKENDS: Dict[str, Backend] = {
    "command": Backend(frozenset(("dovecot_config", "dovecot_command", "host_command", "quota")), _open_command),
    "docker_mailserver": Backend(
        frozenset(("dovecot_config", "dovecot_command", "users_file", "quota")), _open_docker_mailserver
    ),
    "dovecot": Backend(frozenset(("dovecot_config", "users_file", "mail_home", "uid", "gid")), _open_dovecot),
    "imap": Backend(frozenset(_IMAP_OPTIONS.split()), _open_imap),
    "ispmanager": Backend(frozenset(("dovecot_config", "users_file", "mgrctl", "quota")), _open_ispmanager),
    "mailcow": Backend(frozenset(_MAILCOW_OPTIONS.split()), _open_mailcow),
    "none": Backend(frozenset(("dovecot_config", "dovecot_command")), _open_none),
    "sql": Backend(frozenset(_SQL_OPTIONS.split()), _open_sql),
}

# The options of all kinds.
HOST_OPTIONS = frozenset(name for backend in BACKENDS.values() for name in backend.options)


def check_options(kind: str, options: Mapping[str, Any]) -> None:
    """Make sure that no option is set that means nothing to this kind of mail host.

    Raises:
        MailImportError: `invalid_row`.
    """
    if kind not in BACKENDS:
        raise MailImportError("invalid_row", "host_backend must be one of %s" % ", ".join(sorted(BACKENDS)))
    others = sorted(name for name, value in options.items() if value is not None and name not in BACKENDS[kind].options)
    if others:
        raise MailImportError(
            "invalid_row", "%s means nothing with host_backend=%s: leave it out" % (", ".join(others), kind)
        )


def open_backend(kind: str, options: Mapping[str, Any], domains_file: str) -> MailHost:
    """Open a mail host. Nothing is asked of it until a method needs an answer.

    Args:
        kind: a name of BACKENDS.
        options: module options by name; None is one that is not set.
        domains_file: where the map of domains is published, by kinds whose host has none of its own.
    """
    check_options(kind, options)
    return BACKENDS[kind].open(options, domains_file)
