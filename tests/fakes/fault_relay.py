# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A line that breaks: forwards connections to a real server and does one kind of harm at one place in what it sends."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Iterator, Optional

KINDS = ("reset", "close", "half-open", "stall", "bye", "drip")
# What TCP's checksum or a broken middle box lets through; only TLS can notice all of it.
GARBLING = ("flip", "drop")

_DRIPPED = 200
_DRIP_SECONDS = 0.001
_DROPPED = 37


class FaultRelay:
    """A context manager; forwards connections to `target_port` of this machine.

    Args:
        kind: what happens: one of KINDS or GARBLING, None for nothing.
        offset: after how many bytes from the server, counted over all connections.
        again: the fault happens again after every so many bytes more, None for once.
        address: where it listens.

    Attributes: `port`; `passed`, bytes from the server so far; `faults`, how often the fault has happened.
    """

    def __init__(
        self,
        target_port: int,
        kind: Optional[str] = None,
        offset: int = 0,
        again: Optional[int] = None,
        address: str = "127.0.0.1",
    ) -> None:
        self._target_port = target_port
        self._kind = kind
        self._next = offset
        self._again = again
        self.passed = 0
        self.faults = 0
        self._sockets: list[socket.socket] = []
        self._closing = threading.Event()
        self._listener = socket.create_server((address, 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> FaultRelay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            each.close()

    def _accept(self) -> None:
        # Closing the listener ends the loop.
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._sockets += [client, server]
                threading.Thread(target=self._forward_commands, args=(client, server), daemon=True).start()
                threading.Thread(target=self._forward_answers, args=(server, client), daemon=True).start()

    def _forward_commands(self, client: socket.socket, server: socket.socket) -> None:
        # Either end may go first.
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _forward_answers(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError, _LineIsDeadError):
            while data := server.recv(1 << 16):
                for piece in self._harm(data, client):
                    client.sendall(piece)
        for each in (server, client):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _harm(self, data: bytes, client: socket.socket) -> Iterator[bytes]:
        """Yield the data as it gets through."""
        before, self.passed = self.passed, self.passed + len(data)
        if self._kind is None or self.passed <= self._next:
            yield data
            return
        place = max(0, self._next - before)
        self._next = self.passed + self._again if self._again else 1 << 62
        self.faults += 1
        yield data[:place]
        yield from getattr(self, "_" + self._kind.replace("-", "_"))(data[place:], client)

    def _reset(self, _rest: bytes, client: socket.socket) -> Iterator[bytes]:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it, which keeps it open
        client.close()
        raise _LineIsDeadError
        yield  # makes it a generator, like the others

    def _close(self, _rest: bytes, _client: socket.socket) -> Iterator[bytes]:
        yield b""
        raise _LineIsDeadError

    def _half_open(self, _rest: bytes, client: socket.socket) -> Iterator[bytes]:
        """The server has ended its side, and takes commands as before."""
        yield b""
        client.shutdown(socket.SHUT_WR)
        self._closing.wait()

    def _stall(self, _rest: bytes, _client: socket.socket) -> Iterator[bytes]:
        """The line stays open and nothing comes any more."""
        yield b""
        self._closing.wait()

    def _bye(self, _rest: bytes, _client: socket.socket) -> Iterator[bytes]:
        yield b"* BYE Server shutting down.\r\n"
        raise _LineIsDeadError

    def _drip(self, rest: bytes, _client: socket.socket) -> Iterator[bytes]:
        for number in range(min(_DRIPPED, len(rest))):
            time.sleep(_DRIP_SECONDS)
            yield rest[number : number + 1]
        yield rest[_DRIPPED:]

    def _flip(self, rest: bytes, _client: socket.socket) -> Iterator[bytes]:
        yield bytes([rest[0] ^ 16]) + rest[1:]

    def _drop(self, rest: bytes, _client: socket.socket) -> Iterator[bytes]:
        yield rest[_DROPPED:]


class _LineIsDeadError(Exception):
    """Nothing more goes through this connection."""
