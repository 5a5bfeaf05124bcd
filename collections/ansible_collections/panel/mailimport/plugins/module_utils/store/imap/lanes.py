# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages stored one by one, over several connections side by side.

Most servers may refuse a message before they have read it, and would take the rest of it for commands. So each is sent
only when it is asked for, which costs a round trip a message; with several connections that many messages share one.
Servers that lock a folder for each message are slower then: what is faster is found out by trying.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Callable, Deque, Dict, List, Optional, Sequence, Tuple

from .appending import Appended
from .channel import HostChannel
from .conversation import SessionEndedError
from .destination import Destination
from .pending import PendingMessage
from .session import HostSession

# So many messages of each show how fast one connection is, and then how fast several are; where the first ones take so
# many times as long, more would not change it.
_TRIAL = 8
_FAR_SLOWER = 2.0


@dataclass
class Sent:
    """What became of messages that were sent side by side: those that were answered, those whose answer was lost, those
    that were not begun, and what ended a connection. `slowest`: the most seconds that the server has had for one.
    """

    answered: List[Tuple[PendingMessage, Appended]] = field(default_factory=list)
    lost: List[PendingMessage] = field(default_factory=list)
    unsent: List[PendingMessage] = field(default_factory=list)
    error: Optional[SessionEndedError] = None
    slowest: float = 0.0


class Lanes:
    """Connections beside the first one.

    Args:
        open_more: opens another connection, or returns None when the server admits no more.
        most: connections in all.
    """

    def __init__(self, open_more: Callable[[], Optional[HostChannel]], most: int) -> None:
        self._open_more = open_more
        self._most = most
        self._others: List[HostSession] = []
        # Seconds a message, by the number of connections.
        self._pace: Dict[int, float] = {}

    def send(self, first: HostSession, folder: Destination, messages: Sequence[PendingMessage]) -> Sent:
        """Store messages that can be sent again; all connections but those that were lost are of use afterwards."""
        sent = Sent(unsent=list(messages))
        while sent.unsent and sent.error is None:
            width = self._width(len(sent.unsent))
            sessions = self._sessions(first, width)
            if width in self._pace:
                self._send_over(sessions, folder, len(sent.unsent), sent)
            else:
                self._try(sessions, folder, sent)
        return sent

    def _try(self, sessions: Sequence[HostSession], folder: Destination, sent: Sent) -> None:
        """Find out how fast so many connections are, with no more than one message each where that is slow."""
        for each in (1, _TRIAL - 1):
            count = min(each * len(sessions), len(sent.unsent))
            if not count or sent.error is not None:
                return
            pace = self._send_over(sessions, folder, count, sent) / count
            if pace > _FAR_SLOWER * self._pace.get(1, pace):
                break
        if sent.error is None:
            self._pace.setdefault(len(sessions), pace)

    def _width(self, messages: int) -> int:
        """How many connections are to be used."""
        if 1 not in self._pace or self._most == 1:
            return 1
        if self._most not in self._pace:
            return self._most if messages >= _TRIAL * self._most else 1
        return min((1, self._most), key=lambda width: self._pace[width])

    def _send_over(self, sessions: Sequence[HostSession], folder: Destination, count: int, sent: Sent) -> float:
        """Store the first of the messages that are left; return the seconds that it took."""
        waiting = deque(sent.unsent[:count])
        sent.unsent = sent.unsent[count:]
        lanes = [_Lane(session, folder) for session in sessions]
        began = time.monotonic()
        while waiting and sent.error is None:
            for step in (_Lane.offer, _Lane.wait, _Lane.give):
                for lane in lanes:  # all of them, or one would wait for a message that was asked for
                    error = lane.attempt(step, waiting)
                    sent.error = sent.error or error
        for lane in lanes:
            sent.error = lane.collect(sent) or sent.error
        sent.slowest = max([sent.slowest, *(session.slowest_append() for session in sessions)])
        self._others = [session for session in self._others if not any(lane.lost_session(session) for lane in lanes)]
        sent.unsent = [*waiting, *sent.unsent]
        return time.monotonic() - began

    def _sessions(self, first: HostSession, width: int) -> List[HostSession]:
        while len(self._others) < width - 1:
            channel = self._open_more()
            if channel is None:
                self._most = 1 + len(self._others)
                break
            try:
                self._others.append(HostSession(channel))
            except SessionEndedError:
                channel.close()
                break
        return [first, *self._others[: width - 1]]

    def close(self) -> None:
        for session in self._others:
            session.close()
        self._others = []


class _Lane:
    """One connection: a message that is offered, and those whose answers are to come."""

    def __init__(self, session: HostSession, folder: Destination) -> None:
        self._session = session
        self._folder = folder
        self._sent: List[Tuple[bytes, PendingMessage]] = []
        self._asked = False
        self._offered = False
        self._ended = False

    def lost_session(self, session: HostSession) -> bool:
        return self._ended and self._session is session

    def attempt(
        self, step: Callable[[_Lane, Deque[PendingMessage]], None], waiting: Deque[PendingMessage]
    ) -> Optional[SessionEndedError]:
        """Take a step; return the error when the connection is lost."""
        if self._ended:
            return None
        try:
            step(self, waiting)
        except SessionEndedError as error:
            self._end()
            return error
        return None

    def _end(self) -> None:
        self._ended = True
        self._session.abandon()

    def offer(self, waiting: Deque[PendingMessage]) -> None:
        self._offered = bool(waiting)
        if waiting:
            message = waiting.popleft()
            tag = self._session.next_tag()
            self._sent.append((tag, message))
            self._session.offer_append(tag, self._folder.name, self._folder.outgoing(message))

    def wait(self, _waiting: Deque[PendingMessage]) -> None:
        self._asked = self._offered and self._session.is_asked_for(self._sent[-1][0])

    def give(self, _waiting: Deque[PendingMessage]) -> None:
        if self._asked:
            self._session.give_append(self._folder.outgoing(self._sent[-1][1]))

    def collect(self, sent: Sent) -> Optional[SessionEndedError]:
        """Read the answers that are left, as far as they come."""
        for place, (tag, message) in enumerate(self._sent):
            try:
                sent.answered.append((message, self._session.collect_append(tag, 1)))
            except SessionEndedError as error:
                sent.lost += [message for _tag, message in self._sent[place:]]
                self._end()
                return error
        return None
