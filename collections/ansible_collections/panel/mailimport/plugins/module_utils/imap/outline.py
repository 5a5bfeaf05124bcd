# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of messages without reading them: a few figures, and the header fields that tell them apart."""

from __future__ import annotations

import hashlib
from typing import Dict, List, NamedTuple, Optional, Tuple

from .dates import parse_internal_date
from .headers import header_fields
from .responses import FETCH_RESPONSE, Literal, Parts, parse_parts

_NAMES = (b"UID", b"RFC822.SIZE", b"FLAGS", b"INTERNALDATE")
# The fields come last: the name of that item, as servers repeat it, is several words.
OUTLINE_ITEMS = b"(UID RFC822.SIZE FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (DATE MESSAGE-ID SUBJECT)])"


class Outline(NamedTuple):
    """Of one message: its size, its INTERNALDATE as an instant, None when it is no date, and what `digest_of_fields`
    says.
    """

    size: int
    date: Optional[int]
    fields: bytes


class Told(NamedTuple):
    """What a server tells of a message."""

    uid: int
    flags: Tuple[bytes, ...]
    outline: Outline


def parse_outline(parts: Parts) -> Optional[Told]:
    """Read a response to OUTLINE_ITEMS; None when it is another one, or lacks the UID or the size."""
    values = parse_parts(parts) if FETCH_RESPONSE.match(parts[0]) else []
    items: List[object] = next((value for value in values if isinstance(value, list)), [])
    known: Dict[bytes, object] = {}
    header = b""
    for name, value in zip(items, items[1:]):
        if isinstance(value, Literal):
            header = value
        if isinstance(name, bytes) and name.upper() in _NAMES:
            known.setdefault(name.upper(), value)
    uid, size, flags, date = (known.get(name) for name in _NAMES)
    if not (isinstance(uid, bytes) and uid.isdigit() and isinstance(size, bytes) and size.isdigit()):
        return None
    told = flags if isinstance(flags, list) else []
    instant = parse_internal_date(date) if isinstance(date, bytes) else None
    outline = Outline(int(size), instant, digest_of_fields(header))
    return Told(int(uid), tuple(flag for flag in told if isinstance(flag, bytes)), outline)


def digest_of_fields(text: bytes) -> bytes:
    """A digest of Date, Message-ID and Subject in the beginning of a message, however they are folded and ordered."""
    fields = header_fields(text, (b"date", b"message-id", b"subject"))
    lines = sorted(name + b":" + b" ".join(value.split()) for name, value in fields)
    return hashlib.blake2b(b"\n".join(lines), digest_size=16).digest()
