# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages on their way over one session: sent ahead where nothing of them can be taken for a command, or as they are
asked for.
"""

from __future__ import annotations

import re
import time
from functools import partial
from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ...imap.dates import format_internal_date
from ...imap.fetch import FetchRequest
from ...imap.responses import Status, quote
from ...imap.uids import parse_sequence_set
from ...model.errors import MailImportError
from .channel import HostChannel
from .conversation import HostConversation
from .quota import QuotaRoom

_APPENDUID = re.compile(rb"APPENDUID (\d{1,10}) ([\d:,]+)$", re.IGNORECASE)
# All that Cyrus says of it before 3.10.
_OVER_QUOTA = re.compile(r"over quota", re.IGNORECASE)
_LITERAL_MINUS = 4096
# Servers take a line of this many bytes (RFC 2683 section 3.2.1.5).
_SURE_LINE = 8000

# Sent in one piece: many small writes wake the process up as many times.
_WRITE_SIZE = 256 * 1024


class Outgoing(NamedTuple):
    """A message to be appended. `flags` are ones that an IMAP command can hold; the date is in seconds since the
    epoch. `is_plain`: see PendingMessage; it takes a while to find out."""

    flags: Tuple[bytes, ...]
    date: int
    size: int
    chunks: Iterable[Union[bytes, memoryview]]
    is_plain: Callable[[], bool] = bool


class Appended(NamedTuple):
    """The answer to APPEND, and the UIDs it names: a hint, empty when it names none or not as many as were sent.

    `error` is set when it is not this message that the host does not want, but any: the mailbox or the disk is full.
    `out_of_step`: the session is of no use any more, for what was sent ahead may have been taken for something else.
    """

    status: Status
    uids: Sequence[int]
    error: Optional[MailImportError] = None
    out_of_step: bool = False

    @property
    def may_reveal(self) -> bool:
        """True for a failure of the host's own: Dovecot repairs its indexes then, and shows mail it did not know of."""
        return not self.status.ok and self.status.code.upper() in (b"", b"SERVERBUG", b"CORRUPTION", b"UNAVAILABLE")


