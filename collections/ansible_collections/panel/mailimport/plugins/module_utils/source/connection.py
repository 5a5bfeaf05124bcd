# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening a source account: TCP, TLS and login, by IMAPClient, on a connection that the streaming reader shares."""

from __future__ import annotations

import ast
import hashlib
import imaplib
import re
import socket
import ssl
import time
from typing import Any, Optional, Tuple

from ..imap.refusals import SourceBusyError, busy_error
from ..imap.responses import Status, parse_status
from ..imap.stream import ByteStream
from ..model.errors import MailImportError, one_line
from ..model.mail import SourceAccount
from ..model.secret import hide_secret
from .bearer import BearerExchange

try:
    from imapclient import IMAPClient
    from imapclient.exceptions import IMAPClientError
except ImportError:  # the module says which package is missing before anything here is used
    IMAPClient = object
    IMAPClientError = imaplib.IMAP4.error

# A name or an IPv4 address, or an IPv6 address: that has two colons at least, a name with a port has one.
_HOST = re.compile(r"[\w.-]+|[\da-f.]*:[\da-f.]*:[\da-f.:]*(%\w+)?", re.IGNORECASE)
_BYTES = re.compile(r"""\bb('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_LOOSE_LINE = re.compile(rb"(\S+ (?:OK|NO|BAD|BYE|PREAUTH|CAPABILITY))(?: (.*?))?\r?\n\Z", re.IGNORECASE | re.DOTALL)


def tls_context(account: SourceAccount) -> Optional[ssl.SSLContext]:
    """Return the TLS settings of an account, None for `tls: none`. Reads the CA file, so call it with the right to.

    A pinned fingerprint takes the place of the chain of trust, so that a self-signed server can be trusted exactly.

    Raises:
        MailImportError: `certificate_invalid` when the CA file cannot be used.
    """
    if account.tls == "none":
        return None
    try:
        context = ssl.create_default_context(cafile=account.ca_cert)
    except (OSError, ssl.SSLError) as error:
        raise MailImportError(
            "certificate_invalid", "source_ca_cert %s cannot be used: %s" % (account.ca_cert, error)
        ) from None
    if account.tls_fingerprint or not account.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


# A login is answered with a few lines; after it, nothing is read by imaplib any more.
_LONGEST_LOGIN = 1 << 20
# And it takes no longer than so many times the longest silence, lest a server that says a little now and then holds a
# queue for ever.
_LOGIN_TIMEOUTS = 10


class _Connection(imaplib.IMAP4):
    """imaplib's protocol engine reading through a ByteStream, so that nothing it buffers is out of our sight."""

    def __init__(self, account: SourceAccount, context: Optional[ssl.SSLContext]) -> None:
        self._account = account
        self._context = context
        self._answered = 0
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
                "connection_failed", "source host %s is not known: %s" % (account.host, error.strerror)
            ) from None
        except (OSError, OverflowError, UnicodeError) as error:
            raise MailImportError("connection_failed", "cannot connect to %s: %s" % (self.peer, error)) from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    def _secure(self) -> None:
        context = self._context or ssl.create_default_context()
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=self._account.host)
        except ssl.SSLCertVerificationError as error:
            raise MailImportError(
                "certificate_invalid",
                "the certificate of %s is not trusted: %s (set source_ca_cert or source_tls_fingerprint)"
                % (self.peer, error.verify_message),
            ) from None
        except (ssl.SSLEOFError, ConnectionError) as error:
            # As a server does that is being restarted, or a relay in front of one.
            raise MailImportError(
                "connection_failed", "connection to %s broke while TLS was begun: %s" % (self.peer, error)
            ) from None
        except (OSError, ValueError) as error:
            hint = (
                ": it does not begin with TLS, see source_tls and source_port"
                if "WRONG_VERSION_NUMBER" in str(error)
                else ""
            )
            raise MailImportError("tls_failed", "no TLS with %s: %s%s" % (self.peer, error, hint)) from None
        self._check_fingerprint(self.sock)

    def _check_fingerprint(self, sock: ssl.SSLSocket) -> None:
        wanted = self._account.tls_fingerprint
        if not wanted:
            return
        found = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
        if wanted.replace(":", "").lower() != found:
            raise MailImportError(
                "certificate_invalid",
                "the certificate of %s has the SHA-256 fingerprint %s, not the one given" % (self.peer, found),
            )

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

    def login(self, user: str, password: str) -> Any:
        """RFC 3501 section 6.2.3 with both arguments quoted; imaplib sends the name as an atom, whatever is in it."""
        status, data = self._simple_command("LOGIN", self._quote(user), self._quote(password))
        if status != "OK":
            raise self.error(data[-1])
        self.state = "AUTH"
        return status, data

    def login_with_token(self, mechanism: str, user: str, token: str, at_once: bool) -> None:
        """AUTHENTICATE with a token (RFC 3501 section 6.2.2), the initial response in the same line (RFC 4959) or after
        a challenge.

        Args:
            at_once: which of the two is tried first. A server that takes it for a mistake in the syntax gets the other:
                there are some that take it in the same line only and do not say so, and the other way round.
        """
        refusal: Optional[Exception] = None
        for in_one_line in (at_once, not at_once):
            exchange = BearerExchange(mechanism, user, token)
            self.literal = exchange.answer  # type: ignore[assignment]  # called with each challenge
            try:
                status, data = self._simple_command(
                    "AUTHENTICATE", mechanism, *([exchange.initial_response()] if in_one_line else [])
                )
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
        """Return a line as imaplib insists on it: words in capitals, a blank behind them, CRLF at the end."""
        line = self._greeting() if not self._answered else self.stream.read_line()
        self._count(len(line))
        loose = _LOOSE_LINE.match(line)
        return b"%s %s\r\n" % (loose[1].upper(), loose[2] or b"") if loose else line

    def _greeting(self) -> bytes:
        """Read the first line; a server that waits for us to begin with TLS does not send it."""
        try:
            return self.stream.read_line()
        except MailImportError as error:
            if self._account.tls == "implicit" or error.reason != "connection_failed":
                raise
            hint = "a server that begins with TLS, as most do on port 993, needs source_tls=implicit"
            raise MailImportError(error.reason, "%s (%s)" % (error.message, hint)) from None

    def _count(self, size: int) -> None:
        """Keep what a login is answered with, all of which imaplib keeps, within bounds.

        Raises:
            MailImportError: `protocol_error`.
        """
        self._answered += size
        if self._answered > _LONGEST_LOGIN:
            raise MailImportError(
                "protocol_error", "%s sent more than %d bytes and no end of the login" % (self.peer, _LONGEST_LOGIN)
            )

    def disconnect(self) -> None:
        """Close the connection at once, whoever still holds this object: some servers admit one connection at a
        time."""
        self._file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:  # type: ignore[override]
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise MailImportError("connection_failed", "connection to %s broke: %s" % (self.peer, error)) from None


