# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first line of a server: an IMAP server's greeting, or a sign of what else listens there."""

from __future__ import annotations

import re

from ..model.errors import MailImportError, one_line
from ..model.mail import ImapAccount
from .stream import ByteStream

_GREETING = re.compile(rb"\*[ \t]+(?:OK|PREAUTH|BYE|NO|BAD)\b", re.IGNORECASE)
_OTHERS = (
    (re.compile(rb"\+OK|-ERR"), "POP3"),
    (re.compile(rb"[245]\d\d[ -].*\bFTP", re.IGNORECASE), "FTP"),
    (re.compile(rb"[245]\d\d[ -]"), "SMTP"),
    (re.compile(rb"HTTP/|<(?:!DOCTYPE|HTML|\?XML)", re.IGNORECASE), "HTTP"),
    (re.compile(rb"SSH-"), "SSH"),
    (re.compile(rb'"IMPLEMENTATION"', re.IGNORECASE), "ManageSieve"),
    (re.compile(rb"[\x15\x16]\x03"), "TLS"),
)
_USUAL_PORTS = "IMAP is on port 993 with %s=implicit at most servers, or on 143 with starttls"
_TLS_FIRST = "a server that begins with TLS, as most do on port 993, needs %s=implicit"
_NO_GREETING = "an IMAP server greets first, a web server does not: see %s"


def read_greeting(stream: ByteStream, account: ImapAccount) -> bytes:
    """Return the first line of a server.

    Raises:
        MailImportError: `connection_failed` when none comes, `protocol_error` when it is another protocol's.
    """
    places = "%s and %s" % (account.option("host"), account.option("port"))
    try:
        line = stream.read_line()
    except MailImportError as error:
        if error.reason != "connection_failed":
            raise
        hint = _NO_GREETING % places if account.tls == "implicit" else _TLS_FIRST % account.option("tls")
        raise MailImportError(error.reason, "%s (%s)" % (error.message, hint)) from None
    if not _GREETING.match(line):
        said = one_line(line.decode("latin-1"), 80)
        other = next((name for sign, name in _OTHERS if sign.match(line)), None)
        what = "speaks %s, not IMAP" % other if other else "does not greet as an IMAP server does"
        raise MailImportError(
            "protocol_error",
            "%s %s: see %s (%s); it says: %s" % (stream.peer, what, places, _USUAL_PORTS % account.option("tls"), said),
        )
    return line
