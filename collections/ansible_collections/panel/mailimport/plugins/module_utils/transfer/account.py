# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the unprivileged process of one import does, from the login to the last subscription."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Mapping, Optional, Sequence

from ..imap.flags import MOST_KEYWORDS
from ..model.imports import FolderRules, ImportRequest, NotImported
from ..model.mail import SourceFolder
from ..source.connections import Connections
from ..source.profiles import SourceProfile
from ..state.records import Deliveries, FolderMark
from ..store.base import FolderPath, MessageStore, joined_path
from .batch import Batch
from .budget import Budget
from .copy import AccountCopy
from .flags import FlagUpdate, ask_for_flags, give_keywords_again
from .left_out import SourceFolders, find_left_out, is_mailless, line_of, list_folders
from .line import Line
from .login import Login
from .memory import Memories
from .news import Emit, FlagsUpdated, Listed, Note, Replaced, Settled, Subscribed, tell_committed, tell_left_behind
from .numbering import Earlier, NumberingCheck, ask_patiently
from .patience import Patience
from .plan import FolderPlan, missing_folders, overruled, plan_folders
from .stores import Target, open_store


def report_missing(folders: Sequence[SourceFolder], rules: FolderRules, emit: Emit) -> None:
    """Emit as `not_imported` which folders were asked for and are not there.

    Raises:
        MailImportError: `folder_missing` when nothing is left to import.
    """
    message = "the source has no folder %s (option folders)"
    tell_left_behind(
        emit, [NotImported(name, "folder_missing", message % name) for name in missing_folders(folders, rules)]
    )


def folders_with_mail(listed: SourceFolders, rules: FolderRules, emit: Emit) -> List[SourceFolder]:
    """Return the folders that may hold mail; tell which were asked for and are not there, and in one line what is left
    out on purpose.

    Raises:
        MailImportError: `folder_missing` when nothing is left to import.
    """
    folders = [folder for folder in listed.own if not is_mailless(folder, listed.profile, rules)]
    report_missing(folders, rules, emit)
    told = line_of(find_left_out(listed, rules))
    if told:
        emit(Note(told))
    return folders


def daily_limit(request: ImportRequest, profile: SourceProfile) -> Optional[int]:
    """Return how many bytes the source may give within a day, None without a limit."""
    asked = request.source.daily_bytes
    return profile.daily_bytes if asked is None else asked or None


def import_account(
    request: ImportRequest,
    login: Login,
    target: Target,
    emit: Emit,
) -> None:
    """Import the account's content into the store.

    Args:
        emit: takes `secret` of the login, `session` of an IMAP store, `replaced`, `listed`,
            the events of AccountCopy, and `settled` when nothing is left in doubt.

    Raises:
        MailImportError: what ended the import; what was emitted by then is done.
    """
    delivered: List[Deliveries] = []
    store = open_store(request, target, emit, delivered.append)
    complete = False
    try:
        _fill_store(store, delivered, request, login, target, emit)
        complete = True
    finally:
        # What a killed run left is looked for until a run has been through all folders.
        if store.settled and (complete or not target.may_hold_unrecorded_mail):
            emit(Settled())


