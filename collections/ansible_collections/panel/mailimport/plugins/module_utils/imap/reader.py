# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The responses of a server, one after the other: untagged ones and the answers to commands."""

from __future__ import annotations

from collections import deque
from typing import Callable, List, Optional

from ..model.errors import MailImportError, one_line
from .responses import Parts, Status, parse_status, read_rest
from .stream import ByteStream


class ResponseReader:
    """Reads responses from a stream.

    Args:
        ended: makes the error for a BYE. What the end of a session means, a source and a store know and nobody here.
    """

    def __init__(self, stream: ByteStream, ended: Callable[[Status], MailImportError]) -> None:
        self.stream = stream
        self.peer = stream.peer
        self._ended = ended

    def collect(self, tags: List[bytes], handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Read responses until the last of `tags` is answered; return that answer.

        Args:
            handle: called with each untagged response without its `* `.
        """
        waiting = deque(tags)
        while True:
            status = self.read_response(self.stream.read_line(), waiting[0], handle)
            if status:
                waiting.popleft()
                if not waiting:
                    return status

    def read_response(
        self, line: bytes, tag: bytes, handle: Optional[Callable[[Parts], None]] = None
    ) -> Optional[Status]:
        """Take one response that begins with `line`; return the status when it is the answer to `tag`.

        Raises:
            MailImportError: what `ended` makes of a BYE, `protocol_error` for what is not IMAP.
        """
        if line.startswith(b"* "):
            parts = read_rest(self.stream, line[2:])
            if parts[0][:3].upper() == b"BYE":
                raise self._ended(parse_status(parts[0]) or Status("BYE", b"", ""))
            if handle:
                handle(parts)
            return None
        found, _blank, rest = line.partition(b" ")
        status = parse_status(rest) if found == tag else None
        if status is None:
            raise MailImportError(
                "protocol_error",
                "%s sent something that is not IMAP: %s" % (self.peer, one_line(line.decode("latin-1"), 80)),
            )
        return status
