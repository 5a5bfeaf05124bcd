# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a folder holds at the source, against what is known to have come of it: for an import and for check mode alike.

An OK proves nothing. A server that counts more messages than it lists is asked once more, for somebody may have removed
some meanwhile; what it still counts and does not list is missing.
"""

from __future__ import annotations

import array
from dataclasses import dataclass, field
from typing import Callable, Container, FrozenSet, List, Optional, Sequence

from ..imap.uids import UidSet
from ..model.imports import NotImported
from ..model.mail import SourceFolder
from ..source.session import SourceSession
from ..state.records import FolderMark
from .memory import MessageMemory

_SHARED_UID = "the source gives this UID to several messages, of which it sends one only"
_NOT_GIVEN = (
    "the source counts %d messages in this folder and does not give %d of them: it may be set to show only some, or be "
    "in trouble; look there, and run the task again"
)


@dataclass
class FolderRecord:
    """What is known of a folder's messages before the source is asked.

    `mark` and `memory` are what earlier runs noted of this very folder, `held` the UIDs of the messages that the
    mailbox holds. `first` is the lowest UID that no earlier run has been past. `unverified` are UIDs of messages that
    the mailbox holds otherwise than the source sent them: they are fetched to be compared again, and not stored again.
    """

    mark: Optional[FolderMark]
    memory: MessageMemory
    held: UidSet
    first: int = field(init=False)
    left_before: FrozenSet[int] = field(init=False)
    unverified: FrozenSet[int] = field(init=False)
    _knows_all: bool = field(init=False)

    def __post_init__(self) -> None:
        self.first = self.mark.last_uid + 1 if self.mark else 1
        self.left_before = frozenset(self.mark.missing if self.mark else ())
        self.unverified = frozenset(uid for uid in self.left_before if uid in self.held)
        # A version that remembered less went by the highest UID alone.
        self._knows_all = remembers_all(self.memory, self.mark)

    def has(self, uid: int) -> bool:
        """True when a message came, in this run or an earlier one; its owner may have removed it since."""
        if uid in self.held:
            return uid not in self.unverified
        if self.mark is None or uid in self.left_before:
            return False
        return uid in self.memory if self._knows_all or uid >= self.first else True


def remembers_all(memory: MessageMemory, mark: Optional[FolderMark]) -> bool:
    """True when the memory has each message that the runs before brought."""
    return mark is not None and memory.count() + len(mark.missing) >= (mark.messages or 0)


@dataclass
class Survey:
    """What the source says of a folder.

    `exists` is how many messages it counts, `coming` how many have yet to come, `missing` are their UIDs, `twice` UIDs
    that several messages share. `present` is how many came before. `shortfall` is how many it counts and does not give:
    it does not list them, or has no UID of their own for them.
    """

    exists: int
    missing: Sequence[int] = ()
    twice: Sequence[int] = ()
    coming: int = 0
    present: int = 0
    shortfall: int = 0

    def problems(self, name: str) -> List[NotImported]:
        """What people are told of the shortfall of a folder of this name."""
        shared = self.twice[: self.shortfall]
        entries = [NotImported(name, "message_refused", _SHARED_UID, uid) for uid in shared]
        unlisted = self.shortfall - len(shared)
        if unlisted:
            entries.append(NotImported(name, "source_unavailable", _NOT_GIVEN % (self.exists, unlisted)))
        return entries


@dataclass
class _Listing:
    """The UIDs that a folder lists from `begin` on."""

    begin: int
    uids: UidSet = field(default_factory=UidSet)
    missing: array.array[int] = field(default_factory=lambda: array.array("I"))
    twice: array.array[int] = field(default_factory=lambda: array.array("I"))
    exists: int = 0
    new: int = 0
    given_up: int = 0
    highest: int = 0

    def add(self, uid: int, record: FolderRecord, given_up: Container[int], note: Callable[[int], None]) -> None:
        """A UID is listed."""
        if uid in self.uids:
            self.twice.append(uid)
            return
        self.uids.add(uid)
        self.new += uid >= record.first
        self.highest = max(self.highest, uid)
        if record.has(uid):
            note(uid)
        elif uid in given_up:
            self.given_up += 1
        else:
            self.missing.append(uid)

    @property
    def came(self) -> int:
        """How many of those that are listed came before."""
        return len(self.uids) - len(self.missing) - self.given_up

    @property
    def lacking(self) -> int:
        """How many messages more are counted than listed, of a listing of all."""
        return max(0, self.exists - len(self.uids) - len(self.twice))


def survey_folder(
    session: SourceSession,
    source: SourceFolder,
    record: FolderRecord,
    given_up: Container[int] = (),
    note: Callable[[int], None] = lambda uid: None,
) -> Survey:
    """Find out what has yet to come of a folder.

    Args:
        given_up: UIDs that this run has tried and left behind.
        note: called with each UID that is listed and need not come.

    Raises:
        MailImportError: `source_unavailable` when the folder cannot be opened or listed, or is another one by now.
    """

    def listed_from(begin: int) -> _Listing:
        listing = _Listing(begin)
        listing.exists = session.search_uids(source, lambda uid: listing.add(uid, record, given_up, note), begin)
        return listing

    waiting = [uid for uid in record.left_before if not record.has(uid)]
    listing = listed_from(min([record.first, *waiting]))
    if listing.begin > 1:
        if not _contradicts(listing, source, record):
            present = max(0, listing.exists - len(listing.uids)) + listing.came
            return Survey(listing.exists, listing.missing, listing.twice, len(listing.missing), present)
        listing = listed_from(1)
    if listing.lacking:
        listing = listed_from(1)
    unlisted = _came_unlisted(listing, source, record)
    return Survey(
        listing.exists,
        listing.missing,
        listing.twice,
        len(listing.missing),
        listing.came + unlisted,
        listing.lacking - unlisted + min(len(listing.twice), max(0, listing.exists - len(listing.uids))),
    )


def _contradicts(listing: _Listing, source: SourceFolder, record: FolderRecord) -> bool:
    """True when the source's own figures say that the messages from the last watermark on are not all that is new."""
    known = record.mark.messages if record.mark else None
    below = listing.exists - listing.new
    return known is None or below > known or _is_newest_unlisted(listing, source, record)


def _is_newest_unlisted(listing: _Listing, source: SourceFolder, record: FolderRecord) -> bool:
    """True when a message came after the last run, by the UID that is next, and is not listed: it may be gone again."""
    passed = max(listing.highest + 1, record.first, (record.mark.uidnext if record.mark else None) or 0)
    return passed < (source.uidnext or 0)


def _came_unlisted(listing: _Listing, source: SourceFolder, record: FolderRecord) -> int:
    """Return how many of the messages that are counted and not listed may be such that came before."""
    if record.first > 1 and record.mark and record.mark.messages is not None:
        came_below = record.mark.messages - len(record.left_before)
        unlisted = came_below - (len(listing.uids) - listing.new)
    else:
        unlisted = max(record.memory.count() if record.mark else 0, len(record.held)) - listing.came
    most = listing.lacking - _is_newest_unlisted(listing, source, record)
    return max(0, min(unlisted, most))
