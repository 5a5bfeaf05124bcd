# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake mail server for what a real one does when it likes: it puts senders off, hangs up, takes anybody."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import ssl
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Optional

from support.network import Network
from support.tls import Certificate

PORT = 25
UNKNOWN = "550 5.1.1 User unknown"
GREYLISTED = "451 4.7.1 Greylisted, come back later"
HANG_UP = ""
# A tarpit: another line of one answer, without end.
DRIPS = "220-Wait"
TLS_BREAKS = "220 Go ahead, and come to nothing"


class SmtpServer:
    """Answers `RCPT TO` by a script. Messages are refused, and noted in `messages`.

    Args:
        replies: for addresses, the answers they get one after the other; the last one stays. HANG_UP ends the
            connection.
        otherwise: the answer for all others.
        greeting, sender_reply: what is said first, and to `MAIL FROM`.
        most: recipients a transaction may have.
        closes_after: recipients after which it closes the connection.
        name: what it calls itself.
        starttls_reply: the answer to STARTTLS.
        certificate: for STARTTLS, which is not offered without it.
        smtputf8: whether addresses may have other letters than those of ASCII.
        network: where it has the port that everybody knows; by default it has some port of this machine.
    """

    def __init__(
        self,
        replies: Mapping[str, Iterable[str]],
        otherwise: str = UNKNOWN,
        *,
        greeting: str = "220 mail.example ESMTP",
        sender_reply: str = "250 Ok",
        most: int = 1000,
        closes_after: int = 1000,
        name: str = "mail.example",
        starttls_reply: str = "220 Go ahead",
        certificate: Optional[Certificate] = None,
        smtputf8: bool = False,
        network: Optional[Network] = None,
    ) -> None:
        self.replies = {name: list(answers) for name, answers in replies.items()}
        self.otherwise = otherwise
        self.greeting, self.sender_reply, self.most = greeting, sender_reply, most
        self.certificate, self.smtputf8 = certificate, smtputf8
        self.closes_after, self.name, self.starttls_reply = closes_after, name, starttls_reply
        self.asked: dict[str, int] = defaultdict(int)
        self.messages = 0
        self.connections = 0
        self.commands: list[str] = []
        self.lock = threading.Lock()
        self.leaves = threading.Event()
        if network is None:
            self._server = _Server(("127.0.0.1", 0), _Session)
        else:
            with network.inside():
                self._server = _Server((network.free_address(PORT), PORT), _Session)
        self._server.scripted = self
        self.address, self.port = self._server.server_address[:2]

    def __enter__(self) -> SmtpServer:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.leaves.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply_to(self, address: str) -> str:
        """The answer to a recipient, this time."""
        with self.lock:
            self.asked[address] += 1
            answers = self.replies.get(address)
            if not answers:
                return self.otherwise
            return answers.pop(0) if len(answers) > 1 else answers[0]


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    scripted: SmtpServer


class _Session(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        scripted = self.server.scripted
        with scripted.lock:
            scripted.connections += 1
        self._secure = False
        self._recipients = 0
        with contextlib.suppress(OSError):
            self._say(scripted.greeting)
            for line in self._lines():
                if not self._answer(line):
                    return

    def _lines(self) -> Iterator[str]:
        # The stream is another one after STARTTLS.
        while True:
            line = self.rfile.readline()
            if not line:
                return
            yield line.decode("utf-8").rstrip("\r\n")

    def _say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")
        while text == DRIPS and not self.server.scripted.leaves.wait(0.02):
            self.wfile.write(text.encode() + b"\r\n")

    def _answer(self, line: str) -> bool:
        scripted = self.server.scripted
        verb = line.partition(" ")[0].upper()
        with scripted.lock:
            scripted.commands.append(line)
        if verb == "EHLO":
            offers = [scripted.name]
            offers += ["SMTPUTF8"] if scripted.smtputf8 else []
            offers += ["STARTTLS"] if scripted.certificate and not self._secure else []
            for offer in offers[:-1]:
                self._say("250-" + offer)
            self._say("250 " + offers[-1])
        elif verb == "STARTTLS" and scripted.certificate:
            self._say(scripted.starttls_reply)
            if scripted.starttls_reply == TLS_BREAKS:
                return False
            if scripted.starttls_reply.startswith("220"):
                self._start_tls(scripted.certificate)
        elif verb == "MAIL":
            self._say(scripted.sender_reply)
        elif verb == "RCPT":
            return self._recipient(line)
        elif verb == "DATA":
            scripted.messages += 1
            self._say("554 No messages here")
        elif verb in ("RSET", "NOOP", "HELO"):
            self._recipients = 0
            self._say("250 Ok")
        elif verb == "QUIT":
            self._say("221 Bye")
            return False
        else:
            self._say("500 What?")
        return True

    def _recipient(self, line: str) -> bool:
        scripted = self.server.scripted
        found = re.match(r"RCPT TO:<(.*?)>", line, re.IGNORECASE)
        assert found, line
        self._recipients += 1
        if self._recipients > scripted.closes_after:
            self._say("421 4.7.0 Too many recipients, closing")
            return False
        if self._recipients > scripted.most:
            self._say("452 4.5.3 Too many recipients")
            return True
        answer = scripted.reply_to(found[1])
        if answer == HANG_UP:
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        self._say(answer)
        return True

    def _start_tls(self, certificate: Certificate) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.certificate, certificate.key)
        self.connection = context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self._secure = True
