# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A stand-in for a container engine's `exec -i`: its client only passes on what goes in and out of a process that the
engine itself has started, and which lives on for a while when the client is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO, Optional, Sequence

# Frames to the client: where their bytes go, or the exit code.
_OUTPUT, _ERRORS, _EXIT = 1, 2, 0
_FRAME = struct.Struct("!BI")


class ContainerEngine:
    """A context manager; `command` runs another one in the container.

    Args:
        enter: words of a command that leads into the container.
        socket_path: where clients find the engine.

    Attributes: `running`, the processes in the container by those of the clients that wanted them. `stop_at`: a process
    is stopped (SIGSTOP) when these bytes come to it, once; then it is `stopped`, and `passed` is how many bytes have
    come to it since.
    """

    def __init__(self, enter: Sequence[str], socket_path: Path) -> None:
        self._enter = list(enter)
        self.running: dict[int, subprocess.Popen[bytes]] = {}
        self.stop_at: Optional[bytes] = None
        self.stopped: Optional[subprocess.Popen[bytes]] = None
        self.passed = 0
        self._lock = threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(socket_path))
        socket_path.chmod(0o600)
        self._listener.listen(16)
        self.command = [sys.executable, __file__, str(socket_path)]

    def __enter__(self) -> ContainerEngine:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        pid = struct.unpack("3i", client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        with client, client.makefile("rb", buffering=0) as words:
            self.running[pid] = process = subprocess.Popen(
                [*self._enter, *json.loads(_line_of(words))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
            )
            outputs = [
                threading.Thread(target=self._pass_on, args=(client, kind, file), daemon=True)
                for kind, file in ((_OUTPUT, process.stdout), (_ERRORS, process.stderr))
            ]
            feeding = threading.Thread(target=self._feed, args=(client, process), daemon=True)
            for thread in (*outputs, feeding):
                thread.start()
            for thread in outputs:
                thread.join()
            self._send(client, _EXIT, bytes([process.wait() & 255]))
        del self.running[pid]

    def _feed(self, client: socket.socket, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        with process.stdin, contextlib.suppress(OSError):
            while data := client.recv(1 << 16):
                if self.stop_at and self.stop_at in data:
                    self.stop_at, self.stopped = None, process
                    process.send_signal(signal.SIGSTOP)
                if process is self.stopped:
                    self.passed += len(data)
                process.stdin.write(data)

    def _pass_on(self, client: socket.socket, kind: int, file: BinaryIO) -> None:
        with file:
            while data := file.read(1 << 16):
                self._send(client, kind, data)

    def _send(self, client: socket.socket, kind: int, data: bytes) -> None:
        with self._lock, contextlib.suppress(OSError):  # a client that was killed
            client.sendall(_FRAME.pack(kind, len(data)) + data)


def _line_of(file: BinaryIO) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += file.read(1)
    return line


def main() -> int:
    """Be the client: run the command and return its exit code."""
    engine = socket.socket(socket.AF_UNIX)
    engine.connect(sys.argv[1])
    engine.sendall(json.dumps(sys.argv[2:]).encode() + b"\n")
    threading.Thread(target=_send_input, args=(engine,), daemon=True).start()
    with engine.makefile("rb") as frames:
        while head := frames.read(_FRAME.size):
            kind, size = _FRAME.unpack(head)
            data = frames.read(size)
            if kind == _EXIT:
                return data[0]
            os.write(1 if kind == _OUTPUT else 2, data)
    return 255


def _send_input(engine: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(0, 1 << 16):
            engine.sendall(data)
        engine.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    # Threads that wait for input do not keep it.
    os._exit(main())
