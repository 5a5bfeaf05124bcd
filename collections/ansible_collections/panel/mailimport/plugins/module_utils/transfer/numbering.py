# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources that give their messages other UIDs and keep the UIDVALIDITY: gateways that count anew at each start do that.

RFC 3501 section 2.3.1.1 forbids it, and nothing in the figures need show it. Where mail came since the last run, or
that run did not get to the end of the folder, a few UIDs are asked which messages they stand for. If one of them stands
for another message, the folder counts as one of a new UIDVALIDITY: its messages are compared by content. A folder in
which nothing moved is not asked. With `force`, all messages that are here are asked about.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Collection, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ..imap.fetch import FetchRequest, FolderStream, NoUidError
from ..imap.refusals import is_overload
from ..imap.uids import UidSet, sequence_set
from ..model.errors import MailImportError
from ..model.imports import ImportKey
from ..model.mail import SourceFolder, split_epoch
from ..source.session import SourceSession
from ..state.records import FolderMark
from ..store.base import HeldMail
from ..store.origin import Origin
from .folder_copy import has_nothing_new
from .line import Line
from .memory import Memories, MessageMemory
from .patience import PASSING
from .plan import FolderPlan
from .signs import sign_of, watch_beginning, worth_keeping

_RENUMBERED = (
    "the source gave messages of %s other UIDs under the same UIDVALIDITY: this folder is compared by content, so that "
    "nothing comes twice and nothing is missing"
)
_RENEWED = (
    "the source gave %s another UIDVALIDITY: this folder is compared by content, so that nothing comes twice and "
    "nothing is missing"
)
# So many UIDs a command names; they fit one however scattered they are.
_UIDS_AT_ONCE = 300


@dataclass(frozen=True)
class Earlier:
    """What earlier runs noted, and where their mail is.

    `held` is None where nothing but `marks` and `memories` tells of it. `incomplete`: the latest of them did not get to
    the end. `force`: all of its messages are asked about. `none`: there was no earlier run, so that names of messages
    which say that it brought them are forged.
    """

    key: ImportKey
    marks: Mapping[bytes, FolderMark]
    memories: Memories
    held: Optional[HeldMail]
    incomplete: bool
    force: bool
    none: bool = False


@dataclass(frozen=True)
class _Question:
    """Which messages some UIDs of a folder stand for; `signs` are those of the messages that came with them,
    and `size` is how many bytes of each tell.
    """

    source: SourceFolder
    signs: Mapping[int, str]
    size: int

    @property
    def uids(self) -> bytes:
        return b",".join(sequence_set(self.signs))

    def is_denied_by(self, opened: FolderStream) -> bool:
        """True when a UID stands for another message; or when none of them is there, and the UIDs count from below."""
        if not opened.is_as_listed:
            return False  # another folder by now
        told = {}
        for fetched in opened.messages():
            beginning = watch_beginning(fetched, self.size)
            if fetched.whole is None:
                with suppress(NoUidError):
                    fetched.skip()
            uid = fetched.message.uid
            if uid is not None and beginning:
                told[uid] = sign_of(bytes(beginning))
        if told or not opened.complete:
            return any(told.get(uid, sign) != sign for uid, sign in self.signs.items())
        return 0 < (opened.uidnext or 0) <= max(self.signs)


