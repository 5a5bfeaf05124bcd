# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IMAPClient and imaplib as far as they are used: to open a session, on a connection that the streaming reader shares.

Nothing else in the engine reaches into their private parts.
"""

from __future__ import annotations

import ast
import imaplib
import re
import socket
import ssl
import struct
import sys
import time
from typing import Any, Callable, Optional, Protocol, Sequence, Tuple, Union, cast

from ..model.errors import MailImportError, one_line
from ..model.mail import ImapAccount
from ..model.secret import hide_secret
from .greeting import read_greeting
from .responses import parse_status
from .stream import ByteStream
from .tls import begin_tls

try:
    from imapclient import IMAPClient
except ImportError:  # the module says which package is missing before anything here is used
    IMAPClient = object

_BYTES = re.compile(r"""\bb('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_LITERAL_AT_END = re.compile(rb"\{\d+\}$")
# Responses, however many blanks are in them and in any letters: untagged ones, answers, and continuations.
_UNTAGGED = re.compile(rb"\*[ \t]+(\d+[ \t]+)?([A-Za-z-]+)(?:[ \t]+(.*?))?\r?\n\Z", re.DOTALL)
_ANSWER = re.compile(rb"(\S+)[ \t]+(OK|NO|BAD)(?:[ \t]+(.*?))?\r?\n\Z", re.IGNORECASE | re.DOTALL)

# A login is answered with a few lines; after it, nothing is read by imaplib any more.
_LONGEST_LOGIN = 1 << 20
# And it takes no longer than so many times the longest silence, lest a server that says a little now and then holds a
# queue for ever.
_LOGIN_TIMEOUTS = 10

# Where Linux's struct tcp_info (linux/tcp.h) has the milliseconds since data arrived, which it counts in ticks of a
# clock that are up to this long.
_LAST_DATA_RECEIVED = 52
_TICK = 0.01


class Exchange(Protocol):
    """A SASL exchange from the side of the client: `problem` is why it failed, as far as the server said so."""

    mechanism: str
    problem: str

    def answer(self, challenge: bytes) -> bytes: ...


def _quoted(text: bytes) -> bytes:
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _normalized(line: bytes) -> Optional[bytes]:
    """Return a response without its line end, as imaplib insists on it. Returns None if the line is something else."""
    untagged, answer = _UNTAGGED.match(line), _ANSWER.match(line)
    if untagged:
        figure, word, text = untagged.groups()
        return b" ".join([b"*", *(figure or b"").split(), word.upper(), text or b""])
    if answer:
        tag, word, text = answer.groups()
        return b"%s %s %s" % (tag.upper(), word.upper(), text or b"")
    return line.rstrip(b"\r\n") if line.startswith(b"+") else None


class _Connection(imaplib.IMAP4):
    """imaplib's protocol engine reading through a ByteStream, so that nothing it buffers is out of our sight."""

    def __init__(self, account: ImapAccount, context: Optional[ssl.SSLContext]) -> None:
        self._account = account
        self._context = context
        self._answered = 0
        self._in_response = False
        self._login_ends = time.monotonic() + _LOGIN_TIMEOUTS * account.timeout
        self.peer = "%s:%d" % (account.host, account.port)
        super().__init__(account.host, account.port)
        self._encoding = "utf-8"  # names and passwords beyond ASCII; what imaplib does after ENABLE UTF8

    def open(self, host: str = "", port: int = 143, timeout: Optional[float] = None) -> None:
        self.host, self.port = host, port
        self.sock = self._tcp_connect()
        if self._account.tls == "implicit":
            self._secure()
        self._adopt()

    def _tcp_connect(self) -> socket.socket:
        account = self._account
        try:
            sock = socket.create_connection((account.host, account.port), timeout=account.timeout)
        except socket.gaierror as error:
            raise MailImportError(
                "connection_failed", "%s host %s is not known: %s" % (account.side, account.host, error.strerror)
            ) from None
        except (OSError, OverflowError, UnicodeError) as error:
            words = getattr(error, "strerror", None) or error  # without its number
            raise MailImportError("connection_failed", "cannot connect to %s: %s" % (self.peer, words)) from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    def _secure(self) -> None:
        self.sock = begin_tls(self.sock, self._account, self._context or ssl.create_default_context(), self.peer)

    def _adopt(self) -> None:
        self.stream = ByteStream(self.sock, self.peer)
        self.stream.login_ends = self._login_ends
        # imaplib closes `file` on shutdown and from 3.14 on makes it itself; reading never goes through it.
        self._file = self.sock.makefile("rb")
        if not isinstance(getattr(type(self), "file", None), property):
            self.file = self._file

    def starttls(self, ssl_context: Optional[ssl.SSLContext] = None) -> Any:
        """RFC 3501 section 6.2.1; bytes that came behind the OK in clear text were not sent by a server in TLS."""
        status, data = self._simple_command("STARTTLS")
        if status != "OK":
            raise MailImportError("tls_failed", "%s refuses STARTTLS: %s" % (self.peer, one_line(repr(data))))
        if self.stream.start != self.stream.end:
            raise MailImportError(
                "tls_failed", "%s sent data between STARTTLS and TLS: someone may be tampering" % self.peer
            )
        self._secure()
        self._adopt()
        self._tls_established = True
        self.untagged_responses.clear()
        self._get_capabilities()
        return status, data

    def log_in(self, user: bytes, password: bytes, as_literal: bool) -> None:
        """LOGIN (RFC 3501 section 6.2.3), the password quoted or as a literal, which needs no quoting."""
        if as_literal:
            self.literal = password  # type: ignore[assignment]
        arguments = (_quoted(user),) if as_literal else (_quoted(user), _quoted(password))
        status, data = self._simple_command("LOGIN", *arguments)
        if status != "OK":
            raise self.error(data[-1])
        self.state = "AUTH"

    def authenticate_with(self, begin: Callable[[], Exchange], in_one_line: Sequence[bool]) -> None:
        """AUTHENTICATE (RFC 3501 section 6.2.2), the initial response in the same line (RFC 4959) or after a challenge.

        Args:
            begin: begins the exchange anew.
            in_one_line: what is tried, in this order. A server that takes the one for a mistake in the syntax gets the
                other: there are some that take it in the same line only and do not say so, and the other way round.
        """
        refusal: Optional[Exception] = None
        for at_once in in_one_line:
            exchange = begin()
            initial = [exchange.answer(b"")] if at_once else []
            self.literal = exchange.answer  # type: ignore[assignment]  # called with each challenge
            try:
                status, data = self._simple_command("AUTHENTICATE", exchange.mechanism, *initial)
            except self.abort:
                raise
            except self.error as error:
                refusal = error
                continue
            if status == "OK":
                self.state = "AUTH"
                return
            raise self.error(
                (data[-1] or b"") + (b" (%s)" % exchange.problem.encode("utf-8") if exchange.problem else b"")
            )
        raise refusal or self.error("not reached")

    def capability(self) -> Any:
        """RFC 3501 section 6.1.1; a server that answers OK and no words offers nothing."""
        status, data = super().capability()
        return status, [b" ".join(_words(data[-1]))]

    def _get_capabilities(self) -> None:
        """Take the capabilities of the greeting when it has them: a round trip less."""
        greeting = parse_status(self.welcome[2:]) if not getattr(self, "_tls_established", False) else None
        words = greeting.code.decode("ascii", "ignore").upper().split() if greeting else []
        if words[:1] == ["CAPABILITY"]:
            self.capabilities = tuple(words[1:])
        else:
            super()._get_capabilities()  # type: ignore[misc]

    def read(self, size: int) -> bytes:
        self._count(size)
        return self.stream.read_exactly(size)

    def readline(self) -> bytes:
        """Return a line as imaplib insists on it: words in capitals, a blank behind them, CRLF at the end; lines that
        are no response are passed over.
        """
        while True:
            is_first = not self._answered
            line = read_greeting(self.stream, self._account) if is_first else self.stream.read_line()
            self._count(len(line))
            response = line.rstrip(b"\r\n") if self._in_response else _normalized(line)
            if response is not None:
                self._in_response = bool(_LITERAL_AT_END.search(response))
                return response + b"\r\n"

    def _count(self, size: int) -> None:
        """Keep what a login is answered with, all of which imaplib keeps, within bounds.

        Raises:
            MailImportError: `protocol_error`.
        """
        self._answered += size
        if self._answered > _LONGEST_LOGIN:
            raise MailImportError(
                "protocol_error", "the login at %s did not end within %d bytes of answers" % (self.peer, _LONGEST_LOGIN)
            )

    def disconnect(self) -> None:
        """Close the connection at once, whoever still holds this object: some servers admit one connection at a
        time."""
        self._file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:  # type: ignore[override]
        try:
            self.sock.sendall(data)
            _acknowledge_at_once(self.sock)
        except OSError as error:
            raise MailImportError("connection_failed", "connection to %s broke: %s" % (self.peer, error)) from None


def _acknowledge_at_once(sock: socket.socket) -> None:
    """Do not hold back acknowledgements of what comes next.

    Many servers (Cyrus, Courier, GNU Mailutils) write an answer in small pieces, of which theirs waits with the second
    until the first is acknowledged, and ours with that for something to say: 40 ms each time. Linux forgets this
    setting when something is sent (tcp(7), TCP_QUICKACK).
    """
    if hasattr(socket, "TCP_QUICKACK"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def seconds_quiet(sock: socket.socket) -> float:
    """Return for how many seconds nothing has arrived on a connection, rather too few than too many; 0 when the system
    does not say. What has arrived need not have been read.
    """
    if sys.platform != "linux":
        return 0.0
    try:
        told = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA_RECEIVED + 4)
    except OSError:
        return 0.0
    if len(told) < _LAST_DATA_RECEIVED + 4:
        return 0.0
    milliseconds: int = struct.unpack_from("=I", told, _LAST_DATA_RECEIVED)[0]
    return max(0.0, milliseconds / 1000 - _TICK)


class Client(IMAPClient):
    """IMAPClient over a _Connection."""

    def __init__(self, account: ImapAccount, context: Optional[ssl.SSLContext]) -> None:
        self._account = account
        self._context = context
        self._offered: Optional[Tuple[bytes, ...]] = None
        super().__init__(account.host, account.port, ssl=account.tls == "implicit", timeout=account.timeout)

    def _create_IMAP4(self) -> _Connection:  # noqa: N802 - IMAPClient's name
        return _Connection(self._account, self._context)

    @property
    def incoming(self) -> ByteStream:
        """What the server sends."""
        return cast(ByteStream, self._imap.stream)

    @property
    def greeting(self) -> bytes:
        """The server's first line."""
        welcome = self._imap.welcome
        return welcome if isinstance(welcome, bytes) else b""

    @property
    def is_logged_in(self) -> bool:
        return bool(self._imap.state == "AUTH")

    @property
    def farewell(self) -> Optional[bytes]:
        """What the server said with a BYE."""
        said = self._imap.untagged_responses.get("BYE")
        return said[-1] if said and isinstance(said[-1], bytes) else None

    def send(self, data: Union[bytes, bytearray]) -> None:
        self._imap.send(data)

    def disconnect(self) -> None:
        self._imap.disconnect()

    def begin_tls(self) -> None:
        """STARTTLS. Not by IMAPClient's own method: before 4.1 it puts a socket into our connection and knows nothing
        of its stream.
        """
        self._imap.starttls()
        self._starttls_done = True

    def log_in(self, user: bytes, password: bytes, as_literal: bool = False) -> None:
        self._forget_capabilities()
        self._imap.log_in(user, password, as_literal)

    def authenticate_with(self, begin: Callable[[], Exchange], in_one_line: Sequence[bool]) -> None:
        self._forget_capabilities()
        self._imap.authenticate_with(begin, in_one_line)

    def _forget_capabilities(self) -> None:
        """What LOGIN answers, or else CAPABILITY, counts from now on."""
        self._imap.untagged_responses.pop("CAPABILITY", None)
        self._offered = None

    def capabilities(self) -> Tuple[bytes, ...]:
        """What the server offers in its present state, in capitals."""
        imap = self._imap
        if self._offered is None and imap.state == "AUTH":
            said = imap.untagged_responses.pop("CAPABILITY", None) or imap.capability()[1]
            self._offered = _words(said[-1])
        return self._offered or tuple(word.encode("ascii") for word in imap.capabilities)


def _words(said: Any) -> Tuple[bytes, ...]:
    """The capabilities in what imaplib has of a response; they are ASCII (RFC 3501 section 9), whatever else a server
    says.
    """
    return tuple(said.decode("ascii", "ignore").encode("ascii").upper().split()) if isinstance(said, bytes) else ()


def server_text(error: Exception, account: ImapAccount) -> str:
    """Return what the server said, out of the error that imaplib and IMAPClient made of it, for people."""
    return one_line(hide_secret(_BYTES.sub(_decoded, str(error)), account.password), 300)


def _decoded(found: re.Match[str]) -> str:
    try:
        return str(ast.literal_eval(found.group()).decode("utf-8", "replace"))
    except (SyntaxError, ValueError):
        return found.group()  # the server's own words that look like Python
