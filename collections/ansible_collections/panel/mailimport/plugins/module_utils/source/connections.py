# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several connections for one account: its mail comes over all of them, and is handed out in the order of one.

Folders, and parts of large ones, are asked for on whichever connection has the least to do, and read in the order in
which a single connection would bring them. So what a killed import leaves, what the next one asks for and which UIDs
messages get is the same for any number of connections.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Callable, Deque, Iterable, Iterator, List, Optional, Set, Union

from ..imap.fetch import FetchRequest, FolderStream
from ..imap.read_ahead import ReadAhead
from ..imap.refusals import SourceBusyError, refusal_error
from ..model.errors import MailImportError
from ..model.imports import SourceConnections
from .divided_folder import DividedFolder
from .parts import Part, divide, is_worth_dividing, whole
from .session import SourceSession

# What a connection is asked for ahead: bytes, and folders that are small or of unknown size.
_SIZE_AHEAD = 2 << 20
_PARTS_AHEAD = 16

# For so many seconds it is watched what comes. Another connection is opened if so many times as much came as before the
# last one was.
_WATCHED_FOR = 3.0
_WORTH_IT = 1.2


OpenedFolder = Union[FolderStream, DividedFolder]


@dataclass
class _Member:
    """One of the connections, the parts that it was asked for and that have not been read, and the last part of all."""

    session: SourceSession
    parts: Deque[Part] = field(default_factory=deque)
    last: Optional[FolderStream] = None

    @property
    def load(self) -> int:
        return sum(part.size for part in self.parts)

    @property
    def has_room(self) -> bool:
        return not self.parts or (len(self.parts) < _PARTS_AHEAD and self.load < _SIZE_AHEAD)

    def ask(self, part: Part) -> None:
        """Send the commands for a part; its folder is opened unless the part before was of that folder."""
        before = self.last if not part.begins and self.last and self.last.folder is part.request.folder else None
        opening = [] if before else [self.session.opening(part.request)]
        tags = self.session.send(*opening, part.request.command())
        part.stream = self.last = FolderStream(self.session.reader, part.request, tags, before)
        self.parts.append(part)


