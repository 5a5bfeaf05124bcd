# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder while messages of a source folder are appended to it over IMAP.

Nothing in a stored message tells where it came from; the map of UIDs that the state keeps does. Exactly once rests on
the order of these:

1. APPEND is answered with OK: the message is stored for good, and delivered. What its owner does with it then (moves,
   deletes) is no failure and does not bring it back.
2. It is read back, and what the host altered in it is told.
3. Its UID goes into the map, before the state records how far the folder has come.

Killed before 1, or between 1 and 3, messages may be stored that are in no map. The next run finds them by content, as
does this run when only the IMAP process ended: whatever is in the folder and in no map is looked at before anything is
sent. That holds, too, for a folder that has mail and no map at all, as when the state was lost.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Set, Tuple

from ...imap.fetch import Fetched
from ...imap.flags import split_flags
from ...imap.uids import UidSet
from ...model.errors import MailImportError
from ..base import EarlierMessage, FlagChange, FolderPath, FolderWriter, HeldCopy, Refusal, joined_path
from ..origin import Origin
from .appender import BATCH_BYTES, Appender
from .content_search import ContentSearch
from .conversation import SessionEndedError
from .destination import Destination
from .digests import Digests, UidsByContent, flagging_of
from .flags import GivenFlags, carry_flags
from .folders import OpenedFolder
from .keywords import FolderKeywords
from .pending import PendingMessage, pending_spooled, pending_stream, pending_whole
from .present import PresentMail
from .uid_map import DeliveryRecord, UidMap
from .verification import Difference, ReadBack, Sent, differences, sent_of


