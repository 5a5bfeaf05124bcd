# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A TCP relay that is a long line: everything arrives later, at most at a given rate, and is counted.

Each direction is a delay line: what comes in is time-stamped and released one way's delay later, however much comes
behind it, so that pipelining keeps its benefit. Opening a connection costs what it costs on a real line. What is not
played is TCP's slow start: both ends are on this machine.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection
import queue
import signal
import socket
import threading
import time
from typing import NamedTuple, Optional

_CHUNK = 256 * 1024
_CHUNKS_QUEUED = 256
# On a narrow line a chunk must not take long to pass, and a router queues little.
_NARROW_CHUNK = 4 * 1024
_NARROW_QUEUE = 64 * 1024


class Traffic(NamedTuple):
    """What went through a relay.

    `turns` counts how often a client spoke again after more of an answer had reached it: each is a round trip that it
    may have waited for. `round_trips` adds the two of each connection: the line's handshake, and the way to the
    greeting.
    """

    connections: int
    turns: int
    bytes_up: int
    bytes_down: int

    @property
    def round_trips(self) -> int:
        return self.turns + 2 * self.connections


class Relay:
    """A process that relays connections to a port of this machine; a context manager.

    Args:
        target_port: where connections go.
        delay: seconds from one end to the other, half a round trip.
        rate: bytes a second in each direction, None for no limit.

    Clients connect to `port`.
    """

    def __init__(self, target_port: int, delay: float, rate: Optional[float] = None) -> None:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = listener.getsockname()[1]
        self._asking, answering = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self._process = context.Process(
            target=_Line(listener, target_port, delay, rate).serve, args=(answering,), daemon=True
        )
        self._process.start()
        listener.close()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.join()

    def traffic(self) -> Traffic:
        """What has gone through since this was asked last."""
        self._asking.send(None)
        return Traffic(*self._asking.recv())


class _Line:
    """What happens in the relay's process."""

    def __init__(self, listener: socket.socket, target_port: int, delay: float, rate: Optional[float]) -> None:
        self._listener = listener
        self._target_port = target_port
        self.delay = delay
        self.rate = rate
        self._lock = threading.Lock()
        self._counts = [0] * len(Traffic._fields)

    def serve(self, answering: multiprocessing.connection.Connection) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
        threading.Thread(target=self._accept, daemon=True).start()
        while True:
            answering.recv()
            with self._lock:
                answering.send(tuple(self._counts))
                self._counts = [0] * len(Traffic._fields)

    def count(self, **more: int) -> None:
        with self._lock:
            for name, number in more.items():
                self._counts[Traffic._fields.index(name)] += number

    def _accept(self) -> None:
        while True:
            client, _address = self._listener.accept()
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        # The client's SYN, the server's, and the client's answer to it: only then a server has a connection.
        time.sleep(3 * self.delay)
        server = socket.create_connection(("127.0.0.1", self._target_port))
        for sock in (client, server):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.count(connections=1)
        down = _Direction(self, server, client)
        up = _Direction(self, client, server, answers=down)
        down.start()
        up.start()


class _Direction:
    """One direction of a connection: one thread that takes in, one that hands over when it is time."""

    def __init__(
        self, line: _Line, reader: socket.socket, writer: socket.socket, answers: Optional[_Direction] = None
    ) -> None:
        self._line, self._reader, self._writer, self._answers = line, reader, writer, answers
        self._chunk = _NARROW_CHUNK if line.rate else _CHUNK
        length = int((line.rate * line.delay + _NARROW_QUEUE) / _NARROW_CHUNK) if line.rate else _CHUNKS_QUEUED
        self._under_way: queue.Queue[tuple[float, bytes]] = queue.Queue(length)
        self._delivered = 0

    def start(self) -> None:
        for work in (self._take_in, self._hand_over):
            threading.Thread(target=work, daemon=True).start()

    def _take_in(self) -> None:
        free_at = 0.0
        answered = 0
        while True:
            try:
                data = self._reader.recv(self._chunk)
            except ConnectionError:
                data = b""
            now = time.monotonic()
            # A narrow line is busy with a chunk for as long as that takes to pass.
            free_at = max(free_at, now) + (len(data) / self._line.rate if self._line.rate else 0)
            if data and self._answers:
                self._line.count(bytes_up=len(data), turns=int(self._answers._delivered > answered))
                answered = self._answers._delivered
            elif data:
                self._line.count(bytes_down=len(data))
            self._under_way.put((free_at + self._line.delay, data))
            if not data:
                return

    def _hand_over(self) -> None:
        due, data = self._under_way.get()
        # Either end may go first; what is under way to it then is lost, as on a real line.
        with contextlib.suppress(OSError):
            while data:
                time.sleep(max(0.0, due - time.monotonic()))
                self._writer.sendall(data)
                self._delivered += len(data)
                due, data = self._under_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            self._writer.shutdown(socket.SHUT_WR)
        if data:  # nobody is there any more: the sender hears it, and says no more
            with contextlib.suppress(OSError):
                self._reader.shutdown(socket.SHUT_RDWR)
        while data:  # the reading thread is not left waiting for a place
            _due, data = self._under_way.get()
