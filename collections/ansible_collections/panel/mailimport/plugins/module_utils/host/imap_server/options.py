# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of an IMAP server that mail goes to: what each means, and which do not go together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Mapping, NoReturn, Optional

from ...imap.tls import is_fingerprint
from ...model.errors import MailImportError
from ...model.mail import TargetAccount

_TIMEOUT = 60.0
_CONNECTIONS = 8
_TOKENS = ("xoauth2", "oauthbearer")


@dataclass(frozen=True)
class ImapServerOptions:
    """Where the server is, and how mailboxes are logged into.

    `account` has what all logins share. `user` is a template for the login name of a mailbox: `%u` is its address, `%n`
    what stands before its `@`, `%d` its domain. `password` is the administrator's, where `account` has a `master_user`.
    `verify` and `connections` are as in MailSession.
    """

    account: TargetAccount
    user: str = "%u"
    password: Optional[str] = field(default=None, repr=False)
    verify: str = "digests"
    connections: int = _CONNECTIONS


def server_options(options: Mapping[str, Any]) -> ImapServerOptions:
    """Collect the module options `target_*`.

    Raises:
        MailImportError: `invalid_row`, when one is missing, or they contradict each other.
    """
    if not options.get("target_host"):
        _refuse("host_backend=imap needs target_host")
    tls = options.get("target_tls") or "implicit"
    fingerprint = options.get("target_tls_fingerprint")
    if fingerprint and not is_fingerprint(fingerprint):
        _refuse("target_tls_fingerprint must be a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons")
    if tls == "none" and (fingerprint or options.get("target_ca_cert")):
        _refuse("with target_tls=none there is no certificate: leave out target_tls_fingerprint and target_ca_cert")
    master_user, password = options.get("target_master_user"), options.get("target_master_password")
    if bool(master_user) != bool(password):
        _refuse("target_master_user and target_master_password go together: one of them is missing")
    if master_user and (options.get("target_auth") or "auto") in _TOKENS:
        _refuse("target_master_user logs in with a password: leave out target_auth, or choose plain or login")
    validate = options.get("target_validate_certs")
    account = TargetAccount(
        host=options["target_host"],
        user="",
        password="",
        port=options.get("target_port") or (993 if tls == "implicit" else 143),
        tls=tls,
        auth=options.get("target_auth") or "auto",
        master_user=master_user,
        validate_certs=validate is None or validate,
        ca_cert=options.get("target_ca_cert"),
        tls_fingerprint=fingerprint,
        timeout=options.get("target_timeout") or _TIMEOUT,
        min_rate=0,
    )
    return ImapServerOptions(
        account,
        user=options.get("target_user") or "%u",
        password=password,
        verify=options.get("target_verify") or "digests",
        connections=options.get("target_max_connections") or _CONNECTIONS,
    )


def _refuse(message: str) -> NoReturn:
    raise MailImportError("invalid_row", message)
