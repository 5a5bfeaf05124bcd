# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One folder while it is copied: what is asked for, what has come, and what is wrong with the rest."""

from __future__ import annotations

import array
from dataclasses import dataclass, field
from typing import Callable, Dict, Iterable, List, Optional, Set, Tuple

from ..imap.fetch import Fetched, NoUidError
from ..imap.uids import MAX_UID, UidSet, parse_sequence_set, sequence_set
from ..model.imports import NotImported
from ..model.mail import Message, SourceFolder
from ..state.records import FolderMark
from ..store.base import FolderWriter, Refusal, joined_path
from ..store.origin import Origin
from .memory import Memories, MessageMemory
from .news import FolderFilled
from .plan import SPECIAL_USE, FolderPlan
from .rebuilt import Rebuilt
from .survey import FolderRecord

SURROGATE = "Exchange cannot give this message over IMAP and sends a notice in its place"
TOO_LARGE = "larger than max_message_size: raise that, and run the task again"


def mark_of(source: SourceFolder, mark: Optional[FolderMark]) -> Optional[FolderMark]:
    """Return how far earlier runs came with this very folder, given the mark of its name: that may be of another
    folder.
    """
    return mark if mark and mark.uidvalidity == (source.epoch or mark.uidvalidity) else None


def is_renewed(source: SourceFolder, mark: Optional[FolderMark], has_name: bool) -> bool:
    """Whether UIDs of a folder mean something else than in earlier runs, and it has not been gone through since: until
    then its mail is known by content.

    Args:
        mark: how far earlier runs came with this very folder.
        has_name: whether they knew a folder of its name.
    """
    if mark is None:
        return has_name or source.renumbered > 0
    return source.renumbered > 0 and mark.last_uid == 0


def has_nothing_new(source: SourceFolder, mark: FolderMark) -> bool:
    """True when a folder is known to hold no message that has not been delivered."""
    return (
        mark.copied
        and source.uidnext is not None
        and (mark.uidnext, mark.messages) == (source.uidnext, source.messages)
    )


