# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the unprivileged process of one import does, from the login to the last subscription."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Mapping, Optional, Sequence, Tuple

from ..imap.flags import MOST_KEYWORDS
from ..model.imports import ImportRequest, NotImported
from ..source.connections import Connections
from ..state.records import Deliveries, FolderMark
from ..store.base import MessageStore, joined_path
from .batch import Batch
from .budget import Budget, daily_limit
from .copy import AccountCopy
from .flags import FlagUpdate, ask_for_flags, give_keywords_again
from .folder_copy import FolderCopy
from .left_out import SourceFolders, list_folders
from .line import Line
from .login import Login
from .memory import Memories
from .news import (
    AllAnswersKnown,
    Emit,
    FlagsUpdated,
    Listed,
    Note,
    Replaced,
    Subscribed,
    tell_committed,
    tell_left_behind,
)
from .numbering import Earlier, NumberingCheck, ask_patiently
from .patience import Patience
from .plan import FolderPlan, overruled, uses_to_tell
from .selection import MessageSelection, plan_account
from .stores import Target, open_store


def import_account(
    request: ImportRequest,
    login: Login,
    target: Target,
    emit: Emit,
) -> None:
    """Import the account's content into the store.

    Args:
        emit: takes `SecretWanted` of the login, `SessionWanted` of an IMAP store, `Replaced`, `Listed`, the news of
            Batch, and `AllAnswersKnown` when nothing is left in doubt.

    Raises:
        MailImportError: what ended the import; what was emitted by then is done.
    """
    delivered: List[Deliveries] = []
    store = open_store(request, target, emit, delivered.append)
    complete = False
    try:
        _AccountImport(request, login, target, store, delivered, emit).run()
        complete = True
    finally:
        # What a killed run left is looked for until a run has been through all folders.
        if store.all_answers_known and (complete or not target.may_hold_unrecorded_mail):
            emit(AllAnswersKnown())


