# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logging in at an IMAP server: which mechanism, and in which ways name and password are sent."""

from __future__ import annotations

import imaplib
import re
import ssl
from functools import partial
from typing import List, NamedTuple, Optional, Tuple

from ..model.errors import MailImportError, one_line
from ..model.mail import ImapAccount
from ..model.secret import hide_secret
from .connection import Client, server_text
from .refusals import SourceBusyError, busy_error, is_denied, login_busy_error
from .responses import Status, parse_status
from .sasl import BearerExchange, PlainExchange

# What imaplib puts before the words of a server that ends the session.
_COMMAND_OF_LIBRARY = re.compile(r"^command: \w+ => ")
# A name or an IPv4 address, or an IPv6 address: that has two colons at least, a name with a port has one.
_HOST = re.compile(r"[\w.-]+|[\da-f.]*:[\da-f.]*:[\da-f.:]*(%\w+)?", re.IGNORECASE)
# Characters of which some servers forget that LOGIN quotes them.
_QUOTED_CHARACTERS = re.compile(r'["\\]')
_NO_TEXT = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile(r"[\r\n]")
# What servers of old keep passwords in that are not ASCII.
_OLD_ENCODING = "cp1252"


def connect(account: ImapAccount, context: Optional[ssl.SSLContext]) -> Client:
    """Connect and log in.

    Raises:
        MailImportError: `connection_failed`, `tls_failed`, `certificate_invalid`, `auth_failed`, `protocol_error`,
            `source_unavailable` (BYE) or `throttled`, each with one line for people.
    """
    if not _HOST.fullmatch(account.host):
        raise MailImportError(
            "invalid_row",
            "%s %r is not a host name: give it without scheme, port or blanks"
            % (account.option("host"), one_line(account.host, 80)),
        )
    peer = "%s:%d" % (account.host, account.port)
    try:
        client = Client(account, context)
        try:
            if account.tls == "starttls":
                _start_tls(client, peer)
            _log_in(client, account, peer)
            client.capabilities()  # asked for here, where an answer that is none has its error
            client.incoming.login_ends = None
            client.incoming.min_rate = account.min_rate
        except BaseException:
            client.disconnect()
            raise
        return client
    except imaplib.IMAP4.error as error:
        raise _session_error(server_text(error, account), account, peer) from None
    except OSError as error:
        raise MailImportError("connection_failed", "connection to %s broke: %s" % (peer, error)) from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # What the libraries raise for answers that they do not expect.
        raise MailImportError(
            "protocol_error",
            "%s answers the login in a way that is not understood (%s)" % (peer, server_text(error, account)),
        ) from None


def _start_tls(client: Client, peer: str) -> None:
    if client.is_logged_in:
        raise MailImportError("tls_failed", "%s begins the session before TLS: someone may be tampering" % peer)
    if b"STARTTLS" not in client.capabilities():
        raise MailImportError("tls_failed", "%s offers no STARTTLS; nothing was sent in clear text" % peer)
    client.begin_tls()


def _log_in(client: Client, account: ImapAccount, peer: str) -> None:
    try:
        _authenticate(client, account, peer)
    except MailImportError:
        if client.farewell:  # the server said why, before it closed the connection
            said = hide_secret(client.farewell.decode("utf-8", "replace"), account.password)
            raise _session_error(one_line(said, 300), account, peer) from None
        raise
    except imaplib.IMAP4.abort:  # the session is over
        raise
    except imaplib.IMAP4.error as error:
        text = server_text(error, account)
        raise _busy(text, peer) or _denied_error(text, account, peer) from None


def _authenticate(client: Client, account: ImapAccount, peer: str) -> None:
    if client.is_logged_in:  # PREAUTH greeting
        return
    mechanism = _choose_mechanism(client, account, peer)
    login_name, authorization = account.user, ""
    if account.master_user:
        if _is_template(account.master_user):
            login_name = account.master_user.replace("%u", account.user)
        else:
            login_name, authorization = account.master_user, account.user
    _check_characters(login_name, account, mechanism)
    if mechanism in ("xoauth2", "oauthbearer"):
        at_once = b"SASL-IR" in client.capabilities()
        begin = partial(BearerExchange, mechanism.upper(), login_name, account.password)
        client.authenticate_with(begin, (at_once, not at_once))
        return
    refusal: Optional[Exception] = None
    for way in _ways_to_send(login_name, account, mechanism, client.capabilities()):
        try:
            _send_password(client, way, login_name, account.password, authorization)
            return
        except (MailImportError, imaplib.IMAP4.error) as error:
            if refusal is None:
                refusal = error
            # A session that is over, or a server that asks for patience or locks the account, is asked no more.
            is_over = isinstance(error, (MailImportError, imaplib.IMAP4.abort))
            if is_over or busy_error(_as_status(server_text(error, account)), peer):
                break
    raise refusal or ValueError("no way to send a password")


class _Way(NamedTuple):
    """One way to send a password."""

    mechanism: str
    encoding: str = "utf-8"
    as_literal: bool = False


