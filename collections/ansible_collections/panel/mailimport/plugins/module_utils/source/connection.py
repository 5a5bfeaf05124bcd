# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening a source account: TCP, TLS and login, by IMAPClient, on a connection that the streaming reader shares."""

from __future__ import annotations

import hashlib
import imaplib
import re
import socket
import ssl
from typing import Any, Optional

from ..model.errors import MailImportError, one_line
from ..model.mail import SourceAccount
from .responses import Status, parse_status
from .stream import ByteStream
from .throttle import busy_error

try:
    from imapclient import IMAPClient
    from imapclient.exceptions import IMAPClientError
except ImportError:  # the module says which package is missing before anything here is used
    IMAPClient = object
    IMAPClientError = imaplib.IMAP4.error

_HOST = re.compile(r"[\w.:-]+", re.UNICODE)
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
        raise MailImportError("certificate_invalid", "source_ca_cert %s cannot be used: %s" % (account.ca_cert, error)) from None
    if account.tls_fingerprint or not account.validate_certs:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Connection(imaplib.IMAP4):
    """imaplib's protocol engine reading through a ByteStream, so that nothing it buffers is out of our sight."""

    def __init__(self, account: SourceAccount, context: Optional[ssl.SSLContext]) -> None:
        self._account = account
        self._context = context
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
            raise MailImportError("connection_failed", "source host %s is not known: %s" % (account.host, error.strerror)) from None
        except (OSError, UnicodeError) as error:
            raise MailImportError("connection_failed", "cannot connect to %s: %s" % (self.peer, error)) from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock

    def _secure(self) -> None:
        assert self._context is not None
        try:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._account.host)
        except ssl.SSLCertVerificationError as error:
            raise MailImportError(
                "certificate_invalid",
                "the certificate of %s is not trusted: %s (set source_ca_cert or source_tls_fingerprint)" % (self.peer, error.verify_message),
            ) from None
        except (OSError, ValueError) as error:
            raise MailImportError("tls_failed", "no TLS with %s: %s" % (self.peer, error)) from None
        self._check_fingerprint(self.sock)

    def _check_fingerprint(self, sock: ssl.SSLSocket) -> None:
        wanted = self._account.tls_fingerprint
        if not wanted:
            return
        found = hashlib.sha256(sock.getpeercert(binary_form=True) or b"").hexdigest()
        if wanted.replace(":", "").lower() != found:
            raise MailImportError("certificate_invalid", "the certificate of %s has the SHA-256 fingerprint %s, not the one given" % (self.peer, found))

    def _adopt(self) -> None:
        self.stream = ByteStream(self.sock, self.peer)
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
            raise MailImportError("tls_failed", "%s sent data between STARTTLS and TLS: someone may be tampering" % self.peer)
        self._secure()
        self._adopt()
        self._tls_established = True
        self.untagged_responses.clear()
        self._get_capabilities()
        return status, data

    def _get_capabilities(self) -> None:
        """Take the capabilities of the greeting when it has them: a round trip less."""
        greeting = parse_status(self.welcome[2:]) if not getattr(self, "_tls_established", False) else None
        words = greeting.code.decode("ascii", "replace").upper().split() if greeting else []
        if words[:1] == ["CAPABILITY"]:
            self.capabilities = tuple(words[1:])
        else:
            super()._get_capabilities()  # type: ignore[misc]

    def read(self, size: int) -> bytes:
        return self.stream.read_exactly(size)

    def readline(self) -> bytes:
        """Return a line as imaplib insists on it: words in capitals, a blank behind them, CRLF at the end."""
        line = self.stream.read_line()
        loose = _LOOSE_LINE.match(line)
        return b"%s %s\r\n" % (loose[1].upper(), loose[2] or b"") if loose else line

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
        super().__init__(account.host, account.port, ssl=account.tls == "implicit", timeout=account.timeout)

    def _create_IMAP4(self) -> _Connection:  # noqa: N802 - IMAPClient's name
        return _Connection(self._account, self._context)


