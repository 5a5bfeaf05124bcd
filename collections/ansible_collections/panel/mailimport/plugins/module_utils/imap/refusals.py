# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a server means when it says "later": throttling answers and how long they ask to wait."""

from __future__ import annotations

import re
import time
from typing import Optional, Set

from ..model.errors import MailImportError
from .responses import Status

# Exchange and Microsoft 365 name the time, at times without its unit: "Request is throttled. Suggested Backoff Time:
# 299961 milliseconds". Others say "try again in 5 minutes".
_BACKOFF_TIME = re.compile(r"back-?off time:?\s*(\d{1,12})\s*([a-z]*)", re.IGNORECASE)
_LATER = re.compile(
    r"\b(?:try again|retry|wait|come back)\b[a-z ]{0,20}?:?\s*(\d{1,6})\s*(milliseconds?|seconds?|minutes?|hours?)\b",
    re.IGNORECASE,
)
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
# Gmail: "[OVERQUOTA] Account exceeded command or bandwidth limits", for up to 24 hours
# (https://support.google.com/a/answer/1071518).
_LOCK_WORDS = re.compile(r"(bandwidth|daily|download) (\w+ )?(limit|quota)s?", re.IGNORECASE)
_LOCK_WAIT = 24 * 3600.0
# Too much was asked: LIMIT (RFC 5530), THROTTLED (Gmail).
_THROTTLE_CODES = frozenset((b"LIMIT", b"THROTTLED"))
_THROTTLE_WORDS = re.compile(r"throttl|rate limit", re.IGNORECASE)
# A response code, in brackets at the end of the text where some servers put it.
_CODE_AT_END = re.compile(r"\[([\w/]+)[^\]]*\]\s*\.?$")
# Gmail: "Too many simultaneous connections", Dovecot: "Maximum number of connections from user+IP exceeded".
_CROWDED_WORDS = re.compile(
    r"too many (\w+ )?(connections|sessions|logins)|(maximum|limit) (number )?of (\w+ )?connections|connection limit",
    re.IGNORECASE,
)
# RFC 5530 UNAVAILABLE and INUSE; SERVERBUG is a server's passing trouble more often than not. SYS/TEMP is of POP3 (RFC
# 3206), and servers of both have it here too.
_TROUBLE_CODES = frozenset((b"UNAVAILABLE", b"INUSE", b"SERVERBUG", b"SYS/TEMP"))
_TROUBLE_WORDS = re.compile(
    r"try (again )?later|server unavailable|temporarily|temporary (\w+ )?(failure|error|problem)", re.IGNORECASE
)
# RFC 5530 and RFC 3206, to a login: it is refused for good, whatever is said besides of later or of a while.
_DENIED_CODES = re.compile(
    r"\[(AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|CONTACTADMIN|NOPERM|PRIVACYREQUIRED|SYS/PERM)\b[^\]]*\]",
    re.IGNORECASE,
)
# The same in words: "account temporarily locked", "blocked for now, temporarily"; not a mailbox that is "unavailable".
_BARRED = r"\b(?:b?lock|disabl|suspend)"
_BARRED_WORDS = re.compile(
    r"\btemporarily (?:(?!unavailable)\w+ ){0,3}%s|%s\w*,? (?:\w+,? ){0,3}temporarily\b(?! unavailable)"
    % (_BARRED, _BARRED),
    re.IGNORECASE,
)
# RFC 5530, to a command of a session that was logged in: its token has expired meanwhile.
_RIGHTS_CODES = frozenset((b"AUTHENTICATIONFAILED", b"EXPIRED"))
# Exchange, when it is busy; but also for good, after a login that opens no mailbox.
_NOT_CONNECTED = re.compile(r"authenticated but not connected", re.IGNORECASE)

DEFAULT_WAIT = 5.0
# What an import waits for one answer; where a server asks for more, the import is paused until then.
LONGEST_WAIT = 3600.0
_LATEST = 253402300799  # the end of the year 9999


