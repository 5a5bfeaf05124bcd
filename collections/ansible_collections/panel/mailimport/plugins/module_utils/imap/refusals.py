# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server means when it says "later": throttling answers and how long they ask to wait."""

from __future__ import annotations

import re
from typing import Optional

from ..model.errors import MailImportError
from .responses import Status

# Exchange and Microsoft 365 name the time: "Request is throttled. Suggested Backoff Time: 299961 milliseconds".
_BACKOFF_TIME = re.compile(r"Backoff Time:\s*(\d{1,9})\s*milliseconds", re.IGNORECASE)
# Too much was asked: LIMIT (RFC 5530), THROTTLED (Gmail).
_THROTTLE_CODES = frozenset((b"LIMIT", b"THROTTLED"))
_THROTTLE_WORDS = re.compile(r"throttl|rate limit|bandwidth limit", re.IGNORECASE)
# Gmail: "Too many simultaneous connections", Dovecot: "Maximum number of connections from user+IP exceeded".
_CROWDED_WORDS = re.compile(
    r"too many (\w+ )?(connections|sessions|logins)|(maximum|limit) (number )?of (\w+ )?connections|connection limit",
    re.IGNORECASE,
)
# RFC 5530 UNAVAILABLE and INUSE; SERVERBUG is a server's passing trouble more often than not.
_TROUBLE_CODES = frozenset((b"UNAVAILABLE", b"INUSE", b"SERVERBUG"))
_TROUBLE_WORDS = re.compile(r"try again later|server unavailable", re.IGNORECASE)
# RFC 5530, to a command of a session that was logged in: its token has expired meanwhile.
_RIGHTS_CODES = frozenset((b"AUTHENTICATIONFAILED", b"EXPIRED"))
# Exchange, after a login that opens no mailbox.
_NO_MAILBOX = re.compile(r"authenticated but not connected", re.IGNORECASE)

DEFAULT_WAIT = 5.0
LONGEST_WAIT = 600.0


class SourceBusyError(MailImportError):
    """The source asks to come back later, after `wait` seconds.

    `overload` tells that too much was asked of it, `crowded` that it was too many connections. Otherwise it is in
    trouble: with the account as a whole, with one folder or with one message, which its answer does not tell.
    """

    def __init__(self, message: str, wait: float, overload: bool, crowded: bool = False) -> None:
        super().__init__("too_many_connections" if crowded else "throttled", message)
        self.overload = overload
        self.crowded = crowded
        self.wait = wait


def busy_error(status: Status, peer: str) -> Optional[SourceBusyError]:
    """Return the error for an answer that asks for patience, None when it is no such answer.

    An OK does when its code says so (Gmail): what was asked for has come, and the next command had better wait.
    """
    text = "" if status.ok else status.text
    named = _BACKOFF_TIME.search(text)
    first_word = status.code.split(b" ", 1)[0].upper()
    crowded = bool(_CROWDED_WORDS.search(text))
    overload = bool(named or crowded or first_word in _THROTTLE_CODES or _THROTTLE_WORDS.search(text))
    if not (overload or first_word in _TROUBLE_CODES or _TROUBLE_WORDS.search(text)):
        return None
    wait = int(named.group(1)) / 1000.0 if named else DEFAULT_WAIT
    return SourceBusyError("%s asks to wait: %s" % (peer, status), min(wait, LONGEST_WAIT), overload, crowded)


def is_overload(error: MailImportError) -> bool:
    """True when the source asks to do less, which no other folder or message would change."""
    return isinstance(error, SourceBusyError) and error.overload


def refusal_error(status: Status, peer: str) -> Optional[MailImportError]:
    """Return the error for an answer that need not be about what was asked for; None when it is about just that."""
    if _NO_MAILBOX.search(status.text):
        return MailImportError("auth_failed", "%s has no mailbox behind this login: %s" % (peer, status))
    if status.code.split(b" ", 1)[0].upper() in _RIGHTS_CODES:
        return MailImportError("source_unavailable", "%s takes back the rights of this session: %s" % (peer, status))
    return busy_error(status, peer)
