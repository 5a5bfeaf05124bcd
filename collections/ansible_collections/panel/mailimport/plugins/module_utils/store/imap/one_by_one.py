# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages stored one at a time over IMAP: those of which something is in doubt, or which no command of many takes."""

from __future__ import annotations

from typing import Callable, Iterable, List, Optional, Sequence

from ...imap.refusals import LONGEST_WAIT, busy_error
from ...imap.responses import Status
from ...model.errors import MailImportError
from .appending import Appended
from .conversation import SessionEndedError
from .destination import Destination
from .digests import Digests, UidsByContent
from .pending import PendingMessage
from .sessions import HostSessions

# The IMAP process may end by accident with a message in hand; so often in a row, and it is the message.
_MOST_ENDS = 3


def not_found(folder: Destination, messages: Iterable[PendingMessage], arrivals: UidsByContent) -> List[PendingMessage]:
    """Look by content which messages have arrived; return the others.

    All of them are looked for as they were sent before any is looked for as the server may have altered it. Of equal
    ones, the one with flags like those that were sent is the one that was sent: what a repair shows has none.
    """

    def as_sent(message: PendingMessage, digests: Digests) -> Optional[int]:
        return arrivals.pop(digests, message.flagging)

    def altered(_message: PendingMessage, digests: Digests) -> Optional[int]:
        return arrivals.pop_altered(digests)

    missing = list(messages)
    for take in (as_sent, altered) if folder.may_alter else (as_sent,):
        looked_for, missing = missing, []
        for message in looked_for:
            uid = take(message, message.digests) if message.digests else None
            if uid is None:
                missing.append(message)
            else:
                folder.found(message, uid)
    return missing


class OneByOne:
    """Stores messages one at a time, and finds out of each whether it is there.

    Args:
        pause: waits so many seconds, for that reason.

    Attributes:
        full: the error that says that the mailbox takes nothing any more.
    """

    def __init__(self, sessions: HostSessions, pause: Callable[[float, str], None]) -> None:
        self._sessions = sessions
        self._pause = pause
        self._waited = 0.0
        self.full: Optional[MailImportError] = None

    def take_stored(self, folder: Destination, messages: Sequence[PendingMessage], appended: Appended) -> None:
        self._sessions.achieved()
        if appended.uids:
            for message, uid in zip(messages, appended.uids):
                folder.stored(message, uid)
            return
        for message in not_found(folder, messages, folder.arrivals()):
            folder.acknowledged(message)

    def store_or_refuse(self, folder: Destination, messages: Sequence[PendingMessage]) -> None:
        left = self.append_each(folder, messages)
        if self.full:
            folder.refuse_all(left, self.full)
            raise self.full

    def append_each(self, folder: Destination, messages: Sequence[PendingMessage]) -> Sequence[PendingMessage]:
        """Store messages one by one, to find those that are refused; return those that a full mailbox leaves."""
        left = list(messages)[::-1]
        ends = failures = 0
        while left and not self.full:
            message = left[-1]
            try:
                answer = self._append_one(folder, message, looked=failures > 0)
            except SessionEndedError as error:
                self._sessions.renew(error)
                # All of them, not only this one: what an earlier process left may have come to light just now.
                left = not_found(folder, left[::-1], folder.lost_arrivals())[::-1]
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
                left = not_found(folder, left[::-1], folder.arrivals())[::-1]
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
        busy = None if status.ok else busy_error(status, self._sessions.session().peer)
        # LIMIT is what Cyrus says of too many keywords.
        if busy is None or not busy.overload or status.code.upper() == b"LIMIT" or not message.replayable:
            return False
        self._waited += busy.wait
        if self._waited > LONGEST_WAIT:
            self.full = MailImportError("host_refused", "the mail host takes nothing for now: %s" % busy.message)
            return False
        self._pause(busy.wait, busy.message)
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
            self.take_stored(folder, [message], answer)
            if keywords != wanted:
                folder.give_keywords(message, wanted)
        return answer

    def _exchange(self, folder: Destination, message: PendingMessage, keywords: Sequence[bytes]) -> Appended:
        session = self._sessions.session()
        try:
            tag = session.send_append(folder.name, [message.outgoing(keywords)], waiting=message.replayable)
        except SessionEndedError:
            raise
        except BaseException:
            # the source broke off: the process must not take anything else for the rest of the message
            self._sessions.drop()
            raise
        appended = session.collect_append(tag, 1)
        if appended.out_of_step:
            self._sessions.drop()
        return appended
