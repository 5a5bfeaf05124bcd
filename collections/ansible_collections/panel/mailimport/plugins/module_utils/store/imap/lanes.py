# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages stored over several connections side by side.

Most servers may refuse a message before they have read it, and would take the rest of it for commands. So each is sent
only when it is asked for, which costs a round trip a message; with several connections that many messages share one.
A server that makes each message durable before it takes the next has as many in work.

Where many may go in one command, each connection takes a part of them, and the commands are ended one after the other:
nothing is stored before, and the messages get into the folder in their order.

Servers that lock a folder for each message are slower then: what is faster is found out by trying. Those that do not
tell UIDs (RFC 4315) get all over one connection: imap4d of GNU Mailutils, over mbox files, refuses messages of several
at a time, and loses some that it has acknowledged.
"""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Callable, Deque, Dict, Iterable, List, Optional, Sequence, Tuple

from .appending import AppendCommand, Appended, Outgoing
from .channel import HostChannel
from .conversation import SessionEndedError
from .destination import Destination
from .pending import PendingMessage
from .session import HostSession

# So many messages over each connection show how fast so many connections are; where the first ones take so many times
# as long, more would not change it. Where many go in one command, more of them show what it costs to end it.
_TRIAL = 8
_TRIAL_TOGETHER = 16
_FAR_SLOWER = 2.0

# After so many seconds without an answer, the server may be waiting for the commands of other connections to end.
_PATIENCE = 2.0

# Servers let go of connections that are idle for half an hour (RFC 9051 section 5.4), and some a good deal sooner.
_LONGEST_IDLE = 240.0


@dataclass
class Sent:
    """What became of messages that were sent side by side: those of each command that was answered, those whose answer
    was lost, those that were not begun, and what ended a connection; whether the first one is among those that have
    ended. `slowest`: the most seconds that the server has had for one command.
    """

    answered: List[Tuple[List[PendingMessage], Appended]] = field(default_factory=list)
    lost: List[PendingMessage] = field(default_factory=list)
    unsent: List[PendingMessage] = field(default_factory=list)
    error: Optional[SessionEndedError] = None
    is_first_lost: bool = False
    slowest: float = 0.0

    @property
    def goes_on(self) -> bool:
        """Whether there are messages left that can be sent over the same first connection."""
        return bool(self.unsent) and self.error is None and not self.is_first_lost


class Lanes:
    """Connections beside the first one.

    Args:
        open_more: opens another connection, or returns None when the server admits no more.
        most: connections in all, fewer than asked for when the server admits no more.
    """

    def __init__(self, open_more: Callable[[], Optional[HostChannel]], most: int) -> None:
        self._open_more = open_more
        self.most = most
        self._others: List[HostSession] = []
        self._used_at = 0.0
        # Seconds a message, by the number of connections.
        self._pace: Dict[int, float] = {}

    @property
    def are_several(self) -> bool:
        return self.most > 1

    def send(
        self, first: HostSession, folder: Destination, messages: Sequence[PendingMessage], together: int = 1
    ) -> Sent:
        """Store messages that can be sent again; all connections but those that were lost are of use afterwards.

        Args:
            together: how many may go in one command.
        """
        if not first.has_uidplus:
            self.most = 1
        sent = Sent(unsent=list(messages))
        while sent.goes_on:
            sessions = self._sessions(first, self._width(len(sent.unsent)))
            if len(sessions) in self._pace or not self._is_worth_trying(1, len(sent.unsent)):
                most = len(sent.unsent) if together == 1 else together * len(sessions)
                self._send_over(sessions, folder, most, sent, together)
            elif together == 1:
                self._try(sessions, folder, sent)
            else:
                each = min(together, _TRIAL_TOGETHER if len(sessions) > 1 else _TRIAL)
                self._send_over(sessions, folder, each * len(sessions), sent, together)
        return sent

    def _try(self, sessions: Sequence[HostSession], folder: Destination, sent: Sent) -> None:
        """Find out how fast so many connections are, with no more than one message each where that is slow."""
        pace = self._send_over(sessions, folder, len(sessions), sent, 1)
        if pace > _FAR_SLOWER * self._pace.get(1, pace):
            self._pace.setdefault(len(sessions), pace)
        elif sent.goes_on:
            self._send_over(sessions, folder, _TRIAL * len(sessions), sent, 1)

    def _width(self, messages: int) -> int:
        """How many connections are to be used: one, half of the most or all; more as long as that makes it faster."""
        known = sorted(self._pace)
        best = min(known, key=lambda width: self._pace[width], default=0)
        more = next((width for width in (1, -(-self.most // 2), self.most) if width > (known or [0])[-1]), 0)
        if more and best == (known or [0])[-1] and self._is_worth_trying(more, messages):
            return more
        return min(best, self.most) or 1

    def _is_worth_trying(self, width: int, messages: int) -> bool:
        """Whether so many messages are enough to find out how fast so many connections are."""
        return self.most > 1 and max(2, width) * _TRIAL <= messages

    def _send_over(
        self, sessions: Sequence[HostSession], folder: Destination, most: int, sent: Sent, together: int
    ) -> float:
        """Store the first of the messages that are left; return the seconds that each took."""
        messages, sent.unsent = sent.unsent[:most], sent.unsent[most:]
        lanes = _lanes(sessions, folder, messages, together)
        began = time.monotonic()
        try:
            _run(lanes, sent, together)
        except BaseException:  # a message broke off: what is sent next would be taken for the rest of it
            for session in sessions:
                session.abandon()
            self._others = [session for session in self._others if session not in sessions]
            raise
        sent.slowest = max([sent.slowest, *(session.slowest_append() for session in sessions)])
        lost = [session for session in sessions if any(lane.lost_session(session) for lane in lanes)]
        sent.is_first_lost = sent.is_first_lost or sessions[0] in lost
        self._go_on_without(lost, halve=sent.error is not None and not sent.is_first_lost)
        left = {id(message): message for lane in lanes for message in lane.waiting}
        sent.unsent = [*left.values(), *sent.unsent]
        pace = (time.monotonic() - began) / len(messages)
        if sent.error is None and len(messages) >= _TRIAL * len(sessions):
            self._pace[len(sessions)] = pace
        return pace

    def _go_on_without(self, lost: Sequence[HostSession], halve: bool) -> None:
        """Forget connections that are lost; use half as many as before when the server has ended some and not the first
        one, for it may not admit so many."""
        self._used_at = time.monotonic()
        self._others = [session for session in self._others if session not in lost]
        if halve:
            self.most = max(1, self.most // 2)

    def _sessions(self, first: HostSession, width: int) -> List[HostSession]:
        """Return so many sessions or fewer, with others beside the first one, which are opened at once."""
        if time.monotonic() - self._used_at > _LONGEST_IDLE:
            self.close()
        missing = width - 1 - len(self._others)
        if missing > 0:
            with ThreadPoolExecutor(missing) as threads:
                opened = list(threads.map(lambda _number: self._session(), range(missing)))
            self._others += [session for session in opened if session]
            if None in opened:
                self.most = 1 + len(self._others)
        return [first, *self._others[: width - 1]]

    def _session(self) -> Optional[HostSession]:
        channel = self._open_more()
        if channel is None:
            return None
        try:
            return HostSession(channel)
        except SessionEndedError:
            channel.close()
            return None

    def close(self) -> None:
        for session in self._others:
            session.close()
        self._others = []


def _run(lanes: Sequence[_Lane], sent: Sent, together: int) -> None:
    """Send what the lanes have, as long as none is lost, and read all answers."""
    due = deque(lanes)
    while sent.error is None and any(lane.waiting for lane in lanes):
        ending = due.popleft() if together > 1 and not due[0].waiting else None
        # Each step by all of them, or one would wait for a message that was asked for, or an answer.
        if ending:
            sent.error = ending.attempt(_Lane.end) or sent.error
        for step in (_Lane.offer, _Lane.wait, _Lane.give):
            for lane in lanes:
                sent.error = lane.attempt(step) or sent.error
        if ending:
            _collect(ending, due, sent)
    while due:
        ending = due.popleft()
        sent.error = ending.attempt(_Lane.end) or sent.error
        _collect(ending, due, sent)


def _collect(lane: _Lane, others: Iterable[_Lane], sent: Sent) -> None:
    """Read the answers of a lane whose command has ended. It may wait for the others to end theirs: a server that keeps
    a folder in one file locks it for the whole of a command.
    """

    def end_others() -> None:
        for other in others:
            sent.error = other.attempt(_Lane.end) or sent.error

    sent.error = lane.collect(sent, end_others) or sent.error


def _lanes(
    sessions: Sequence[HostSession], folder: Destination, messages: Sequence[PendingMessage], together: int
) -> List[_Lane]:
    """Give each connection a part of the messages in their order, or all of them what is next where each message has
    a command of its own."""
    if together == 1:
        waiting = deque(messages)
        return [_Lane(session, folder, waiting, False) for session in sessions]
    shares, left = [], list(messages)
    for size in _sizes(len(messages), len(sessions), together):
        shares.append(deque(left[:size]))
        left = left[size:]
    return [_Lane(session, folder, share, True) for session, share in zip(sessions, shares)]


def _sizes(messages: int, parts: int, most: int) -> List[int]:
    """Part messages so that each part has one more than the one before, if there are enough and none has more than
    `most` then: that one is answered for while the last message of this one is on its way."""
    base, more = divmod(messages - parts * (parts - 1) // 2, parts)
    rising = [base + number + (number >= parts - more) for number in range(parts)]
    if messages >= parts * parts and rising[-1] <= most:
        return rising
    base, more = divmod(messages, parts)
    return [base + (number >= parts - more) for number in range(parts)]


class _Lane:
    """One connection: a message that is offered, and those whose answers are to come.

    `waiting`: messages that it is to send.
    """

    def __init__(
        self, session: HostSession, folder: Destination, waiting: Deque[PendingMessage], together: bool
    ) -> None:
        self.waiting = waiting
        self._session = session
        self._folder = folder
        self._together = together
        self._sent: List[Tuple[AppendCommand, List[PendingMessage]]] = []
        # The command that is to take more messages, and the message that is on its way in it
        self._open: Optional[AppendCommand] = None
        self._offered: Optional[Outgoing] = None
        self._ended = False

    def lost_session(self, session: HostSession) -> bool:
        return self._ended and self._session is session

    def attempt(self, step: Callable[[_Lane], None]) -> Optional[SessionEndedError]:
        """Take a step; return the error when the connection is lost."""
        if self._ended:
            return None
        try:
            step(self)
        except SessionEndedError as error:
            self._abandon()
            return error
        return None

    def _abandon(self) -> None:
        self._ended = True
        self._session.abandon()

    def offer(self) -> None:
        if not self.waiting:
            return
        if self._open is None:
            self._open = self._session.append_command(self._folder.name)
            self._sent.append((self._open, []))
        message = self.waiting.popleft()
        self._sent[-1][1].append(message)
        self._offered = self._folder.outgoing(message)
        self._open.announce(self._offered)

    def wait(self) -> None:
        if self._open and self._offered and not self._open.is_asked_for():
            self._open = self._offered = None

    def give(self) -> None:
        if self._open and self._offered:
            self._open.give(self._offered, is_last=not self.waiting)
            self._offered = None
            if not self._together:
                self.end()

    def end(self) -> None:
        """End the command that is open; the server stores it now."""
        if self._open:
            self._open.end()
            self._open = None

    def collect(self, sent: Sent, impatient: Callable[[], None]) -> Optional[SessionEndedError]:
        """Read the answers that are left, as far as they come.

        Args:
            impatient: called when one does not come for long.
        """
        out_of_step = False
        for place, (command, messages) in enumerate(self._sent):
            try:
                if not self._session.is_answered_within(_PATIENCE, command.tag):
                    impatient()
                appended = self._session.collect_append(command.tag, len(messages))
            except SessionEndedError as error:
                sent.lost += [message for _command, lost in self._sent[place:] for message in lost]
                self._abandon()
                return error
            sent.answered.append((messages, appended))
            out_of_step = out_of_step or appended.out_of_step
        if out_of_step:
            self._abandon()
        return None
