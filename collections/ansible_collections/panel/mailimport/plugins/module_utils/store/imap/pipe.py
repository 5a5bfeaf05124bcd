# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pipes of an IMAP process of this host, in the shape of the socket that the reader of responses expects."""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress
from typing import FrozenSet, Optional, Union, cast

from ...imap.responses import parse_status
from ...imap.stream import ByteStream, Socket
from ...model.errors import MailImportError, one_line
from .channel import HostChannel

PEER = "the IMAP process of this host"

# Seconds without a byte. A process that flushes a slow disk may well be silent for some.
_TIMEOUT = 300.0

# What a full disk is called in the complaints of the process; its answers only say SERVERBUG.
_FULL = {"disk_full": os.strerror(errno.ENOSPC), "over_quota": os.strerror(errno.EDQUOT)}


class HostPipe(HostChannel):
    """Two pipes to and from an IMAP process, and the file its complaints go to. The descriptors are owned.

    Args:
        reading: what the process writes on its standard output.
        writing: its standard input.
        complaints: the file that is its standard error.
    """

    peer = PEER
    is_own_process = True

    def __init__(self, reading: int, writing: int, complaints: int) -> None:
        self.stream = ByteStream(cast(Socket, self), PEER)
        self._reading = reading
        self._writing = writing
        self._complaints = os.fdopen(complaints, "rb", buffering=0)
        self._closed = False
        os.set_blocking(writing, False)
        self._readable = select.poll()
        self._readable.register(reading, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(writing, select.POLLOUT)

    def begin(self) -> FrozenSet[bytes]:
        """Read the greeting of a session that needs no login (RFC 3501, PREAUTH)."""
        greeting = parse_status(self.stream.read_line().lstrip(b"* "))
        if greeting is None or greeting.condition != "PREAUTH":
            raise MailImportError("host_refused", "%s does not let this mailbox in: %s" % (PEER, greeting))
        words = greeting.code.upper().split()
        return frozenset(words) if words[:1] == [b"CAPABILITY"] else frozenset()

    def gettimeout(self) -> float:
        return _TIMEOUT

    def recv_into(self, space: memoryview) -> int:
        """Wait for bytes and take them; 0 when the process is gone.

        Raises:
            TimeoutError: nothing came for `gettimeout()` seconds.
            OSError: the pipe was closed. Its descriptors may be those of the next process by now.
        """
        self._require_open()
        if not self._readable.poll(_TIMEOUT * 1000):
            raise TimeoutError
        return os.readv(self._reading, [space])

    def sendall(self, data: Union[bytes, bytearray]) -> None:
        """Write everything.

        Raises:
            OSError: the process is gone, or takes nothing any more; or the pipe was closed.
        """
        self._require_open()
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                if not self._writable.poll(_TIMEOUT * 1000):
                    raise TimeoutError("it reads nothing")
                with suppress(BlockingIOError):  # room for less than a write that is not split
                    sent += os.write(self._writing, view[sent:])

    def reason_of_end(self) -> str:
        return " (%s)" % (self.last_complaint() or "it gave no reason")

    def last_complaint(self) -> str:
        """The last line on the process's standard error, empty when it said nothing; once it is closed, too."""
        lines = self._tail().decode("utf-8", "replace").strip().splitlines()
        return one_line(lines[-1], 300) if lines else ""

    def _tail(self) -> bytes:
        complaints = self._complaints.fileno()
        return os.pread(complaints, 4096, max(0, os.fstat(complaints).st_size - 4096))

    def full_reason(self) -> Optional[str]:
        """Return `disk_full` or `over_quota` when the process has complained of that, None otherwise."""
        complaint = self.last_complaint()
        return next((reason for reason, words in _FULL.items() if words in complaint), None)

    def has_rebuilt(self) -> bool:
        """True when the process has rebuilt indexes, in which flags get lost (Dovecot: "rebuilding indexes")."""
        return b"rebuilding" in self._tail()

    def close(self) -> None:
        """Let go of the process, which ends when it has read what was sent."""
        if not self._closed:
            self._closed = True
            os.close(self._writing)
            os.close(self._reading)

    def _require_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, "the session is closed")
