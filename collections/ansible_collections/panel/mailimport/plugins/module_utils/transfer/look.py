# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether anything at a source is not known from earlier runs, found out without a look at the mailbox.

What is not certain counts as news: the import, which comes then, finds out what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping, Sequence

from ..model.imports import FolderRules, ImportKey
from ..source.session import SourceSession
from ..state.records import FolderMark, SourceMessages
from .flags import changed_flags, looks, windows
from .folder_copy import has_nothing_new, mark_of
from .left_out import folders_with_mail, list_folders
from .memory import Memories
from .news import Copied, Emit, Listed
from .numbering import Earlier, NumberingCheck
from .plan import FolderPlan, is_wanted, keeps_names, missing_folders
from .selection import in_order
from .survey import remembers_all


@dataclass(frozen=True)
class Known:
    """What earlier runs of an import noted, the last of which brought everything."""

    key: ImportKey
    rules: FolderRules
    marks: Mapping[bytes, FolderMark]
    messages: Sequence[SourceMessages]


def is_unchanged(session: SourceSession, known: Known, emit: Emit) -> bool:
    """List the source's folders; whether an import would find nothing to do. Then it is told what it would tell.

    Args:
        emit: takes `Listed`, `Copied` and a note on what is left out.

    Raises:
        MailImportError: it cannot be found out.
    """
    listed = list_folders(session)
    folders = listed.importable(known.rules)
    if missing_folders(folders, known.rules):
        return False
    chosen = [folder for folder in folders if folder.selectable and is_wanted(folder, known.rules)]
    if not all(folder.raw_name in known.marks for folder in chosen):
        return False
    stay = [FolderPlan(each, tuple(known.marks[each.raw_name].target_name.split("/")), False) for each in chosen]
    memories = Memories(known.messages)
    plans = NumberingCheck(
        in_order(listed, known.rules, stay), Earlier(known.key, known.marks, memories, None, False, False)
    ).checked()
    if not (keeps_names(plans, known.rules) and all(_is_done(plan, known) for plan in plans)):
        return False
    if _have_other_flags(session, plans, known, memories):
        return False
    folders_with_mail(listed, known.rules, emit)  # which tells what is left out
    emit(Listed(len(plans), sum(_messages_of(plan, memories) for plan in plans)))
    emit(Copied(0, sum(_messages_of(plan, memories) for plan in plans), 0))
    return True


def _messages_of(plan: FolderPlan, memories: Memories) -> int:
    """How many messages a folder has, all of which came."""
    return memories.count(plan) if plan.partial else plan.source.messages or 0


def _is_done(plan: FolderPlan, known: Known) -> bool:
    """Whether all is here that a folder holds, as far as its figures tell."""
    mark = mark_of(plan.source, known.marks[plan.source.raw_name])
    return mark is not None and has_nothing_new(plan.source, mark) and not mark.missing and not mark.flagless


def _have_other_flags(session: SourceSession, plans: Sequence[FolderPlan], known: Known, memories: Memories) -> bool:
    """Whether flags have changed, or messages came in below others. Where the source counts its changes, any of them
    counts.
    """
    found = looks(session, known.key, plans, known.marks, memories)
    if found and b"CONDSTORE" in session.capabilities:
        return True
    for opened in session.fetch([look.request for look in found.values()]):
        look = found[opened.folder.raw_name]
        if not look.concerns(opened) or not (look.plan.partial or remembers_all(look.memory, look.mark)):
            return True
        for told in look.meant(windows(opened)):
            if look.never_seen(told) or changed_flags(look.memory, told):
                return True
        if not opened.complete:
            return True
    return False
