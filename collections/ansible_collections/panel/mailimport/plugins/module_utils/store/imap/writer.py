# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder while messages of a source folder are appended to it over IMAP.

Nothing in a stored message tells where it came from. What does is the map of UIDs that the state keeps; a message that
was stored without getting into the map, because a run was killed in between, is found again by its content.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple, cast

from ...imap.fetch import Fetched
from ...imap.flags import SplitFlags, split_flags
from ...imap.uids import UidSet, sequence_set
from ...model.errors import MailImportError
from ..base import FlagChange, FolderPath, FolderWriter, Origin, Refusal, joined_path
from .appender import Appender
from .destination import Destination
from .digests import Digests, UidsByContent
from .flags import carry_flags
from .keywords import FolderKeywords
from .pending import PendingMessage, pending_spooled, pending_stream, pending_whole
from .session import HostSession, HostSessions, SessionEndedError
from .uid_map import DeliveryRecord, UidMap


class _Stored(NamedTuple):
    source_uid: int
    digests: Digests


class ImapWriter(FolderWriter, Destination):
    """See the module.

    Args:
        name: the folder's on the wire.
        record: what earlier runs delivered into it.
        repair: makes the host bring its indexes into line with its mail.
        by_content: leave out what the folder has already.

    Raises:
        MailImportError: `folder_refused` when the host does not make the folder.
    """

    def __init__(
        self,
        appender: Appender,
        path: FolderPath,
        name: bytes,
        origin: Origin,
        record: DeliveryRecord,
        repair: Callable[[bytes], None],
        by_content: bool,
    ) -> None:
        self.path = path
        self.name = name
        self.origin = origin
        self.held = UidSet()
        self.finished = False
        self.uncertain = False
        self.keywords = FolderKeywords()
        self._repair_folder = repair
        self._appender = appender
        self._sessions: HostSessions = appender.sessions
        self._in_hand: Dict[int, PendingMessage] = {}
        self._unverified: Dict[int, _Stored] = {}
        self._refusals: List[Refusal] = []
        self._without_flags: Dict[int, SplitFlags] = {}
        self._new = UidMap()
        self._open(record, by_content)

    def _open(self, record: DeliveryRecord, by_content: bool) -> None:
        name, sessions = self.name, self._sessions
        figures = sessions.attempt(lambda session: session.figures(name))
        self.fresh = self.created = figures is None
        if figures is None:
            sessions.attempt(lambda session: session.create(name))
        elif record.last_run_incomplete:
            self._appender.drain()
            self._repair(record.delivered.highest_target + 1 if figures.uidvalidity == record.target_uidvalidity else 1)
        if figures is None or record.last_run_incomplete:
            figures = sessions.attempt(lambda session: session.figures(name))
        if figures is None:
            raise MailImportError(
                "folder_refused", "this host makes the folder %s and does not open it" % joined_path(self.path)
            )
        self.before = figures.messages
        self.target_uidvalidity = figures.uidvalidity
        known = record.delivered if self.target_uidvalidity == record.target_uidvalidity else UidMap()
        for uid in known.sources():
            self.held.add(uid)
            self.last_uid = max(self.last_uid, uid)
        # Target UIDs from here on may be messages of ours that nobody took note of.
        self._first_lost = known.highest_target + 1 if record.last_run_incomplete else figures.uidnext
        self._present: Optional[UidsByContent] = None
        if by_content or figures.uidnext > self._first_lost:
            self._present = self._index(1 if by_content else self._first_lost, known)
        # Whoever appends from here on: what we cannot tell the UID of is at or behind this one.
        self._next_target = figures.uidnext

    @property
    def has_work(self) -> bool:
        return bool(self.finished or self._in_hand or self._unverified or self._new)

    def _index(self, first: int, known: UidMap) -> UidsByContent:
        """Take note of the folder's messages from a UID on, except those that are known to be of this origin."""
        ours = UidSet()
        for uid in known.targets():
            ours.add(uid)

        def work(session: HostSession) -> UidsByContent:
            index = UidsByContent()
            for uid, digests in session.contents(self.name, b"%d:*" % first):
                if uid >= first and uid not in ours:
                    index.add(digests, uid)
            return index

        return self._sessions.attempt(work)

    def _repair(self, first: int) -> None:
        """Let the host find all messages after a crash, and remove from a UID on those that it cut to pieces."""
        self._repair_folder(self.name)

        def work(session: HostSession) -> None:
            torn = [
                uid for uid, digests in session.contents(self.name, b"%d:*" % first) if digests.torn and uid >= first
            ]
            for uids in sequence_set(torn):
                session.remove(self.name, uids)

        self._sessions.attempt(work)

    def arrivals(self) -> UidsByContent:
        """What has come into the folder since the last UID that is known."""
        return self._index(self._next_target, UidMap())

    def lost_arrivals(self) -> UidsByContent:
        """The same after the IMAP process has ended in the middle of its work."""
        self._repair(self._next_target)
        return self.arrivals()

    def add(self, fetched: Fetched) -> Optional[int]:
        self._appender.make_room(self)
        message = pending_whole(fetched, fetched.whole) if fetched.whole is not None else self._long_message(fetched)
        if message.uid in self.held or self._is_present(message):
            self.held.add(message.uid)
            self.last_uid = max(self.last_uid, message.uid)
            return None
        if fetched.whole is not None:
            self.held.add(message.uid)
            self._in_hand[message.uid] = message
            self._appender.put(self, message)
        else:
            self._appender.append_alone(self, message)
        self.keywords.lost.update(message.flags.lost)
        self.last_uid = max(self.last_uid, message.uid)
        self.written += 1
        return message.size

    def _is_present(self, message: PendingMessage) -> bool:
        if not self._present or message.digests is None:
            return False
        target = self._present.take(message.digests)
        if target is None:
            return False
        if target >= self._first_lost:
            self.found(message, target)
        return True

    def _long_message(self, fetched: Fetched) -> PendingMessage:
        """A long message goes right through, unless something has to be known of it first or it may have to go
        twice."""
        about = fetched.message
        if (
            about.uid is None
            or about.internal_date is None
            or self._present
            or not self.keywords.are_known(split_flags(about.flags).keywords)
        ):
            return pending_spooled(fetched)
        return pending_stream(fetched)

    def usable_keywords(self, message: PendingMessage) -> Tuple[bytes, ...]:
        return self.keywords.usable(message.flags.keywords)

    def give_keywords(self, message: PendingMessage, keywords: Iterable[bytes]) -> None:
        target = next((uid for uid, stored in self._unverified.items() if stored.source_uid == message.uid), None)
        if target is None:
            return
        try:
            for keyword in keywords:
                if not self._give_flag(target, keyword):
                    self.keywords.refuse(keyword)
        except SessionEndedError:
            self._without_flags[target] = message.flags

    def _give_flag(self, target: int, flag: bytes) -> bool:
        return self._sessions.attempt(lambda session: session.change_flags(self.name, b"%d" % target, b"+", flag)).ok

    def stored(self, message: PendingMessage, target: int) -> None:
        self._note_stored(message, target)
        self.keywords.take(self.usable_keywords(message))

    def found(self, message: PendingMessage, target: int) -> None:
        self._note_stored(message, target)
        if message.uid not in self.remembered:
            self._without_flags[target] = message.flags

    def _note_stored(self, message: PendingMessage, target: int) -> None:
        self._in_hand.pop(message.uid, None)
        self.held.add(message.uid)
        self._unverified[target] = _Stored(message.uid, cast(Digests, message.digests))
        self._next_target = max(self._next_target, target + 1)

    def refuse(self, message: PendingMessage, reason: str, text: str) -> None:
        self._in_hand.pop(message.uid, None)
        self._note(Refusal(message.uid, reason, text, message.size, message.message_id))

    def _note(self, refusal: Refusal) -> None:
        self._refusals.append(refusal)
        if not refusal.stored:
            self.held.discard(refusal.uid)
            self.written -= 1

    def finish(self) -> None:
        self.finished = True

    def verify(self) -> UidMap:
        """Read back what was stored since the last time and compare it with what the source sent.

        Returns:
            UIDs of messages that are in the folder and were not in the map before.
        """
        # An error took these out of the appender's hands before it was known whether they are there.
        self.uncertain = self.uncertain or bool(self._in_hand)
        self.refuse_all(
            self._in_hand.values(),
            MailImportError("host_refused", "the IMAP process of this host did not take the message"),
        )
        if self._without_flags:
            self._give_lost_flags()
        found = self._sessions.attempt(self._read_back) if self._unverified else {}
        for target, stored in self._unverified.items():
            kept = found.get(target)
            if kept is None:
                self._note(
                    self._difference(stored, "verification_failed", "was stored and is not there any more", False)
                )
                continue
            self._new.add(stored.source_uid, target)
            if kept.exact == stored.digests.exact:
                continue
            if kept.folded == stored.digests.folded:
                self._note(
                    self._difference(
                        stored, "message_altered", "is kept by this host without its NUL bytes or stray CRs", True
                    )
                )
            else:
                what = "is kept by this host as UID %d with other bytes than the source sent; compare the two" % target
                self._note(self._difference(stored, "verification_failed", what, True))
        self._unverified = {}
        new, self._new = self._new, UidMap()
        return new

    def _give_lost_flags(self) -> None:
        wanted = {target: FlagChange(split.system + split.keywords) for target, split in self._without_flags.items()}
        self.keywords.lost |= carry_flags(self._sessions, self.name, wanted).refused
        self._without_flags = {}

    def _difference(self, stored: _Stored, reason: str, what: str, is_stored: bool) -> Refusal:
        text = "message UID %d of %s %s" % (stored.source_uid, joined_path(self.path), what)
        return Refusal(stored.source_uid, reason, text, stored.digests.size, None, is_stored)

    def _read_back(self, session: HostSession) -> Dict[int, Digests]:
        found: Dict[int, Digests] = {}
        for uids in sequence_set(self._unverified):
            found.update(session.contents(self.name, uids))
        return found

    def take_refusals(self) -> List[Refusal]:
        refusals, self._refusals = self._refusals, []
        return refusals
