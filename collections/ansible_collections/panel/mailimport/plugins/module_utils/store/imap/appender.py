# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages on their way into folders over IMAP: many in one command, and what to do when that is refused or
unanswered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ...imap.fetch import message_id_in
from ...model.errors import MailImportError
from .digests import Digester, Digests, UidsByContent
from .flags import SplitFlags
from .session import Appended, HostSession, HostSessions, Outgoing, SessionEndedError

if TYPE_CHECKING:
    from .writer import ImapWriter

# One command stores this much: for each the process flushes the disk, and until it is answered the messages stay in
# memory.
BATCH_MESSAGES = 500
BATCH_BYTES = 2 << 20

# The IMAP process may end by accident with a message in hand; so often in a row, and it is the message.
_MOST_ENDS = 3

Data = Union[bytes, memoryview]


@dataclass
class Item:
    """A message to be stored.

    `date` is in seconds since the epoch, `size` in bytes. `chunks` gives the bytes, again and again if `replayable`.
    `digests` are known from the beginning, or when all bytes have gone by.
    """

    uid: int
    flags: SplitFlags
    date: int
    size: int
    chunks: Callable[[], Iterable[Data]]
    digests: Optional[Digests] = None
    replayable: bool = True

    @property
    def message_id(self) -> Optional[str]:
        """For people; None when there is none, or the bytes have gone by."""
        beginning = bytes(next(iter(self.chunks()), b"")) if self.replayable else b""
        return message_id_in(beginning)

    def outgoing(self, keywords: Sequence[bytes]) -> Outgoing:
        return Outgoing(
            self.flags.system + tuple(keywords),
            self.date,
            self.size,
            self.chunks() if self.digests else self._digested(),
        )

    def _digested(self) -> Iterator[Data]:
        digester = Digester()
        for chunk in self.chunks():
            digester.update(chunk)
            yield chunk
        self.digests = digester.digests()


class _Sent(NamedTuple):
    """Commands that have not been answered."""

    writer: ImapWriter
    session: HostSession
    commands: List[Tuple[bytes, List[Item]]]


