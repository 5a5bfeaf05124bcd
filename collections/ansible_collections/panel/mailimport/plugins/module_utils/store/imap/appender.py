# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages on their way into folders over IMAP: many in one command, and what to do when that is refused or
unanswered."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ...imap.refusals import LONGEST_WAIT, busy_error
from ...imap.responses import Status
from ...model.errors import MailImportError
from .appending import Appended
from .conversation import SessionEndedError
from .destination import Destination
from .digests import UidsByContent
from .lanes import Lanes, Sent
from .pending import PendingMessage
from .session import HostSession
from .sessions import HostSessions

# One command stores this much: for each the process flushes the disk, and until it is answered the messages stay in
# memory.
BATCH_MESSAGES = 500
BATCH_BYTES = 2 << 20
# More of both where several connections take parts of it: they wait for each other at its end.
_BATCHES_SIDE_BY_SIDE = 4

# The IMAP process may end by accident with a message in hand; so often in a row, and it is the message.
_MOST_ENDS = 3


class _Sent(NamedTuple):
    """Commands that have not been answered."""

    folder: Destination
    session: HostSession
    commands: List[Tuple[bytes, List[PendingMessage]]]


@dataclass
class Appender:
    """Fills folders, one command ahead of the answers.

    What becomes of a message is told to its folder: `stored` or `refuse`. `full` is the error that says that the
    mailbox takes nothing any more; it is raised once, and what is in hand is refused from then on.
    """

    sessions: HostSessions
    lanes: Lanes
    pause: Callable[[float, str], None]
    full: Optional[MailImportError] = None
    _folder: Optional[Destination] = None
    _waiting: List[PendingMessage] = field(default_factory=list)
    _bytes: int = 0
    _sent: Optional[_Sent] = None
    _waited: float = 0.0

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._sent)

    def make_room(self, folder: Destination) -> None:
        """Send what is waiting when it is enough or another folder's.

        Raises:
            MailImportError: `over_quota`, `disk_full`, or `host_refused` when the IMAP process keeps ending.
        """
        if self.full:
            raise self.full
        batches = _BATCHES_SIDE_BY_SIDE if self.lanes.are_several else 1
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
        self._append_each(folder, [message])
        if self.full:
            raise self.full

    def drain(self) -> None:
        """Send what is waiting and read all answers; raises as `make_room` does."""
        while self._waiting or self._sent:
            if self._waiting and self.full and self._folder:
                self._folder.refuse_all(self._take_waiting(), self.full)
            elif self._waiting:
                self._send()
            else:
                self._read_answers()

    def _take_waiting(self) -> List[PendingMessage]:
        messages, self._waiting, self._bytes = self._waiting, [], 0
        return messages

    def _send(self) -> None:
        self._read_answers()
        folder = self._folder
        if folder is None:
            return  # nothing can wait without a folder to go to
        messages = self._take_waiting()
        folder.begin_batch()
        try:
            session = self.sessions.session()
            together = session.most_together(len(messages))
            if session.is_own_process:
                groups = [messages[start : start + together] for start in range(0, len(messages), together)]
                self._send_groups(folder, session, groups)
                return
        except SessionEndedError as error:
            self._recover(folder, messages, error)
            return
        self._send_side_by_side(folder, messages, together)

    def _send_groups(self, folder: Destination, session: HostSession, groups: Sequence[List[PendingMessage]]) -> None:
        commands = [
            (session.send_append(folder.name, [folder.outgoing(message) for message in group]), group)
            for group in groups
        ]
        self._sent = _Sent(folder, session, commands)

    def _send_side_by_side(self, folder: Destination, messages: List[PendingMessage], together: int = 1) -> None:
        while messages:
            try:
                session = self.sessions.session()
            except SessionEndedError as error:
                self.sessions.renew(error)  # none of them has been sent
                continue
            folder.begin_batch()
            sent = self.lanes.send(session, folder, messages, together)
            messages = sent.unsent
            with self._refusing_when_full(folder, messages):
                self._take_sent(folder, sent)

    def _take_sent(self, folder: Destination, sent: Sent) -> None:
        """Find out of each message that was begun whether it is there, and send again what is not."""
        nameless: List[PendingMessage] = []
        self.sessions.note_slowest(sent.slowest)
        for messages, appended in sent.answered:
            if appended.uids:
                self._take_stored(folder, messages, appended)
            elif appended.status.ok:
                nameless += messages
        if sent.error is not None:
            self.sessions.renew(sent.error, is_another=not sent.is_first_lost)
        elif sent.is_first_lost:
            self.sessions.drop()
        if nameless or sent.lost:
            # In one search: which of two equal messages a UID belongs to must not be told twice.
            arrivals = folder.lost_arrivals() if sent.lost else folder.arrivals()
            missing = {id(message) for message in self._not_found(folder, [*nameless, *sent.lost], arrivals)}
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
            refused = self._not_found(folder, refused, folder.arrivals())
        apart = {
            id(message)
            for messages, appended in sent.answered
            if len(messages) > 1 and appended.status.condition != "BAD"
            for message in messages
        }
        left = [message for message in refused if id(message) in apart]
        with self._refusing_when_full(folder, left):
            self._store_or_refuse(folder, lost + [message for message in refused if id(message) not in apart])
        self._send_side_by_side(folder, left)

    @contextmanager
    def _refusing_when_full(self, folder: Destination, messages: Sequence[PendingMessage]) -> Iterator[None]:
        """Refuse messages that are to be sent next when it turns out that the mailbox is full."""
        try:
            yield
        except MailImportError:
            if self.full:
                folder.refuse_all(messages, self.full)
            raise

    def _read_answers(self) -> None:
        if self._sent is None:
            return
        (folder, session, commands), self._sent = self._sent, None
        refused: List[PendingMessage] = []
        may_reveal = out_of_step = False
        for number, (tag, messages) in enumerate(commands):
            try:
                appended = session.collect_append(tag, len(messages))
            except SessionEndedError as error:
                self._recover(folder, [message for _tag, group in commands[number:] for message in group], error)
                break
            if appended.status.ok:
                self._take_stored(folder, messages, appended)
            else:
                refused += messages
                may_reveal = may_reveal or appended.may_reveal
                out_of_step = out_of_step or appended.out_of_step
        if out_of_step:
            self.sessions.drop()
        if may_reveal:
            refused = self._not_found(folder, refused, folder.arrivals())
        self._store_or_refuse(folder, refused)

    def _take_stored(self, folder: Destination, messages: Sequence[PendingMessage], appended: Appended) -> None:
        self.sessions.achieved()
        if appended.uids:
            for message, uid in zip(messages, appended.uids):
                folder.stored(message, uid)
            return
        for message in self._not_found(folder, messages, folder.arrivals()):
            folder.acknowledged(message)

    @staticmethod
    def _not_found(
        folder: Destination, messages: Iterable[PendingMessage], arrivals: UidsByContent
    ) -> List[PendingMessage]:
        """Look by content which messages have arrived; return the others.

        All of them are looked for as they were sent before any is looked for as the server may have altered it.
        """
        takes = [arrivals.pop] + ([arrivals.pop_altered] if folder.may_alter else [])
        missing = list(messages)
        for take in takes:
            looked_for, missing = missing, []
            for message in looked_for:
                uid = take(message.digests) if message.digests else None
                if uid is None:
                    missing.append(message)
                else:
                    folder.found(message, uid)
        return missing

    def _recover(self, folder: Destination, messages: Sequence[PendingMessage], error: SessionEndedError) -> None:
        """Go on after the process has ended without an answer: nothing is to be missing, and nothing there twice."""
        self.sessions.renew(error)
        self._store_or_refuse(folder, self._not_found(folder, messages, folder.lost_arrivals()))

    def _store_or_refuse(self, folder: Destination, messages: Sequence[PendingMessage]) -> None:
        left = self._append_each(folder, messages)
        if self.full:
            folder.refuse_all(left, self.full)
            raise self.full

    def _append_each(self, folder: Destination, messages: Sequence[PendingMessage]) -> Sequence[PendingMessage]:
        """Store messages one by one, to find those that are refused; return those that a full mailbox leaves."""
        left = list(messages)[::-1]
        ends = failures = 0
        while left and not self.full:
            message = left[-1]
            try:
                answer = self._append_one(folder, message, looked=failures > 0)
            except SessionEndedError as error:
                self.sessions.renew(error)
                # All of them, not only this one: what an earlier process left may have come to light just now.
                left = self._not_found(folder, left[::-1], folder.lost_arrivals())[::-1]
                ends = ends + 1 if message in left else 0
                if ends and not message.replayable:
                    folder.ask_again(left.pop())
                elif ends >= _MOST_ENDS:
                    text = "the session ends each time the message is sent: %s" % error.message
                    folder.refuse(left.pop(), "message_refused", text)
                    ends = 0
                continue
            if self._has_waited(answer.status, message):
                continue
            self.full = self.full or answer.error
            if answer.may_reveal and not failures and not self.full:
                failures += 1
                left = self._not_found(folder, left[::-1], folder.arrivals())[::-1]
                if not message.replayable and message in left:
                    folder.ask_again(left.pop())
            elif not self.full:
                failures = 0
                left.pop()
                if not answer.status.ok:
                    text = "this host does not store the message: %s" % answer.status
                    folder.refuse(message, "message_refused", text)
        return left[::-1]

    def _has_waited(self, status: Status, message: PendingMessage) -> bool:
        """Wait when the server asks for that; False when it does not, or for too long in all."""
        busy = None if status.ok else busy_error(status, self.sessions.session().peer)
        # LIMIT is what Cyrus says of too many keywords.
        if busy is None or not busy.overload or status.code.upper() == b"LIMIT" or not message.replayable:
            return False
        self._waited += busy.wait
        if self._waited > LONGEST_WAIT:
            self.full = MailImportError("host_refused", "the mail host takes nothing for now: %s" % busy.message)
            return False
        self.pause(busy.wait, busy.message)
        return True

    def _append_one(self, folder: Destination, message: PendingMessage, looked: bool) -> Appended:
        """Store a message, without keywords if need be; return the answer.

        Args:
            looked: what a failure may have revealed is known.
        """
        wanted = keywords = folder.usable_keywords(message)
        answer = self._exchange(folder, message, keywords)
        refused = not (answer.status.ok or answer.error) and (looked or not answer.may_reveal)
        if refused and keywords and message.replayable:
            keywords = ()
            answer = self._exchange(folder, message, keywords)
        if answer.status.ok:
            self._take_stored(folder, [message], answer)
            if keywords != wanted:
                folder.give_keywords(message, wanted)
        return answer

    def _exchange(self, folder: Destination, message: PendingMessage, keywords: Sequence[bytes]) -> Appended:
        session = self.sessions.session()
        try:
            tag = session.send_append(folder.name, [message.outgoing(keywords)], waiting=message.replayable)
        except SessionEndedError:
            raise
        except BaseException:
            # the source broke off: the process must not take anything else for the rest of the message
            self.sessions.drop()
            raise
        appended = session.collect_append(tag, 1)
        if appended.out_of_step:
            self.sessions.drop()
        return appended
