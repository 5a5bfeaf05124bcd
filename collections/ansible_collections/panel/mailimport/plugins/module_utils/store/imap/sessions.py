# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One IMAP session of the host after the other: another one when the last has ended."""

from __future__ import annotations

from typing import Callable, Iterable, Optional, Set, TypeVar

from .channel import HostChannel
from .conversation import SessionEndedError
from .session import HostSession

# Attempts at something that can be done again, and ends with nothing stored in between, after which the process is
# given up.
_MOST_ATTEMPTS = 4
_MOST_ENDS = 8

# A server elsewhere that was lost may store what it was sent for as long as such a thing has taken it before, and for
# this many seconds where nothing is known of that; not for more than the second figure, or the timeout.
_QUIET = 2.0
_LONGEST_QUIET = 20.0

_Result = TypeVar("_Result")


class HostSessions:
    """One session at a time, and another when it ends.

    Args:
        open_channel: opens a session; a process before has ended when it returns.
        after_crash: a session may have ended with messages in hand before this run.
        is_elsewhere: the server is not of this machine, and may go on for a while when a session is lost.
    """

    def __init__(
        self, open_channel: Callable[[], HostChannel], after_crash: bool = False, is_elsewhere: bool = False
    ) -> None:
        self._open_channel = open_channel
        self._session: Optional[HostSession] = None
        self._ends = 0
        self._after_crash = after_crash
        self._last: Optional[HostSession] = None
        self._rebuilt = False
        self._is_elsewhere = is_elsewhere
        self._slowest = 0.0
        # Folders that messages were on their way into when a session ended
        self._in_doubt: Set[bytes] = set()

    def session(self) -> HostSession:
        """Return the session, opening one when there is none."""
        if self._session is None:
            channel = self._open_channel()
            self._note_rebuild(self._last)
            try:
                self._session = HostSession(channel)
            except BaseException:
                channel.close()
                raise
        return self._session

    def next_session(self) -> HostSession:
        """Return the session, for what has not been sent yet: another one when it does not open."""
        while True:
            try:
                return self.session()
            except SessionEndedError as error:
                self.renew(error)

    @property
    def is_ahead(self) -> bool:
        """Whether the session is one that commands are sent over before those in front of them are answered."""
        return self._session is not None and self._session.stores_ahead

    def attempt(self, work: Callable[[HostSession], _Result]) -> _Result:
        """Do something that does no harm when it is done twice, again on a new session when one ends.

        Raises:
            SessionEndedError: it ends again and again.
        """
        ends = 0
        while True:
            try:
                return work(self.session())
            except SessionEndedError:
                self.drop()
                ends += 1
                if ends >= _MOST_ATTEMPTS:
                    raise

    def renew(self, error: SessionEndedError, is_another: bool = False, into: Iterable[bytes] = ()) -> None:
        """Take note that a session has ended with messages in hand, or another one beside it; raise the error when that
        happens again and again.

        Args:
            into: folders that the server may still be storing them in.
        """
        self._in_doubt.update(into)
        if not is_another:
            self.drop()
        self._after_crash = True
        self._ends += 1
        if self._ends >= _MOST_ENDS:
            raise error

    def reveal(self, name: bytes) -> None:
        """After a crash, let the host show what it has stored and not entered into its indexes.

        Dovecot looks for that when it opens a file of mdbox to store the next message (2.3.19), and then repairs its
        indexes by itself, whoever sends that message. So one is begun here and never sent: nothing is stored, and what
        comes to light is seen before any message is sent again. Nothing is repaired that is in order.

        One elsewhere, over the network or in a container, need not have crashed when a session was lost, and may be
        storing what it was sent: it is given the time to end that. Many messages in one command show all at once.
        """
        if self._after_crash:
            if self._is_elsewhere:
                most = max(_LONGEST_QUIET, self.attempt(lambda session: session.timeout))
                seconds = min(max(_QUIET, 2 * self._slowest), most)
                names = sorted(self._in_doubt | {name})
                self.attempt(lambda session: session.await_quiet(names, seconds))
                self._in_doubt.clear()
            if self.attempt(lambda session: session.is_own_process):
                self.attempt(lambda session: session.begin_append(name))
                self.drop()
            self._after_crash = False

    def has_rebuilt(self) -> bool:
        """True when the host has rebuilt indexes in a session of this run, as it may do after a crash."""
        self._note_rebuild(self._session)
        return self._rebuilt

    def _note_rebuild(self, session: Optional[HostSession]) -> None:
        """A process may do so at its very end: that of the last session is known when the next one is open."""
        self._rebuilt = self._rebuilt or (session is not None and session.has_rebuilt())

    def achieved(self) -> None:
        """Take note that messages have been stored since."""
        self._ends = 0

    def note_slowest(self, seconds: float) -> None:
        """Take note how long the server has had for one APPEND over another session."""
        self._slowest = max(self._slowest, seconds)

    def drop(self) -> None:
        """Let go of a session whose state is unknown."""
        if self._session is not None:
            self.note_slowest(self._session.slowest_append())
            self._session.abandon()
            self._session, self._last = None, self._session

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