class Connections:
    """The connections of one import to its source: the first, which is opened elsewhere, and others beside it.

    Args:
        open_session: opens another one.
        admitted: how many there may be.
        tell: takes a line for people when there are fewer than that.
    """

    def __init__(
        self, open_session: Callable[[], SourceSession], admitted: SourceConnections, tell: Callable[[str], None]
    ) -> None:
        self._open_session = open_session
        self._tell = tell
        self._most = admitted.most
        self._wanted = 1 if admitted.gradually else admitted.most
        self._rate = _Rate() if admitted.gradually else None
        self._members: List[_Member] = []
        self._read_ahead = ReadAhead()
        # Whose part is read next, and parts and folders that nobody has been asked for yet.
        self._window: Deque[_Member] = deque()
        self._parts: Deque[Part] = deque()
        self._requests: Iterator[FetchRequest] = iter(())
        # Folders that could not be divided, or not be read in parts.
        self._kept_whole: Set[bytes] = set()

    def fetch(self, first: SourceSession, requests: Iterable[FetchRequest]) -> Iterator[OpenedFolder]:
        """Yield folder after folder with its messages, as `first` would alone. After an error, `drop` them."""
        if self._most == 1:
            yield from first.fetch(requests)
            return
        self._begin(first, requests)
        while True:
            self._ask_ahead()
            if not self._window:
                return
            first.reading = self._window[0].parts[0].request.folder
            opened = DividedFolder(self._open_part(), self._next_part)
            if opened.wants_select:
                again = replace(opened.request, uids=b"%d:*" % opened.request.lowest, select=True)
                self._requests = itertools.chain((again,), self._requests)
            else:
                yield opened
            opened.drain()
            first.reading = None

    def drop(self, error: Optional[MailImportError] = None) -> None:
        """Let go of all connections, without a word to the server.

        Args:
            error: what it was about. A source that wants less of us gets one connection less.
        """
        if len(self._members) > 1 and isinstance(error, SourceBusyError) and error.overload:
            self._settle_for(len(self._members) - 1, error)
        for member in self._members[1:]:
            member.session.abandon()
        self._forget()

    def close(self) -> None:
        """Log out on all connections but the first."""
        while len(self._members) > 1:
            self._leave(self._members.pop())
        self._forget()

    def _forget(self) -> None:
        self._read_ahead = ReadAhead()
        self._members = []
        self._window.clear()
        self._parts.clear()

    def _begin(self, first: SourceSession, requests: Iterable[FetchRequest]) -> None:
        if not self._members or self._members[0].session is not first:
            self.close()
            self._join(first)
            if self._rate is not None and first.profile.connections is not None:
                self._most = min(self._most, first.profile.connections)
        self._requests = iter(requests)
        for member in self._members:
            member.last = None  # another folder may have been opened meanwhile

    def _join(self, session: SourceSession) -> None:
        self._read_ahead.join(session.stream)
        self._members.append(_Member(session))

    def _leave(self, member: _Member) -> None:
        self._read_ahead.leave(member.session.stream)
        member.session.close()

    def _ask_ahead(self) -> None:
        """Ask for more wherever there is room."""
        while len(self._members) > self._wanted and not self._members[-1].parts:
            self._leave(self._members.pop())
        while self._has_parts():
            member = min(self._members[: self._wanted], key=lambda member: (member.load, len(member.parts)))
            if member.parts and self._open_another():
                continue
            if not member.has_room:
                return
            member.ask(self._parts.popleft())
            self._window.append(member)

    def _has_parts(self) -> bool:
        """Take the next folder when there is no part left; True if there is one by then."""
        if self._parts:
            return True
        request = next(self._requests, None)
        if request is None:
            return False
        if not is_worth_dividing(request) or request.folder.raw_name in self._kept_whole:
            self._parts.append(whole(request))
        elif self._window:
            # Its sizes are asked for when everything before has come.
            self._requests = itertools.chain((request,), self._requests)
        else:
            self._divide(request)
        return bool(self._parts)

    def _divide(self, request: FetchRequest) -> None:
        """Divide a folder. When that fails, it is known whose trouble it is, and the folder stays whole."""
        first = self._members[0].session
        before, first.reading = first.reading, request.folder
        self._kept_whole.add(request.folder.raw_name)
        self._parts.extend(divide(first, request))
        self._kept_whole.discard(request.folder.raw_name)
        first.reading = before

    def _open_another(self) -> bool:
        """Open one more connection, for which there is work; False when there are as many as there may be."""
        if len(self._members) >= self._wanted:
            return False
        try:
            self._join(self._open_session())
        except MailImportError as error:
            self._settle_for(len(self._members), error)
        return True

    def _settle_for(self, number: int, error: MailImportError) -> None:
        self._most = self._wanted = number
        self._rate = None
        self._tell("goes on with %d connections: %s" % (number, error.message))

    def _open_part(self) -> FolderStream:
        part = self._window.popleft().parts.popleft()
        if part.stream is None:
            raise ValueError("a part that nobody was asked for")
        part.stream.open()
        return part.stream

    def _next_part(self, uidvalidity: Optional[int]) -> Optional[FolderStream]:
        """Open the next part of the folder that is being read.

        Raises:
            MailImportError: it is not opened, or is of a folder with another UIDVALIDITY.
        """
        self._watch_rate()
        self._ask_ahead()
        if not self._window or self._window[0].parts[0].begins:
            return None
        stream = self._open_part()
        if stream.refusal or stream.uidvalidity != uidvalidity:
            self._kept_whole.add(stream.folder.raw_name)
            message = "%s does not open %s as the same folder on every connection"
            raise (stream.refusal and refusal_error(stream.refusal, stream.peer)) or MailImportError(
                "source_unavailable", message % (stream.peer, stream.folder.name)
            )
        return stream

    def _watch_rate(self) -> None:
        """Decide whether another connection is worth it, or the last one was not."""
        risen = self._rate.risen(self._read_ahead.received) if self._rate else None
        if risen is None:
            return
        if risen and self._wanted < self._most:
            self._wanted += 1
            return
        self._rate = None
        if not risen:
            self._wanted = max(1, self._wanted - 1)


class _Rate:
    """How fast bytes come, over some seconds each time."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._received = 0
        self._best = 0.0

    def risen(self, received: int) -> Optional[bool]:
        """True if so much more came since the last time than ever before. Returns None while it is watched."""
        seconds = time.monotonic() - self._began
        if seconds < _WATCHED_FOR:
            return None
        rate = (received - self._received) / seconds
        risen = rate > self._best * _WORTH_IT
        self._began, self._received, self._best = time.monotonic(), received, max(rate, self._best)
        return risen
