# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several connections that are read one after the other, and none of which stands still meanwhile."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections import deque
from functools import partial
from typing import Deque, Dict, Optional

from .stream import ByteStream

# Bytes that are kept of a connection whose turn has not come. A server that has sent so many waits.
MOST_AHEAD = 4 << 20
_READ_SIZE = 256 * 1024


class ReadAhead:
    """Takes what arrives on all its connections whenever one of them is waited for.

    It works in the process that reads and needs no thread, which TLS would not bear.

    Attributes:
        received: bytes that have come on all connections.
    """

    def __init__(self) -> None:
        self.received = 0
        self._connections: Dict[ByteStream, _Connection] = {}

    def join(self, stream: ByteStream) -> None:
        """Read a connection ahead from now on."""
        connection = self._connections[stream] = _Connection(stream.sock)
        stream.receive_into = partial(self._receive_into, connection)

    def leave(self, stream: ByteStream) -> None:
        """Let go of a connection, which is closed or not read any more."""
        del self._connections[stream]

    def _receive_into(self, connection: _Connection, space: memoryview) -> int:
        self._take_what_is_there(connection, 0)
        deadline = time.monotonic() + (connection.sock.gettimeout() or 0)
        while connection.has_nothing:
            left = deadline - time.monotonic()
            if left <= 0:
                raise socket.timeout("timed out")
            self._take_what_is_there(connection, left)
        return connection.hand_over(space)

    def _take_what_is_there(self, wanted: _Connection, seconds: float) -> None:
        """Take something from each connection that has sent anything; wait for the first for so long."""
        poll = select.poll()
        for connection in self._connections.values():
            if connection.is_open and (connection.has_nothing if connection is wanted else connection.has_room):
                if connection.has_decrypted:
                    seconds = 0
                poll.register(connection.sock, select.POLLIN)
        ready = {descriptor for descriptor, _event in poll.poll(seconds * 1000)}
        for connection in self._connections.values():
            if connection.sock.fileno() in ready or connection.has_decrypted:
                self.received += connection.take()


class _Connection:
    """What has come on one connection and was not handed over yet, and how it ended."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.is_open = True
        self._trouble: Optional[OSError] = None
        self._waiting: Deque[memoryview] = deque()
        self._size = 0

    @property
    def has_nothing(self) -> bool:
        return not self._waiting and self.is_open

    @property
    def has_room(self) -> bool:
        return self._size < MOST_AHEAD

    @property
    def has_decrypted(self) -> bool:
        """Whether TLS holds bytes that no look at the socket shows."""
        return self.is_open and self.has_room and isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0

    def take(self) -> int:
        """Take what has come; return how many bytes that is."""
        try:
            block = self.sock.recv(_READ_SIZE)
        except OSError as error:
            self._trouble = error
            block = b""
        if block:
            self._waiting.append(memoryview(block))
            self._size += len(block)
        else:
            self.is_open = False
        return len(block)

    def hand_over(self, space: memoryview) -> int:
        """Move what came first into `space`; return its length, 0 behind the end.

        Raises:
            OSError: what ended the connection, once everything before has been handed over.
        """
        if not self._waiting:
            if self._trouble is not None:
                raise self._trouble
            return 0
        block = self._waiting.popleft()
        count = min(len(block), len(space))
        space[:count] = block[:count]
        if count < len(block):
            self._waiting.appendleft(block[count:])
        self._size -= count
        return count