class SourceBusyError(MailImportError):
    """The source asks to come back later, after `wait` seconds.

    `overload` tells that no other folder or message would change that: too much was asked of it, of connections when
    it is `crowded`. Otherwise it is in trouble with one folder or one message, or with the account as a whole, which
    its answer does not tell.
    """

    def __init__(
        self, message: str, wait: float, overload: bool, crowded: bool = False, reason: str = "throttled"
    ) -> None:
        # A lock that is too long to be waited for pauses the import.
        retry_at = min(time.time() + wait, _LATEST) if wait > LONGEST_WAIT else None
        super().__init__("too_many_connections" if crowded else reason, message, retry_at)
        self.overload = overload
        self.crowded = crowded
        self.wait = wait


def busy_error(status: Status, peer: str) -> Optional[SourceBusyError]:
    """Return the error for an answer that asks to come back later. Returns None if the answer does not ask that.

    An OK asks for it if its code says so (Gmail): the data has come, and the next command should wait.
    """
    text = "" if status.ok else status.text
    codes = _codes(status)
    if _NOT_CONNECTED.search(text):
        words = "%s is busy, or has no mailbox behind this login: %s" % (peer, status)
        return SourceBusyError(words, DEFAULT_WAIT, overload=True, reason="permission_denied")
    named, is_locked = _named_wait(text), bool(_LOCK_WORDS.search(text))
    crowded = bool(_CROWDED_WORDS.search(text))
    overload = bool(named or is_locked or crowded or codes & _THROTTLE_CODES or _THROTTLE_WORDS.search(text))
    if not (overload or codes & _TROUBLE_CODES or _TROUBLE_WORDS.search(text)):
        return None
    wait = named if named is not None else _LOCK_WAIT if is_locked else DEFAULT_WAIT
    return SourceBusyError("%s asks to wait: %s%s" % (peer, status, _until(wait)), wait, overload, crowded)


def _codes(status: Status) -> Set[bytes]:
    at_end = _CODE_AT_END.search(status.text)
    return {status.code.split(b" ", 1)[0].upper(), at_end.group(1).upper().encode("utf-8") if at_end else b""}


def login_busy_error(status: Status, peer: str) -> Optional[SourceBusyError]:
    """As `busy_error`, for the answer to a login: one that is refused for good is not asked for again, since a server
    may ban whoever does.
    """
    busy = busy_error(status, peer)
    if busy is None or busy.overload:
        return busy
    barred = bool(_BARRED_WORDS.search(status.text)) and not _codes(status) & _TROUBLE_CODES
    return None if barred or is_denied(str(status)) else busy


def is_denied(text: str) -> bool:
    """True if a response code says that a login is refused for good."""
    return bool(_DENIED_CODES.search(text))


def _named_wait(text: str) -> Optional[float]:
    """Return the seconds that an answer names. Returns None if it names no time."""
    named = _BACKOFF_TIME.search(text) or _LATER.search(text)
    if not named:
        return None
    unit = named.group(2).lower()
    is_thousandth = unit[:1] not in _UNITS or unit.startswith(("ms", "milli", "msec"))
    return int(named.group(1)) * (0.001 if is_thousandth else _UNITS[unit[:1]])


def _until(wait: float) -> str:
    """Say when to run the task again, where that is too long to be waited for."""
    if wait <= LONGEST_WAIT:
        return ""
    again = time.gmtime(min(time.time() + wait, _LATEST))
    return "; run the task again after %s, what has come stays" % time.strftime("%Y-%m-%d %H:%M UTC", again)


def is_overload(error: MailImportError) -> bool:
    """True if the error is about the session as a whole: asking for another folder or message would not help."""
    return isinstance(error, SourceBusyError) and error.overload


def refusal_error(status: Status, peer: str) -> Optional[MailImportError]:
    """Return the error for an answer about the session or the server as a whole. Returns None if the answer is about
    the folder or message that was asked for."""
    if status.code.split(b" ", 1)[0].upper() in _RIGHTS_CODES:
        return MailImportError("source_unavailable", "%s takes back the rights of this session: %s" % (peer, status))
    return busy_error(status, peer)
