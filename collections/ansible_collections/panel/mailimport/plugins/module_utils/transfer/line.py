# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The line to a source: a session that is opened again when it is lost or too old."""

from __future__ import annotations

from typing import Callable, Optional, TypeVar

from ..imap.refusals import SourceBusyError
from ..model.errors import MailImportError
from ..source.session import SourceSession
from .login import AccountLogin, Login
from .news import Emit
from .patience import Patience

_Result = TypeVar("_Result")

# What sources refuse a first login with now and then that take it a moment later.
_OF_A_BUSY_SOURCE = ("permission_denied", "source_unavailable")
# Exchange says the same when it is busy and when there is no right to a mailbox, and there may be a thousand of those.
_MOST_DENIALS = 2


class SessionTooOldError(Exception):
    """The session's access token is about to expire: the work goes on over another session, which is no trouble."""


class Line:
    """The session with a source, whichever it is at the moment.

    Args:
        open_session: makes a logged-in session; called again when one is lost.
        patience: with a source that is busy, away or broken.
        before_waiting: called when a session is lost: makes durable what has come.
        renewable: a session that may end in the middle of something is replaced before.
    """

    def __init__(
        self,
        open_session: Callable[[], SourceSession],
        patience: Patience,
        before_waiting: Callable[[], None],
        renewable: bool = False,
    ) -> None:
        self._open_session = open_session
        self._before_waiting = before_waiting
        self._renewable = renewable
        self._was_connected = False
        self.session: Optional[SourceSession] = None
        self.patience = patience

    def connected(self) -> SourceSession:
        """Return the session, opening one when there is none; patient with a server that asks for patience."""
        while self.session is None:
            try:
                self.session = self._open_session()
            except MailImportError as error:
                if not self._was_connected and error.reason == "connection_failed":
                    raise  # a source that is down is no outage in the middle of something: tell at once
                self.recover(error, connecting=True)
        self._was_connected = True
        return self.session

    def recover(self, error: MailImportError, connecting: bool = False) -> None:
        """Wait before another attempt, or give up by raising the error."""
        self.drop()
        self._before_waiting()
        self.patience.wait(error, connecting)

    def drop(self) -> None:
        """Let go of the session, if there is one, without a word."""
        if self.session is not None:
            self.session.abandon()
            self.session = None

    def check_age(self) -> None:
        """Make sure that the session can still be used for long.

        Raises:
            SessionTooOldError: it cannot, and is gone; the next one is opened with a new token.
        """
        if self._renewable and self.session is not None and self.session.is_stale:
            self.drop()
            raise SessionTooOldError

    def attempt(self, work: Callable[[SourceSession], _Result]) -> _Result:
        """Do something with the session, again on a new one when the connection is lost."""
        while True:
            session = self.connected()
            try:
                return work(session)
            except MailImportError as error:
                self.recover(error)


def check_login(login: Login, wait_if_crowded: bool, emit: Emit) -> None:
    """Log in and out again.

    Args:
        wait_if_crowded: wait when the source admits no more connections.

    Raises:
        MailImportError: what keeps the account from being imported.
    """
    open_first(login, wait_if_crowded, emit).close()


def open_first(login: AccountLogin, wait_if_crowded: bool, emit: Emit) -> SourceSession:
    """Open the first session, and make sure that there is a mailbox behind it where a login alone does not tell; a
    source that ends it during the login, as busy ones do now and then, is asked again.
    """
    patience = Patience(emit, wait_if_crowded)
    denials = 0
    while True:
        session = None
        try:
            session = login.open(emit)
            session.prove_mailbox()
            return session
        except MailImportError as error:
            if session is not None:
                session.abandon()
            is_crowded = isinstance(error, SourceBusyError) and error.crowded
            denials += error.reason == "permission_denied"
            if denials > _MOST_DENIALS or not (is_crowded or error.reason in _OF_A_BUSY_SOURCE):
                raise
            patience.wait(error, connecting=is_crowded)
