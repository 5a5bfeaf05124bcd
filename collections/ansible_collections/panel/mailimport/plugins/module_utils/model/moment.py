# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moments as results tell them: UTC, to the second, such as 2026-11-30T12:00:00Z; and as people write them."""

from __future__ import annotations

from datetime import datetime, timezone

from . import clock
from .errors import MailImportError

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def moment(seconds: float) -> str:
    """Write a moment, given in seconds since the epoch."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime(_FORMAT)


def is_past(text: str) -> bool:
    """True when the moment that `moment` wrote has come; what is none is past."""
    try:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=timezone.utc) <= datetime.fromtimestamp(
            clock.now(), timezone.utc
        )
    except ValueError:
        return True


def read_moment(text: str) -> float:
    """Return the seconds since the epoch of a moment in ISO 8601.

    Raises:
        MailImportError: `invalid_row`, when it is none, or has no time zone: nobody knows when that is.
    """
    try:
        # Before 3.11, Python does not know what Z means.
        read = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise MailImportError("invalid_row", "%r is no moment: write it as 2026-12-04T22:00+01:00" % text) from None
    if read.tzinfo is None:
        raise MailImportError(
            "invalid_row", "%r has no time zone: write it as 2026-12-04T22:00+01:00, or with Z for UTC" % text
        )
    return read.timestamp()
