# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging in at a source as often as an import needs it, with a new secret when the one at hand will not do."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from typing import Optional, Sequence

from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.mail import SourceAccount
from ..model.secret import Renewal
from ..source.session import SourceSession
from .news import Emit, SecretWanted

# A token takes a few hundred bytes at most services, some thousand at a few.
_MAX_SECRET = 1 << 16


class SecretBroker:
    """Hands new secrets for a source, on `SecretWanted`, to a process that talks to it. What makes them, such as an
    application's own secret, is not handed over, though a copy of it may be in that process's memory (see `sandbox`).

    Args:
        renew: makes them; None where there are none.
        socket: its other end is the process's.
    """

    def __init__(self, renew: Optional[Renewal], socket: socket.socket) -> None:
        self._renew = renew
        self._socket = socket

    def serve(self, refused: bool = False) -> None:
        """Get another secret and hand it over; nothing, where the one before was `refused` and there is no better one.

        Raises:
            MailImportError: there is none.
        """
        if self._renew is None:
            raise ValueError("the secret of this source cannot be renewed")
        secret = self._renew.in_place() if refused else self._renew()
        self._socket.sendall((secret or "").encode("utf-8") + b"\n")


class AccountLogin:
    """The login at one account as the process without privileges has it.

    Args:
        context: what `tls_context` returned for the account.
        secrets: the end of a SecretBroker; None when there is but the account's own secret.
    """

    def __init__(
        self, account: SourceAccount, context: Optional[ssl.SSLContext], secrets: Optional[socket.socket]
    ) -> None:
        self._account = account
        self._context = context
        self._secrets = secrets
        self._stale = False

    def open(self, emit: Emit) -> SourceSession:
        """Open a session.

        Raises:
            MailImportError: what keeps the account from being opened; `auth_failed` when a new secret is refused too,
                or there is none.
        """
        handed_over = (not self._account.password or self._stale) and self._take_secret(SecretWanted(), emit)
        try:
            return self._session()
        except MailImportError as error:
            if error.reason != "auth_failed" or not self._take_secret(SecretWanted(refused=handed_over), emit):
                raise
        return self._session()

    def _session(self) -> SourceSession:
        session = SourceSession(self._account, self._context)
        # A token that has opened a session is not counted on for another one: how much of its time is left, nobody
        # says.
        self._stale = self._account.auth in ("xoauth2", "oauthbearer")
        return session

    def _take_secret(self, wanted: SecretWanted, emit: Emit) -> bool:
        """Ask for a secret; False when there is none."""
        if self._secrets is None:
            return False
        emit(wanted)
        secret = b""
        while not secret.endswith(b"\n"):
            piece = self._secrets.recv(_MAX_SECRET)
            if not piece:
                raise MailImportError("internal_error", "no secret for the source was handed over")
            secret += piece
        if secret != b"\n":
            self._account = replace(self._account, password=secret[:-1].decode("utf-8"))
        return secret != b"\n"


class Login(AccountLogin, SecretBroker):
    """Both sides of the login of a process that is forked for one import: its end of the socket has to stay open there.

    Args:
        context: what `tls_context` returned for the request's source.
    """

    def __init__(self, request: ImportRequest, context: Optional[ssl.SSLContext]) -> None:
        self._here, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        AccountLogin.__init__(self, request.source, context, self._there if request.renew else None)
        SecretBroker.__init__(self, request.renew, self._here)

    def __enter__(self) -> Login:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._here.close()
        self._there.close()

    @property
    def descriptors(self) -> Sequence[int]:
        """The descriptors that the importing process must keep."""
        return (self._there.fileno(),)
