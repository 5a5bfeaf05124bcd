# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that are on their way to a server, and how many of them may be."""

from __future__ import annotations

import time
from collections import deque
from itertools import accumulate
from typing import Deque, List, NamedTuple, Optional, Sequence, Tuple

from .appending import Appended
from .conversation import SessionEndedError
from .destination import Destination
from .pending import PendingMessage
from .session import HostSession

# What is on its way takes the server about so many seconds to store. A server goes on storing what it was sent when
# the line is lost or this run is killed: it must be done with it before it is asked what is there (see HostSessions).
_SECONDS = 0.5
_FIRST_MESSAGES, _FIRST_BYTES = 8, 64 << 10
# A command then holds what waits for others (see Appender), with the last message that made it enough.
_MOST_MESSAGES, _MOST_BYTES = 2000, 9 << 20
_GROWTH = 8
_SHORTEST = 0.001
# It is sent in so many commands.
_COMMANDS = 4


class Command(NamedTuple):
    """An APPEND that has not been answered. `began`: time.monotonic() when it began to be sent."""

    folder: Destination
    session: HostSession
    tag: bytes
    messages: List[PendingMessage]
    began: float

    @property
    def bytes(self) -> int:
        return sum(message.size for message in self.messages)


# None when it did not come
Answer = Tuple[Command, Optional[Appended]]


class InFlight:
    """Commands in the order of their answers.

    Of messages, and of bytes of them, few may be on their way at first, then as many as the server is seen to be quick;
    one message always may be.
    """

    def __init__(self) -> None:
        self._commands: Deque[Command] = deque()
        self._most_messages, self._most_bytes = _FIRST_MESSAGES, _FIRST_BYTES
        # Seconds waited for a server that was never without work, for so many messages
        self._waited, self._waited_for = 0.0, 0
        # time.monotonic() of the last answer
        self._answered = 0.0

    def __len__(self) -> int:
        return len(self._commands)

    def send(self, folder: Destination, session: HostSession, messages: List[PendingMessage]) -> None:
        """Send one command with messages.

        Raises:
            SessionEndedError: it is on its way all the same, nobody knows how far.
        """
        began = time.monotonic()
        try:
            outgoing = [folder.outgoing(message) for message in messages]
            tag = session.send_append(folder.name, outgoing, catenated=session.reads_on_catenated)
        except SessionEndedError:
            self._commands.append(Command(folder, session, b"", messages, began))
            raise
        except BaseException:  # a message broke off: what is sent next would be taken for the rest of it
            session.abandon()
            raise
        self._commands.append(Command(folder, session, tag, messages, began))

    def first(self) -> Command:
        return self._commands[0]

    def age(self) -> float:
        """Return for how many seconds the server has had the first one, which was not answered when that was looked
        for last."""
        return time.monotonic() - self.first().began if self._commands else 0.0

    def has_answer(self) -> bool:
        """Whether there is something to be read for the first command."""
        return bool(self._commands) and self.first().session.speaks_within(0.0, self.first().tag)

    def collect(self) -> Appended:
        """Wait for the answer to the first command, which is on its way no more.

        Raises:
            SessionEndedError: it still is.
        """
        command, asked = self.first(), time.monotonic()
        has_come = not command.session.is_own_process and self.has_answer()
        appended = command.session.collect_append(command.tag, len(command.messages))
        self._commands.popleft()
        # The source may have kept this side busy since.
        answered, round_trip = command.session.heard_at(), command.session.round_trip
        if not has_come:
            answered = max(answered, asked)  # whatever the kernel's clock says
        if command.began + round_trip <= self._answered:
            self._waited += max(0.0, answered - asked)
            self._waited_for += len(command.messages)
        self._answered = answered
        # What was sent before it counts in: rather too few may be on their way than too many.
        rate = _SECONDS / max(answered - command.began - round_trip, _SHORTEST)
        self._most_messages = _bounded(len(command.messages) * rate, self._most_messages, _MOST_MESSAGES)
        self._most_bytes = _bounded(command.bytes * rate, self._most_bytes, _MOST_BYTES)
        return appended

    def collect_rest(self, lost: Optional[HostSession]) -> Tuple[List[Answer], Optional[SessionEndedError]]:
        """Wait for all answers. Those over the session `lost` do not come, nor any over one that ends meanwhile, with
        the error that is returned."""
        rest: List[Answer] = []
        error = None
        while self._commands:
            command, appended = self._commands.popleft(), None
            if command.session is not lost:
                try:
                    appended = command.session.collect_append(command.tag, len(command.messages))
                except SessionEndedError as ended:
                    error, lost = ended, command.session
            rest.append((command, appended))
        return rest, error

    def into(self, folder: Destination) -> bool:
        """Whether anything is on its way into a folder."""
        return any(command.folder is folder for command in self._commands)

    def fitting(self, messages: Sequence[PendingMessage]) -> List[PendingMessage]:
        """Return the first ones, as many as one command is to hold."""
        some = messages[: self._most_messages // _COMMANDS]
        sizes = accumulate(message.size for message in some)
        return list(messages[: max(1, sum(size <= self._most_bytes // _COMMANDS for size in sizes))])

    def has_room_for(self, messages: Sequence[PendingMessage]) -> bool:
        """Whether they may go on their way before another answer is read."""
        number = len(messages) + sum(len(command.messages) for command in self._commands)
        size = sum(message.size for message in messages) + sum(command.bytes for command in self._commands)
        return not self._commands or (number <= self._most_messages and size <= self._most_bytes)

    @property
    def pace(self) -> float:
        """Seconds that the server takes for a message; 0 when that is not known."""
        return self._waited / max(1, self._waited_for)


def _bounded(figure: float, before: int, most: int) -> int:
    return max(1, min(int(figure), before * _GROWTH, most))
