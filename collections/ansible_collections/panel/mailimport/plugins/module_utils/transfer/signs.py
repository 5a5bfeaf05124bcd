# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which messages a few UIDs of a folder stand for, so that a source that gives them to others is found out.

A sign is a digest of a message's Message-ID. Only where there is none, other lines of the header are taken, and only
where there are none of these, the beginning itself: some sources write the rest of a message anew each time.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from typing import Deque, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..imap.fetch import Fetched
from ..imap.headers import before_empty_line, message_id_in

# Signs are kept of the newest messages, and of so many others.
_NEWEST = 4
_OTHERS = 4
# Some hosts give other line ends back than they took.
_COMPARED = 1024
_LINES = re.compile(rb"^(?:Date|From|To|Subject|Received):[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_NO_HEADER = re.compile(rb"\r?\n")


def sign_of(beginning: bytes) -> str:
    """Return the sign of a message that begins so."""
    header = b"" if _NO_HEADER.match(beginning) else before_empty_line(beginning)
    message_id = message_id_in(header)
    text = beginning.replace(b"\r\n", b"\n")[:_COMPARED]
    told = message_id.encode("utf-8") if message_id else b"\n".join(_LINES.findall(header)) or text
    return hashlib.blake2b(told, digest_size=8).hexdigest()


def watch_beginning(fetched: Fetched, size: int) -> bytearray:
    """Return what will be the first `size` bytes of a message once its bytes have been taken."""
    beginning = bytearray()
    if fetched.whole is not None:
        beginning += fetched.whole[:size]
        return beginning
    chunks = fetched.chunks

    def watched() -> Iterator[memoryview]:
        for chunk in chunks:
            beginning.extend(chunk[: max(0, size - len(beginning))])
            yield chunk

    fetched.chunks = watched()
    return beginning


def worth_keeping(uids: Sequence[int]) -> List[int]:
    """Return a few of these UIDs, ascending: the newest, and some of all others."""
    ascending = sorted(uids)
    others = ascending[:-_NEWEST]
    return [*others[:: max(1, -(-len(others) // _OTHERS))], *ascending[-_NEWEST:]]


class MessageSigns:
    """The signs of some messages of a folder, by UID: of the first and the newest of each run, few in all.

    Args:
        known: what `as_dict` returned.
    """

    def __init__(self, known: Optional[Mapping[int, str]] = None) -> None:
        self._known = dict(known or {})
        self._first: Optional[Tuple[int, bytearray]] = None
        self._newest: Deque[Tuple[int, bytearray]] = deque(maxlen=_NEWEST)

    def __bool__(self) -> bool:
        return bool(self._known)

    def remember(self, uid: int, beginning: bytearray) -> None:
        """A message came that begins so."""
        if self._first is None:
            self._first = uid, beginning
        self._newest.append((uid, beginning))

    def as_dict(self) -> Dict[int, str]:
        """Return the signs that are worth keeping."""
        noted = [*([self._first] if self._first else []), *self._newest]
        self._known.update((uid, sign_of(bytes(beginning))) for uid, beginning in noted if beginning)
        self._known = {uid: self._known[uid] for uid in worth_keeping([*self._known])}
        return dict(self._known)