class _AccountImport:
    """One import, step by step."""

    def __init__(
        self,
        request: ImportRequest,
        login: Login,
        target: Target,
        store: MessageStore,
        delivered: List[Deliveries],
        emit: Emit,
    ) -> None:
        self._request = request
        self._login = login
        self._target = target
        self._store = store
        self._emit = emit
        self._marks = target.marks
        self._memories = Memories(target.messages)
        patience = Patience(emit, target.wait_if_crowded)
        self._batch = Batch(request, store, self._marks, self._memories, emit, patience.gained, target.room, delivered)
        self._line = Line(lambda: login.open(emit), patience, self._batch.commit, renewable=request.renew is not None)
        # How many messages got other flags, as often as some did.
        self._changed: List[int] = []
        self._listed: Optional[SourceFolders] = None

    def run(self) -> None:
        """Do it all, from the listing of the source to the last subscription."""
        plans: Sequence[FolderPlan] = self._plan()
        self._make_room(plans)
        self._tell_names(plans)
        refused = self._tell_refused(plans)
        plans = self._check_numbering([plan for plan in plans if plan not in refused])
        plans = self._copy(plans)
        total = self._batch.counts.total([*plans, *refused])
        if total != self._batch.counts.expected:
            self._emit(Listed(len(plans) + len(refused), total))
        self._subscribe(plans)
        self._tell_lost_keywords()
        if self._line.session:
            self._line.session.close()

    def _plan(self) -> List[FolderPlan]:
        """List the source, and choose its folders and their names here."""
        request = self._request
        listed = self._line.attempt(list_folders)
        plans = plan_account(listed, request.rules, self._target.location, self._marks, self._emit)
        budget = Budget(daily_limit(request, listed.profile), self._target.spent, self._emit)
        self._batch.set_source(listed.profile, budget)
        self._listed = listed
        # Where the host takes two names for one, the folder that has its mail there already keeps it.
        by_claim = sorted(plans, key=lambda plan: plan.source.raw_name not in self._marks)
        self._store.note_targets([plan.target for plan in by_claim])
        self._store.note_uses(uses_to_tell(plans, request.rules, self._target.location))
        return plans

    def _make_room(self, plans: Sequence[FolderPlan]) -> None:
        """Take away what is to make place, and what stays of folders that come no more; tell how many messages the
        source says it has.
        """
        # Not before it is known that there is something to take its place.
        if self._target.aside:
            self._emit(Replaced(bool(self._store.move_aside(self._target.aside))))
        self._store.forget(self._request.key, [plan.source.raw_name for plan in plans])
        self._batch.counts.expect(plans)
        self._emit(Listed(len(plans), self._batch.counts.expected))

    def _tell_names(self, plans: Sequence[FolderPlan]) -> None:
        """Tell which folders are not called here as the source or the request calls them."""
        for plan in plans:
            if plan.renamed:
                self._emit(Note("folder %s is called %s on this host" % (plan.source.name, joined_path(plan.target))))
        for plan in overruled(plans, self._request.rules, self._target.location):
            message = "folder %s stays %s, where an earlier run brought it, whatever folder_map says" % (
                plan.source.name,
                joined_path(plan.target),
            )
            self._emit(Note(message))

    def _tell_refused(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        """Tell and return the folders that nothing can be written into on this host: they cost no other."""
        texts = self._store.refused_folders([plan.target for plan in plans])
        refused = [plan for plan in plans if plan.target in texts]
        for plan in refused:
            self._batch.report_folder(plan, texts[plan.target])
        return refused

    def _check_numbering(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        request, target = self._request, self._target
        earlier = Earlier(
            request.key,
            self._marks,
            self._memories,
            self._store,
            target.last_run_incomplete,
            request.force,
            target.untouched,
        )
        check = NumberingCheck(plans, earlier)
        ask_patiently(self._line, check)
        for told in check.lines():
            self._emit(Note(told))
        return check.checked()

    def _select_messages(self, plans: Sequence[FolderPlan]) -> Optional[MessageSelection]:
        """Find out which messages are meant for which folder, and what that comes to."""
        rules, listed, batch = self._request.rules, self._listed, self._batch
        if listed is None:
            return None
        selection = self._line.attempt(
            lambda session: MessageSelection.asked(session, listed, rules, plans, self._marks, self._memories)
        )
        if selection:
            batch.counts.count_remembered(plans, self._memories)
            batch.counts.expected, batch.counts.expected_bytes = selection.expected(), selection.download_size()
            self._emit(Listed(len(plans), batch.counts.expected))
        return selection

    def _copy(self, plans: Sequence[FolderPlan]) -> Sequence[FolderPlan]:
        """Bring messages, and what changed about flags; return the plans as they are known by then."""
        request, marks, memories = self._request, self._marks, self._memories
        latest = request.state == "latest"
        if latest and marks:
            untold, current = self._carry_flags(FlagUpdate(request.key, plans, marks, memories))
            marks = {**marks, **current}
            plans = [_ask_again(plan, marks, untold) for plan in plans]
        connections = Connections(
            lambda: self._login.open(self._emit),
            request.connections,
            lambda text: self._emit(Note("the import " + text)),
        )
        selection = self._select_messages(plans)
        AccountCopy(self._line, connections, self._batch, self._store, marks, selection).run(plans)
        if self._store.has_lost_keywords:
            give_keywords_again(self._store, request.key, plans, memories)
        if latest and not marks and memories:
            # An import that begins again: which messages are the source's is known only now.
            self._carry_flags(FlagUpdate(request.key, plans, {}, memories))
        if self._batch.without_flags:
            self._ask_for_flags(self._batch.without_flags)
        return plans

    def _carry_flags(self, update: FlagUpdate) -> Tuple[Mapping[bytes, str], Mapping[bytes, FolderMark]]:
        """Carry what changed about flags, and tell whose flags the source did not tell: what it said, by raw name.
        Also return marks as they are by then.
        """
        try:
            current, untold = self._line.attempt(
                lambda session: update.carry(session, self._store, self._changed.append)
            )
        finally:
            # Of all attempts, also when the last of them failed: the next one finds nothing to change there.
            self._emit(FlagsUpdated(sum(self._changed)))
            tell_committed(self._emit, (), update.memories.take_changed())
        tell_committed(self._emit, current)
        message = "the source does not tell the flags of this folder: %s"
        names = {plan.source.raw_name: plan.source.name for plan in update.plans}
        entries = [NotImported(names[raw], "source_unavailable", message % text) for raw, text in untold.items()]
        tell_left_behind(self._emit, entries)
        return untold, {mark.raw_name: mark for mark in current}

    def _ask_for_flags(self, folders: Sequence[FolderCopy]) -> None:
        """Ask for flags that did not come along with their messages; until they are told, the folder does not count as
        copied.
        """
        self._line.attempt(lambda session: ask_for_flags(session, self._store, folders, self._changed.append))
        self._emit(FlagsUpdated(sum(self._changed)))
        for folder in folders:
            self._memories.store(folder.origin.raw_name, folder.origin.uidvalidity, folder.memory)
        marks = [folder.as_mark(copied=True) for folder in folders]
        tell_committed(self._emit, marks, self._memories.take_changed())
        untold = [(folder.name, len(folder.without_flags)) for folder in folders if folder.without_flags]
        message = "the source does not tell the flags of %d messages of this folder"
        entries = [NotImported(name, "source_unavailable", message % count) for name, count in untold]
        tell_left_behind(self._emit, entries)

    def _subscribe(self, plans: Sequence[FolderPlan]) -> None:
        """Subscriptions come last: a run that did not get that far left them to this one."""
        not_here = {*self._batch.without_mail.found, *self._batch.refused_here}
        subscribed_there = [plan for plan in plans if plan.source.subscribed and plan.source.raw_name not in not_here]
        wanted = [
            plan.target
            for plan in subscribed_there
            if self._target.last_run_incomplete or plan.source.raw_name not in self._marks
        ]
        if not wanted:
            return
        subscribed = self._store.subscribe(wanted)
        self._emit(Subscribed(subscribed.new))
        refused = [
            NotImported(joined_path(path), "folder_refused", text) for path, text in sorted(subscribed.refused.items())
        ]
        tell_left_behind(self._emit, refused)

    def _tell_lost_keywords(self) -> None:
        lost = self._store.lost_keywords()[:MOST_KEYWORDS]
        entries = [NotImported("", "keyword_refused", "keyword %s could not be kept" % name) for name in lost]
        tell_left_behind(self._emit, entries)


def _ask_again(plan: FolderPlan, marks: Mapping[bytes, FolderMark], untold: Mapping[bytes, str]) -> FolderPlan:
    """Let the next mark of a folder whose flags the source did not tell say that they have yet to be looked at."""
    source = plan.source
    if source.raw_name not in untold:
        return plan
    return replace(plan, source=replace(source, highest_modseq=marks[source.raw_name].highest_modseq))
