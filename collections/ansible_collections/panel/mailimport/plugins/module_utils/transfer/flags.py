# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags that changed at the source since they were delivered, for `state: latest`."""

from __future__ import annotations

import array
from dataclasses import dataclass, replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..imap.fetch import FetchRequest, FolderStream
from ..imap.uids import UidSet, sequence_set
from ..model.imports import ImportKey
from ..source.session import SourceSession
from ..state.records import FolderMark
from ..store.base import MessageStore, Origin
from .folder_copy import UIDS_PER_COMMAND, FolderCopy
from .plan import FolderPlan

# Flags of that many messages, or so many bytes of flags, are held in memory while they are compared.
_WINDOW = 20_000
_WINDOW_BYTES = 8 << 20


@dataclass(frozen=True)
class _Delivered:
    plan: FolderPlan
    mark: FolderMark
    origin: Origin

    def request(self, by_modseq: bool) -> FetchRequest:
        since = self.mark.highest_modseq if by_modseq else None
        return FetchRequest(self.plan.source, b"1:%d" % self.mark.last_uid, flags_only=True, changed_since=since)


def update_flags(
    session: SourceSession,
    store: MessageStore,
    key: ImportKey,
    plans: Sequence[FolderPlan],
    marks: Mapping[bytes, FolderMark],
    count: Callable[[int], None],
) -> Tuple[List[FolderMark], Dict[bytes, str]]:
    """Give delivered messages the flags they have at the source now.

    With CONDSTORE (RFC 7162) only folders whose HIGHESTMODSEQ moved are opened, and only what changed is fetched;
    without, the flags of all delivered messages are compared.

    Args:
        count: told how many messages changed, each time that some may have.

    Returns:
        The marks of the folders whose flags are up to date now; and what the source said, by raw name, of those whose
        flags it did not tell.

    Raises:
        MailImportError: when the connection is lost; what was done by then is done, and counted.
    """
    by_modseq = b"CONDSTORE" in session.capabilities
    delivered = {}
    for plan in plans:
        mark = marks.get(plan.source.raw_name)
        if mark and mark.last_uid and may_have_changed(plan, mark, by_modseq):
            delivered[plan.source.raw_name] = _Delivered(
                plan, mark, Origin(key, plan.source.raw_name, mark.uidvalidity)
            )
    current: List[FolderMark] = []
    untold: Dict[bytes, str] = {}
    requests = [folder.request(by_modseq and folder.mark.highest_modseq is not None) for folder in delivered.values()]
    while requests:
        again = []
        for opened in session.fetch(requests):
            folder = delivered[opened.folder.raw_name]
            if (opened.uidvalidity or folder.plan.source.uidvalidity) != folder.mark.uidvalidity:
                continue
            for flags in _windows(opened):
                count(store.set_flags(folder.plan.target, folder.origin, flags))
            if opened.complete:
                current.append(replace(folder.mark, highest_modseq=folder.plan.source.highest_modseq))
            elif opened.request.changed_since is not None:
                again.append(folder.request(by_modseq=False))  # CONDSTORE that is announced and does not work
            else:
                untold[folder.plan.source.raw_name] = str(opened.refusal or opened.status)
        requests = again
    return current, untold


def ask_for_flags(
    session: SourceSession, store: MessageStore, copies: Sequence[FolderCopy], count: Callable[[int], None]
) -> None:
    """Give messages the flags that the source did not send along with them; those that it still does not tell stay
    `without_flags`.

    Args:
        count: told how many messages of earlier runs changed, each time that some may have.

    Raises:
        MailImportError: when the connection is lost; what was done by then is done.
    """
    for copy in copies:
        pieces = [
            copy.without_flags[start : start + UIDS_PER_COMMAND]
            for start in range(0, len(copy.without_flags), UIDS_PER_COMMAND)
        ]
        asked = {next(sequence_set(piece)): piece for piece in pieces}
        answered = UidSet()
        for opened in session.fetch(FetchRequest(copy.plan.source, uids, flags_only=True) for uids in asked):
            if (opened.uidvalidity or copy.origin.uidvalidity) != copy.origin.uidvalidity:
                continue
            there = {fetched.message.uid: fetched.message for fetched in opened.messages()}
            told = {
                uid: there[uid].flags for uid in asked[opened.request.uids] if uid in there and there[uid].flags_told
            }
            earlier = {uid: flags for uid, flags in told.items() if uid < copy.first}
            count(store.set_flags(copy.plan.target, copy.origin, earlier, remove=False))
            store.set_flags(
                copy.plan.target,
                copy.origin,
                {uid: flags for uid, flags in told.items() if uid not in earlier},
                remove=False,
            )
            for uid in asked[opened.request.uids]:
                # One that is not there any more has no flags to be told.
                if uid in told or (opened.complete and uid not in there):
                    answered.add(uid)
        copy.without_flags = array.array("I", (uid for uid in copy.without_flags if uid not in answered))


def _windows(opened: FolderStream) -> Iterator[Dict[int, Tuple[bytes, ...]]]:
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
    if source.uidvalidity is not None and source.uidvalidity != mark.uidvalidity:
        return False  # other messages altogether
    unmoved: Optional[bool] = (
        by_modseq
        and None not in (source.highest_modseq, mark.highest_modseq)
        and source.highest_modseq == mark.highest_modseq
    )
    return not unmoved
