# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources that give their messages other UIDs and keep the UIDVALIDITY: gateways that count anew at each start do that.

RFC 3501 section 2.3.1.1 forbids it, and nothing in the figures need show it. Where mail came since the last run, a few
UIDs are asked which messages they stand for. If one of them stands for another message, the folder counts as one of a
new UIDVALIDITY: its messages are compared by content. A folder in which nothing moved is not asked.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ..imap.fetch import FetchRequest, FolderStream, NoUidError
from ..imap.refusals import is_overload
from ..model.errors import MailImportError
from ..model.mail import UIDVALIDITY_BITS, SourceFolder
from ..source.session import SourceSession
from ..state.records import FolderMark
from .folder_copy import has_nothing_new
from .line import Line
from .memory import Memories, MessageMemory
from .patience import PASSING
from .plan import FolderPlan
from .signs import BEGINNING, sign_of, watch_beginning

_RENUMBERED = (
    "the source gave messages of %s other UIDs under the same UIDVALIDITY: this folder is compared by content, so that "
    "nothing comes twice and nothing is missing"
)


class NumberingCheck:
    """Finds folders whose UIDs stand for other messages than in the last run.

    Args:
        marks, memories: what earlier runs noted.
        force: look at all folders; where no sign is remembered, UIDs count for nothing.
    """

    def __init__(
        self, plans: Sequence[FolderPlan], marks: Mapping[bytes, FolderMark], memories: Memories, force: bool
    ) -> None:
        self._plans = [replace(plan, source=_as_known(plan.source, marks, memories)) for plan in plans]
        self._renumbered: Set[bytes] = set()
        self._to_ask: Dict[bytes, Tuple[SourceFolder, MessageMemory]] = {}
        for source in (plan.source for plan in self._plans):
            memory = _memory_of(source, memories)
            if memory is None or not (force or _has_moved(source, marks.get(source.raw_name))):
                continue
            if memory.signs:
                self._to_ask[source.raw_name] = source, memory
            elif force and memory.last_uid:
                self._renumbered.add(source.raw_name)

    def ask(self, session: SourceSession) -> None:
        """Ask the source what a few UIDs stand for, in folders where it has not answered yet.

        Raises:
            MailImportError: when the connection is lost.
        """
        if not self._to_ask:
            return
        requests = [_request(source, memory) for source, memory in self._to_ask.values()]
        for opened in session.fetch(requests):
            raw_name = opened.folder.raw_name
            if _is_renumbered(opened, self._to_ask[raw_name][1]):
                self._renumbered.add(raw_name)
            del self._to_ask[raw_name]

    def checked(self) -> List[FolderPlan]:
        """Return the plans, which say now of each folder how often its UIDs have changed their meaning."""
        return [
            replace(plan, source=replace(plan.source, renumbered=plan.source.renumbered + 1))
            if plan.source.raw_name in self._renumbered
            else plan
            for plan in self._plans
        ]

    def lines(self) -> List[str]:
        """Return what people are told."""
        return [_RENUMBERED % plan.source.name for plan in self._plans if plan.source.raw_name in self._renumbered]


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


def _request(source: SourceFolder, memory: MessageMemory) -> FetchRequest:
    uids = b",".join(b"%d" % uid for uid in memory.signs.as_dict())
    return FetchRequest(source, uids, beginning=BEGINNING)


def _as_known(source: SourceFolder, marks: Mapping[bytes, FolderMark], memories: Memories) -> SourceFolder:
    """Return the folder as one whose UIDs are still those of the last run, if its UIDVALIDITY is."""
    mark = marks.get(source.raw_name)
    epoch = memories.epoch_of(source.raw_name) or (mark.uidvalidity if mark else 0)
    times, uidvalidity = divmod(epoch, 1 << UIDVALIDITY_BITS)
    if (source.uidvalidity or uidvalidity) != uidvalidity:
        return source
    return replace(source, uidvalidity=source.uidvalidity or uidvalidity or None, renumbered=times)


def _memory_of(source: SourceFolder, memories: Memories) -> Optional[MessageMemory]:
    epoch = source.epoch
    if not epoch or source.messages == 0 or memories.epoch_of(source.raw_name) != epoch:
        return None
    return memories.load(source.raw_name, epoch)


def _has_moved(source: SourceFolder, mark: Optional[FolderMark]) -> bool:
    """True when something happened in the folder since its mark that may have to do with its UIDs."""
    if mark is None:
        return False
    modseqs = source.highest_modseq, mark.highest_modseq
    return not has_nothing_new(source, mark) or (None not in modseqs and modseqs[0] != modseqs[1])


def _is_renumbered(opened: FolderStream, memory: MessageMemory) -> bool:
    """True when a UID stands for another message; or when none of them is there, and the UIDs count from below."""
    if not opened.is_as_listed:
        return False  # another folder by now
    signs = memory.signs.as_dict()
    told = {}
    for fetched in opened.messages():
        beginning = watch_beginning(fetched)
        if fetched.whole is None:
            with suppress(NoUidError):
                fetched.skip()
        uid = fetched.message.uid
        if uid in signs and beginning:
            told[uid] = sign_of(bytes(beginning))
    if told or not opened.complete:
        return any(signs[uid] != sign for uid, sign in told.items())
    return 0 < (opened.uidnext or 0) <= memory.last_uid
