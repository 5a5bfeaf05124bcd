# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What any IMAP session does: pipelined commands, their answers, and the stream of the messages of folders."""

from __future__ import annotations

import itertools
import re
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, replace
from typing import Callable, Deque, FrozenSet, Iterable, Iterator, List, Optional, Tuple, Union

from ..model.errors import MailImportError, one_line
from ..model.mail import SourceFolder
from .fetch import FolderStream
from .refusals import busy_error
from .responses import Parts, Status, parse_status, quote, read_rest
from .stream import ByteStream

# Folders asked for ahead of their answers. Enough to hide any latency, and few enough bytes (some 100 a folder) and
# open folders that neither a server which does not read while it writes nor the limit of open files gets in the way.
PIPELINE_DEPTH = 128


@dataclass(frozen=True)
class FetchRequest:
    """Ask for messages of one folder.

    `uids` is an IMAP sequence set. `flags_only` leaves the bodies out; `changed_since` (a mod-sequence, RFC 7162)
    narrows that to messages whose flags changed. `select` opens the folder with SELECT: a few servers do not know
    EXAMINE, and Courier keeps a folder's UIDVALIDITY only once it was selected; it costs the source no more than
    \\Recent.
    """

    folder: SourceFolder
    uids: bytes = b"1:*"
    flags_only: bool = False
    changed_since: Optional[int] = None
    select: bool = False

    @property
    def lowest(self) -> int:
        """The lowest UID asked for."""
        return int(re.split(b"[:,]", self.uids, maxsplit=1)[0])

    def command(self) -> bytes:
        items = b"(UID FLAGS)" if self.flags_only else b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
        modifier = b" (CHANGEDSINCE %d)" % self.changed_since if self.changed_since is not None else b""
        return b"UID FETCH %s %s%s" % (self.uids, items, modifier)


class ImapSession(ABC):
    """A session that is logged in (RFC 3501). Folders are never altered by reading: EXAMINE and PEEK wherever they
    work.

    Attributes:
        peer: its server, for people.
        stream: what it sends.
        capabilities: what it offers, in capitals.
        reading: the folder whose answers are being read.
    """

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.peer = stream.peer
        self.capabilities: FrozenSet[bytes] = frozenset()
        self.reading: Optional[SourceFolder] = None
        self._tags = 0

    @abstractmethod
    def transmit(self, data: Union[bytes, bytearray]) -> None:
        """Send all of that."""

    def send(self, *commands: bytes) -> List[bytes]:
        """Send commands in one piece and return their tags."""
        tags = [self.next_tag() for _command in commands]
        self.transmit(b"".join(b"%s %s\r\n" % line for line in zip(tags, commands)))
        return tags

    def next_tag(self) -> bytes:
        self._tags += 1
        return b"M%d" % self._tags

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
            MailImportError: `source_unavailable` or `throttled` for BYE, `protocol_error` for what is not IMAP.
        """
        if line.startswith(b"* "):
            parts = read_rest(self.stream, line[2:])
            if parts[0][:3].upper() == b"BYE":
                self._raise_bye(parts[0])
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

    def _raise_bye(self, line: bytes) -> None:
        status = parse_status(line) or Status("BYE", b"", "")
        raise busy_error(status, self.peer) or MailImportError(
            "source_unavailable", "%s ends the session: %s" % (self.peer, status)
        )

    def fetch(self, requests: Iterable[FetchRequest]) -> Iterator[FolderStream]:
        """Open folder after folder and yield each with its messages.

        Commands for the next folders are under way while one is read, so that latency is paid once. A stream that
        was not read to its end is drained before the next one.
        """
        queue: Deque[Tuple[FetchRequest, List[bytes]]] = deque()
        waiting = iter(requests)
        while True:
            self._send_ahead(waiting, queue)
            if not queue:
                return
            request, tags = queue.popleft()
            self.reading = request.folder
            opened = FolderStream(self, request, tags)
            opened.open()
            if opened.wants_select:
                waiting = itertools.chain((replace(request, select=True),), waiting)
            else:
                yield opened
            opened.drain()
            self.reading = None

    def _send_ahead(self, waiting: Iterator[FetchRequest], queue: Deque[Tuple[FetchRequest, List[bytes]]]) -> None:
        commands: List[bytes] = []
        requests: List[FetchRequest] = []
        # Refilled only when half empty: one write for many commands.
        if len(queue) > PIPELINE_DEPTH // 2:
            return
        for request in waiting:
            commands += [self.opening(request), request.command()]
            requests.append(request)
            if len(queue) + len(requests) >= PIPELINE_DEPTH:
                break
        if requests:
            tags = self.send(*commands)
            queue.extend((request, tags[2 * i : 2 * i + 2]) for i, request in enumerate(requests))

    def opening(self, request: FetchRequest) -> bytes:
        """The command that opens the folder of a request."""
        name = quote(request.folder.raw_name)
        if request.select:
            return b"SELECT " + name
        return b"EXAMINE " + name + (b" (CONDSTORE)" if b"CONDSTORE" in self.capabilities else b"")