def _fill_store(
    store: MessageStore,
    delivered: List[Deliveries],
    request: ImportRequest,
    login: Login,
    target: Target,
    emit: Emit,
) -> None:
    marks = target.marks
    memories = Memories(target.messages)
    patience = Patience(emit, target.patient)
    batch = Batch(request, store, marks, memories, emit, patience.gained, target.room, delivered)
    line = Line(lambda: login.open(emit), patience, batch.commit, renewable=request.renew is not None)
    listed_folders = line.attempt(list_folders)
    folders = folders_with_mail(listed_folders, request.rules, emit)
    batch.budget = Budget(daily_limit(request, listed_folders.profile), target.spent, emit)
    known = {raw_name: mark.target_name for raw_name, mark in marks.items()}
    plans = plan_folders(folders, request.rules, target.location, known)
    # Not before it is known that there is something to take its place.
    if target.aside:
        emit(Replaced(bool(store.move_aside(target.aside))))
    store.forget(request.key, [plan.source.raw_name for plan in plans])
    listed = sum(plan.source.messages or 0 for plan in plans)
    batch.expected = listed
    emit(Listed(len(plans), listed))
    _tell_names(plans, request, target, emit)
    check = NumberingCheck(
        plans, Earlier(request.key, marks, memories, store, target.last_run_incomplete, request.force, target.untouched)
    )
    ask_patiently(line, check)
    plans = check.checked()
    for told in check.lines():
        emit(Note(told))
    changed: List[int] = []
    if request.state == "latest" and marks:
        untold = _carry_flags(line, FlagUpdate(request.key, plans, marks, memories), store, changed, emit)
        plans = [_ask_again(plan, marks, untold) for plan in plans]
    connections = Connections(
        lambda: login.open(emit), request.connections, lambda text: emit(Note("the import " + text))
    )
    AccountCopy(line, connections, batch, store, marks).run(plans)
    if store.has_lost_keywords:
        give_keywords_again(store, request.key, plans, memories)
    if request.state == "latest" and not marks and memories:
        # An import that begins again: which messages are the source's is known only now.
        _carry_flags(line, FlagUpdate(request.key, plans, {}, memories), store, changed, emit)
    if batch.without_flags:
        _ask_for_flags(line, batch, store, changed, emit)
    total = batch.total(plans)
    if total != listed:
        emit(Listed(len(plans), total))
    # Subscriptions come last: a run that did not get that far left them to this one.
    wanted = [
        plan.target
        for plan in plans
        if plan.source.subscribed and (target.last_run_incomplete or plan.source.raw_name not in marks)
    ]
    if wanted:
        _subscribe(store, wanted, emit)
    lost = store.lost_keywords()[:MOST_KEYWORDS]
    tell_left_behind(emit, [NotImported("", "keyword_refused", "keyword %s could not be kept" % name) for name in lost])
    if line.session:
        line.session.close()


def _tell_names(plans: Sequence[FolderPlan], request: ImportRequest, target: Target, emit: Emit) -> None:
    """Tell which folders are not called here as the source or the request calls them."""
    for plan in plans:
        if plan.renamed:
            emit(Note("folder %s is called %s on this host" % (plan.source.name, joined_path(plan.target))))
    for plan in overruled(plans, request.rules, target.location):
        message = "folder %s stays %s, where an earlier run brought it, whatever folder_map says" % (
            plan.source.name,
            joined_path(plan.target),
        )
        emit(Note(message))


def _subscribe(store: MessageStore, wanted: Sequence[FolderPath], emit: Emit) -> None:
    subscribed = store.subscribe(wanted)
    emit(Subscribed(subscribed.new))
    refused = [
        NotImported(joined_path(path), "folder_refused", text) for path, text in sorted(subscribed.refused.items())
    ]
    tell_left_behind(emit, refused)


def _ask_for_flags(line: Line, batch: Batch, store: MessageStore, changed: List[int], emit: Emit) -> None:
    """Ask for flags that did not come along with their messages; until they are told, the folder does not count as
    copied.
    """
    line.attempt(lambda session: ask_for_flags(session, store, batch.without_flags, changed.append))
    emit(FlagsUpdated(sum(changed)))
    for folder in batch.without_flags:
        batch.memories.store(folder.origin.raw_name, folder.origin.uidvalidity, folder.memory)
    marks = [folder.as_mark(copied=True) for folder in batch.without_flags]
    tell_committed(emit, marks, batch.memories.take_changed())
    untold = [(folder.name, len(folder.without_flags)) for folder in batch.without_flags if folder.without_flags]
    message = "the source does not tell the flags of %d messages of this folder"
    tell_left_behind(emit, [NotImported(name, "source_unavailable", message % count) for name, count in untold])


def _carry_flags(
    line: Line, update: FlagUpdate, store: MessageStore, changed: List[int], emit: Emit
) -> Mapping[bytes, str]:
    """Carry what changed about flags, and tell whose flags the source did not tell: what it said, by raw name."""
    try:
        current, untold = line.attempt(lambda session: update.carry(session, store, changed.append))
    finally:
        # Of all attempts, also when the last of them failed: the next one finds nothing to change there.
        emit(FlagsUpdated(sum(changed)))
        tell_committed(emit, (), update.memories.take_changed())
    tell_committed(emit, current)
    message = "the source does not tell the flags of this folder: %s"
    names = {plan.source.raw_name: plan.source.name for plan in update.plans}
    entries = [NotImported(names[raw], "source_unavailable", message % text) for raw, text in untold.items()]
    tell_left_behind(emit, entries)
    return untold


def _ask_again(plan: FolderPlan, marks: Mapping[bytes, FolderMark], untold: Mapping[bytes, str]) -> FolderPlan:
    """Let the next mark of a folder whose flags the source did not tell say that they have yet to be looked at."""
    source = plan.source
    if source.raw_name not in untold:
        return plan
    return replace(plan, source=replace(source, highest_modseq=marks[source.raw_name].highest_modseq))
