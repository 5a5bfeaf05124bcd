# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags that changed at the source since the messages were last seen, for `state: latest`."""

from __future__ import annotations

import array
from dataclasses import dataclass, replace
from itertools import islice
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..imap.fetch import FetchRequest, FolderStream
from ..imap.uids import UidSet, parse_sequence_set, sequence_set
from ..model.imports import ImportKey
from ..source.session import SourceSession
from ..state.records import FolderMark
from ..store.base import FlagChange, MessageStore
from ..store.origin import Origin
from .folder_copy import FolderCopy
from .memory import Memories, MessageMemory
from .plan import FolderPlan
from .survey import remembers_all

# Flags of that many messages, or so many bytes of flags, are held in memory while they are compared.
_WINDOW = 20_000
_WINDOW_BYTES = 8 << 20


@dataclass(frozen=True)
class FlagLook:
    """A look at the flags of a folder's messages that earlier runs delivered.

    `last_uid` is the highest of their UIDs. `since` is the mod-sequence of the last look, None to look at all of them.
    """

    plan: FolderPlan
    mark: Optional[FolderMark]
    origin: Origin
    memory: MessageMemory
    last_uid: int
    since: Optional[int]

    @property
    def request(self) -> FetchRequest:
        return FetchRequest(self.plan.source, b"1:%d" % self.last_uid, flags_only=True, changed_since=self.since)

    def meant(self, told: Iterable[Dict[int, Tuple[bytes, ...]]]) -> Iterator[Dict[int, Tuple[bytes, ...]]]:
        """Yield what is told of messages that are meant for this folder."""
        for window in told:
            if self.plan.partial:
                window = {uid: flags for uid, flags in window.items() if uid in self.memory}
            yield window

    def never_seen(self, told: Iterable[int]) -> List[int]:
        """Return which UIDs no run has seen: a message came in below those that are known, and another one may have
        gone, so that the source's figures are what they were.
        """
        if self.mark is None or self.plan.partial or not remembers_all(self.memory, self.mark):
            return []
        missing = frozenset(self.mark.missing)
        return [uid for uid in told if uid <= self.last_uid and uid not in self.memory and uid not in missing]

    def concerns(self, opened: FolderStream) -> bool:
        """False when what was opened is another folder than that of the messages."""
        return (opened.uidvalidity or self.plan.source.uidvalidity) == self.origin.source_uidvalidity


def looks(
    session: SourceSession,
    key: ImportKey,
    plans: Sequence[FolderPlan],
    marks: Mapping[bytes, FolderMark],
    memories: Memories,
) -> Dict[bytes, FlagLook]:
    """Return where flags may have changed, by raw name.

    With CONDSTORE (RFC 7162) only folders whose HIGHESTMODSEQ moved are opened, and only what changed is asked for;
    without, or where nothing is remembered, the flags of all delivered messages.
    """
    by_modseq = b"CONDSTORE" in session.capabilities
    found = {}
    for plan in plans:
        source = plan.source
        mark = marks.get(source.raw_name)
        uidvalidity = mark.uidvalidity if mark else source.epoch
        if uidvalidity is None or (mark and not may_have_changed(plan, mark, by_modseq)):
            continue
        memory = memories.load(source.raw_name, uidvalidity)
        last_uid = mark.last_uid if mark else memory.last_uid
        if last_uid:
            since = mark.highest_modseq if mark and by_modseq and memory.last_uid else None
            if (source.highest_modseq or 0) < (since or 0):
                since = None  # a server that was restored counts changes anew
            origin = Origin(key, source.raw_name, uidvalidity)
            found[source.raw_name] = FlagLook(plan, mark, origin, memory, last_uid, since)
    return found


def give_keywords_again(store: MessageStore, key: ImportKey, plans: Sequence[FolderPlan], memories: Memories) -> None:
    """Give messages of all runs the keywords that they had at the source, where the host has lost them."""
    for plan in plans:
        raw_name = plan.source.raw_name
        epoch = memories.epoch_of(raw_name)
        if epoch is None:
            continue
        keywords = memories.load(raw_name, epoch).with_keywords()
        while some := {uid: FlagChange(add=names) for uid, names in islice(keywords, _WINDOW)}:
            store.change_flags(plan.target, Origin(key, raw_name, epoch), some)


