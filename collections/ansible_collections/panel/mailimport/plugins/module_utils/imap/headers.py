# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fields in the header of a message (RFC 5322 section 2.2)."""

from __future__ import annotations

import re
from functools import cache
from typing import List, Optional, Pattern, Tuple

# So much of a message is searched for fields.
LONGEST_HEADER = 32 * 1024
_END = re.compile(rb"(?:\A|\n)\r?\n")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r?\n[ \t]+)?(<[^>\r\n]{1,500}>)", re.IGNORECASE | re.MULTILINE)


def before_empty_line(beginning: bytes) -> bytes:
    """Return what stands before the first empty line of a message that begins with something else."""
    return _EMPTY_LINE.split(beginning, maxsplit=1)[0]


def message_id_in(beginning: bytes) -> Optional[str]:
    """Return the Message-ID in the beginning of a message. Returns None if there is none."""
    found = _MESSAGE_ID.search(before_empty_line(beginning))
    return found.group(1).decode("ascii", "replace") if found else None


def header_fields(beginning: bytes, names: Tuple[bytes, ...]) -> List[Tuple[bytes, bytes]]:
    """Return fields in the beginning of a message in their order, each as its name in small letters and its value,
    folded as it is.
    """
    end = _END.search(beginning)
    header = beginning[: end.start() + 1] if end else beginning
    return [(name.lower(), value) for name, value in _fields(names).findall(header)]


@cache
def _fields(names: Tuple[bytes, ...]) -> Pattern[bytes]:
    field = rb"^(%s)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)" % b"|".join(names)
    return re.compile(field, re.IGNORECASE | re.MULTILINE)
