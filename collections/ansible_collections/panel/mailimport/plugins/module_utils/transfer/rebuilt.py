# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of a source that writes them anew at each reading, as Exchange does: boundaries and the order of headers
change, so that bytes do not tell which of them are here already.

That is asked where the UIDs of a folder mean something else than before. What a message's writer gave it stays: its
Message-ID, its date, its sender and its subject. They are compared with those of messages that earlier runs brought
from the very same folder, and with no others: who else has put mail there is none of its business. Each of these
stands for one message of the source. A draft changes and keeps them all, so drafts are compared by their bytes.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from itertools import chain
from typing import Callable, Deque, Dict, Iterable, Iterator, List, Optional, Tuple

from ..imap.fetch import Fetched
from ..imap.headers import LONGEST_HEADER, header_fields
from ..store.base import EarlierMessage

_DRAFT = b"\\draft"
_END = re.compile(rb"\r?\n\r?\n")
_NAMES = (b"message-id", b"date", b"from", b"subject")


def identity_of(beginning: bytes) -> Optional[bytes]:
    """Return what stays of a message that begins so; None when it has no Message-ID."""
    fields = dict(reversed(header_fields(beginning, _NAMES)))  # of several, the first one counts
    if not fields.get(b"message-id", b"").strip():
        return None
    words = (_words(fields.get(name, b"")) for name in _NAMES)
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogateescape"), digest_size=16).digest()


def _words(value: bytes) -> str:
    """The text of a field, however it is folded and encoded (RFC 2047)."""
    text = " ".join(value.decode("utf-8", "surrogateescape").split())
    if "=?" in text:
        with suppress(MessageError, LookupError, ValueError):
            text = str(make_header(decode_header(text)))
    return "".join(text.split())


class Rebuilt:
    """Messages that earlier runs brought from a folder whose UIDs mean something else by now.

    Args:
        earlier: what the store calls them, and how they begin.
        claim: whether one of them does not stand for a message yet, and does from now on.
    """

    def __init__(
        self, earlier: Iterable[Tuple[EarlierMessage, bytes]], claim: Callable[[EarlierMessage], bool]
    ) -> None:
        self._claim = claim
        self._places: Dict[bytes, Deque[EarlierMessage]] = {}
        for place, beginning in earlier:
            identity = identity_of(beginning)
            if identity is not None:
                self._places.setdefault(identity, deque()).append(place)

    def find_earlier(self, fetched: Fetched) -> Optional[EarlierMessage]:
        """Return what the store calls a message that comes again; once each."""
        if not self._places or _DRAFT in {flag.lower() for flag in fetched.message.flags}:
            return None
        identity = identity_of(_beginning_of(fetched))
        places = self._places.get(identity, deque()) if identity else deque()
        while places:
            place = places.popleft()
            if self._claim(place):
                return place
        return None


def _beginning_of(fetched: Fetched) -> bytes:
    """Return the beginning of a message, all of which can be read afterwards."""
    if fetched.whole is not None:
        return bytes(fetched.whole[:LONGEST_HEADER])
    read: List[bytes] = []
    chunks: Iterator[memoryview] = iter(fetched.chunks)
    for chunk in chunks:
        read.append(bytes(chunk))
        if sum(map(len, read)) >= LONGEST_HEADER or _END.search(b"".join(read)):
            break
    fetched.chunks = chain(map(memoryview, read), chunks)
    return b"".join(read)[:LONGEST_HEADER]