class FlagUpdate:
    """Carries to delivered messages what changed about their flags at the source since they were last seen.

    Args:
        marks, memories: what earlier runs noted.
    """

    def __init__(
        self, key: ImportKey, plans: Sequence[FolderPlan], marks: Mapping[bytes, FolderMark], memories: Memories
    ) -> None:
        self._key = key
        self.plans = plans
        self._marks = marks
        self.memories = memories

    def carry(
        self, session: SourceSession, store: MessageStore, count: Callable[[int], None]
    ) -> Tuple[List[FolderMark], Dict[bytes, str]]:
        """Look at the source and change the mailbox.

        Args:
            count: told how many messages changed, each time that some may have.

        Returns:
            The marks of the folders whose flags are up to date now, with messages that no run has seen yet; and what
            the source said, by raw name, of those whose flags it did not tell.

        Raises:
            MailImportError: when the connection is lost; what was done by then is done, counted and remembered.
        """
        current: List[FolderMark] = []
        untold: Dict[bytes, str] = {}
        folders = looks(session, self._key, self.plans, self._marks, self.memories)
        while folders:
            again: Dict[bytes, FlagLook] = {}
            for opened in session.fetch([folder.request for folder in folders.values()]):
                folder = folders[opened.folder.raw_name]
                if not folder.concerns(opened):
                    continue
                below = self._carry_folder(folder, opened, store, count)
                if not opened.complete and folder.since is not None:
                    # CONDSTORE that is announced and does not work
                    again[opened.folder.raw_name] = replace(folder, since=None)
                elif not opened.complete:
                    untold[opened.folder.raw_name] = str(opened.refusal or opened.status)
                elif folder.mark:
                    mark = replace(folder.mark, highest_modseq=folder.plan.source.highest_modseq)
                    current.append(mark.with_missing(below))
            folders = again
        return current, untold

    def _carry_folder(
        self, folder: FlagLook, opened: FolderStream, store: MessageStore, count: Callable[[int], None]
    ) -> List[int]:
        """Change the mailbox; return UIDs that no run has seen."""
        memory = folder.memory
        below: List[int] = []
        # After an older version, which did not remember them, all of them count as messages that came.
        adopted = folder.mark is not None and not folder.plan.partial and not remembers_all(memory, folder.mark)
        try:
            for told in folder.meant(windows(opened)):
                below += folder.never_seen(told)
                changes = changed_flags(memory, told)
                if changes:
                    count(store.change_flags(folder.plan.target, folder.origin, changes))
                memory.update(told if adopted else {uid: flags for uid, flags in told.items() if uid in memory})
        finally:
            self.memories.store(folder.origin.raw_name, folder.origin.uidvalidity, folder.memory)
        return below


def changed_flags(memory: MessageMemory, told: Mapping[int, Tuple[bytes, ...]]) -> Dict[int, FlagChange]:
    """Return what changed at the source, by UID, given the flags that messages have there now."""
    changes = {uid: memory.change(uid, flags) for uid, flags in told.items()}
    return {uid: change for uid, change in changes.items() if any(change)}


def ask_for_flags(
    session: SourceSession, store: MessageStore, copies: Sequence[FolderCopy], count: Callable[[int], None]
) -> None:
    """Give messages the flags that the source did not send along with them; those that it still does not tell stay
    `without_flags` or `unremembered`.

    Args:
        count: told how many messages of earlier runs changed, each time that some may have.

    Raises:
        MailImportError: when the connection is lost; what was done by then is done.
    """
    most = session.profile.uids_per_command
    for copy in copies:
        wanted = sorted({*copy.without_flags, *copy.unremembered})
        of_earlier_runs = {*copy.unremembered, *(uid for uid in copy.without_flags if uid < copy.first)}
        pieces = [wanted[start : start + most] for start in range(0, len(wanted), most)]
        asked = {uids: parse_sequence_set(uids, len(piece)) for piece in pieces for uids in sequence_set(piece)}
        answered = UidSet()
        for opened in session.fetch(FetchRequest(copy.plan.source, uids, flags_only=True) for uids in asked):
            if opened.uidvalidity and opened.uidvalidity != copy.origin.source_uidvalidity:
                continue
            there = {fetched.message.uid: fetched.message for fetched in opened.messages()}
            piece = asked[opened.request.uids]
            told = {uid: there[uid].flags for uid in piece if uid in there and there[uid].flags_told}
            changes = {uid: FlagChange(flags) for uid, flags in told.items()}
            for earlier in (True, False):
                some = {uid: change for uid, change in changes.items() if (uid in of_earlier_runs) is earlier}
                changed = store.change_flags(copy.plan.target, copy.origin, some)
                count(changed if earlier else 0)
            copy.memory.update(told)
            for uid in piece:
                # One that is not there any more has no flags to be told.
                if uid in told or (opened.complete and uid not in there):
                    answered.add(uid)
        copy.without_flags = array.array("I", (uid for uid in copy.without_flags if uid not in answered))
        copy.unremembered = array.array("I", (uid for uid in copy.unremembered if uid not in answered))


def windows(opened: FolderStream) -> Iterator[Dict[int, Tuple[bytes, ...]]]:
    """Yield the flags that a folder's messages are told to have, some at a time, by UID."""
    window: Dict[int, Tuple[bytes, ...]] = {}
    size = 0
    for fetched in opened.messages():
        if fetched.message.uid is not None and fetched.message.flags_told:
            window[fetched.message.uid] = fetched.message.flags
            size += sum(map(len, fetched.message.flags))
        if len(window) >= _WINDOW or size >= _WINDOW_BYTES:
            yield window
            window, size = {}, 0
    if window:
        yield window


def may_have_changed(plan: FolderPlan, mark: FolderMark, by_modseq: bool) -> bool:
    source = plan.source
    if source.epoch is not None and source.epoch != mark.uidvalidity:
        return False  # other messages altogether
    unmoved: Optional[bool] = (
        by_modseq
        and None not in (source.highest_modseq, mark.highest_modseq)
        and source.highest_modseq == mark.highest_modseq
    )
    return not unmoved