def connect(account: SourceAccount, context: Optional[ssl.SSLContext]) -> _Client:
    """Connect and log in.

    Raises:
        MailImportError: `connection_failed`, `tls_failed`, `certificate_invalid`, `auth_failed`,
            `source_unavailable` (BYE) or `throttled`, each with one line for people.
    """
    if not _HOST.fullmatch(account.host):
        raise MailImportError("invalid_row", "source_host %r is not a host name: give it without scheme, port or blanks" % one_line(account.host, 80))
    peer = "%s:%d" % (account.host, account.port)
    try:
        client = _Client(account, context)
        if account.tls == "starttls":
            _start_tls(client, context, peer)
        _log_in(client, account, peer)
        return client
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise MailImportError("source_unavailable", "%s: %s" % (peer, _scrub(str(error), account))) from None
    except OSError as error:
        raise MailImportError("connection_failed", "connection to %s broke: %s" % (peer, error)) from None


def _start_tls(client: _Client, context: Optional[ssl.SSLContext], peer: str) -> None:
    if b"STARTTLS" not in client.capabilities():
        raise MailImportError("tls_failed", "%s offers no STARTTLS; nothing was sent in clear text" % peer)
    client.starttls(context)


def _log_in(client: _Client, account: SourceAccount, peer: str) -> None:
    try:
        _authenticate(client, account, peer)
        # IMAPClient would go on with what the greeting said; what LOGIN answered, or else CAPABILITY, counts now.
        client._cached_capabilities = None
    except MailImportError:
        raise
    except (IMAPClientError, imaplib.IMAP4.error) as error:
        raise _login_error(_scrub(str(error), account), account, peer) from None


def _authenticate(client: _Client, account: SourceAccount, peer: str) -> None:
    client._imap.untagged_responses.pop("CAPABILITY", None)
    if client._imap.state == "AUTH":  # PREAUTH greeting
        return
    if "\0" in account.password:
        raise MailImportError("auth_failed", "the password of %s holds a NUL, which no login can carry" % account.user)
    mechanism = _choose_mechanism(client, account, peer)
    login_name, authorization = account.user, None
    if account.master_user:
        if "%u" in account.master_user:
            login_name = account.master_user.replace("%u", account.user)
        else:
            login_name, authorization = account.master_user, account.user
    if mechanism == "login":
        if re.search(r"[\r\n]", login_name + account.password):
            raise MailImportError("auth_failed", "a line break in user name or password of %s" % account.user)
        client.login(login_name, account.password)
    elif mechanism == "plain":
        client.plain_login(login_name, account.password, authorization)
    elif mechanism == "xoauth2":
        client.oauth2_login(login_name, account.password)
    else:
        client.oauthbearer_login(login_name, account.password)


def _choose_mechanism(client: _Client, account: SourceAccount, peer: str) -> str:
    capabilities = client.capabilities()
    if account.auth != "auto":
        if account.auth != "login" and b"AUTH=%s" % account.auth.upper().encode() not in capabilities:
            raise MailImportError("auth_failed", "%s offers no AUTH=%s" % (peer, account.auth.upper()))
        return account.auth
    needs_plain = (account.master_user and "%u" not in account.master_user) or not (account.user + account.password).isascii()
    if needs_plain or b"LOGINDISABLED" in capabilities:
        if b"AUTH=PLAIN" in capabilities:
            return "plain"
        if b"LOGINDISABLED" in capabilities:
            raise MailImportError("auth_failed", "%s allows no login on this connection: use source_tls implicit or starttls" % peer)
        if account.master_user and "%u" not in account.master_user:
            raise MailImportError("auth_failed", "%s offers no AUTH=PLAIN, which source_master_user needs" % peer)
    return "login"


def _login_error(text: str, account: SourceAccount, peer: str) -> MailImportError:
    status = parse_status(b"NO " + text.encode("utf-8", "replace")) or Status("NO", b"", text)
    busy = busy_error(status, peer)
    if busy:
        return busy
    return MailImportError("auth_failed", "%s refuses the login of %s: %s" % (peer, account.user, text))


def _scrub(text: str, account: SourceAccount) -> str:
    """A server may echo what it was sent: no secret gets into a message."""
    text = re.sub(r"^(?:b?['\"])(.*)['\"]$", r"\1", one_line(text, 300))
    return text.replace(account.password, "********") if account.password else text
