# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small servers for what a real one does not do on demand: record what it is asked, turn clients away, say nothing."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import Iterator, Optional


class Relay:
    """Forwards connections to a port of this machine and keeps what clients sent; a context manager.

    With `hold_after` it keeps back what the server says beyond so many bytes, until `let_go()`. With `admits` it turns
    away who comes while so many connections are open, in words. `most_open` counts those that were open at a time,
    `turned_away` the others.
    """

    def __init__(self, target_port: int, hold_after: Optional[int] = None, admits: Optional[int] = None) -> None:
        self._target_port = target_port
        self._hold_after = hold_after
        self._admits = admits
        self._clients: set[socket.socket] = set()
        self.most_open = 0
        self.turned_away = 0
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.sent = b""
        self.connections = 0

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.let_go()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def let_go(self) -> None:
        """Deliver what was kept back."""
        self._released.set()

    def _accept(self) -> None:
        # Closing the listener ends the loop.
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                self.connections += 1
                if self._admits is not None and len(self._open()) >= self._admits:
                    self.turned_away += 1
                    client.sendall(b"* BYE [UNAVAILABLE] Too many simultaneous connections\r\n")
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._clients = {*self._open(), client}
                self.most_open = max(self.most_open, len(self._clients))
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _open(self) -> set[socket.socket]:
        """Clients that have not closed their connection by now, whether or not what they sent has been forwarded."""
        return {client for client in self._clients if not _is_closed(client)}

    def _pump(self, reader: socket.socket, writer: socket.socket, from_client: bool) -> None:
        passed = 0
        # Either end may go first.
        with contextlib.suppress(OSError):
            while data := reader.recv(1 << 14):
                passed += len(data)
                if from_client:
                    self.sent += data
                elif self._hold_after is not None and passed > self._hold_after:
                    self._released.wait()
                writer.sendall(data)
        with contextlib.suppress(OSError):
            writer.shutdown(socket.SHUT_WR)


def _is_closed(client: socket.socket) -> bool:
    look = select.poll()
    look.register(client, select.POLLRDHUP)
    return bool(look.poll(0))


class Gate:
    """Lets connections through to a port of this machine in groups of `members` only, and counts; a context manager.

    Attributes: `connections` so far, and the `peak` of those that were open at a time.
    """

    def __init__(self, target_port: int, members: int, address: str = "127.0.0.1") -> None:
        self._target_port = target_port
        self._barrier = threading.Barrier(members)
        self._lock = threading.Lock()
        self._open = 0
        self._listener = socket.create_server((address, 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        self.peak = 0

    def __enter__(self) -> Gate:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._barrier.abort()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        # Closing the listener ends the loop.
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                with self._lock:
                    self.connections += 1
                    self._open += 1
                    self.peak = max(self.peak, self._open)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, threading.BrokenBarrierError):
            self._barrier.wait()
            with socket.create_connection(("127.0.0.1", self._target_port)) as server:
                answers = threading.Thread(target=_copy, args=(server, client), daemon=True)
                answers.start()
                _copy(client, server)
                answers.join()
        with self._lock:
            self._open -= 1


def _copy(reader: socket.socket, writer: socket.socket) -> None:
    # Either end may go first.
    with contextlib.suppress(OSError):
        while data := reader.recv(1 << 14):
            writer.sendall(data)
    with contextlib.suppress(OSError):
        writer.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def server_that_says(greeting: bytes, close: bool = True) -> Iterator[int]:
    """A server whose clients get the greeting and then the end of the connection, or silence; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    kept = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = listener.accept()
                client.sendall(greeting)
                kept.append(client)
                if close:
                    client.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for client in kept:
            client.close()
