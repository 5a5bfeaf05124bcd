# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small IMAP server that says what a test tells it to."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class ScriptedServer:
    """Answers each command with what `answers` has for its beginning, in place of TAG its tag; OK to all others.

    An answer may be made of the command by a function. One that ends without a tagged line leaves the client waiting;
    one that is None, or ends with HANG UP, closes the connection; one that begins with + takes the next line as part
    of the command.
    """

    def __init__(self, answers=(), greeting=None, capabilities=b"IMAP4rev1"):
        self.answers = {b"CAPABILITY": b"* CAPABILITY %s\r\nTAG OK done\r\n" % capabilities, **dict(answers)}
        self.greeting = greeting or b"* OK [CAPABILITY %s] hello\r\n" % capabilities
        self.heard = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._connections = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        threads = []
        with suppress(OSError):  # closed by the test
            while True:
                connection, _address = self._listener.accept()
                self._connections.append(connection)
                threads.append(threading.Thread(target=self._serve_one, args=(connection,), daemon=True))
                threads[-1].start()
        for thread in threads:
            thread.join(30)

    def _serve_one(self, connection):
        with suppress(OSError), connection:  # closed by the client
            self._converse(connection)

    def _converse(self, connection):
        connection.sendall(self.greeting)
        continued = None
        for line in connection.makefile("rb"):
            self.heard.append(line.rstrip(b"\r\n"))
            tag, _blank, command = self.heard[-1].partition(b" ")
            answer = continued + b" OK done\r\n" if continued else self._answer(tag, command)
            if answer is None:
                return
            continued = tag if answer.startswith(b"+") else None
            connection.sendall(answer.replace(b"HANG UP", b""))
            if answer.endswith(b"HANG UP"):
                return

    def _answer(self, tag, command):
        for beginning, answer in self.answers.items():
            if command.startswith(beginning):
                said = answer(command) if callable(answer) else answer
                return said and said.replace(b"TAG", tag)
        return b"" if not command else tag + b" OK done\r\n"

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(30)


class ChallengingServer:
    """Refuses a login with a token as Gmail does: it takes the initial response, says why in a challenge, waits, and
    says NO.

    `answers` holds what came for its challenges.
    """

    def __init__(self, mechanism, challenge, status):
        self._capabilities = b"IMAP4rev1 AUTH=" + mechanism.upper().encode()
        self._challenge = challenge
        self._status = status
        self.answers = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        with suppress(OSError):  # closed by either side
            while True:
                connection, _address = self._listener.accept()
                with suppress(OSError), connection, connection.makefile("rb") as lines:
                    connection.sendall(b"* OK [CAPABILITY %s] hello\r\n" % self._capabilities)
                    for line in lines:
                        self._authenticate(connection, lines, line.split(b" ")[0])

    def _authenticate(self, connection, lines, tag):
        for challenge in (b"", self._challenge):
            connection.sendall(b"+ %s\r\n" % challenge)
            self.answers.append(lines.readline().rstrip(b"\r\n"))
        connection.sendall(b"%s %s\r\n" % (tag, self._status))

    def close(self):
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(30)
