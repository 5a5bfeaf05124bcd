# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The responses of a server, one after the other: untagged ones and the answers to commands."""

from __future__ import annotations

import re
from collections import deque
from typing import Callable, List, Optional

from ..model.errors import MailImportError, one_line
from .responses import LITERAL_TAIL, Parts, Status, parse_status, read_rest, untagged
from .stream import ByteStream

# Lines that are no response and stand between two responses. Some servers send an empty line or two, or say "+" once
# more than they were asked to.
_MOST_STRAY_LINES = 100

_TAGGED = re.compile(rb"(\S+)[ \t]+(.*)", re.DOTALL)
_OTHER_ANSWER = re.compile(rb"\S+[ \t]+(?:OK|NO|BAD)\b", re.IGNORECASE)


class ResponseReader:
    """Reads responses from a stream.

    Args:
        ended: makes the error for a BYE. What the end of a session means, a source and a store know and nobody here.
    """

    def __init__(self, stream: ByteStream, ended: Callable[[Status], MailImportError]) -> None:
        self.stream = stream
        self.peer = stream.peer
        self._ended = ended
        self._answered = b""
        self.stray_lines = 0

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
        self,
        line: bytes,
        tag: bytes,
        handle: Optional[Callable[[Parts], None]] = None,
        beside_bodies: bool = False,
    ) -> Optional[Status]:
        """Take one response that begins with `line`; return the status when it is the answer to `tag`.

        A stray line is passed over: an empty one, one that begins with `+`, an answer given once more, or any text.

        Args:
            beside_bodies: messages come in between. Then text is an error: it may be the rest of a message that is
                longer than its literal says.

        Raises:
            MailImportError: what `ended` makes of a BYE, `protocol_error` for what is not IMAP.
        """
        response = untagged(line)
        if response is not None:
            self._take_untagged(response, handle)
            return None
        found = _TAGGED.match(line)
        status = parse_status(found.group(2)) if found else None
        if found and status and found.group(1) == tag:
            self._answered, self.stray_lines = tag, 0
            self.stream.answered()
            return status
        self._pass_over(line, is_text=not (found and status and found.group(1) == self._answered), strict=beside_bodies)
        return None

    def _take_untagged(self, response: bytes, handle: Optional[Callable[[Parts], None]]) -> None:
        self.stray_lines = 0
        parts = read_rest(self.stream, response)
        if parts[0][:3].upper() == b"BYE":
            raise self._ended(parse_status(parts[0]) or Status("BYE", b"", ""))
        if handle:
            handle(parts)

    def _pass_over(self, line: bytes, is_text: bool, strict: bool) -> None:
        self.stray_lines += 1
        is_text = is_text and not line.startswith(b"+") and bool(line.strip())
        # What announces a literal cannot be passed over, and another command's answer means that ours was lost.
        is_lost = is_text and (strict or LITERAL_TAIL.search(line) or _OTHER_ANSWER.match(line))
        if is_lost or self.stray_lines > _MOST_STRAY_LINES:
            raise MailImportError(
                "protocol_error",
                "%s sent something that is not IMAP: %s" % (self.peer, one_line(line.decode("latin-1"), 80)),
            )