@dataclass
class FolderCopy:
    """One folder's way through the copy.

    `record` is what is known of its messages from earlier runs, `memory` what is to be remembered of them. `asked` is
    the UID from which on it was fetched. `resumed` tells that the folder held messages from there on before this run,
    `renewed` that its UIDVALIDITY is not that of the earlier one. `doubtful` is set when some answer left open whether
    all messages came.

    `copied` is how many messages this run brought, `present` how many of the source's came before, None until it is
    counted, `shortfall` how many the source counts and does not give. `refused` are messages to be tried again by the
    next run, by UID, `unlisted` what it has to look for anew, `altered` messages that are there, but not as the source
    sent them. `compared` are UIDs of messages of earlier runs that were fetched only to be compared again.
    `without_flags` are UIDs of messages that came with no word on their flags, in this run or an earlier
    one, `unremembered` those of messages that a killed run brought: with which flags, nobody knows. `passed_over` are
    UIDs of messages that are meant for other folders, `numbers` gives what the source calls messages, by UID, where
    they have names that are the same in all folders. `rebuilt` knows messages again that earlier runs brought, where
    neither UIDs nor bytes tell.
    """

    plan: FolderPlan
    mark: Optional[FolderMark]
    origin: Origin
    writer: FolderWriter
    memory: MessageMemory
    resumed: bool
    messages: Optional[int] = None
    uidnext: Optional[int] = None
    asked: int = 1
    renewed: bool = False
    all_answered: bool = False
    doubtful: bool = False
    refused: Dict[int, NotImported] = field(default_factory=dict)
    unlisted: List[NotImported] = field(default_factory=list)
    altered: List[NotImported] = field(default_factory=list)
    compared: Set[int] = field(default_factory=set)
    copied: int = 0
    bytes_copied: int = 0
    present: Optional[int] = None
    shortfall: int = 0
    without_flags: array.array[int] = field(default_factory=lambda: array.array("I"))
    unremembered: array.array[int] = field(default_factory=lambda: array.array("I"))
    passed_over: UidSet = field(default_factory=UidSet)
    numbers: Callable[[], Iterable[Tuple[int, int]]] = tuple
    rebuilt: Optional[Rebuilt] = None
    record: FolderRecord = field(init=False)

    def __post_init__(self) -> None:
        self.record = FolderRecord(self.mark, self.memory, self.writer.held)
        if self.mark and self.mark.flagless:
            # Of what its owner has removed since, nobody needs the flags.
            self.without_flags.extend(
                uid
                for uid in parse_sequence_set(self.mark.flagless.encode("ascii"), MAX_UID)
                if uid in self.writer.held and self.memory.names_of(uid) is None
            )

    def note_numbers(self) -> None:
        """Remember what the source calls the messages that came."""
        known = {uid for uid, _number in self.memory.numbers.pairs()}
        for uid, number in self.numbers():
            if uid in self.memory and uid not in known:
                self.memory.numbers.add(uid, number)

    @property
    def name(self) -> str:
        return self.plan.source.name

    @property
    def missing_before(self) -> List[int]:
        """UIDs that an earlier run left behind and that are still not there."""
        return sorted(uid for uid in self.record.left_before if not self.is_accounted_for(uid))

    @property
    def whole(self) -> bool:
        """True when everything from `first` on is known to have come: that can be counted only where nothing came
        earlier.
        """
        counted = self.first == 1 and not self.resumed and self.fewer_than_counted == 0
        return self.all_answered and not self.doubtful and counted

    @property
    def is_for_mail(self) -> bool:
        """True for INBOX and folders for a use of mail, whatever has become of it, and for a folder of which some came
        in an earlier run, wherever that is now.
        """
        source = self.plan.source
        has_use = source.raw_name == b"INBOX" or any(use.encode() in source.attributes for use in SPECIAL_USE)
        return has_use or len(self.writer.held) > 0 or self.memory.count() > 0

    @property
    def gave_notices_only(self) -> bool:
        """True when the server has sent a notice in place of each message. A notice does not tell what it stands for:
        appointments, contacts and notes, which IMAP cannot give, or mail that this Exchange fails to convert.
        """
        return 0 < len(self.notices) == len(self.refused) == self.messages

    @property
    def fewer_than_counted(self) -> int:
        """How many messages fewer than the source counts have come; 0 where that cannot be told."""
        here = len(self.writer.held) + len(self.refused) + len(self.passed_over)
        return 0 if self.first > 1 else max(0, (self.messages or 0) - here)

    @property
    def first(self) -> int:
        """The lowest UID that no earlier run has been past."""
        return self.record.first

    @property
    def came_before(self) -> int:
        """How many of the source's messages earlier runs brought, or were there otherwise."""
        if self.plan.partial:
            return self.memory.count() - self.copied
        if self.present is None:
            return len(self.writer.held) - self.copied - len(self.spoiled)
        return self.present + len(self.compared - self.spoiled)

    @property
    def spoiled(self) -> Set[int]:
        """UIDs of messages that are there, but not with the bytes that the source sent."""
        return {entry.uid for entry in self.altered if entry.uid is not None and entry.reason != "message_altered"}

    @property
    def left_behind(self) -> int:
        """How many messages of the source are not here as they are there."""
        return len(self.refused) + self.shortfall + len(self.spoiled)

    @property
    def begin(self) -> int:
        """The lowest UID that is worth asking for when messages come in order."""
        return max(self.first, self.writer.last_uid + 1)

    def is_accounted_for(self, uid: int) -> bool:
        """True when there is nothing to do about a UID."""
        return uid in self.refused or uid in self.compared or uid in self.passed_over or self.record.has(uid)

    def note_come(self, message: Message, beginning: bytearray, stored: bool) -> None:
        """Remember a message that the source sent; `stored`: the folder did not have it."""
        uid = message.uid
        if uid is None:
            return
        if uid in self.record.unverified:
            self.compared.add(uid)
        if (stored or uid not in self.memory) and uid in self.writer.held:
            self.memory.remember(uid, message.flags if message.flags_told else None)
            self.memory.signs.remember(uid, beginning)
        if stored and not message.flags_told:
            self.without_flags.append(uid)

    def write(self, fetched: Fetched) -> Optional[int]:
        """Write a message into the folder, unless it is one that an earlier run brought; return its size, None when the
        folder has it.
        """
        earlier = self.rebuilt.find_earlier(fetched) if self.rebuilt else None
        if earlier is None:
            return self.writer.add(fetched)
        fetched.skip()  # its UID may come behind it
        if fetched.message.uid is not None:
            self.writer.adopt(fetched.message.uid, earlier)
        return None

    def note_refusal(self, refusal: Refusal) -> bool:
        """The store did not keep a message, or not as it was. Returns True when this run had counted it as copied."""
        if refusal.stored:
            self.altered.append(
                NotImported(self.name, refusal.reason, refusal.message, refusal.uid, refusal.message_id, refusal.size)
            )
        else:
            self.leave_behind(refusal.uid, refusal.reason, refusal.message, refusal.size, refusal.message_id)
        was_counted = refusal.reason != "message_altered" and refusal.uid not in self.compared
        self.copied -= was_counted
        return was_counted

    def leave_behind(
        self,
        uid: Optional[int],
        reason: str,
        message: str,
        size: Optional[int] = None,
        message_id: Optional[str] = None,
    ) -> None:
        """A message does not arrive, for that reason."""
        if uid is None:
            raise NoUidError("protocol_error", "a message of %s came without its UID" % self.name)
        self.refused[uid] = NotImported(self.name, reason, message, uid, message_id, size)

    def leave_notices_behind(self, uids: Iterable[int]) -> None:
        """Do not fetch notices again that an earlier run was sent in place of these messages."""
        for uid in uids:
            if uid in self.memory.notices:
                self.leave_behind(uid, "message_refused", SURROGATE)

    @property
    def notices(self) -> Set[int]:
        """UIDs of messages in whose place there are notices."""
        return {uid for uid, entry in self.refused.items() if entry.message == SURROGATE}

    @property
    def is_in_sight(self) -> bool:
        """True when people see what has come of it by now. A staged folder has a journal of its own; the state knows it
        when it is visible.
        """
        return not self.writer.staged and (self.writer.written > 0 or (self.writer.fresh and not self.notices))

    def remember_in(self, memories: Memories) -> None:
        """Let the next run know what is known of the source's messages."""
        self.memory.notices = self.notices
        memories.store(self.origin.raw_name, self.origin.uidvalidity, self.memory)

    def as_filled(self) -> FolderFilled:
        """What is to be told of the folder on this host."""
        writer = self.writer
        after = len(writer.held) if writer.fresh else writer.before + writer.written
        name = joined_path(self.plan.target)
        return FolderFilled(self.name, name, writer.created, writer.before, after, writer.keywords_set)

    def as_mark(self, copied: bool, stored: bool = True) -> FolderMark:
        """What is to be recorded of the folder.

        Args:
            copied: it has been gone through.
            stored: what has come is durable; otherwise nobody knows which of it the store has.
        """
        source = self.plan.source
        finished = copied and not self.unlisted
        # Nobody has looked yet for what an earlier run left behind, unless the folder is finished.
        behind = set(self.missing_before) if stored else self.record.left_before
        missing = self.refused.keys() | self.spoiled | (set() if finished else behind)
        return FolderMark(
            raw_name=source.raw_name,
            target_name=joined_path(self.plan.target),
            uidvalidity=self.origin.uidvalidity,
            # Only of a finished folder it is known that nothing is missing in between.
            last_uid=max([self.first - 1, self.writer.last_uid, *self.refused]) if finished else self.first - 1,
            uidnext=self.uidnext if self.uidnext is not None else source.uidnext,
            # What was counted up to `last_uid`.
            messages=self.messages if finished or self.mark is None else self.mark.messages,
            # As listed before any message or flag was fetched: what changes from then on will look new.
            highest_modseq=source.highest_modseq,
            copied=finished and not missing and not self.without_flags and not self.unremembered,
            missing=tuple(sorted(missing)),
            flagless=b",".join(sequence_set([*self.without_flags, *self.unremembered])).decode("ascii"),
        )
