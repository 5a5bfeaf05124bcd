# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder whose messages come over several connections, as the stream that one connection would give."""

from __future__ import annotations

from typing import Callable, Iterator, Optional

from ..imap.fetch import Fetched, FolderStream
from ..imap.refusals import refusal_error
from ..imap.responses import Status

NextPart = Callable[[Optional[int]], Optional[FolderStream]]


class DividedFolder:
    """The parts of one folder, one after the other; what a FolderStream has, of all of them.

    Args:
        first: the first part, opened.
        next_part: opens the next one, given the UIDVALIDITY that it must have; returns None behind the last.
    """

    def __init__(self, first: FolderStream, next_part: NextPart) -> None:
        self.folder = first.folder
        self.peer = first.peer
        self.request = first.request
        self.refusal = first.refusal
        self.uidvalidity = first.uidvalidity
        self.uidnext = first.uidnext
        self.wants_select = first.wants_select
        self.exists = first.exists
        self.status: Optional[Status] = None
        self.complete = True
        self._part: Optional[FolderStream] = first
        self._next_part = next_part

    def messages(self) -> Iterator[Fetched]:
        """Yield each message once, in the order of their UIDs.

        Raises:
            MailImportError: what `next_part` raises, too.
        """
        while self._part is not None:
            yield from self._part.messages()
            self._go_on(self._part)

    def drain(self) -> None:
        """Read on to the end of the last part, throwing away what comes."""
        while self._part is not None:
            self._part.drain()
            self._go_on(self._part)

    def _go_on(self, part: FolderStream) -> None:
        """Take the end of one part and open the next."""
        self.complete = self.complete and part.complete
        # The answer that tells of the most trouble is the folder's: an OK can, too.
        answers = [status for status in (self.status, part.status) if status]
        self.status = max(
            answers, key=lambda status: (bool(refusal_error(status, self.peer)), not status.ok), default=None
        )
        self.exists = part.exists
        self._part = self._next_part(self.uidvalidity)
        # Where messages came or went between two parts, their number proves nothing, were it the same.
        if self._part is not None and (self._part.exists, self._part.uidnext) != (self.exists, self.uidnext):
            self.complete = False
