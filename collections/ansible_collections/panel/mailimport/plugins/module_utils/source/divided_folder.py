# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder whose messages come over several connections, as the stream that one connection would give."""

from __future__ import annotations

from typing import Callable, Iterator, Optional

from ..imap.fetch import Fetched, FolderStream
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
        # An answer that tells of a trouble is the folder's.
        if self.status is None or self.status.ok:
            self.status = part.status
        self.exists = part.exists
        self._part = self._next_part(self.uidvalidity)
