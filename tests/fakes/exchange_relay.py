# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake of Exchange Online's IMAP: its greeting, its logins and its limits, in front of a real Dovecot.

Nothing here is Microsoft. A token opens every mailbox that the application may open, and which one is said by the
client: no Dovecot does that, so the login is answered here, and goes on to Dovecot as its master user.
"""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Optional

_GREETING = b"* OK The Microsoft Exchange IMAP4 service is ready. [TQBXAEgAUABSADEA]\r\n"
_CAPABILITY = (
    b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
    b"\r\n"
)
_LONGEST_LINE = 4096
_MOST_BAD = 10
_TAGGED = re.compile(rb"^(M?\w+) (?:OK|NO|BAD)\b", re.MULTILINE)


class ExchangeRelay:
    """A context manager; forwards logins to a Dovecot on this machine.

    Args:
        target_port: the Dovecot's port without TLS.
        master: its master user, and the password of that.
        opens: tells whether a token opens the mailbox of a login.
        certificate: makes it speak TLS.

    Attributes that change its ways: `unconnected`, how many logins of a mailbox end with "authenticated but not
    connected", by login in small letters; `expires_after`, how many bytes of a mailbox come before its session ends
    with its token, by login, once each, and `on_expiry`, what happens then; `in_flight`, the most commands it takes at
    a time; `strangers`, logins whose mailbox the application must not open. `logins` counts those that were let in;
    `longest_line` and `most_in_flight` are what clients did.
    """

    def __init__(
        self, target_port: int, master: tuple[str, str], opens: Callable[[str, str], bool], certificate: Any = None
    ) -> None:
        self._target_port = target_port
        self._master = master
        self._opens = opens
        self._context: Optional[ssl.SSLContext] = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate.certificate, certificate.key)
        self.unconnected: Counter[str] = Counter()
        self.strangers: set[str] = set()
        self.expires_after: dict[str, int] = {}
        self.on_expiry: Callable[[], None] = lambda: None
        self.in_flight = 8
        self.logins: Counter[str] = Counter()
        self.longest_line = 0
        self.most_in_flight = 0
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> ExchangeRelay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Close all connections."""
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, ssl.SSLError):
            if self._context:
                client = self._context.wrap_socket(client, server_side=True)
            self._sockets.append(client)
            with client:
                self._log_in(client)

    def _log_in(self, client: socket.socket) -> None:
        client.sendall(_GREETING)
        lines = client.makefile("rb")
        for line in lines:
            tag, _blank, command = line.rstrip(b"\r\n").partition(b" ")
            word = command.upper()
            if word == b"CAPABILITY":
                client.sendall(_CAPABILITY + tag + b" OK CAPABILITY completed.\r\n")
            elif word.startswith(b"AUTHENTICATE XOAUTH2"):
                initial = command[len(b"AUTHENTICATE XOAUTH2") :].strip()
                if not initial:
                    client.sendall(b"+ \r\n")
                    initial = lines.readline().strip()
                user, token = _parts_of(initial)
                if not self._opens(token, user) or user in self.strangers:
                    client.sendall(tag + b" NO AUTHENTICATE failed.\r\n")
                    continue
                self.logins[user] += 1
                client.sendall(tag + b" OK AUTHENTICATE completed.\r\n")
                if self.unconnected[user] > 0:
                    self.unconnected[user] -= 1
                    _refuse_all(client, lines)
                    return
                self._forward(client, lines, user)
                return
            elif word == b"LOGOUT":
                client.sendall(
                    b"* BYE Microsoft Exchange Server IMAP4 server signing off.\r\n"
                    + tag
                    + b" OK LOGOUT completed.\r\n"
                )
                return
            else:
                client.sendall(tag + b" BAD Command received in Invalid state.\r\n")

    def _forward(self, client: socket.socket, lines: Any, user: str) -> None:
        with socket.create_connection(("127.0.0.1", self._target_port)) as server:
            self._sockets.append(server)
            answers = server.makefile("rb")
            answers.readline()
            name, password = self._master
            server.sendall(b'a1 LOGIN "%s*%s" "%s"\r\n' % (user.encode(), name.encode(), password.encode()))
            for line in iter(answers.readline, b""):
                if line.startswith(b"a1 "):
                    break
            under_way: set[bytes] = set()
            back = threading.Thread(target=self._pass_back, args=(answers, client, under_way, user), daemon=True)
            back.start()
            bad = 0
            for line in lines:
                self.longest_line = max(self.longest_line, len(line))
                tag = line.partition(b" ")[0]
                under_way.add(tag)
                self.most_in_flight = max(self.most_in_flight, len(under_way))
                if len(line) > _LONGEST_LINE or len(under_way) > self.in_flight:
                    bad += 1
                    under_way.discard(tag)
                    client.sendall(tag + b" BAD Command Error. %d\r\n" % (12 if len(line) > _LONGEST_LINE else 10))
                    if bad >= _MOST_BAD:
                        break
                    continue
                server.sendall(line)
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join(10)

    def _pass_back(self, answers: Any, client: socket.socket, under_way: set[bytes], user: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := answers.read1(1 << 16):
                if user in self.expires_after:
                    self.expires_after[user] -= len(data)
                    if self.expires_after[user] < 0:
                        del self.expires_after[user]
                        self.on_expiry()
                        client.sendall(b"* BYE AccessTokenExpired\r\n")
                        break
                for tag in _TAGGED.findall(data):
                    under_way.discard(tag)
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


def _refuse_all(client: socket.socket, lines: Any) -> None:
    for line in lines:
        client.sendall(line.partition(b" ")[0] + b" BAD User is authenticated but not connected.\r\n")
        time.sleep(0)


def _parts_of(initial: bytes) -> tuple[str, str]:
    """The login and the token of a client's response (XOAUTH2)."""
    found = re.fullmatch(rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", base64.b64decode(initial))
    return (found.group(1).decode().lower(), found.group(2).decode()) if found else ("", "")