class NumberingCheck:
    """Finds folders whose UIDs stand for other messages than in earlier runs."""

    def __init__(self, plans: Sequence[FolderPlan], earlier: Earlier) -> None:
        self._earlier = earlier
        self._size = 0
        self._renewed: List[str] = []
        self._renumbered: Set[bytes] = set()
        self._plans = {plan.source.raw_name: self._as_known(plan) for plan in plans}
        self._to_ask: Collection[bytes] = list(self._plans)
        for raw_name, plan in self._plans.items():
            memory = self._memory_of(plan.source)
            if earlier.force and memory is not None and memory.last_uid and not memory.signs:
                self._count_up(raw_name)  # remembered by a version that kept no signs

    def ask(self, session: SourceSession) -> None:
        """Ask the source what UIDs stand for, until it is known of all folders.

        Raises:
            MailImportError: when the connection is lost; what was found by then is kept.
        """
        self._size = session.profile.beginning
        while self._to_ask:
            denied: Set[bytes] = set()
            questions: Dict[Tuple[bytes, bytes], _Question] = {}
            try:
                for opened in session.fetch(self._requests(questions)):
                    question = questions.pop((opened.folder.raw_name, opened.request.uids))
                    if question.is_denied_by(opened):
                        denied.add(opened.folder.raw_name)
            finally:
                for raw_name in denied:
                    self._count_up(raw_name)
            self._to_ask = denied  # a run may have found that, too, and then not got to the end

    def _count_up(self, raw_name: bytes) -> None:
        plan = self._plans[raw_name]
        source = replace(plan.source, renumbered=plan.source.renumbered + 1)
        self._plans[raw_name] = replace(plan, source=source)
        self._renumbered.add(raw_name)

    def _requests(self, questions: Dict[Tuple[bytes, bytes], _Question]) -> Iterator[FetchRequest]:
        for raw_name in self._to_ask:
            for question in self._questions(self._plans[raw_name]):
                questions[raw_name, question.uids] = question
                yield FetchRequest(question.source, question.uids, beginning=question.size)

    def _questions(self, plan: FolderPlan) -> Iterator[_Question]:
        source = plan.source
        mark = self._earlier.marks.get(source.raw_name)
        if source.messages == 0:
            return
        memory = self._memory_of(source)
        signs = memory.signs.as_dict() if memory else {}
        if signs and (self._earlier.force or _has_moved(source, mark)):
            yield _Question(source, signs, self._size)
        if self._earlier.force or (self._earlier.incomplete and not (mark and mark.copied)):
            yield from self._about_held(plan, memory)

    def _about_held(self, plan: FolderPlan, memory: Optional[MessageMemory]) -> Iterator[_Question]:
        """Yield questions about messages that are here, of which only they themselves show what they are."""
        held = self._earlier.held
        # A source that tells no UIDVALIDITY counts as one of 1.
        source = replace(plan.source, uidvalidity=plan.source.uidvalidity or 1)
        origin = Origin(self._earlier.key, source.raw_name, source.epoch or 1)
        uids = held.held_uids(plan.target, origin) if held else UidSet()
        if not held or not len(uids):
            return
        if not self._earlier.force:
            unknown = [uid for uid in uids if memory is None or uid not in memory]
            uids = UidSet()
            for uid in worth_keeping(unknown):
                uids.add(uid)
        for uid in memory.signs.as_dict() if memory else ():
            uids.discard(uid)  # asked about already
        beginnings = held.beginnings(plan.target, origin, uids, self._size)
        while signs := {uid: sign_of(beginning) for uid, beginning in islice(beginnings, _UIDS_AT_ONCE)}:
            yield _Question(source, signs, self._size)

    def checked(self) -> List[FolderPlan]:
        """Return the plans, which say now of each folder how often its UIDs have changed their meaning."""
        return list(self._plans.values())

    def lines(self) -> List[str]:
        """Return what people are told."""
        renumbered = [plan for raw_name, plan in self._plans.items() if raw_name in self._renumbered]
        return [_RENEWED % name for name in self._renewed] + [_RENUMBERED % plan.source.name for plan in renumbered]

    def _as_known(self, plan: FolderPlan) -> FolderPlan:
        """Return the folder as one whose UIDs are still those of the last run, if its UIDVALIDITY is."""
        source, earlier = plan.source, self._earlier
        mark = earlier.marks.get(source.raw_name)
        epoch = earlier.memories.epoch_of(source.raw_name) or (mark.uidvalidity if mark else 0)
        if not epoch and earlier.held and (earlier.incomplete or earlier.force or earlier.none):
            return replace(plan, source=replace(source, renumbered=self._renumbered_by_names(plan, earlier.held)))
        times, uidvalidity = split_epoch(epoch)
        if (source.uidvalidity or uidvalidity) != uidvalidity:
            if epoch:
                self._renewed.append(source.name)
            return plan
        source = replace(source, uidvalidity=source.uidvalidity or uidvalidity or None, renumbered=times)
        return replace(plan, source=source)

    def _renumbered_by_names(self, plan: FolderPlan, held: HeldMail) -> int:
        """Return how often the source has renumbered, as names of messages tell; once more where they are forged, so
        that none of them counts.
        """
        source = plan.source
        origin = Origin(self._earlier.key, source.raw_name, source.uidvalidity or 1)
        times = held.renumbered(plan.target, origin)
        forged = self._earlier.none and (times > 0 or len(held.held_uids(plan.target, origin)) > 0)
        return times + forged

    def _memory_of(self, source: SourceFolder) -> Optional[MessageMemory]:
        epoch = source.epoch
        if not epoch or source.messages == 0 or self._earlier.memories.epoch_of(source.raw_name) != epoch:
            return None
        return self._earlier.memories.load(source.raw_name, epoch)


def ask_patiently(line: Line, check: NumberingCheck) -> None:
    """Ask the source, twice if need be; one that goes away each time is believed: the question is no one's duty.

    Raises:
        MailImportError: what ends the import as a whole.
    """
    for _try in range(2):
        session = line.connected()
        try:
            check.ask(session)
            return
        except MailImportError as error:
            if is_overload(error) or error.reason not in PASSING:
                line.recover(error)
            else:
                line.drop()


def _has_moved(source: SourceFolder, mark: Optional[FolderMark]) -> bool:
    """True when something happened in the folder since its mark that may have to do with its UIDs."""
    if mark is None:
        return False
    modseqs = source.highest_modseq, mark.highest_modseq
    return not has_nothing_new(source, mark) or (None not in modseqs and modseqs[0] != modseqs[1])
