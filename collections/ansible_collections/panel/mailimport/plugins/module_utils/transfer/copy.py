# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying one account: folder after folder through one pipelined session, in durable batches, until all is there."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, TypeVar

from ..imap.fetch import Fetched, FetchRequest, FolderStream, NoUidError, message_id_in
from ..imap.refusals import SourceBusyError, is_overload, refusal_error
from ..imap.responses import quote
from ..imap.uids import MAX_UID
from ..model.errors import MailImportError
from ..model.imports import ImportRequest, NotImported
from ..model.mail import SourceFolder
from ..source.session import SourceSession
from ..state.records import FolderMark
from ..store.base import MessageStore, Origin
from .folder_copy import TOO_LARGE, FolderCopy, has_nothing_new, mark_of
from .leftovers import fetch_what_is_missing
from .memory import Memories
from .patience import Patience
from .plan import FolderPlan
from .sandbox import Emit
from .telling import emit_failures, emit_folder, emit_marks, emit_not_imported

# A batch is made durable when it reaches one of these; each costs a flush of the disk.
BATCH_MESSAGES = 10_000
BATCH_BYTES = 256 << 20
BATCH_SECONDS = 15.0
# Each open folder takes three descriptors, of which a process usually has 1,024. So many are finished and wait for
# their flush, so many are incomplete, and PIPELINE_DEPTH are asked for ahead.
BATCH_FOLDERS = 64

_Result = TypeVar("_Result")