class _Client(IMAPClient):
    """IMAPClient over a _Connection."""

    def __init__(self, account: SourceAccount, context: Optional[ssl.SSLContext]) -> None:
        self._account = account
        self._context = context
        self._offered: Optional[Tuple[bytes, ...]] = None
        super().__init__(account.host, account.port, ssl=account.tls == "implicit", timeout=account.timeout)

    def _create_IMAP4(self) -> _Connection:  # noqa: N802 - IMAPClient's name
        return _Connection(self._account, self._context)

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


def connect(account: SourceAccount, context: Optional[ssl.SSLContext]) -> _Client:
    """Connect and log in.

    Raises:
        MailImportError: `connection_failed`, `tls_failed`, `certificate_invalid`, `auth_failed`,
            `source_unavailable` (BYE) or `throttled`, each with one line for people.
    """
    if not _HOST.fullmatch(account.host):
        raise MailImportError(
            "invalid_row",
            "source_host %r is not a host name: give it without scheme, port or blanks" % one_line(account.host, 80),
        )
    peer = "%s:%d" % (account.host, account.port)
    try:
        client = _Client(account, context)
        try:
            if account.tls == "starttls":
                _start_tls(client, context, peer)
            _log_in(client, account, peer)
            client.capabilities()  # asked for here, where an answer that is none has its error
            client._imap.stream.login_ends = None
        except BaseException:
            client._imap.disconnect()
            raise
        return client
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise _session_error(_server_text(error, account), peer) from None
    except OSError as error:
        raise MailImportError("connection_failed", "connection to %s broke: %s" % (peer, error)) from None


def _start_tls(client: _Client, context: Optional[ssl.SSLContext], peer: str) -> None:
    if client._imap.state == "AUTH":
        raise MailImportError("tls_failed", "%s begins the session before TLS: someone may be tampering" % peer)
    if b"STARTTLS" not in client.capabilities():
        raise MailImportError("tls_failed", "%s offers no STARTTLS; nothing was sent in clear text" % peer)
    # Not by IMAPClient's own method: before 4.1 it puts a socket into our connection and knows nothing of its stream.
    client._imap.starttls(context)
    client._starttls_done = True


