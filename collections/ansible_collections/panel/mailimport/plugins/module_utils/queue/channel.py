# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection between a run and a worker: a pair of sockets, over which each message is a line."""

from __future__ import annotations

import select
import socket
from typing import Iterator, List

from ..model.codec import Codec
from .messages import Message


class Channel:
    """One end of a connection between a run and a worker."""

    def __init__(self, end: socket.socket, codec: Codec) -> None:
        self._socket = end
        self._codec = codec
        self._torn = b""
        self._waiting: List[Message] = []

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            BrokenPipeError, ConnectionResetError: the other side is gone.
        """
        self._socket.sendall(self._codec.encode(message))

    def receive(self) -> Iterator[Message]:
        """Yield what has arrived, waiting for at least a part of it.

        Raises:
            EOFError: the other side is gone.
            ValueError: it sends what is no message.
        """
        data = self._socket.recv(1 << 16)
        if not data:
            raise EOFError("the other side is gone")
        *lines, self._torn = (self._torn + data).split(b"\n")
        yield from map(self._codec.decode, lines)

    def next(self) -> Message:
        """Return the next message, however long it takes.

        Raises:
            EOFError: the other side is gone.
        """
        while not self._waiting:
            self._waiting += self.receive()
        return self._waiting.pop(0)

    def is_silent(self, seconds: float) -> bool:
        """Wait for so long; whether nothing has come."""
        return not self._waiting and not select.select([self._socket], [], [], seconds)[0]