def _ways_to_send(login_name: str, account: ImapAccount, mechanism: str, offered: Tuple[bytes, ...]) -> List[_Way]:
    """Return in which ways a password is sent, one after the other while it is refused.

    There is more than one only for characters that servers treat differently. The server counts each as a failed login.
    """
    credentials = login_name + account.password
    ways = [_Way(mechanism)]
    if _QUOTED_CHARACTERS.search(credentials):
        may_log_in = mechanism == "login" or (account.auth == "auto" and not account.master_user)
        if may_log_in and b"LOGINDISABLED" not in offered:
            ways.append(_Way("login", as_literal=True))
    if not credentials.isascii() and credentials == credentials.encode(_OLD_ENCODING, "replace").decode(_OLD_ENCODING):
        ways.append(_Way(mechanism, _OLD_ENCODING))
    return ways


def _send_password(client: Client, way: _Way, login_name: str, password: str, authorization: str) -> None:
    name, secret = login_name.encode(way.encoding), password.encode(way.encoding)
    if way.mechanism == "login":
        client.log_in(name, secret, way.as_literal)
    else:
        client.authenticate_with(partial(PlainExchange, name, secret, authorization.encode(way.encoding)), (False,))


def _is_template(master_user: str) -> bool:
    return "%u" in master_user


def _choose_mechanism(client: Client, account: ImapAccount, peer: str) -> str:
    capabilities = client.capabilities()
    mechanism = account.auth
    on_behalf = account.master_user and not _is_template(account.master_user)
    if mechanism == "auto":
        credentials = account.user + account.password
        is_odd = not credentials.isascii() or bool(_QUOTED_CHARACTERS.search(credentials))
        prefers_plain = b"LOGINDISABLED" in capabilities or is_odd
        mechanism = "plain" if on_behalf or (prefers_plain and b"AUTH=PLAIN" in capabilities) else "login"
    if on_behalf and mechanism != "plain":
        # Any other way in is one to the administrator's own mail.
        raise MailImportError(
            "auth_failed",
            "%s needs %s plain, or a template with %%u, not %s"
            % (account.option("master_user"), account.option("auth"), mechanism),
        )
    if mechanism == "login" and b"LOGINDISABLED" in capabilities:
        raise MailImportError("auth_failed", _no_login(account, capabilities, peer))
    # XOAUTH2 is tried wherever it is asked for: Yandex has it and did not always say so.
    if mechanism not in ("login", "xoauth2") and b"AUTH=%s" % mechanism.upper().encode() not in capabilities:
        needed = ", which %s needs" % account.option("master_user") if on_behalf else ""
        raise MailImportError("auth_failed", "%s offers no AUTH=%s%s" % (peer, mechanism.upper(), needed))
    return mechanism


def _no_login(account: ImapAccount, capabilities: Tuple[bytes, ...], peer: str) -> str:
    """Say what to do where LOGIN is not allowed (RFC 3501 section 6.2.3)."""
    if account.tls == "none":
        return "%s allows no login on this connection: use %s implicit or starttls" % (peer, account.option("tls"))
    offered = [word[len(b"AUTH=") :].decode("ascii", "replace") for word in capabilities if word.startswith(b"AUTH=")]
    tokens = [name.lower() for name in offered if name in ("XOAUTH2", "OAUTHBEARER")]
    if tokens:
        advice = "give an access token in place of the password, with %s=%s" % (account.option("auth"), tokens[0])
    elif "PLAIN" in offered:
        advice = "set %s=plain, or auto" % account.option("auth")
    else:
        advice = "have logins with a password allowed there for this account or from this host"
    has = "it offers %s" % ", ".join(offered) if offered else "it offers no other way in"
    return "%s takes no password by LOGIN (LOGINDISABLED), and %s: %s" % (peer, has, advice)


def _check_characters(login_name: str, account: ImapAccount, mechanism: str) -> None:
    """Refuse what would not reach the server as it is, before anything is sent."""
    credentials = login_name + account.user + account.password
    problem = None
    if "\0" in credentials:
        problem = "a NUL, which no login can carry"
    elif _NO_TEXT.search(credentials):
        problem = "bytes that are no Unicode text"
    elif mechanism in ("xoauth2", "oauthbearer") and "\1" in credentials:
        problem = "a control character, which separates the parts of a login with a token"
    elif mechanism == "login" and _LINE_BREAK.search(credentials):
        problem = "a line break, which LOGIN cannot carry"
    if problem:
        raise MailImportError("auth_failed", "user name or password of %s holds %s" % (account.user, problem))


def _busy(text: str, peer: str) -> Optional[SourceBusyError]:
    return login_busy_error(_as_status(text), peer)


def _as_status(text: str) -> Status:
    return parse_status(b"NO " + text.encode("utf-8", "replace")) or Status("NO", b"", text)


def _denied_error(text: str, account: ImapAccount, peer: str) -> MailImportError:
    said = ": %s" % text if text.strip() else " without a word"
    return MailImportError("auth_failed", "%s refuses the login of %s%s" % (peer, account.user, said))


def _session_error(text: str, account: ImapAccount, peer: str) -> MailImportError:
    """The error for a server that ends the session. One in trouble often takes the next login, even the first one."""
    text = _COMMAND_OF_LIBRARY.sub("", text)
    busy = _busy(text, peer)
    if busy and busy.overload:
        return busy
    if is_denied(text):
        return _denied_error(text, account, peer)
    return MailImportError("source_unavailable", "%s: %s" % (peer, text))
