# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder while messages of a source folder are appended to it over IMAP.

Nothing in a stored message tells where it came from. What does is the map of UIDs that the state keeps; a message that
was stored without getting into the map, because a run was killed in between, is found again by its content.
"""

from __future__ import annotations

import tempfile
import time
from typing import IO, TYPE_CHECKING, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple, cast

from ...imap.dates import date_from_header
from ...imap.fetch import Fetched
from ...model.errors import MailImportError
from ..base import FolderPath, FolderWriter, Origin, Refusal, UidSet, joined_path
from .appender import Data, Item
from .digests import Digester, Digests, UidsByContent, digests_of
from .flags import SplitFlags, carry_flags, split_flags
from .session import HostSession, Outgoing, SessionEndedError
from .uid_map import UidMap, sequence_set

if TYPE_CHECKING:
    from .store import ImapStore

_BLOCK = 256 * 1024
_BEGINNING = 64 * 1024
# Not the working directory of Ansible, and not a small /tmp in memory: a message may be long.
_SPOOL_DIRECTORY = "/var/tmp"  # noqa: S108 - the file has no name


class Knowledge(NamedTuple):
    """What earlier runs tell of a folder.

    `delivered` maps UIDs, valid while the target's UIDVALIDITY is `target_uidvalidity`. `interrupted`: messages that
    are not in the map may have been stored nevertheless, and the host's indexes may not know of them yet.
    """

    delivered: UidMap
    target_uidvalidity: int
    interrupted: bool


class _Stored(NamedTuple):
    item_uid: int
    digests: Digests


class ImapWriter(FolderWriter):
    """See the module. `name` is the folder's on the wire.

    Args:
        by_content: leave out what the folder has already.

    Raises:
        MailImportError: `folder_refused` when the host does not make the folder.
    """

    def __init__(self, store: ImapStore, path: FolderPath, origin: Origin, by_content: bool) -> None:
        knowledge = store.knowledge_of(path, origin)
        self.path = path
        self.name = name = store.name_of(path)
        self.origin = origin
        self.held = UidSet()
        self.finished = False
        self.uncertain = False
        self.lost_keywords: Set[bytes] = set()
        self._store = store
        self._sessions = sessions = store.sessions
        self._appender = store.appender
        self._in_hand: Dict[int, Item] = {}
        self._unverified: Dict[int, _Stored] = {}
        self._refusals: List[Refusal] = []
        self._good_keywords: Set[bytes] = set()
        self._bad_keywords: Set[bytes] = set()
        self._without_flags: Dict[int, SplitFlags] = {}
        self._new = UidMap()
        figures = sessions.attempt(lambda session: session.figures(name))
        self.fresh = self.created = figures is None
        if figures is None:
            sessions.attempt(lambda session: session.create(name))
        elif knowledge.interrupted:
            self._appender.drain()
            self._repair(
                knowledge.delivered.highest_target + 1 if figures.uidvalidity == knowledge.target_uidvalidity else 1
            )
        if figures is None or knowledge.interrupted:
            figures = sessions.attempt(lambda session: session.figures(name))
        if figures is None:
            raise MailImportError(
                "folder_refused", "this host makes the folder %s and does not open it" % joined_path(path)
            )
        self.before = figures.messages
        self.target_uidvalidity = figures.uidvalidity
        known = knowledge.delivered if self.target_uidvalidity == knowledge.target_uidvalidity else UidMap()
        for uid in known.sources():
            self.held.add(uid)
            self.last_uid = max(self.last_uid, uid)
        # Target UIDs from here on may be messages of ours that nobody took note of.
        self._first_lost = known.highest_target + 1 if knowledge.interrupted else figures.uidnext
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
        self._store.repair(self.name)

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
        item = self._whole_item(fetched, fetched.whole) if fetched.whole is not None else self._long_item(fetched)
        if item.uid in self.held or self._is_present(item):
            self.held.add(item.uid)
            self.last_uid = max(self.last_uid, item.uid)
            return None
        if fetched.whole is not None:
            self.held.add(item.uid)
            self._in_hand[item.uid] = item
            self._appender.put(self, item)
        else:
            self._appender.append_alone(self, item)
        self.lost_keywords.update(item.flags.lost)
        self.last_uid = max(self.last_uid, item.uid)
        self.written += 1
        return item.size

    def _is_present(self, item: Item) -> bool:
        if not self._present or item.digests is None:
            return False
        target = self._present.take(item.digests)
        if target is None:
            return False
        if target >= self._first_lost:
            self.found(item, target)
        return True

    def _whole_item(self, fetched: Fetched, whole: memoryview) -> Item:
        data = bytes(whole)
        return self._item(fetched, data, len(data), lambda: (data,), digests_of(data))

    def _long_item(self, fetched: Fetched) -> Item:
        """A long message goes right through, unless something has to be known of it first or it may have to go
        twice."""
        message = fetched.message
        keywords = {keyword.lower() for keyword in split_flags(message.flags).keywords}
        if (
            message.uid is None
            or message.internal_date is None
            or self._present
            or keywords - self._good_keywords - self._bad_keywords
        ):
            return self._spooled_item(fetched)
        return self._item(fetched, b"", fetched.size, lambda: fetched.chunks)

    def _spooled_item(self, fetched: Fetched) -> Item:
        digester = Digester()
        spool = tempfile.TemporaryFile(dir=_SPOOL_DIRECTORY)  # noqa: SIM115 - it goes with the item
        for chunk in fetched.chunks:
            digester.update(chunk)
            spool.write(chunk)
        digests = digester.digests()
        spool.seek(0)
        return self._item(fetched, spool.read(_BEGINNING), digests.size, lambda: _blocks(spool), digests)

    def _item(
        self,
        fetched: Fetched,
        beginning: bytes,
        size: int,
        chunks: Callable[[], Iterable[Data]],
        digests: Optional[Digests] = None,
    ) -> Item:
        message = fetched.message
        if message.uid is None:
            raise MailImportError("protocol_error", "a message came without its UID")
        date = message.internal_date
        if date is None:
            date = date_from_header(beginning)
        # IMAP dates before 1970 come out of Dovecot's indexes as ones after 2038.
        date = max(0, int(time.time()) if date is None else date)
        return Item(
            message.uid, split_flags(message.flags), date, size, chunks, digests, replayable=digests is not None
        )

    def outgoing(self, item: Item) -> Outgoing:
        return item.outgoing(self.usable_keywords(item))

    def usable_keywords(self, item: Item) -> Tuple[bytes, ...]:
        """The item's keywords, without those that this folder has refused."""
        if not self._bad_keywords:
            return item.flags.keywords
        return tuple(keyword for keyword in item.flags.keywords if keyword.lower() not in self._bad_keywords)

    def give_keywords(self, item: Item, keywords: Iterable[bytes]) -> None:
        """Give a message that was just stored, without them, the keywords that the host takes."""
        target = next((uid for uid, stored in self._unverified.items() if stored.item_uid == item.uid), None)
        if target is None:
            return
        try:
            for keyword in keywords:
                if not self._give_flag(target, keyword):
                    self._bad_keywords.add(keyword.lower())
                    self._good_keywords.discard(keyword.lower())
                    self.lost_keywords.add(keyword)
        except SessionEndedError:
            self._without_flags[target] = item.flags

    def _give_flag(self, target: int, flag: bytes) -> bool:
        return self._sessions.attempt(lambda session: session.change_flags(self.name, b"%d" % target, b"+", flag)).ok

    def stored(self, item: Item, target: int) -> None:
        """Take note that an item is in the folder, as the host says."""
        self._note_stored(item, target)
        self._good_keywords.update(keyword.lower() for keyword in self.usable_keywords(item))

    def found(self, item: Item, target: int) -> None:
        """Take note that an item is in the folder that nobody had noted; its flags may have been lost with the note."""
        self._note_stored(item, target)
        self._without_flags[target] = item.flags

    def _note_stored(self, item: Item, target: int) -> None:
        self._in_hand.pop(item.uid, None)
        self.held.add(item.uid)
        self._unverified[target] = _Stored(item.uid, cast(Digests, item.digests))
        self._next_target = max(self._next_target, target + 1)

    def refuse(self, item: Item, reason: str, text: str) -> None:
        """Take note that an item is not in the folder, and why."""
        self._in_hand.pop(item.uid, None)
        self._note(Refusal(item.uid, reason, text, item.size, item.message_id))

    def _note(self, refusal: Refusal) -> None:
        self._refusals.append(refusal)
        if not refusal.stored:
            self.held.discard(refusal.uid)
            self.written -= 1

    def refuse_all(self, items: Iterable[Item], error: MailImportError) -> None:
        for item in list(items):
            self.refuse(item, error.reason, error.message)

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
            self._new.add(stored.item_uid, target)
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
        wanted = {target: split.system + split.keywords for target, split in self._without_flags.items()}
        self.lost_keywords |= carry_flags(self._sessions, self.name, wanted, remove=False).refused
        self._without_flags = {}

    def _difference(self, stored: _Stored, reason: str, what: str, is_stored: bool) -> Refusal:
        text = "message UID %d of %s %s" % (stored.item_uid, joined_path(self.path), what)
        return Refusal(stored.item_uid, reason, text, stored.digests.size, None, is_stored)

    def _read_back(self, session: HostSession) -> Dict[int, Digests]:
        found: Dict[int, Digests] = {}
        for uids in sequence_set(self._unverified):
            found.update(session.contents(self.name, uids))
        return found

    def take_refusals(self) -> List[Refusal]:
        refusals, self._refusals = self._refusals, []
        return refusals


def _blocks(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    return iter(lambda: spool.read(_BLOCK), b"")
