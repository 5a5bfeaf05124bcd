# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What any IMAP session does: pipelined commands, their answers, and the stream of the messages of folders."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import replace
from typing import Callable, Deque, FrozenSet, Iterable, Iterator, List, Optional, Tuple, Union

from ..model.errors import MailImportError
from ..model.mail import SourceFolder
from .fetch import FetchRequest, FolderStream
from .reader import ResponseReader
from .responses import Status, quote
from .stream import ByteStream

# Folders asked for ahead of their answers. Enough to hide any latency, and few enough bytes (some 100 a folder) and
# open folders that neither a server which does not read while it writes nor the limit of open files gets in the way.
PIPELINE_DEPTH = 128


class ImapSession(ABC):
    """A session that is logged in (RFC 3501). Folders are never altered by reading: EXAMINE and PEEK wherever they
    work.

    Args:
        ended: see `ResponseReader`. Not a method of the session: that would keep its connection from being closed with
            the last reference to it.

    Attributes:
        peer: its server, for people.
        stream: what it sends.
        reader: the responses in that.
        capabilities: what it offers, in capitals.
        reading: the folder whose answers are being read.
        pipelined: how many folders are asked for ahead of their answers.
    """

    def __init__(self, stream: ByteStream, ended: Callable[[Status], MailImportError]) -> None:
        self.stream = stream
        self.peer = stream.peer
        self.reader = ResponseReader(stream, ended)
        self.capabilities: FrozenSet[bytes] = frozenset()
        self.reading: Optional[SourceFolder] = None
        self.pipelined = PIPELINE_DEPTH
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
            opened = FolderStream(self.reader, request, tags)
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
        if len(queue) > self.pipelined // 2:
            return
        for request in waiting:
            commands += [self.opening(request), request.command()]
            requests.append(request)
            if len(queue) + len(requests) >= self.pipelined:
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
