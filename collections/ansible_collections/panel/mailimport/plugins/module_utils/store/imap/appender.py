# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages on their way into folders over IMAP: many in one command, and what to do when that is refused or
unanswered."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Dict, Iterator, List, Optional, Sequence

from ...model.errors import MailImportError
from .conversation import SessionEndedError
from .destination import Destination
from .in_flight import InFlight
from .lanes import Lanes, Sent
from .one_by_one import OneByOne, not_found
from .pending import PendingMessage
from .session import HostSession
from .sessions import HostSessions

# One command stores this much: for each the process flushes the disk, and until it is answered the messages stay in
# memory.
BATCH_MESSAGES = 500
BATCH_BYTES = 2 << 20
# More of both where several connections take parts of it: they wait for each other at its end.
_BATCHES_SIDE_BY_SIDE = 4


class Appender:
    """Fills folders, some commands ahead of the answers.

    What becomes of a message is told to its folder: `stored` or `refuse`. The error that says that the mailbox takes
    nothing any more is raised once, and what is in hand is refused from then on.

    Args:
        pause: waits so many seconds, for that reason.
    """

    def __init__(self, sessions: HostSessions, lanes: Lanes, pause: Callable[[float, str], None]) -> None:
        self.sessions = sessions
        self._lanes = lanes
        self._single = OneByOne(sessions, pause)
        self._folder: Optional[Destination] = None
        self._waiting: List[PendingMessage] = []
        self._bytes = 0
        self._in_flight = InFlight()

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._in_flight)

    @property
    def _full(self) -> Optional[MailImportError]:
        return self._single.full

    def make_room(self, folder: Destination) -> None:
        """Send what is waiting when it is enough or another folder's.

        Raises:
            MailImportError: `over_quota`, `disk_full`, or `host_refused` when the IMAP process keeps ending.
        """
        if self._full:
            raise self._full
        batches = _BATCHES_SIDE_BY_SIDE if self._lanes.are_several and not self._is_ahead else 1
        if self._waiting and (
            folder is not self._folder
            or len(self._waiting) >= batches * BATCH_MESSAGES
            or self._bytes >= batches * BATCH_BYTES
        ):
            self._send()

    def put(self, folder: Destination, message: PendingMessage) -> None:
        """Let a message wait for others; `make_room` has been called."""
        self._folder = folder
        self._waiting.append(message)
        self._bytes += message.size

    def append_alone(self, folder: Destination, message: PendingMessage) -> None:
        """Store a long message at once.

        Raises:
            MailImportError: as `make_room`.
        """
        self.drain()
        folder.begin_batch()
        self._single.append_each(folder, [message])
        if self._full:
            raise self._full

    def drain(self) -> None:
        """Send what is waiting and read all answers; raises as `make_room` does."""
        while self._waiting or self._in_flight:
            if self._waiting and self._full and self._folder:
                self._folder.refuse_all(self._take_waiting(), self._full)
            elif self._waiting:
                self._send()
            else:
                self._read_answers()

    def _take_waiting(self) -> List[PendingMessage]:
        messages, self._waiting, self._bytes = self._waiting, [], 0
        return messages

    def _send(self) -> None:
        folder = self._folder
        if folder is None:
            return  # nothing can wait without a folder to go to
        if not self._is_ahead:
            self._read_answers()
        messages = self._take_waiting()
        with self._refusing_when_full(folder, messages):
            ahead = self._goes_ahead(folder, messages)
            if not ahead:
                self._read_answers()
        together = self.sessions.next_session().most_together(len(messages))
        if not ahead:
            self._send_side_by_side(folder, messages, together)
            return
        if not self._in_flight.into(folder):
            folder.begin_batch()
        while messages:
            with self._refusing_when_full(folder, messages):
                batch = self._make_way(messages[:together])
            messages = messages[len(batch) :]
            with self._refusing_when_full(folder, messages):
                self._send_ahead(folder, batch)

    def _goes_ahead(self, folder: Destination, messages: Sequence[PendingMessage]) -> bool:
        """Whether messages go over one session, without waiting for those that were sent before."""
        session = self.sessions.next_session()
        if session.is_own_process or not session.stores_ahead or session.reads_on:
            return session.is_own_process or self._is_ahead
        # What has to be asked for is better shared by several.
        asked = sum(not message.is_plain for message in messages)
        if asked * self._lanes.most > len(messages):
            return False
        try:
            return session.has_room(folder.name, sum(message.size for message in messages))
        except SessionEndedError as error:
            self._resolve({}, error, session)
            return self._goes_ahead(folder, messages)

    @property
    def _is_ahead(self) -> bool:
        """Whether the server is far, and not so slow that it is faster with several sessions, of which each waits for
        the one before. One that asks for messages would only be slower."""
        if not self.sessions.is_ahead:
            return False
        session = self.sessions.next_session()
        saved = self._in_flight.pace * BATCH_MESSAGES / 2
        return not (session.reads_on and self._lanes.are_several and saved > self._lanes.most * session.round_trip)

    def _make_way(self, messages: List[PendingMessage]) -> List[PendingMessage]:
        """Read answers until a command may go on its way, and return the messages for it, the first ones."""
        if self.sessions.next_session().is_own_process:
            return messages
        batch = self._in_flight.fitting(messages)
        self._read_answers(batch)
        return self._in_flight.fitting(batch)  # the answers may have shown that it is too much

    def _send_ahead(self, folder: Destination, messages: List[PendingMessage]) -> None:
        session = self.sessions.next_session()
        try:
            self._in_flight.send(folder, session, messages)
        except SessionEndedError as error:
            self._resolve({}, error, session)

    def _send_side_by_side(self, folder: Destination, messages: List[PendingMessage], together: int = 1) -> None:
        while messages:
            session = self.sessions.next_session()
            folder.begin_batch()
            sent = self._lanes.send(session, folder, messages, together)
            session.quota.forget()
            messages = sent.unsent
            with self._refusing_when_full(folder, messages):
                self._take_sent(folder, sent)

    def _take_sent(self, folder: Destination, sent: Sent) -> None:
        """Find out of each message that was begun whether it is there, and send again what is not."""
        nameless: List[PendingMessage] = []
        self.sessions.note_slowest(sent.slowest)
        for messages, appended in sent.answered:
            if appended.uids:
                self._single.take_stored(folder, messages, appended)
            elif appended.status.ok:
                nameless += messages
        if sent.error is not None:
            self.sessions.renew(sent.error, is_another=not sent.is_first_lost)
        elif sent.is_first_lost:
            self.sessions.drop()
        if nameless or sent.lost:
            # In one search: which of two equal messages a UID belongs to must not be told twice.
            arrivals = folder.lost_arrivals() if sent.lost else folder.arrivals()
            missing = {id(message) for message in not_found(folder, [*nameless, *sent.lost], arrivals)}
            for message in nameless:
                if id(message) in missing:
                    folder.acknowledged(message)
        else:
            missing = set()
        self._send_again(folder, sent, [message for message in sent.lost if id(message) in missing])

    def _send_again(self, folder: Destination, sent: Sent, lost: List[PendingMessage]) -> None:
        """Send what is not there once more: those of a command of many, of which one was refused, in a command each."""
        refused = [message for messages, appended in sent.answered if not appended.status.ok for message in messages]
        if any(appended.may_reveal for _messages, appended in sent.answered):
            refused = not_found(folder, refused, folder.arrivals())
        apart = {
            id(message)
            for messages, appended in sent.answered
            if self._lanes.are_several and len(messages) > 1 and appended.status.condition != "BAD"
            for message in messages
        }
        left = [message for message in refused if id(message) in apart]
        with self._refusing_when_full(folder, left):
            self._single.store_or_refuse(folder, lost + [message for message in refused if id(message) not in apart])
        self._send_side_by_side(folder, left)

    @contextmanager
    def _refusing_when_full(self, folder: Destination, messages: Sequence[PendingMessage]) -> Iterator[None]:
        """Refuse messages that are to be sent next when it turns out that the mailbox is full."""
        try:
            yield
        except MailImportError:
            if self._full:
                folder.refuse_all(messages, self._full)
            raise

    def _read_answers(self, before: Sequence[PendingMessage] = ()) -> None:
        """Read the answers that have come, and on until there is room for messages; or all when there are none to be
        sent."""
        while self._in_flight and (
            not before or self._in_flight.has_answer() or not self._in_flight.has_room_for(before)
        ):
            command = self._in_flight.first()
            try:
                appended = self._in_flight.collect()
            except SessionEndedError as error:
                self._resolve({}, error, command.session)
                return
            if not appended.uids:
                self._resolve({command.folder: Sent([(command.messages, appended)])})
                return
            self._single.take_stored(command.folder, command.messages, appended)

    def _resolve(
        self,
        found: Dict[Destination, Sent],
        error: Optional[SessionEndedError] = None,
        lost: Optional[HostSession] = None,
    ) -> None:
        """Read all answers, for one was no plain success, and do for each folder what there is to do: all that is known
        to be stored in it has been told then, so that nothing else is taken for it.

        Args:
            found: answers that were read.
            error: what ended the session `lost`.
        """
        age = self._in_flight.age()
        rest, ended = self._in_flight.collect_rest(lost)
        for command, appended in rest:
            sent = found.setdefault(command.folder, Sent())
            if appended is None:
                sent.lost += command.messages
            elif appended.uids:
                self._single.take_stored(command.folder, command.messages, appended)
            else:
                sent.answered.append((command.messages, appended))
        error = ended or error
        if error is not None:
            self.sessions.note_slowest(age)
            self.sessions.renew(error, into=[folder.name for folder, sent in found.items() if sent.lost])
        elif any(appended.out_of_step for sent in found.values() for _messages, appended in sent.answered):
            self.sessions.drop()
        troubles: List[MailImportError] = []
        for folder, sent in found.items():
            try:
                self._take_sent(folder, sent)
            except MailImportError as trouble:
                troubles.append(trouble)
        if troubles:
            raise troubles[0]
