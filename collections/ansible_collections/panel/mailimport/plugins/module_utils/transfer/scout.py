# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A process of nobody's that visits the accounts of one source, one after the other, and only looks.

One process does for many accounts because it has no rights over any mailbox, and all that it is handed are logins at
the source that it talks to, which is told them anyway. What else is in its memory is there by the fork alone (see
`sandbox`).
"""

from __future__ import annotations

import gc
import pickle
import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Callable, Optional

from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.mail import SourceAccount
from ..process.errand import nobody
from ..process.title import set_title
from .line import open_first
from .login import AccountLogin, SecretBroker
from .look import Known, is_unchanged
from .news import Emit, News, NothingNew, Visited
from .sandbox import Sandbox, ended_early, tell_failure

_LENGTH = struct.Struct("!Q")


@dataclass(frozen=True)
class Visit:
    """What is to be done at one account: log in, and look whether anything is there that is not `known`.

    `title` is shown by `ps`. `renewable`: there are other secrets than the account's. `wait_if_crowded`: wait when the
    source admits no more connections.
    """

    account: SourceAccount
    title: str
    renewable: bool = False
    wait_if_crowded: bool = True
    known: Optional[Known] = None


class Scout:
    """The process, as its parent has it. It ends with its parent, and when it is closed.

    Args:
        account: any of the source.
        context: what `tls_context` returned for it.

    Attributes:
        is_closed: the process has ended, and makes no more visits.
    """

    def __init__(self, account: SourceAccount, context: Optional[ssl.SSLContext]) -> None:
        self._server = _server_of(account)
        self.is_closed = False
        self._here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with there:
            self._process = Sandbox(*nobody(), lambda emit: _serve(there, context, emit), (there.fileno(),))

    def is_for(self, account: SourceAccount) -> bool:
        """Whether the account is one of its source, reached in the same way."""
        return _server_of(account) == self._server

    def secrets_of(self, request: ImportRequest) -> SecretBroker:
        """Whoever gives other secrets for an account while it is visited."""
        return SecretBroker(request.renew, self._here)

    def visit(self, visit: Visit, handle: Callable[[News], None], watch: Callable[[int], None]) -> None:
        """Make a visit; call `handle` with its news: `NothingNew` when nothing is.

        Raises:
            MailImportError: what keeps the account from being opened; `interrupted` when the process was killed.
        """
        packed = pickle.dumps(visit)
        try:
            with suppress(ConnectionError):  # a process that is gone is heard of below
                self._here.sendall(_LENGTH.pack(len(packed)) + packed)
            failure = self._process.hear(handle, watch, last=Visited)
        except BaseException:
            self.close(in_time=False)
            raise
        if self._process.ended:
            self.close()
            raise ended_early(self._process.status)
        if failure is not None:
            raise failure

    def close(self, in_time: bool = True) -> None:
        """Let the process end, or (not `in_time`) end it in the middle of a visit."""
        self.is_closed = True
        self._here.close()
        self._process.close(in_time)


def _server_of(account: SourceAccount) -> SourceAccount:
    """What all accounts have in common that are reached in the same way."""
    return replace(account, user="", password="", auth="", master_user=None)


def _serve(orders: socket.socket, context: Optional[ssl.SSLContext], emit: Emit) -> None:
    """The whole life of the process."""
    while True:
        visit = _next_visit(orders)
        if visit is None:
            return
        set_title(visit.title)
        login = AccountLogin(visit.account, context, orders if visit.renewable else None)
        tell_failure(partial(_make, visit, login), emit)
        emit(Visited())
        gc.collect()  # what an account leaves behind, its password say


def _next_visit(orders: socket.socket) -> Optional[Visit]:
    """Wait for an order of the parent, who is trusted; None when there is none any more."""
    length = orders.recv(_LENGTH.size, socket.MSG_WAITALL)
    if len(length) < _LENGTH.size:
        return None
    visit: Visit = pickle.loads(orders.recv(_LENGTH.unpack(length)[0], socket.MSG_WAITALL))
    return visit


def _make(visit: Visit, login: AccountLogin, emit: Emit) -> None:
    session = open_first(login, visit.wait_if_crowded, emit)
    try:
        if visit.known and is_unchanged(session, visit.known, emit):
            emit(NothingNew())
    except MailImportError:
        session.abandon()  # the import itself will meet it, with patience
    else:
        session.close()
