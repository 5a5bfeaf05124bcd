# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders in parts, each of which another connection can be asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import List, Optional, Tuple

from ..imap.fetch import FetchRequest, FolderStream
from ..imap.refusals import refusal_error
from ..imap.responses import Parts, size_in
from ..imap.session import ImapSession
from ..model.errors import MailImportError

# A folder with fewer messages is one part. To divide one costs a round trip, in which its sizes are listed.
_FEWEST_TO_DIVIDE = 100
_PART_SIZE = 1 << 20
# A guess, in bytes, for messages whose sizes nobody has listed.
_USUAL_SIZE = 20_000

_UID = re.compile(rb"\bUID (\d{1,10})\b", re.IGNORECASE)


@dataclass
class Part:
    """A folder, or a range of UIDs of one, that one connection is asked for.

    `size` is what that comes to in bytes, as far as is known. `begins` is true of the first part of a folder. `stream`
    is there when it has been asked for.
    """

    request: FetchRequest
    size: int
    begins: bool = True
    stream: Optional[FolderStream] = None


def whole(request: FetchRequest) -> Part:
    """The one part of a folder that is not divided."""
    return Part(request, (request.folder.messages or 1) * _USUAL_SIZE)


def is_worth_dividing(request: FetchRequest) -> bool:
    """True if the folder is large and nothing speaks against dividing it."""
    return request.uids.endswith(b":*") and not request.select and (request.folder.messages or 0) >= _FEWEST_TO_DIVIDE


def divide(session: ImapSession, request: FetchRequest) -> List[Part]:
    """Divide a folder into parts of about one size, by the sizes that the source lists for its messages.

    Each part ends where the next one begins, and the last has no end: every UID is in one, whatever the sizes are
    worth.

    Raises:
        MailImportError: the source does not list them in order, or wants to be left alone.
    """
    sizes = _Sizes(session.peer)
    command = b"UID FETCH %s (UID RFC822.SIZE)" % request.uids
    answer = session.reader.collect(session.send(session.opening(request), command), sizes.add)
    trouble = refusal_error(answer, session.peer)
    if trouble:
        raise trouble
    parts: List[Part] = []
    begin = request.lowest
    for last, size in sizes.full:
        parts.append(Part(replace(request, uids=b"%d:%d" % (begin, last)), size, begins=not parts))
        begin = last + 1
    parts.append(Part(replace(request, uids=b"%d:*" % begin), sizes.size, begins=not parts))
    return parts


class _Sizes:
    """Sums up sizes as they are listed, by UID in ascending order; `full` are the last UIDs and sizes of parts."""

    def __init__(self, peer: str) -> None:
        self._peer = peer
        self._last = 0
        self.size = 0
        self.full: List[Tuple[int, int]] = []

    def add(self, response: Parts) -> None:
        uid, size = _UID.search(response[0]), size_in(response)
        if not uid or size is None:
            return
        if int(uid[1]) <= self._last:
            # An endless list would be one like this.
            raise MailImportError("protocol_error", "%s lists the messages of a folder out of order" % self._peer)
        self._last = int(uid[1])
        self.size += size
        if self.size >= _PART_SIZE:
            self.full.append((self._last, self.size))
            self.size = 0