def _log_in(client: _Client, account: SourceAccount, peer: str) -> None:
    try:
        _authenticate(client, account, peer)
        # What LOGIN answered, or else CAPABILITY, counts now.
        client._offered = None
    except MailImportError:
        bye = client._imap.untagged_responses.get("BYE")
        if bye and isinstance(bye[-1], bytes):  # the server said why, before it closed the connection
            raise _session_error(
                one_line(hide_secret(bye[-1].decode("utf-8", "replace"), account.password), 300), peer
            ) from None
        raise
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        text = _server_text(error, account)
        if isinstance(error.__context__, imaplib.IMAP4.abort):  # what IMAPClient made the error of: the session is over
            raise _session_error(text, peer) from None
        refusal = "%s refuses the login of %s: %s" % (peer, account.user, text)
        raise _busy(text, peer) or MailImportError("auth_failed", refusal) from None


def _authenticate(client: _Client, account: SourceAccount, peer: str) -> None:
    client._imap.untagged_responses.pop("CAPABILITY", None)
    if client._imap.state == "AUTH":  # PREAUTH greeting
        return
    mechanism = _choose_mechanism(client, account, peer)
    login_name, authorization = account.user, None
    if account.master_user:
        if _is_template(account.master_user):
            login_name = account.master_user.replace("%u", account.user)
        else:
            login_name, authorization = account.master_user, account.user
    _check_characters(login_name, account, mechanism)
    if mechanism == "login":
        client.login(login_name, account.password)
    elif mechanism == "plain":
        client.plain_login(login_name, account.password, authorization)
    else:
        at_once = b"SASL-IR" in client.capabilities()
        client._imap.untagged_responses.pop("CAPABILITY", None)
        client._imap.login_with_token(mechanism.upper(), login_name, account.password, at_once)


def _is_template(master_user: str) -> bool:
    return "%u" in master_user


def _choose_mechanism(client: _Client, account: SourceAccount, peer: str) -> str:
    capabilities = client.capabilities()
    mechanism = account.auth
    on_behalf = account.master_user and not _is_template(account.master_user)
    if mechanism == "auto":
        prefers_plain = b"LOGINDISABLED" in capabilities or not (account.user + account.password).isascii()
        mechanism = "plain" if on_behalf or (prefers_plain and b"AUTH=PLAIN" in capabilities) else "login"
    if on_behalf and mechanism != "plain":
        # Any other way in is one to the administrator's own mail.
        raise MailImportError(
            "auth_failed", "source_master_user needs source_auth plain, or a template with %%u, not %s" % mechanism
        )
    if mechanism == "login" and b"LOGINDISABLED" in capabilities:
        raise MailImportError(
            "auth_failed", "%s allows no login on this connection: use source_tls implicit or starttls" % peer
        )
    # XOAUTH2 is tried wherever it is asked for: Yandex has it and did not always say so.
    if mechanism not in ("login", "xoauth2") and b"AUTH=%s" % mechanism.upper().encode() not in capabilities:
        needed = ", which source_master_user needs" if on_behalf else ""
        raise MailImportError("auth_failed", "%s offers no AUTH=%s%s" % (peer, mechanism.upper(), needed))
    return mechanism


def _check_characters(login_name: str, account: SourceAccount, mechanism: str) -> None:
    """Refuse what would not reach the server as it is, before anything is sent."""
    credentials = login_name + account.user + account.password
    problem = None
    if "\0" in credentials:
        problem = "a NUL, which no login can carry"
    elif re.search("[\ud800-\udfff]", credentials):
        problem = "bytes that are no Unicode text"
    elif mechanism in ("xoauth2", "oauthbearer") and "\1" in credentials:
        problem = "a control character, which separates the parts of a login with a token"
    elif mechanism == "login" and re.search(r"[\r\n]", credentials):
        problem = "a line break, which LOGIN cannot carry"
    if problem:
        raise MailImportError("auth_failed", "user name or password of %s holds %s" % (account.user, problem))


def _busy(text: str, peer: str) -> Optional[SourceBusyError]:
    return busy_error(parse_status(b"NO " + text.encode("utf-8", "replace")) or Status("NO", b"", text), peer)


def _session_error(text: str, peer: str) -> MailImportError:
    return _busy(text, peer) or MailImportError("source_unavailable", "%s: %s" % (peer, text))


def _server_text(error: Exception, account: SourceAccount) -> str:
    """Return what the server said, out of the error that imaplib and IMAPClient made of it, for people."""
    return one_line(hide_secret(_BYTES.sub(_decoded, str(error)), account.password), 300)


def _decoded(found: re.Match[str]) -> str:
    try:
        return ast.literal_eval(found.group()).decode("utf-8", "replace")
    except (SyntaxError, ValueError):
        return found.group()  # the server's own words that look like Python