class AccountCopy:
    """The copy of one account into one store.

    Args:
        request: what is asked for.
        open_session: makes a logged-in session; called again when a connection is lost.
        store: where messages go.
        marks: how far earlier runs came, by raw folder name.
        memories: what the source's messages were then.
        patience: with a source that is busy, away or broken.
        emit: takes events: `copied` (counts so far), `marks` (folders that are durable), `waiting`, `note`.
        room: bytes the mailbox may grow by, None without a limit.
    """

    def __init__(
        self,
        request: ImportRequest,
        open_session: Callable[[], SourceSession],
        store: MessageStore,
        marks: Mapping[bytes, FolderMark],
        memories: Memories,
        patience: Patience,
        emit: Emit,
        room: Optional[int] = None,
    ) -> None:
        self._request = request
        self._open_session = open_session
        self._store = store
        self._marks = marks
        self.memories = memories
        self._emit = emit
        self._room = room
        self._bytes_staged = 0
        self.session: Optional[SourceSession] = None
        self._was_connected = False
        self.messages_copied = 0
        self.bytes_copied = 0
        # What earlier runs brought, by folder: all there is, until it is opened.
        self._present = {name: mark.messages for name, mark in marks.items() if mark.copied and mark.messages}
        # Messages of the source, by folder, where they have been counted.
        self._counted: Dict[bytes, int] = {}
        self._incomplete: List[FolderCopy] = []
        self.without_flags: List[FolderCopy] = []
        self.patience = patience
        self._open_copies: Dict[bytes, FolderCopy] = {}
        self._finished: List[FolderCopy] = []
        self._batch_messages = 0
        self._batch_bytes = 0
        self._batch_began = time.monotonic()

    @property
    def max_message_size(self) -> int:
        return self._request.max_message_size

    def total(self, plans: Sequence[FolderPlan]) -> int:
        """How many messages the source has: as counted one by one, or as it says where nothing was to be done."""
        return sum(self._counted.get(plan.source.raw_name, plan.source.messages or 0) for plan in plans)

    def connected(self) -> SourceSession:
        """Return the session, opening one when there is none; patient with a server that asks for patience."""
        while self.session is None:
            try:
                self.session = self._open_session()
            except MailImportError as error:
                if not self._was_connected and error.reason == "connection_failed":
                    raise  # a source that is down is no outage in the middle of something: tell at once
                self.recover(error, connecting=True)
        self._was_connected = True
        return self.session

    def recover(self, error: MailImportError, connecting: bool = False) -> None:
        """Wait before another attempt, or give up by raising the error."""
        self.drop_session()
        self._commit()
        self.patience.wait(error, connecting)

    def drop_session(self) -> None:
        if self.session is not None:
            self.session.abandon()
            self.session = None

    def run(self, plans: Sequence[FolderPlan]) -> None:
        """Copy everything; what could not be copied has been emitted as `not_imported` by then.

        Raises:
            MailImportError: what ends the import as a whole.
        """
        waiting = list(plans)
        while waiting:
            waiting = self._pass_over(waiting)
            if len(self._incomplete) >= BATCH_FOLDERS:
                self._complete_folders()
        self._complete_folders()
        self._commit()
        self._store.finish()

    def _complete_folders(self) -> None:
        while self._incomplete:
            fetch_what_is_missing(self, self._incomplete.pop(0))

    def _pass_over(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        """Go through the folders once; return those that a lost connection or a changed UIDVALIDITY left over."""
        left = {plan.source.raw_name: plan for plan in plans}
        session = self.connected()
        self._store.expect_folders([plan.target for plan in plans if self._is_to_be_opened(plan.source)])
        try:
            for opened in session.fetch(self._requests(plans, left)):
                again = self._copy_folder(left[opened.folder.raw_name], opened)
                del left[opened.folder.raw_name]
                if again:
                    left[again.source.raw_name] = again
            self._commit()
        except MailImportError as error:
            reading = session.reading
            self.recover(error)
            if reading and reading.raw_name in left and not is_overload(error) and self.patience.failures > 1:
                # Twice at the same place: find the message that does it when all other folders are done.
                self._set_aside(self._open_copies[reading.raw_name])
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
                self._report_folder(plan, error.message)
                left.pop(plan.source.raw_name)
                continue
            if copy is None or (plan.source.messages == 0 and plan.source.uidvalidity):
                left.pop(plan.source.raw_name)
                if copy is not None:
                    copy.messages = 0
                    self.finish_folder(copy)
                continue
            if copy.retried and plan.source.uidvalidity and (plan.source.uidnext or MAX_UID) <= copy.begin:
                # Nothing is new, and N:* would bring the last message once more.
                left.pop(plan.source.raw_name)
                copy.messages, copy.uidnext = plan.source.messages, plan.source.uidnext
                self._set_aside(copy)
                continue
            copy.asked = copy.begin
            yield FetchRequest(plan.source, b"%d:*" % copy.asked, select=copy.renewed)

    def _copy_of(self, plan: FolderPlan) -> Optional[FolderCopy]:
        """Return the folder's copy, opening it in the store; None when nothing there is new since its mark."""
        source = plan.source
        quote(source.raw_name)  # a name that nobody can ask for is refused before anything is sent
        copy = self._open_copies.get(source.raw_name)
        if copy is not None:
            return copy
        mark = self._mark_of(source)
        if mark and has_nothing_new(source, mark):
            return None
        return self._open_copy(plan, mark)

    def _is_to_be_opened(self, source: SourceFolder) -> bool:
        mark = self._mark_of(source)
        return source.raw_name not in self._open_copies and not (mark and has_nothing_new(source, mark))

    def _mark_of(self, source: SourceFolder) -> Optional[FolderMark]:
        """How far earlier runs came with this very folder."""
        return mark_of(source, self._marks.get(source.raw_name))

    def _open_copy(self, plan: FolderPlan, mark: Optional[FolderMark], by_content: bool = False) -> FolderCopy:
        source = plan.source
        origin = Origin(
            self._request.key, source.raw_name, source.uidvalidity or (mark.uidvalidity if mark else 0), source.uidnext
        )
        renewed = source.raw_name in self._marks and mark is None
        writer = self._store.open_folder(
            plan.target, origin, by_content=by_content or renewed or self._request.existing_content == "merge"
        )
        self._bytes_staged += writer.bytes_staged
        resumed = len(writer.held) > 0
        writer.remembered = memory = self.memories.load(source.raw_name, origin.uidvalidity)
        copy = FolderCopy(plan, mark, origin, writer, memory, resumed=resumed, renewed=renewed)
        self._open_copies[source.raw_name] = copy
        self._present[source.raw_name] = max(len(writer.held), self._present.get(source.raw_name, 0) if mark else 0)
        return copy

    def _copy_folder(self, plan: FolderPlan, opened: FolderStream) -> Optional[FolderPlan]:
        """Take one folder's messages; return its plan anew when it turned out to be another folder than was listed."""
        copy = self._open_copies[plan.source.raw_name]
        peer = opened.peer
        if opened.refusal is not None:
            trouble = refusal_error(opened.refusal, peer)
            if trouble:
                raise trouble
            self.refuse_folder(copy, str(opened.refusal))
            return None
        uidvalidity = opened.uidvalidity or plan.source.uidvalidity or 1
        if uidvalidity != copy.origin.uidvalidity:
            copy, asked = self._reopen(plan, opened, uidvalidity), copy.asked
            if copy.begin < asked:
                return copy.plan
        copy.messages, copy.uidnext = opened.exists, opened.uidnext
        for fetched in opened.messages():
            self.take(copy, fetched)
        copy.all_answered = opened.complete
        # Where messages came or went meanwhile, the right number of them proves nothing.
        copy.doubtful = copy.doubtful or not opened.complete or opened.exists != copy.messages
        self._heed(opened, peer)
        if copy.whole and not copy.retried:
            self.finish_folder(copy)
        else:
            self._set_aside(copy)
        return None

    def _reopen(self, plan: FolderPlan, opened: FolderStream, uidvalidity: int) -> FolderCopy:
        """Begin the folder anew as the one that it is, and not as the one that was listed."""
        begun = self._open_copies[plan.source.raw_name]
        stay = self._discard(begun)
        source = replace(plan.source, uidvalidity=uidvalidity, uidnext=opened.uidnext, messages=opened.exists)
        # What was brought before is the folder's by now, unless it was only staged.
        return self._open_copy(
            replace(plan, source=source), self._mark_of(source), by_content=stay > 0 and begun.writer.written > 0
        )

    def _heed(self, opened: FolderStream, peer: str) -> None:
        """Slow down or stop when the answer to a FETCH asks for it."""
        trouble = refusal_error(opened.status, peer) if opened.status else None
        if trouble and not opened.complete:
            raise trouble
        if isinstance(trouble, SourceBusyError):
            self.patience.pause(trouble.wait, trouble.message)

    def take(self, copy: FolderCopy, fetched: Fetched) -> None:
        uid = fetched.message.uid
        if uid is not None and copy.covers(uid):
            return
        if not fetched.has_body:
            copy.doubtful = True
            return
        highest = copy.writer.last_uid
        try:
            size = self._add(copy, fetched)
        except NoUidError:
            copy.doubtful = True
            return
        message = fetched.message
        copy.doubtful = copy.doubtful or (message.uid or 0) < highest
        came = size is not None or message.uid not in copy.memory
        if came and message.uid is not None and message.uid in copy.writer.held:
            copy.memory.note(message.uid, message.flags if message.flags_told else None)
        if size is None:
            return
        if not message.flags_told and message.uid is not None:
            copy.without_flags.append(message.uid)
        self.patience.gained()
        self.messages_copied += 1
        self.bytes_copied += size
        copy.copied += 1
        copy.bytes_copied += size
        self._batch_messages += 1
        self._batch_bytes += size
        self._heed_quota()
        if (
            self._batch_messages >= BATCH_MESSAGES
            or self._batch_bytes >= BATCH_BYTES
            or time.monotonic() - self._batch_began > BATCH_SECONDS
        ):
            self._commit()
            if self._request.renew and self.session and self.session.is_stale:
                # Before the source ends the session in the middle of something: the next one is opened with a new
                # token.
                raise MailImportError(
                    "source_unavailable", "the access token is about to expire, so a new one is taken"
                )

    def _heed_quota(self) -> None:
        """Stop when the mailbox would hold more than its quota once everything that is staged is in sight."""
        added = self._bytes_staged + self.bytes_copied
        if self._room is not None and added > self._room:
            self._commit()
            message = "the source holds more than the %d bytes that the quota leaves: raise it and run the task again"
            raise MailImportError("over_quota", message % self._room)

    def _add(self, copy: FolderCopy, fetched: Fetched) -> Optional[int]:
        refusal = None
        if fetched.size > self._request.max_message_size:
            refusal = TOO_LARGE
        elif fetched.is_surrogate:
            refusal = "Exchange cannot give this message over IMAP and sends a notice in its place"
        if refusal is None:
            return copy.writer.add(fetched)
        message_id = message_id_in(fetched.skip())  # its UID may come behind it
        self.leave_out(copy, fetched.message.uid, "message_refused", refusal, fetched.size, message_id)
        return None

    def leave_out(
        self,
        copy: FolderCopy,
        uid: Optional[int],
        reason: str,
        message: str,
        size: Optional[int] = None,
        message_id: Optional[str] = None,
    ) -> None:
        if uid is None:
            raise NoUidError("protocol_error", "a message of %s came without its UID" % copy.name)
        copy.failed[uid] = NotImported(copy.name, reason, message, uid, message_id, size)

    def _take_refusals(self) -> None:
        """Correct what was counted for messages that the store did not take, or not as they were."""
        for copy in self._open_copies.values():
            for refusal in copy.writer.take_refusals():
                if refusal.stored:
                    copy.altered.append(
                        NotImported(
                            copy.name, refusal.reason, refusal.message, refusal.uid, refusal.message_id, refusal.size
                        )
                    )
                else:
                    self.leave_out(copy, refusal.uid, refusal.reason, refusal.message, refusal.size, refusal.message_id)
                if refusal.reason != "message_altered":
                    copy.copied -= 1
                    self.messages_copied -= 1
                    self.bytes_copied -= refusal.size

    def _discard(self, copy: FolderCopy) -> int:
        """Let go of a folder; return how many messages of it stay on the host, which are none of a stage."""
        writer, raw_name = copy.writer, copy.plan.source.raw_name
        stay = len(writer.held)
        self._bytes_staged -= writer.bytes_staged
        if writer.staged:
            self.messages_copied -= writer.written
            self.bytes_copied -= copy.bytes_copied
            self._present[raw_name] = stay = 0
        self._store.discard(writer)
        del self._open_copies[raw_name]
        return stay

    def refuse_folder(self, copy: FolderCopy, text: str) -> None:
        stay = self._discard(copy)
        self._report_folder(copy.plan, "the source does not open this folder: %s" % text, stay)

    def _report_folder(self, plan: FolderPlan, text: str, here: int = 0) -> None:
        self.patience.gained()
        entry = NotImported(folder=plan.source.name, reason="folder_refused", message=text)
        emit_not_imported(self._emit, [entry], max(0, (plan.source.messages or 0) - here))

    def _set_aside(self, copy: FolderCopy) -> None:
        """Leave a folder for the end, when all others are done."""
        self.patience.gained()
        self._incomplete.append(copy)

    def attempt(self, work: Callable[[SourceSession], _Result]) -> _Result:
        """Do something with the session, again on a new one when the connection is lost."""
        while True:
            session = self.connected()
            try:
                return work(session)
            except MailImportError as error:
                self.recover(error)

    def finish_folder(self, copy: FolderCopy) -> None:
        self.patience.gained()
        self._heed_quota()
        copy.writer.finish()
        self._finished.append(copy)
        if copy.without_flags or copy.unremembered:
            self.without_flags.append(copy)
        if len(self._finished) >= BATCH_FOLDERS:
            self._commit()

    def _commit(self) -> None:
        """Make durable what has come, then report it: the parent writes the state only then."""
        self._store.commit()
        self._take_refusals()
        self._batch_messages = self._batch_bytes = 0
        self._batch_began = time.monotonic()
        marks = []
        for copy in self._finished:
            marks.append(copy.as_mark(copied=True))
            self.memories.store(copy.origin.raw_name, copy.origin.uidvalidity, copy.memory)
            self._present[copy.plan.source.raw_name] = copy.came_before
            self._counted[copy.plan.source.raw_name] = copy.came_before + copy.copied + copy.left_behind
            emit_folder(self._emit, copy)
            emit_failures(self._emit, copy)
            self._open_copies.pop(copy.plan.source.raw_name, None)
        self._finished = []
        # A staged folder has a journal of its own; the state knows it when it is visible.
        for copy in self._open_copies.values():
            if not copy.writer.staged and (copy.writer.fresh or copy.writer.written):
                marks.append(copy.as_mark(copied=False))
                emit_folder(self._emit, copy)
        emit_marks(self._emit, marks, self.memories.take_changed())
        self._emit(
            {
                "event": "copied",
                "messages": self.messages_copied,
                "present": sum(self._present.values()),
                "bytes": self.bytes_copied,
            }
        )

    def note(self, text: str) -> None:
        """Tell the parent something that people should know."""
        self._emit({"event": "note", "message": text})