@dataclass
class Appender:
    """Fills folders, one command ahead of the answers.

    What becomes of an item is told to its writer: `stored` or `refuse`. `full` is the error that says that the
    mailbox takes nothing any more; it is raised once, and what is in hand is refused from then on.
    """

    sessions: HostSessions
    full: Optional[MailImportError] = None
    _writer: Optional[ImapWriter] = None
    _waiting: List[Item] = field(default_factory=list)
    _bytes: int = 0
    _sent: Optional[_Sent] = None

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._sent)

    def make_room(self, writer: ImapWriter) -> None:
        """Send what is waiting when it is enough or another folder's.

        Raises:
            MailImportError: `over_quota`, or `host_refused` when the IMAP process keeps ending.
        """
        if self.full:
            raise self.full
        if self._waiting and (
            writer is not self._writer or len(self._waiting) >= BATCH_MESSAGES or self._bytes >= BATCH_BYTES
        ):
            self._send()

    def put(self, writer: ImapWriter, item: Item) -> None:
        """Let an item wait for others; `make_room` has been called."""
        self._writer = writer
        self._waiting.append(item)
        self._bytes += item.size

    def append_alone(self, writer: ImapWriter, item: Item) -> None:
        """Store a long item at once.

        Raises:
            MailImportError: as `make_room`; `connection_failed` when the item has to be fetched from the source again.
        """
        self.drain()
        self._append_each(writer, [item])
        if self.full:
            raise self.full

    def drain(self) -> None:
        """Send what is waiting and read all answers; raises as `make_room` does."""
        while self._waiting or self._sent:
            if self._waiting and self.full and self._writer:
                self._writer.refuse_all(self._take_waiting(), self.full)
            elif self._waiting:
                self._send()
            else:
                self._read_answers()

    def _take_waiting(self) -> List[Item]:
        items, self._waiting, self._bytes = self._waiting, [], 0
        return items

    def _send(self) -> None:
        self._read_answers()
        writer = self._writer
        if writer is None:
            return  # nothing can wait without a folder to go to
        items = self._take_waiting()
        try:
            session = self.sessions.session()
            groups = [items] if b"MULTIAPPEND" in session.capabilities else [[item] for item in items]
            commands = [
                (session.send_append(writer.name, [writer.outgoing(item) for item in group]), group) for group in groups
            ]
        except SessionEndedError as error:
            self._recover(writer, items, error)
        else:
            self._sent = _Sent(writer, session, commands)

    def _read_answers(self) -> None:
        if self._sent is None:
            return
        (writer, session, commands), self._sent = self._sent, None
        refused: List[Item] = []
        ended: Optional[SessionEndedError] = None
        unanswered: List[Item] = []
        for tag, items in commands:
            if ended is None:
                try:
                    appended = session.collect_append(tag, len(items))
                except SessionEndedError as error:
                    ended = error
            if ended is not None:
                unanswered += items
            elif appended.status.ok:
                self._take_stored(writer, items, appended)
            else:
                refused += items
        if ended is not None:
            self._recover(writer, unanswered, ended)
        self._store_or_refuse(writer, refused)

    def _take_stored(self, writer: ImapWriter, items: Sequence[Item], appended: Appended) -> None:
        self.sessions.achieved()
        if appended.uids:
            for item, uid in zip(items, appended.uids):
                writer.stored(item, uid)
            return
        for item in self._not_found(writer, items, writer.arrivals()):
            writer.refuse(
                item, "verification_failed", "this host says that it has stored the message, and does not have it"
            )

    @staticmethod
    def _not_found(writer: ImapWriter, items: Iterable[Item], arrivals: UidsByContent) -> List[Item]:
        """Look by content which items have arrived; return the others."""
        missing = []
        for item in items:
            uid = arrivals.take(item.digests) if item.digests else None
            if uid is None:
                missing.append(item)
            else:
                writer.found(item, uid)
        return missing

    def _recover(self, writer: ImapWriter, items: Sequence[Item], error: SessionEndedError) -> None:
        """Go on after the process has ended without an answer: nothing is to be missing, and nothing there twice."""
        self.sessions.renew(error)
        self._store_or_refuse(writer, self._not_found(writer, items, writer.lost_arrivals()))

    def _store_or_refuse(self, writer: ImapWriter, items: Sequence[Item]) -> None:
        left = self._append_each(writer, items)
        if self.full:
            writer.refuse_all(left, self.full)
            raise self.full

    def _append_each(self, writer: ImapWriter, items: Sequence[Item]) -> Sequence[Item]:
        """Store items one by one, to find those that are refused; return those that a full mailbox leaves."""
        left = list(items)[::-1]
        ends = 0
        while left and not self.full:
            item = left[-1]
            try:
                if self._append_one(writer, item):
                    left.pop()
            except SessionEndedError as error:
                self.sessions.renew(error)
                # All of them, not only this one: what an earlier process left may have come to light just now.
                left = self._not_found(writer, left[::-1], writer.lost_arrivals())[::-1]
                ends = ends + 1 if item in left else 0
                if ends and not item.replayable:
                    raise MailImportError("connection_failed", error.message) from None
                if ends >= _MOST_ENDS:
                    writer.refuse(
                        left.pop(), "message_refused", "the IMAP process of this host ends when it is given the message"
                    )
                    ends = 0
        return left[::-1]

    def _append_one(self, writer: ImapWriter, item: Item) -> bool:
        """Store an item, without keywords if need be, or refuse it; False when the mailbox is full."""
        wanted = keywords = writer.usable_keywords(item)
        answer = self._exchange(writer, item, keywords)
        if self._is_refused(answer) and keywords and item.replayable:
            keywords = ()
            answer = self._exchange(writer, item, keywords)
        if answer.status.ok:
            self._take_stored(writer, [item], answer)
            if keywords != wanted:
                writer.give_keywords(item, wanted)
        elif self._is_refused(answer):
            writer.refuse(item, "message_refused", "this host does not store the message: %s" % answer.status)
        else:
            self.full = MailImportError(
                "over_quota", "the mailbox is full: %s; make room and run the task again to continue" % answer.status
            )
        return self.full is None

    @staticmethod
    def _is_refused(answer: Appended) -> bool:
        """True when it is this message that the host does not want, not any."""
        return not answer.status.ok and answer.status.code.upper() != b"OVERQUOTA"

    def _exchange(self, writer: ImapWriter, item: Item, keywords: Sequence[bytes]) -> Appended:
        session = self.sessions.session()
        try:
            tag = session.send_append(writer.name, [item.outgoing(keywords)], waiting=item.replayable)
        except SessionEndedError:
            raise
        except BaseException:
            # the source broke off: the process must not take anything else for the rest of the message
            self.sessions.drop()
            raise
        return session.collect_append(tag, 1)