class ImapWriter(FolderWriter, Destination):
    """See the module.

    Args:
        name: the folder's on the wire.
        opened: the folder as it is now.
        record: what earlier runs recorded of the origin.
        given: takes the flags of messages that are stored.
        by_content: leave out what the folder has already, whoever delivered it.
        is_unseen: nothing is read back of what is stored.
    """

    def __init__(
        self,
        appender: Appender,
        search: ContentSearch,
        path: FolderPath,
        name: bytes,
        origin: Origin,
        opened: OpenedFolder,
        record: DeliveryRecord,
        given: GivenFlags,
        by_content: bool,
        is_unseen: bool = False,
    ) -> None:
        self.path = path
        self.name = name
        self.origin = origin
        self.fresh = self.created = opened.created
        self.before = opened.figures.messages
        self.target_uidvalidity = opened.figures.uidvalidity
        self.held = UidSet()
        self.finished = False
        self.all_answers_known = True
        self.keywords = FolderKeywords()
        self._appender = appender
        self._sessions = appender.sessions
        self._search = search
        self._given = given
        self._in_hand: Dict[int, PendingMessage] = {}
        self._unverified: Dict[int, Sent] = {}
        self._compared_again: Set[int] = set()
        self._new = UidMap()
        self._refusals: List[Refusal] = []
        self._without_flags: Dict[int, Tuple[bytes, ...]] = {}
        self._lost_once = UidSet()
        # What we cannot tell the UID of is at or behind this one, and none of those that were taken since.
        self._next_target = opened.figures.uidnext
        self._taken: Set[int] = set()
        self._is_unseen = is_unseen
        self._append_limit = opened.figures.append_limit
        self._flags_in_doubt = record.may_hold_unrecorded_mail
        self._present = PresentMail(search, path, name, opened.figures, record)
        self._look_around(opened, record, by_content)

    def _look_around(self, opened: OpenedFolder, record: DeliveryRecord, by_content: bool) -> None:
        """Find out which messages of the origin the folder holds, and which may be."""
        is_recorded = self._present.is_recorded_folder
        known = self._known = record.delivered if is_recorded else self._still_hidden(record, opened)
        for uid in known.sources():
            self.held.add(uid)
            self.last_uid = max(self.last_uid, uid)
        # After a kill, a folder that seems empty may not be: the host shows some messages late.
        if not opened.figures.messages and not record.may_hold_unrecorded_mail:
            return
        if record.may_hold_unrecorded_mail:
            self._appender.drain()
        self._present.look(known, by_content)
        self._next_target = max(self._next_target, self._present.highest + 1)

    def _still_hidden(self, record: DeliveryRecord, opened: OpenedFolder) -> UidMap:
        """What holds of a folder that has another UIDVALIDITY: all but this is known again by its content."""
        hidden = UidMap()
        for uid in sorted(record.delivered.hidden()) if opened.figures.messages else ():
            hidden.add(uid, 0)
            self._new.add(uid, 0)
        return hidden

    @property
    def has_work(self) -> bool:
        return bool(self.finished or self._in_hand or self._unverified or self._new)

    @property
    def may_alter(self) -> bool:
        return self._sessions.session().may_alter

    def begin_batch(self) -> None:
        if self._taken:
            self._next_target = max(self._next_target, max(self._taken) + 1)
            self._taken = set()

    def arrivals(self) -> UidsByContent:
        return self._search.since(self.name, self._next_target, self._taken, after_crash=False)

    def lost_arrivals(self) -> UidsByContent:
        return self._search.since(self.name, self._next_target, self._taken, after_crash=True)

    def add(self, fetched: Fetched) -> Optional[int]:
        self._appender.make_room(self)
        whole = fetched.whole
        if whole is None and self._sessions.is_ahead and fetched.size <= BATCH_BYTES:
            whole = memoryview(b"".join(map(bytes, fetched.chunks)))  # to be sent ahead as well
        message = self._long_message(fetched) if whole is None else pending_whole(fetched, whole)
        if message.uid in self.held:
            self._compare_again(message)
            return None
        if self._is_present(message) or self._has_moved(message):
            self.held.add(message.uid)
            self.last_uid = max(self.last_uid, message.uid)
            return None
        self.held.add(message.uid)
        self._in_hand[message.uid] = message
        self.written += 1
        if self._append_limit is not None and message.size > self._append_limit:
            fetched.skip()
            text = "is larger than the %d bytes that this host takes (APPENDLIMIT)" % self._append_limit
            self.refuse(message, "message_refused", "message UID %d %s" % (message.uid, text))
            return message.size
        if self._is_unseen and message.flags.keywords:
            if not self.keywords.asked:
                self.keywords.permit_only(self._sessions.attempt(lambda session: session.permanent_flags(self.name)))
            self.keywords.note_sent(message.flags.keywords)
        if whole is not None:
            self._appender.put(self, message)
        elif not self._append_alone(message):
            return None
        self.keywords.lost.update(message.flags.lost)
        self.last_uid = max(self.last_uid, message.uid)
        return message.size

    @property
    def may_hold_more(self) -> bool:
        """True as long as the folder may hold messages of the source that nobody took note of."""
        return bool(self._present)

    def recognizes(self, held: HeldCopy, digests: Digests) -> bool:
        """Look whether a message is here already, given what it is like; take note of that."""
        target = self._present.take(digests, flagging_of(split_flags(held.flags).storable))
        if target is None:
            return False
        self.held.add(held.uid)
        self.last_uid = max(self.last_uid, held.uid)
        if self._present.is_claimed(target):
            self._note_copy(held, target)
        return True

    def copied(self, held: HeldCopy, target: int) -> None:
        """A message of another folder was copied into this one, with the flags that it had there."""
        self.held.add(held.uid)
        self.last_uid = max(self.last_uid, held.uid)
        self.written += 1
        self._note_copy(held, target)

    def _note_copy(self, held: HeldCopy, target: int) -> None:
        self._search.moved.note_known(self.name, target)
        flags = split_flags(held.flags).storable
        self._without_flags[target] = flags
        self._unverified[target] = Sent(held.uid, held.size, None, None, flags)
        self._next_target = max(self._next_target, target + 1)

    def _compare_again(self, message: PendingMessage) -> None:
        """Look anew at a message of an earlier run that the host did not keep as it was sent, or did not show."""
        target = self._known.targets_of([message.uid]).get(message.uid)
        if target is not None:
            self._compared_again.add(target)
            self._unverified[target] = sent_of(message)._replace(flags=())
        elif message.uid in self._known.hidden():
            present = self._present.unrecorded()
            target = present.pop(message.digests, message.flagging) if message.digests else None
            if target is None and message.digests and self.may_alter:
                target = present.pop_altered(message.digests)
            if target is None:
                self.acknowledged(message)
            else:
                self._claim(message, target, has_flags=True)

    def _append_alone(self, message: PendingMessage) -> bool:
        """Store a long message; False when the source has to send it again."""
        lost = len(self._lost_once)
        try:
            self._appender.append_alone(self, message)
        except BaseException as error:
            if not message.replayable:
                self.all_answers_known = self.all_answers_known and not isinstance(error, SessionEndedError)
                self.ask_again(message)
            raise
        return len(self._lost_once) == lost

    def _is_present(self, message: PendingMessage) -> bool:
        if message.digests is None:
            return False
        target = self._present.take(message.digests, message.flagging)
        if target is None and self._present and self.may_alter:
            target = self._present.take_altered(message.digests)
        if target is None:
            return False
        if self._present.is_claimed(target):
            self._claim(message, target, not self._flags_in_doubt or message.uid in self.remembered)
        return True

    def _has_moved(self, message: PendingMessage) -> bool:
        """Whether a killed run has stored a message, which its owner has put elsewhere since: take note of it under the
        UID of one that is gone.
        """
        gone = self._present.take_moved(message.digests, self._appender.drain) if message.digests else None
        if gone is not None:
            self._new.add(message.uid, gone)
        return gone is not None

    def _long_message(self, fetched: Fetched) -> PendingMessage:
        """A long message goes right through, unless something has to be known of it first or it may have to go
        twice."""
        about = fetched.message
        if (
            about.uid is None
            or about.internal_date is None
            or about.uid in self._lost_once
            or about.uid in self.held
            or self._present
            or self._present.may_have_moved
            or not self.keywords.are_known(split_flags(about.flags).keywords)
        ):
            return pending_spooled(fetched)
        return pending_stream(fetched)

    def usable_keywords(self, message: PendingMessage) -> Tuple[bytes, ...]:
        return self.keywords.usable(message.flags.keywords)

    def give_keywords(self, message: PendingMessage, keywords: Iterable[bytes]) -> None:
        target = next((uid for uid, sent in self._unverified.items() if sent.source_uid == message.uid), None)
        if target is None:
            return
        try:
            for keyword in keywords:
                if not self._give_flag(target, keyword):
                    self.keywords.refuse(keyword)
        except SessionEndedError:
            self._without_flags[target] = message.flags.storable

    def _give_flag(self, target: int, flag: bytes) -> bool:
        return self._sessions.attempt(lambda session: session.change_flags(self.name, b"%d" % target, b"+", flag)).ok

    def stored(self, message: PendingMessage, target: int) -> None:
        self._note_stored(message, target, sent_of(message))
        self.keywords.accept(self.usable_keywords(message))

    def found(self, message: PendingMessage, target: int) -> None:
        self._claim(message, target, has_flags=False)

    def _claim(self, message: PendingMessage, target: int, has_flags: bool) -> None:
        """Take note that a message of the folder is this one; with flags, its owner may have changed them long ago."""
        sent = sent_of(message)
        if has_flags:
            sent = sent._replace(flags=())
        else:
            self._without_flags[target] = sent.flags
        self._note_stored(message, target, sent)

    def _note_stored(self, message: PendingMessage, target: int, sent: Sent) -> None:
        self._in_hand.pop(message.uid, None)
        self.held.add(message.uid)
        if target in self._unverified:  # a server that keeps equal messages once (Gmail) names the same UID again
            self._new.add(self._unverified[target].source_uid, target)
        self._unverified[target] = sent
        self._taken.add(target)
        self._search.moved.note_known(self.name, target)

    def acknowledged(self, message: PendingMessage) -> None:
        self._in_hand.pop(message.uid, None)
        if message.uid not in self._known.hidden():
            self._new.add(message.uid, 0)  # delivered, and not to be found
        text = "was taken by this host, which does not show it with the bytes that the source sent"
        self._tell(sent_of(message), Difference("verification_failed", text))

    def ask_again(self, message: PendingMessage) -> None:
        self._lost_once.add(message.uid)
        self._take_back(message)

    def refuse(self, message: PendingMessage, reason: str, text: str) -> None:
        self._take_back(message)
        self._refusals.append(Refusal(message.uid, reason, text, message.size, message.message_id))

    def _take_back(self, message: PendingMessage) -> None:
        if self._in_hand.pop(message.uid, None) is not None:
            self.held.discard(message.uid)
            self.written -= 1

    def claim(self, earlier: EarlierMessage) -> bool:
        return self._present.take_uid(int(earlier))

    def adopt(self, uid: int, earlier: EarlierMessage) -> None:
        super().adopt(uid, earlier)
        self._search.moved.note_known(self.name, int(earlier))
        self._new.add(uid, int(earlier))

    def mark_complete(self) -> None:
        self.finished = True

    def settle(self) -> None:
        """Clear up what is left of a batch: messages without an answer, and flags that got lost."""
        # An error took these out of the appender's hands before it was known whether they are there.
        self.all_answers_known = self.all_answers_known and not self._in_hand
        self.refuse_all(
            self._in_hand.values(),
            MailImportError("host_refused", "this host did not take the message"),
        )
        if self._without_flags:
            wanted = {target: FlagChange(add=flags) for target, flags in self._without_flags.items()}
            self.keywords.lost |= carry_flags(self._sessions, self.name, wanted).refused
            self._without_flags = {}

    def to_read_back(self) -> ReadBack:
        """Return what was stored since the last time."""
        return ReadBack(self.name, self.target_uidvalidity, self._unverified)

    def compare(self, back: ReadBack) -> None:
        """Tell what the host keeps otherwise than it was sent; what is gone was moved or deleted by its owner."""
        for target, kept in back.kept.items():
            sent = self._unverified[target]
            sent = sent._replace(flags=self.keywords.usable(sent.flags))
            for difference in differences(sent, kept, target, self.may_alter):
                self._tell(sent, difference)
        for target in sorted(back.unread):
            self._tell_not_given(target, back.trouble)

    def tell_uncompared(self, error: MailImportError) -> None:
        """Nothing of what was stored since the last time could be compared."""
        for target in sorted(self._unverified):
            self._tell_not_given(target, error.message)

    def _tell_not_given(self, target: int, trouble: Optional[str]) -> None:
        text = "was stored as UID %d and is not given back by this host: %s" % (target, trouble)
        self._tell(self._unverified[target], Difference("verification_failed", text))

    def take_delivered(self) -> UidMap:
        """Return, once, the UIDs of messages that are delivered and were not in the map before."""
        for target, sent in sorted(self._unverified.items()):
            if target in self._compared_again:
                continue
            self._new.add(sent.source_uid, target)
            self._given.remember(self.name, self.target_uidvalidity, target, self.keywords.usable(sent.flags))
        self._unverified = {}
        new, self._new = self._new, UidMap()
        return new

    def _tell(self, sent: Sent, difference: Difference) -> None:
        text = "message UID %d of %s %s" % (sent.source_uid, joined_path(self.path), difference.text)
        self._refusals.append(Refusal(sent.source_uid, difference.reason, text, sent.size, None, stored=True))

    def take_refusals(self) -> List[Refusal]:
        refusals, self._refusals = self._refusals, []
        return refusals