class AppendingSession(HostConversation):
    """A session that stores messages. Raises as its base does."""

    def __init__(self, channel: HostChannel) -> None:
        # When APPENDs that are not answered were sent, and the longest that an answer has taken
        self._sent_at: Dict[bytes, float] = {}
        self._slowest = 0.0
        super().__init__(channel)
        # Tags of APPENDs, and of those with messages that were not asked for
        self._unanswered: List[bytes] = []
        self._unasked: Set[bytes] = set()
        # As it was told for folders that messages may go into ahead of answers
        self.quota = QuotaRoom()
        # The command that opened the folder which is open, None when there is none
        self._opened_by: Optional[bytes] = None

    def opening(self, request: FetchRequest) -> bytes:
        self._opened_by = super().opening(request)
        return self._opened_by

    def _leave_folder(self) -> None:
        """Close the folder that is open, without removing anything: Courier stores nothing in a folder that is open for
        reading, and GNU Mailutils changes the UIDVALIDITY of one that is open.
        """
        opened_by, self._opened_by = self._opened_by, None
        if opened_by is None:
            return
        if b"UNSELECT" in self.capabilities:
            self.ask(b"UNSELECT")
        else:  # what is open for reading only loses nothing (RFC 3501 section 6.4.2)
            self.ask_all([opened_by.replace(b"SELECT ", b"EXAMINE ", 1), b"CLOSE"])

    def append_command(self, name: bytes, waiting: bool = False, catenated: bool = False) -> AppendCommand:
        """Begin an APPEND to a folder.

        Args:
            waiting: send each message only when it is asked for, whatever the server offers: then nothing of it can
                ever be taken for a command.
            catenated: send messages as parts of CATENATE, those that can be, without being asked for them.
        """
        if not self.reads_on:
            self._leave_folder()
        tag = self.next_tag()
        self._unanswered.append(tag)
        return AppendCommand(self, tag, name, waiting, catenated)

    def send_append(
        self, name: bytes, messages: Sequence[Outgoing], waiting: bool = False, catenated: bool = False
    ) -> bytes:
        """Send one APPEND (of many messages with MULTIAPPEND, RFC 3502) and return its tag; the rest as above.

        Raises:
            Exception: whatever reading the chunks raises; the session is of no use then.
        """
        command = self.append_command(name, waiting, catenated)
        for message in messages:
            command.announce(message)
            if not command.is_asked_for():
                return command.tag
            command.give(message)
        command.end()
        return command.tag

    def note_unasked(self, tag: bytes) -> None:
        """Take note that a message of an APPEND goes on its way without being asked for."""
        self._unasked.add(tag)

    def note_sent(self, tag: bytes) -> None:
        """Take note that the server has all of an APPEND from now on."""
        self._sent_at[tag] = time.monotonic()

    def _note_answer(self, tag: bytes, status: Status) -> None:
        super()._note_answer(tag, status)
        if tag in self._sent_at:
            self._slowest = max(self._slowest, self.heard_at() - self._sent_at.pop(tag))

    def heard_at(self) -> float:
        """time.monotonic() when the last of what the server has sent arrived, which may be long before it is read."""
        return time.monotonic() - self._channel.seconds_quiet()

    def slowest_append(self) -> float:
        """The most seconds that the server has taken to answer an APPEND, or has had for one without answering it."""
        now = time.monotonic()
        return max([self._slowest, *(now - moment for moment in self._sent_at.values())])

    def collect_append(self, tag: bytes, count: int) -> Appended:
        """Return the answer to an APPEND of `count` messages."""
        with self._process():
            status = self._answer(tag)
        if tag in self._unanswered:
            self._unanswered.remove(tag)
        unasked = tag in self._unasked
        self._unasked.discard(tag)
        if not status.ok:
            out_of_step = unasked and (status.condition == "BAD" or not self.is_own_process)
            return Appended(status, (), self._error_of_all(status), out_of_step)
        found = _APPENDUID.match(status.code)
        uids = parse_sequence_set(found.group(2), count) if found else []
        return Appended(status, uids if len(uids) == count and 0 not in uids else ())

    def _error_of_all(self, status: Status) -> Optional[MailImportError]:
        if status.code.upper() == b"OVERQUOTA" or _OVER_QUOTA.fullmatch(status.text):
            text = "the mailbox is full: %s; make room and run the task again to continue"
            return MailImportError("over_quota", text % status)
        error = self.refusal(status, "message_refused", "")
        return error if error.reason != "message_refused" else None

    def begin_append(self, name: bytes) -> None:
        """Ask the host to store a message and send none; the session is of no use then but to be let go."""
        tag = self.next_tag()
        self.transmit(b'%s APPEND %s () "%s" {2}\r\n' % (tag, quote(name), format_internal_date(0)))
        self.is_asked_for(tag)

    def takes_catenated(self, message: Outgoing) -> bool:
        """Whether a message can be sent as a part without being asked for, and is then stored as it would be without.

        A part is not checked as a message is: what Cyrus might refuse or alter goes the other way.
        """
        limit = self._append_limit or 0
        return self.reads_on_catenated and 0 < message.size <= limit and message.is_plain()

    def has_room(self, name: bytes, size: int) -> bool:
        """Whether a folder has room for so many bytes ahead of answers. Cyrus does not count parts before it has stored
        them (3.6 to 3.12)."""
        if not self.asks_quota or self.quota.take(name, size):
            return True
        self.ask(self.quota_question(name), partial(self.quota.note, name))
        return self.quota.take(name, size)

    @property
    def asks_quota(self) -> bool:
        return self.stores_ahead and not self.reads_on and b"QUOTA" in self.capabilities

    def quota_question(self, name: bytes) -> bytes:
        return b"GETQUOTAROOT " + quote(name)

    @property
    def stores_ahead(self) -> bool:
        """Whether commands are sent before those in front of them are answered: to a server that is far, and takes
        messages that it has not asked for."""
        if self.is_own_process or not self.is_far:
            return False
        return self.reads_on_catenated or (self.reads_on and b"LITERAL+" in self.capabilities)

    def takes_unasked(self, size: int, line: int) -> bool:
        """Literals that need no asking, of RFC 7888, where none of them can ever be taken for commands: by a server
        that reads on, unless there is a mistake in the line before, which for Dovecot one of 64 KiB is.
        """
        if not (self.reads_on and size and line <= _SURE_LINE):
            return False
        return b"LITERAL+" in self.capabilities or (b"LITERAL-" in self.capabilities and size <= _LITERAL_MINUS)


class AppendCommand:
    """One APPEND on its way, message by message; the server stores nothing of it before its end."""

    def __init__(self, session: AppendingSession, tag: bytes, name: bytes, waiting: bool, catenated: bool) -> None:
        self.tag = tag
        self._session = session
        self._waiting = waiting
        self._catenated = catenated
        self._asks = self._is_part = False
        self._text = bytearray(b"%s APPEND %s" % (tag, quote(name)))

    def announce(self, message: Outgoing) -> None:
        """Say what the next message is like."""
        self._is_part = self._catenated and self._session.takes_catenated(message)
        unasked = _announced(message, b"CATENATE (TEXT {%d+}" if self._is_part else b"{%d+}")
        self._asks = not self._is_part and (
            self._waiting or not self._session.takes_unasked(message.size, len(unasked))
        )
        if self._asks:
            self._text += _announced(message, b"{%d}")
            self._flush()
        else:
            self._text += unasked
            self._session.note_unasked(self.tag)

    def is_asked_for(self) -> bool:
        """Wait until the message that was announced may be given; False when the server has refused it instead."""
        return not self._asks or self._session.is_asked_for(self.tag)

    def give(self, message: Outgoing, is_last: bool = False) -> None:
        for chunk in message.chunks:
            self._text += chunk
            if len(self._text) >= _WRITE_SIZE:
                self._flush()
        if self._is_part:
            self._text += b")"
        if is_last:  # the server has work while the end is yet to come
            self._flush()

    def end(self) -> None:
        self._session.note_sent(self.tag)
        self._text += b"\r\n"
        self._flush()

    def _flush(self) -> None:
        self._session.transmit(self._text)
        self._text.clear()


def _announced(message: Outgoing, literal: bytes) -> bytes:
    """What APPEND has of a message before its bytes; `literal` is how they are announced, with a place for the size."""
    flags, date = b" ".join(message.flags), format_internal_date(message.date)
    return b' (%s) "%s" %s\r\n' % (flags, date, literal % message.size)
