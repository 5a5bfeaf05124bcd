# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IMAP sessions of the mailbox, started by root and used by its unprivileged child."""

from __future__ import annotations

import socket
from typing import Callable, Optional

from ..host.base import SessionProcess
from ..model.errors import MailImportError
from ..store.imap.pipe import HostPipe
from .news import Emit, SessionWanted

# Sessions end for reasons that pass, such as a restart of Dovecot; more often than this it is none of those.
_MOST_SESSIONS = 50


class SessionBroker:
    """Hands descriptors of IMAP processes over a Unix socket, which both sides have from before the fork.

    The child asks with `SessionWanted`, on which `serve` is called; the socket only carries the answers.

    Args:
        start: starts an IMAP process of the mailbox.
    """

    def __init__(self, start: Callable[[], SessionProcess]) -> None:
        self._start = start
        self._here, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._process: Optional[SessionProcess] = None
        self._served = 0

    @property
    def has_served(self) -> bool:
        """Whether there was a session."""
        return self._served > 0

    @property
    def descriptor(self) -> int:
        """The descriptor that the child must keep."""
        return self._there.fileno()

    def open_pipe(self, emit: Emit) -> HostPipe:
        """Ask for a session, in the child; the one before has ended when this returns."""
        emit(SessionWanted())
        _message, descriptors, _flags, _address = socket.recv_fds(self._there, 1, 3)
        if len(descriptors) != 3:
            raise MailImportError("host_refused", "no IMAP process of this host was handed over")
        return HostPipe(*descriptors)

    def serve(self) -> None:
        """Start a session for the child.

        Raises:
            MailImportError: `host_refused` when it cannot be started, or has been too often.
        """
        self._end()
        self._served += 1
        if self._served > _MOST_SESSIONS:
            raise MailImportError(
                "host_refused", "the IMAP process of this host ended %d times; see Dovecot's log" % _MOST_SESSIONS
            )
        self._process = self._start()
        socket.send_fds(self._here, [b"s"], list(self._process.descriptors))
        self._process.let_go()

    def _end(self) -> None:
        if self._process is not None:
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Wait for the last session to end: what was sent to it is stored by then."""
        self._end()
        self._here.close()
        self._there.close()
