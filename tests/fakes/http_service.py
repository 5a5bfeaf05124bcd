# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What fakes of HTTP services have in common: a server, routes, answers, and trouble on demand.

Trouble comes once for each entry: `service.trouble("/users", status(503), reset())`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import ssl
import struct
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Optional, TypeVar
from urllib.parse import parse_qs, urlsplit

_Self = TypeVar("_Self", bound="HttpService")
_HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


@dataclass
class Answer:
    """What goes out. `body` is JSON unless it is bytes."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


Trouble = Callable[["Handler"], Optional[Answer]]


def status(code: int, body: Any = _HTML, **headers: str) -> Trouble:
    """Answer so."""
    return lambda handler: Answer(code, body, {name.replace("_", "-"): value for name, value in headers.items()})


def throttled(retry_after: Optional[str] = None) -> Trouble:
    """Answer 429, in JSON, with or without Retry-After."""
    body = {"code": 8, "message": "Too many requests", "details": []}
    return lambda handler: Answer(429, body, {"Retry-After": retry_after} if retry_after else {})


def reset(after: int = 0) -> Trouble:
    """Send so many bytes of an answer and reset the connection."""

    def act(handler: Handler) -> None:
        if after:
            handler.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
                + b'{"users": ['
                + b" " * after
            )
            handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        # Its files would keep it open.
        os.close(handler.connection.detach())

    return act


def stalled(released: threading.Event) -> Trouble:
    """Say nothing until the event is set."""

    def act(handler: Handler) -> None:
        released.wait(60)
        handler.close_connection = True

    return act


class RefusedError(Exception):
    """Ends a request with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class HttpService:
    """A service on loopback, started by entering the context.

    `requests` holds "METHOD path" of all that came, in order; `before` is called with each. `now` is the service's own
    clock, in seconds. `certificate` makes it speak TLS.
    """

    def __init__(self, handler: type[Handler], certificate: Any = None) -> None:
        self.requests: list[str] = []
        self.before: Callable[[str], None] = lambda request: None
        self.now = 0.0
        self.lock = threading.RLock()
        self._troubles: dict[str, list[Trouble]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (handler,), {"service": self}))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate, certificate.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = "%s://127.0.0.1:%d" % ("https" if certificate else "http", self.port)

    def __enter__(self: _Self) -> _Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def trouble(self, path: str, *troubles: Trouble) -> None:
        """Meet the next requests whose path ends so with trouble, one after the other."""
        self._troubles.setdefault(path, []).extend(troubles)

    def next_trouble(self, path: str) -> Optional[Trouble]:
        """What the next request to a path meets."""
        for end, troubles in self._troubles.items():
            if path.endswith(end) and troubles:
                return troubles.pop(0)
        return None


class Handler(BaseHTTPRequestHandler):
    """One request at a time of one connection."""

    service: Any
    routes: ClassVar[list[tuple[str, str, Callable[..., Any]]]] = []
    protocol_version = "HTTP/1.1"
    # An answer in one piece, without a delay between its head and its body.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, *_arguments: Any) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:  # noqa: N802 - the library's name
        self._answer_request()

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def _answer_request(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        self.query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        self.data = data
        path = parts.path if parts.path == "/" else parts.path.rstrip("/")
        with self.service.lock:
            self.service.requests.append("%s %s" % (self.command, path))
            trouble = self.service.next_trouble(path)
            self.service.before("%s %s" % (self.command, path))
        # The client may be gone by the time its answer is ready.
        with contextlib.suppress(OSError):
            answer = trouble(self) if trouble else self._proper_answer(path)
            if answer:
                self._send(answer)

    def _proper_answer(self, path: str) -> Answer:
        for method, pattern, act in self.routes:
            found = re.fullmatch(pattern, path)
            if found and method == self.command:
                try:
                    with self.service.lock:
                        return Answer(200, act(self, *found.groups()))
                except RefusedError as error:
                    return error.answer
        return self.unknown_path(path)

    def unknown_path(self, path: str) -> Answer:
        """What a path that is none is answered."""
        return Answer(404, b"")

    def _send(self, answer: Answer) -> None:
        is_json = not isinstance(answer.body, bytes)
        body = json.dumps(answer.body, ensure_ascii=False).encode() if is_json else answer.body
        # With a Date of now, unless it says what its clock says.
        (self.send_response_only if "Date" in answer.headers else self.send_response)(answer.status)
        self.send_header("Content-Type", "application/json" if is_json else "text/html")
        self.send_header("Content-Length", str(len(body)))
        if answer.status == 200:
            self.send_header("X-Request-Id", str(uuid.uuid4()))
            self.send_header("Grpc-Status", "0")
            self.send_header("Grpc-Message", "OK")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        """The name that the service gives itself."""
        return "api360"

    def form(self) -> dict[str, str]:
        """The fields of the body."""
        return {name: values[-1] for name, values in parse_qs(self.data.decode()).items()}
