# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mail host's IMAP server over the network: a login, and another one when the connection is lost."""

from __future__ import annotations

import ssl
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Callable, FrozenSet, NoReturn, Optional, Union

from ...imap.connection import Client, seconds_quiet
from ...imap.login import connect
from ...imap.refusals import LONGEST_WAIT, SourceBusyError
from ...model.errors import MailImportError
from ...model.mail import TargetAccount
from .channel import HostChannel

# Seconds before another attempt, more each time, and those after which a server that is away is given up.
_FIRST_WAIT = 0.25
_MOST_WAIT = 30.0
LONGEST_OUTAGE = 300.0

# Reasons that another attempt may get over. None of them is said of the host: they would be taken for the source's.
_PASSING = frozenset(("connection_failed", "protocol_error", "source_unavailable", "throttled", "too_many_connections"))


class NetworkChannel(HostChannel):
    """A connection that is logged in."""

    is_own_process = False

    def __init__(self, client: Client) -> None:
        self._client = client
        self.stream = client.incoming
        self.peer = self.stream.peer

    def begin(self) -> FrozenSet[bytes]:
        return frozenset(word.upper() for word in self._client.capabilities())

    def sendall(self, data: Union[bytes, bytearray]) -> None:
        self._client.send(data)

    def close(self) -> None:
        self._client.disconnect()

    def seconds_quiet(self) -> float:
        return seconds_quiet(self.stream.sock)

    def reason_of_end(self) -> str:
        return ""

    def full_reason(self) -> Optional[str]:
        return None

    def last_complaint(self) -> str:
        return ""

    def has_rebuilt(self) -> bool:
        return False


class Dialler:
    """Opens connections to the mailbox, patient with a server that is busy or away: it was there when the import began.

    Args:
        account: the login.
        context: what `tls_context` returned for it.
        pause: waits so many seconds, for that reason.
    """

    def __init__(
        self, account: TargetAccount, context: Optional[ssl.SSLContext], pause: Callable[[float, str], None]
    ) -> None:
        self._account = account
        self._context = context
        self._pause = pause
        self._first: Optional[Future[HostChannel]] = None

    def begin(self) -> None:
        """Begin to log in, beside what else there is to do before a session is wanted: `open` waits for that login."""
        threads = ThreadPoolExecutor(1)
        with suppress(RuntimeError):  # a process more than there may be: `open` logs in itself
            self._first = threads.submit(self._connect)
        threads.shutdown(wait=False)

    def _connect(self) -> HostChannel:
        return NetworkChannel(connect(self._account, self._context))

    def open(self) -> HostChannel:
        """Log in.

        Raises:
            MailImportError: what keeps the mailbox from being opened; `host_refused` for what may pass and did not.
        """
        waited, step = 0.0, _FIRST_WAIT
        while True:
            first, self._first = self._first, None
            try:
                channel = first.result() if first else self._connect()
            except MailImportError as error:
                seconds = self._wait_after(error, step, waited)
                self._pause(seconds, error.message)
                waited, step = waited + seconds, min(_MOST_WAIT, 2 * step)
            else:
                return channel

    def open_more(self) -> Optional[HostChannel]:
        """Log in once more beside the sessions that are open; None when the server does not admit it."""
        try:
            return self._connect()
        except MailImportError:
            return None

    def _wait_after(self, error: MailImportError, step: float, waited: float) -> float:
        if error.reason == "auth_failed":
            option = "target_master_password" if self._account.master_user else "target_password"
            text = (
                "%s; the mailbox did open before: if %s was a token, it has expired; run the task again with a new one"
            )
            raise MailImportError(error.reason, text % (error.message, option)) from error
        if error.reason not in _PASSING:
            raise error
        if isinstance(error, SourceBusyError):
            seconds, longest = max(error.wait, step), LONGEST_WAIT
        else:
            seconds, longest = step, LONGEST_OUTAGE
        if waited + seconds > longest:
            _refuse(error)
        return seconds


def _refuse(error: MailImportError) -> NoReturn:
    raise MailImportError("host_refused", "the mail host cannot be used: %s" % error.message) from error
