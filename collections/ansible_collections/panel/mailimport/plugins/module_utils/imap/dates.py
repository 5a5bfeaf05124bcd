# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""INTERNALDATE and Date: as seconds since the epoch, whatever the time zone and locale of this machine."""

from __future__ import annotations

import calendar
import re
import time
from email.utils import mktime_tz, parsedate_tz
from functools import lru_cache
from typing import Optional

from .headers import before_empty_line

# date-time of RFC 3501 section 9; the day is padded with a blank, a zero or not at all, depending on the server.
_DATE_TIME = re.compile(rb" ?(\d{1,2}-\w{3}-\d{4}) +([01]?\d|2[0-3]):([0-5]\d):([0-6]\d) +([+-][01]\d[0-5]\d)")
_MONTH_NAMES = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_MONTHS = {name.lower(): number for number, name in enumerate(_MONTH_NAMES, 1)}
# What a date is believed between: the years that INTERNALDATE can name, from 1900 on.
_EARLIEST = calendar.timegm((1900, 1, 1, 0, 0, 0))
_LATEST = calendar.timegm((9999, 12, 31, 23, 59, 59))
_DATE_HEADER = re.compile(rb"(?:^|\n)date:[ \t]*([^\r\n]{1,100})", re.IGNORECASE)


@lru_cache(maxsize=4096)
def _midnight(date: bytes, zone: bytes) -> Optional[int]:
    """Return the instant at which a day begins in a zone. Returns None if there is no such day."""
    day, month, year = date.split(b"-")
    number = _MONTHS.get(month.lower())
    if number is None or not 1 <= int(day) <= 31 or int(year) < 1900:
        return None
    east = (int(zone[1:3]) * 60 + int(zone[3:5])) * 60
    return calendar.timegm((int(year), number, int(day), 0, 0, 0)) + (east if zone[:1] == b"-" else -east)


def parse_internal_date(text: bytes) -> Optional[int]:
    """Return the instant of an INTERNALDATE. Returns None if it is not a date that a message can have."""
    found = _DATE_TIME.match(text)
    if not found:
        return None
    date, hour, minute, second, zone = found.groups()
    midnight = _midnight(date, zone)
    if midnight is None:
        return None
    instant = midnight + int(hour) * 3600 + int(minute) * 60 + int(second)
    return instant if instant <= _LATEST else None


def format_internal_date(seconds: int) -> bytes:
    """Return an instant as IMAP writes it, in UTC."""
    moment = time.gmtime(seconds)
    return b"%02d-%s-%04d %02d:%02d:%02d +0000" % (
        moment.tm_mday,
        _MONTH_NAMES[moment.tm_mon - 1],
        moment.tm_year,
        moment.tm_hour,
        moment.tm_min,
        moment.tm_sec,
    )


def date_from_header(beginning: bytes) -> Optional[int]:
    """Return the instant of the Date: header in the beginning of a message. Returns None if there is no usable one."""
    header = before_empty_line(beginning)
    found = _DATE_HEADER.search(header)
    if found is None:
        return None
    try:
        parsed = parsedate_tz(found.group(1).decode("ascii", "replace"))
        if parsed is None:
            return None
        date = mktime_tz(parsed)
    except (ValueError, OverflowError, IndexError, TypeError):  # the latter two: bpo-45001, some versions of Python
        return None
    return date if _EARLIEST <= date <= _LATEST else None
