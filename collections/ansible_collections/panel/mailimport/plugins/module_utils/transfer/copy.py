# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying one account: folder after folder through one pipelined session, in durable batches, until all is there."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator, List, Mapping, Optional, Sequence

from ..imap.fetch import FetchRequest
from ..imap.refusals import SourceBusyError, is_overload, refusal_error
from ..imap.responses import quote
from ..imap.uids import MAX_UID, sequence_set
from ..model.errors import MailImportError
from ..model.mail import SourceFolder
from ..source.connections import Connections, OpenedFolder
from ..state.records import FolderMark
from ..store.base import MessageStore
from .batch import BATCH_FOLDERS, Batch
from .folder_copy import FolderCopy, has_nothing_new, mark_of
from .line import Line, SessionTooOldError
from .missing_messages import fetch_missing_messages
from .plan import FolderPlan
from .selection import MessageSelection


class AccountCopy:
    """The copy of one account into one store.

    Args:
        line: to the source.
        connections: others beside it.
        batch: takes what comes of it.
        store: where messages go.
        marks: how far earlier runs came, by raw folder name.
        selection: which messages are meant for which folder, None when all of each are.
    """

    def __init__(
        self,
        line: Line,
        connections: Connections,
        batch: Batch,
        store: MessageStore,
        marks: Mapping[bytes, FolderMark],
        selection: Optional[MessageSelection] = None,
    ) -> None:
        self._line = line
        self._connections = connections
        self._batch = batch
        self._store = store
        self._marks = marks
        self._selection = selection
        self._incomplete: List[FolderCopy] = []
        # Bytes that the source may still give today, and what of that was asked for in this pass.
        self._today: Optional[int] = None
        self._asked_today = 0

    def run(self, plans: Sequence[FolderPlan]) -> None:
        """Copy everything; what could not be copied has been told as `LeftBehind` by then.

        Raises:
            MailImportError: what ends the import as a whole.
        """
        waiting = list(plans)
        while waiting:
            waiting = self._pass_over(waiting)
            if len(self._incomplete) >= BATCH_FOLDERS:
                self._complete_folders()
        self._connections.close()
        self._complete_folders()
        self._batch.commit()
        self._store.clean_up()

    def _complete_folders(self) -> None:
        if self._selection and self._incomplete:
            self._batch.commit()  # other folders can be copied from then
        while self._incomplete:
            fetch_missing_messages(self._line, self._batch, self._incomplete.pop(0), self._selection)

    def _pass_over(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        """Go through the folders once; return those that a lost connection or a changed UIDVALIDITY left over."""
        left = {plan.source.raw_name: plan for plan in plans}
        self._today, self._asked_today = self._batch.budget.left, 0
        session = self._line.connected()
        self._store.expect_folders([plan.target for plan in plans if self._is_to_be_opened(plan.source)])
        try:
            for opened in self._connections.fetch(session, self._requests(plans, left)):
                again = self._copy_folder(left[opened.folder.raw_name], opened)
                del left[opened.folder.raw_name]
                if again:
                    left[again.source.raw_name] = again
            self._batch.commit()
        except SessionTooOldError:
            self._connections.drop()  # what is left goes on over the next ones
        except MailImportError as error:
            reading = session.reading
            self._connections.drop(error)
            self._line.recover(error)
            if reading and reading.raw_name in left and not is_overload(error) and self._line.patience.failures > 1:
                # Twice at the same place: find the message that does it when all other folders are done.
                self._set_aside(self._batch.open_copies[reading.raw_name])
                del left[reading.raw_name]
        return list(left.values())

    def _requests(self, plans: Sequence[FolderPlan], left: Dict[bytes, FolderPlan]) -> Iterator[FetchRequest]:
        """Yield what to fetch; folders in which nothing is to be fetched are done with on the way."""
        for plan in plans:
            if len(self._incomplete) >= BATCH_FOLDERS:
                return  # the rest is left to the next pass
            try:
                copy = self._copy_of(plan)
            except MailImportError as error:
                if error.reason != "folder_refused":
                    raise
                self._batch.report_folder(plan, error.message)
                self._batch.refused_here.add(plan.source.raw_name)
                left.pop(plan.source.raw_name)
                continue
            if copy is None or plan.source.never_had_mail:
                left.pop(plan.source.raw_name)
                if copy is not None:
                    copy.messages = 0
                    self._batch.finish_folder(copy)
                continue
            if copy.missing_before and plan.source.uidvalidity and (plan.source.uidnext or MAX_UID) <= copy.begin:
                # Nothing is new, and N:* would bring the last message once more.
                left.pop(plan.source.raw_name)
                copy.messages, copy.uidnext = plan.source.messages, plan.source.uidnext
                self._set_aside(copy)
                continue
            self._batch.check_budget()
            copy.asked = copy.begin
            uids = self._uids_of(copy)
            if uids is None:
                left.pop(plan.source.raw_name)
                copy.all_answered = True
                (self._batch.finish_folder if copy.whole and not copy.missing_before else self._set_aside)(copy)
                continue
            yield FetchRequest(plan.source, uids, select=copy.renewed)

    def _uids_of(self, copy: FolderCopy) -> Optional[bytes]:
        """What to ask a folder for: all from a UID on, or some of those that no folder before has. Returns None if
        there are none of these.
        """
        if self._selection is None:
            return b"%d:*" % copy.asked
        self._selection.prepare(copy)
        # What was asked for ahead has yet to come.
        left = None if self._today is None else self._today - self._asked_today
        wanted, size = self._selection.affordable(copy, self._selection.to_fetch(copy), left)
        self._asked_today += size
        source = copy.plan.source
        copy.messages, copy.uidnext = source.messages, source.uidnext
        return next(sequence_set(wanted), None)

    def _copy_of(self, plan: FolderPlan) -> Optional[FolderCopy]:
        """Return the folder's copy, opening it in the store; None when nothing there is new since its mark."""
        source = plan.source
        quote(source.raw_name)  # a name that nobody can ask for is refused before anything is sent
        copy = self._batch.open_copies.get(source.raw_name)
        if copy is not None:
            return copy
        mark = self._mark_of(source)
        if mark and has_nothing_new(source, mark):
            return None
        if mark and self._batch.without_mail.is_known(source, mark):
            self._batch.leave_out_folder(source, len(mark.missing))
            return None
        return self._batch.open_folder(plan, mark)

    def _is_to_be_opened(self, source: SourceFolder) -> bool:
        mark = self._mark_of(source)
        if mark and (has_nothing_new(source, mark) or self._batch.without_mail.is_known(source, mark)):
            return False
        return source.raw_name not in self._batch.open_copies

    def _mark_of(self, source: SourceFolder) -> Optional[FolderMark]:
        """How far earlier runs came with this very folder."""
        return mark_of(source, self._marks.get(source.raw_name))

    def _copy_folder(self, plan: FolderPlan, opened: OpenedFolder) -> Optional[FolderPlan]:
        """Take one folder's messages; return its plan anew when it turned out to be another folder than was listed."""
        copy = self._batch.open_copies[plan.source.raw_name]
        peer = opened.peer
        if opened.refusal is not None:
            trouble = refusal_error(opened.refusal, peer)
            if trouble:
                raise trouble
            self._batch.refuse_folder(copy, str(opened.refusal))
            return None
        uidvalidity = opened.uidvalidity or plan.source.uidvalidity or 1
        if uidvalidity != copy.origin.source_uidvalidity:
            copy, asked = self._reopen(plan, opened, uidvalidity), copy.asked
            if copy.begin < asked:
                return copy.plan
        copy.messages, copy.uidnext = opened.exists, opened.uidnext
        for fetched in opened.messages():
            if self._batch.receive(copy, fetched):
                self._line.check_age()
        copy.all_answered = opened.complete
        # Where messages came or went meanwhile, the right number of them proves nothing.
        copy.doubtful = copy.doubtful or not opened.complete or opened.exists != copy.messages
        self._heed(opened, peer)
        if copy.whole and not copy.missing_before:
            self._batch.finish_folder(copy)
        else:
            self._set_aside(copy)
        return None

    def _reopen(self, plan: FolderPlan, opened: OpenedFolder, uidvalidity: int) -> FolderCopy:
        """Begin the folder anew as the one that it is, and not as the one that was listed."""
        begun = self._batch.open_copies[plan.source.raw_name]
        stay = self._batch.discard(begun)
        source = replace(
            plan.source, uidvalidity=uidvalidity, uidnext=opened.uidnext, messages=opened.exists, renumbered=0
        )
        # What was brought before is the folder's by now, unless it was only staged.
        return self._batch.open_folder(
            replace(plan, source=source), self._mark_of(source), by_content=stay > 0 and begun.writer.written > 0
        )

    def _heed(self, opened: OpenedFolder, peer: str) -> None:
        """Slow down or stop when the answer to a FETCH asks for it."""
        trouble = refusal_error(opened.status, peer) if opened.status else None
        if trouble and not opened.complete:
            raise trouble
        if isinstance(trouble, SourceBusyError):
            self._line.patience.pause(trouble.wait, trouble.message)

    def _set_aside(self, copy: FolderCopy) -> None:
        """Leave a folder for the end, when all others are done."""
        self._line.patience.gained()
        self._incomplete.append(copy)
