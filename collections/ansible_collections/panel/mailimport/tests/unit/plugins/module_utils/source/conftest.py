# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A source of the tests' own: bytes on a real socket, or a small server that says what a test tells it to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.source.connection import tls_context
from ansible_collections.panel.mailimport.plugins.module_utils.source.session import SourceSession
from ansible_collections.panel.mailimport.plugins.module_utils.source.stream import ByteStream
from hypothesis import settings

settings.register_profile("unit", deadline=None, max_examples=60, database=None)
settings.load_profile("unit")


class Trickle(socket.socket):
    """A socket that hands out only so many bytes at a time, as a slow network does."""

    step = 1 << 20

    def recv_into(self, buffer, *arguments):
        return super().recv_into(memoryview(buffer)[: self.step], *arguments)


@pytest.fixture
def stream_of():
    """Make a ByteStream of bytes that a peer sends; it closes then unless `close` is False."""
    opened = []

    def make(data, step=1 << 20, close=True, timeout=30.0):
        ours, theirs = socket.socketpair()
        ours = Trickle(fileno=ours.detach())
        ours.step = step
        ours.settimeout(timeout)

        def send():
            with suppress(OSError):  # the test has seen enough
                theirs.sendall(data)
                if close:
                    theirs.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send, daemon=True)
        thread.start()
        opened.append((ours, theirs, thread))
        return ByteStream(ours, "imap.example:993")

    yield make
    for ours, theirs, thread in opened:
        ours.close()
        theirs.close()
        thread.join(30)


class ScriptedServer:
    """Answers each command with what `answers` has for its beginning, in place of TAG its tag; OK to all others.

    An answer that ends without a tagged line leaves the client waiting; one that is None closes the connection; one that
    begins with + takes the next line as part of the command.
    """

    def __init__(self, answers, greeting, capabilities):
        self.answers = {b"CAPABILITY": b"* CAPABILITY %s\r\nTAG OK done\r\n" % capabilities, **answers}
        self.greeting = greeting
        self.heard = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connection = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with suppress(OSError):  # closed by the test
            self._connection, _address = self._listener.accept()
            self._connection.sendall(self.greeting)
            continued = None
            for line in self._connection.makefile("rb"):
                self.heard.append(line.rstrip(b"\r\n"))
                tag, _blank, command = self.heard[-1].partition(b" ")
                answer = continued + b" OK done\r\n" if continued else self._answer(tag, command)
                continued = tag if answer and answer.startswith(b"+") else None
                if answer is None:
                    self._connection.shutdown(socket.SHUT_RDWR)
                else:
                    self._connection.sendall(answer)

    def _answer(self, tag, command):
        for beginning, answer in self.answers.items():
            if command.startswith(beginning):
                return answer and answer.replace(b"TAG", tag)
        return b"" if not command else tag + b" OK done\r\n"

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        if self._connection:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)
        if self._connection:
            self._connection.close()


@pytest.fixture
def server():
    """Start a ScriptedServer."""
    started = []

    def start(answers=(), greeting=None, capabilities=b"IMAP4rev1"):
        started.append(ScriptedServer(dict(answers), greeting or b"* OK [CAPABILITY %s] hello\r\n" % capabilities, capabilities))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def account():
    """An account on a ScriptedServer."""

    def make(server, **options):
        values = {"user": "anna", "password": "a secret", "tls": "none", "timeout": 30.0}
        return SourceAccount(host="127.0.0.1", port=server.port, **{**values, **options})

    return make


@pytest.fixture
def session(server, account):
    """Log in at a ScriptedServer that answers as told."""
    opened = []

    def make(answers, capabilities=b"IMAP4rev1"):
        started = account(server(answers, capabilities=capabilities))
        opened.append(SourceSession(started, tls_context(started)))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
