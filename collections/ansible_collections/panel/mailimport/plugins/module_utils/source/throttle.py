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
# RFC 5530 UNAVAILABLE, INUSE and LIMIT; THROTTLED (Gmail); SERVERBUG is a server's passing trouble more often than not.
_BUSY_CODES = frozenset((b"UNAVAILABLE", b"INUSE", b"LIMIT", b"THROTTLED", b"SERVERBUG"))
_BUSY_WORDS = re.compile(r"throttl|too many (simultaneous )?connections|rate limit|try again later|server unavailable|bandwidth limit", re.IGNORECASE)

DEFAULT_WAIT = 5.0
LONGEST_WAIT = 600.0


class SourceBusyError(MailImportError):
    """The source asks to come back later, after `wait` seconds."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__("throttled", message)
        self.wait = wait


def busy_error(status: Status, peer: str) -> Optional[SourceBusyError]:
    """Return the error for an answer that asks for patience, None when it is no such answer."""
    named = _BACKOFF_TIME.search(status.text)
    first_word = status.code.split(b" ", 1)[0].upper()
    if not (named or first_word in _BUSY_CODES or _BUSY_WORDS.search(status.text)):
        return None
    wait = int(named.group(1)) / 1000.0 if named else DEFAULT_WAIT
    return SourceBusyError("%s asks to wait: %s" % (peer, status), min(wait, LONGEST_WAIT))
