# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Copying one account: folder after folder through one pipelined session, in durable batches, until all is there."""

from __future__ import annotations

import array
import time
from dataclasses import dataclass, field, replace
from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, TypeVar

from ..model.errors import MailImportError
from ..model.imports import ImportRequest, NotImported
from ..source.fetch import Fetched, FolderStream, NoUidError
from ..source.session import FetchRequest, SourceSession
from ..source.throttle import SourceBusyError, busy_error
from ..state.records import FolderMark
from ..store.base import FolderWriter, MessageStore, Origin, escape_path
from .plan import FolderPlan
from .worker import Emit

# A batch is made durable when it reaches one of these; each costs a flush of the disk.
BATCH_MESSAGES = 10_000
BATCH_BYTES = 256 << 20
BATCH_SECONDS = 15.0
# Each open folder takes some descriptors, of which a process usually has 1,024.
BATCH_FOLDERS = 100

# Attempts in a row that brought no message before an import gives up; what a busy server asks to wait for is no attempt.
ATTEMPTS = 4
RECONNECT_WAIT = 0.25
LONGEST_BUSY = 3600.0
UIDS_PER_COMMAND = 500
MARKS_PER_EVENT = 500
ENTRIES_PER_EVENT = 500

_Result = TypeVar("_Result")

_LOST_CONNECTION = frozenset(("connection_failed", "source_unavailable", "throttled"))


@dataclass
class FolderCopy:
    """One folder's way through the copy.

    `first` is the lowest UID that has not been delivered by an earlier run; `resumed`, that the folder held messages
    from there on before this one.
    """

    plan: FolderPlan
    mark: Optional[FolderMark]
    origin: Origin
    writer: FolderWriter
    first: int
    resumed: bool
    messages: Optional[int] = None
    uidnext: Optional[int] = None
    all_answered: bool = False
    # Some answer left open whether all messages came in the order of their UIDs.
    doubtful: bool = False
    failed: Dict[int, NotImported] = field(default_factory=dict)
    # Messages that are there, but not as the source sent them.
    altered: List[NotImported] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.plan.source.name

    @property
    def retried(self) -> List[int]:
        """UIDs that an earlier run left behind and that are still not there."""
        return [uid for uid in (self.mark.missing if self.mark else ()) if not self.covers(uid)]

    @property
    def whole(self) -> bool:
        """True when everything from `first` on is known to have come: that can be counted only where nothing came earlier."""
        counted = self.first == 1 and not self.resumed and len(self.writer.held) + len(self.failed) >= (self.messages or 0)
        return self.all_answered and not self.doubtful and counted

    def covers(self, uid: int) -> bool:
        """True when there is nothing to do about a UID."""
        delivered_before = uid < self.first and not (self.mark and uid in self.mark.missing)
        return delivered_before or uid in self.writer.held or uid in self.failed

    def as_mark(self, copied: bool) -> FolderMark:
        source = self.plan.source
        return FolderMark(
            raw_name=source.raw_name,
            target_name=escape_path(self.plan.target),
            uidvalidity=self.origin.uidvalidity,
            # Only of a finished folder it is known that nothing is missing in between.
            last_uid=max(self.first - 1, self.writer.last_uid) if copied else self.first - 1,
            uidnext=self.uidnext if self.uidnext is not None else source.uidnext,
            messages=self.messages,
            # As listed before any message or flag was fetched: what changes from then on will look new.
            highest_modseq=source.highest_modseq,
            copied=copied and not self.failed,
            missing=tuple(sorted(self.failed)),
        )


class AccountCopy:
    """The copy of one account into one store.

    Args:
        request: what is asked for.
        open_session: makes a logged-in session; called again when a connection is lost.
        store: where messages go.
        marks: how far earlier runs came, by raw folder name.
        emit: takes events: `copied` (counts so far), `marks` (folders that are durable), `waiting`, `note`.
        room: bytes the mailbox may grow by, None without a limit.
    """

    def __init__(
        self,
        request: ImportRequest,
        open_session: Callable[[], SourceSession],
        store: MessageStore,
        marks: Mapping[bytes, FolderMark],
        emit: Emit,
        room: Optional[int] = None,
    ) -> None:
        self._request = request
        self._open_session = open_session
        self._store = store
        self._marks = marks
        self._emit = emit
        self._room = room
        self.session: Optional[SourceSession] = None
        self.messages_copied = 0
        self.bytes_copied = 0
        self._incomplete: List[FolderCopy] = []
        self._failures = 0
        self._busy_for = 0.0
        self._open_copies: Dict[bytes, FolderCopy] = {}
        self._finished: List[FolderCopy] = []
        self._batch_messages = 0
        self._batch_bytes = 0
        self._batch_began = time.monotonic()

    def connected(self) -> SourceSession:
        """Return the session, opening one when there is none; patient with a server that asks for patience."""
        while self.session is None:
            try:
                self.session = self._open_session()
            except MailImportError as error:
                self._recover(error)
        return self.session

    def _recover(self, error: MailImportError) -> None:
        """Wait before another attempt, or give up by raising the error."""
        self._drop_session()
        if error.reason != "auth_failed":
            self._commit()
        if isinstance(error, SourceBusyError) and self._busy_for < LONGEST_BUSY:
            wait = error.wait * min(8, 1 << self._failures)
            self._busy_for += wait
        elif error.reason in _LOST_CONNECTION and self._failures < ATTEMPTS:
            wait = RECONNECT_WAIT * (1 << self._failures)
        else:
            raise error
        self._failures += 1
        self._emit({"event": "waiting", "seconds": round(wait, 1), "message": error.message})
        time.sleep(wait)

    def _drop_session(self) -> None:
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
        for copy in self._incomplete:
            self._fetch_what_is_missing(copy)
            self._finish_folder(copy)
        self._commit()
        self._store.finish()

    def _pass_over(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        """Go through the folders once; return those that a lost connection or a changed UIDVALIDITY left over."""
        left = {plan.source.raw_name: plan for plan in plans}
        reading: Optional[FolderPlan] = None
        try:
            for opened in self.connected().fetch(self._requests(plans, left)):
                reading = left[opened.folder.raw_name]
                again = self._copy_folder(reading, opened)
                del left[opened.folder.raw_name]
                if again:
                    left[again.source.raw_name] = again
            self._commit()
        except MailImportError as error:
            self._recover(error)
            if reading and self._failures > 1 and reading.source.raw_name in left:
                # Twice at the same place: find the message that does it when all other folders are done.
                self._incomplete.append(self._open_copies[reading.source.raw_name])
                del left[reading.source.raw_name]
                self._failures = 0
        return list(left.values())

    def _requests(self, plans: Sequence[FolderPlan], left: Dict[bytes, FolderPlan]) -> Iterator[FetchRequest]:
        """Yield what to fetch; folders in which nothing is to be fetched are settled on the way."""
        for plan in plans:
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
                    self._finish_folder(copy)
                continue
            yield FetchRequest(plan.source, b"%d:*" % max(copy.first, copy.writer.last_uid + 1))

    def _copy_of(self, plan: FolderPlan) -> Optional[FolderCopy]:
        """Return the folder's copy, opening it in the store; None when nothing there is new since its mark."""
        source = plan.source
        copy = self._open_copies.get(source.raw_name)
        if copy is not None:
            return copy
        mark = self._marks.get(source.raw_name)
        if mark and mark.uidvalidity != (source.uidvalidity or mark.uidvalidity):
            mark = None
        if mark and mark.copied and source.uidnext is not None and (mark.uidnext, mark.messages) == (source.uidnext, source.messages):
            return None
        origin = Origin(self._request.key, source.raw_name, source.uidvalidity or (mark.uidvalidity if mark else 0), source.uidnext)
        by_content = self._request.existing_content == "merge" or source.raw_name in self._marks and mark is None
        writer = self._store.open_folder(plan.target, origin, by_content)
        copy = FolderCopy(plan, mark, origin, writer, first=mark.last_uid + 1 if mark else 1, resumed=len(writer.held) > 0)
        self._open_copies[source.raw_name] = copy
        return copy

    def _copy_folder(self, plan: FolderPlan, opened: FolderStream) -> Optional[FolderPlan]:
        """Take one folder's messages; return its plan anew when it turned out to be another folder than was listed."""
        copy = self._open_copies[plan.source.raw_name]
        if opened.refusal is not None:
            busy = busy_error(opened.refusal, self.connected().peer)
            if busy:
                raise busy
            self._refuse_folder(copy, str(opened.refusal))
            return None
        uidvalidity = copy.origin.uidvalidity if opened.uidvalidity is None else opened.uidvalidity
        if uidvalidity != copy.origin.uidvalidity:
            self._store.discard(copy.writer)
            del self._open_copies[plan.source.raw_name]
            return replace(plan, source=replace(plan.source, uidvalidity=uidvalidity, uidnext=opened.uidnext, messages=opened.exists))
        copy.messages, copy.uidnext = opened.exists, opened.uidnext
        for fetched in opened.messages():
            self._take(copy, fetched)
        busy = None if opened.complete or opened.status is None else busy_error(opened.status, self.connected().peer)
        if busy:
            raise busy
        copy.all_answered = opened.complete
        if copy.whole and not copy.retried:
            self._finish_folder(copy)
        else:
            self._incomplete.append(copy)
        return None

    def _take(self, copy: FolderCopy, fetched: Fetched) -> None:
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
        copy.doubtful = copy.doubtful or (fetched.message.uid or 0) < highest
        if size is None:
            return
        self._failures = 0
        self.messages_copied += 1
        self.bytes_copied += size
        self._batch_messages += 1
        self._batch_bytes += size
        if self._room is not None and self.bytes_copied > self._room:
            self._commit()
            raise MailImportError("over_quota", "the source holds more than the %d bytes that the quota leaves: raise it and run the task again" % self._room)
        if self._batch_messages >= BATCH_MESSAGES or self._batch_bytes >= BATCH_BYTES or time.monotonic() - self._batch_began > BATCH_SECONDS:
            self._commit()

    def _add(self, copy: FolderCopy, fetched: Fetched) -> Optional[int]:
        if fetched.size <= self._request.max_message_size:
            return copy.writer.add(fetched)
        message_id = fetched.skip()  # its UID may come behind it
        self._leave_out(copy, fetched.message.uid, "message_refused", "larger than max_message_size", fetched.size, message_id)
        return None

    def _leave_out(
        self, copy: FolderCopy, uid: Optional[int], reason: str, message: str, size: Optional[int] = None, message_id: Optional[str] = None
    ) -> None:
        copy.failed[uid or 0] = NotImported(copy.name, reason, message, uid, message_id, size)

    def _take_refusals(self) -> None:
        """Correct what was counted for messages that the store did not take, or not as they were."""
        for copy in self._open_copies.values():
            for refusal in copy.writer.take_refusals():
                if refusal.stored:
                    copy.altered.append(NotImported(copy.name, refusal.reason, refusal.message, refusal.uid, refusal.message_id, refusal.size))
                else:
                    self._leave_out(copy, refusal.uid, refusal.reason, refusal.message, refusal.size, refusal.message_id)
                if refusal.reason != "message_altered":
                    self.messages_copied -= 1
                    self.bytes_copied -= refusal.size

    def _refuse_folder(self, copy: FolderCopy, text: str) -> None:
        self._store.discard(copy.writer)
        del self._open_copies[copy.plan.source.raw_name]
        self._report_folder(copy.plan, "the source does not open this folder: %s" % text)

    def _report_folder(self, plan: FolderPlan, text: str) -> None:
        entry = NotImported(folder=plan.source.name, reason="folder_refused", message=text)
        self._emit_not_imported([entry], plan.source.messages or 0)

    def _emit_not_imported(self, entries: Sequence[NotImported], messages: int) -> None:
        for start in range(0, len(entries), ENTRIES_PER_EVENT):
            some = [vars(entry) for entry in entries[start : start + ENTRIES_PER_EVENT]]
            self._emit({"event": "not_imported", "entries": some, "messages": messages if start == 0 else 0})

    def _fetch_what_is_missing(self, copy: FolderCopy) -> None:
        """Ask again for what the folder holds and did not come: first in pieces, at last one by one."""
        missing = self.attempt(lambda session: self._list_missing(session, copy))
        pieces = [missing[start : start + UIDS_PER_COMMAND] for start in range(0, len(missing), UIDS_PER_COMMAND)][::-1]
        while pieces:
            piece = pieces.pop()
            trouble = self._fetch_piece(copy, piece)
            rest = array.array("I", (uid for uid in piece if not copy.covers(uid)))
            if not rest:
                continue
            if len(piece) == 1:
                self._leave_out(copy, rest[0], "source_unavailable", trouble or "the source lists this message and does not send it")
            else:
                half = (len(rest) + 1) // 2
                pieces += [part for part in (rest[half:], rest[:half]) if part]

    def _list_missing(self, session: SourceSession, copy: FolderCopy) -> Sequence[int]:
        missing = array.array("I")
        lowest = min([copy.first, *copy.retried])
        session.search_uids(copy.plan.source, lambda uid: None if copy.covers(uid) else missing.append(uid), lowest)
        return missing

    def _fetch_piece(self, copy: FolderCopy, uids: Sequence[int]) -> Optional[str]:
        """Fetch a few messages; return what went wrong, None when the server says that it sent all."""
        request = FetchRequest(copy.plan.source, b",".join(b"%d" % uid for uid in uids))
        try:
            for opened in self.connected().fetch([request]):
                if opened.uidvalidity not in (None, copy.origin.uidvalidity):
                    raise MailImportError("interrupted", "the source replaced %s meanwhile (UIDVALIDITY); run the task again" % copy.name)
                for fetched in opened.messages():
                    self._take(copy, fetched)
                answer = opened.refusal or opened.status
                if answer and not answer.ok:
                    busy = busy_error(answer, self.connected().peer)
                    if busy and len(uids) > 1:
                        raise busy
                    return str(answer)
        except MailImportError as error:
            if isinstance(error, SourceBusyError) or error.reason not in _LOST_CONNECTION:
                self._recover(error)
            self._drop_session()
            return error.message
        return None

    def attempt(self, work: Callable[[SourceSession], _Result]) -> _Result:
        """Do something with the session, again on a new one when the connection is lost."""
        while True:
            try:
                return work(self.connected())
            except MailImportError as error:
                self._recover(error)

    def _finish_folder(self, copy: FolderCopy) -> None:
        copy.writer.finish()
        self._finished.append(copy)
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
            self._emit_folder(copy)
            self._emit_failures(copy)
            self._open_copies.pop(copy.plan.source.raw_name, None)
        self._finished = []
        # A staged folder has a journal of its own; the state knows it when it is visible.
        for copy in self._open_copies.values():
            if not copy.writer.staged and (copy.writer.fresh or copy.writer.written):
                marks.append(copy.as_mark(copied=False))
                self._emit_folder(copy)
        self.emit_marks(marks)
        self._emit({"event": "copied", "messages": self.messages_copied, "bytes": self.bytes_copied})

    def emit_marks(self, marks: Sequence[FolderMark]) -> None:
        """Tell the parent how far folders have come."""
        for start in range(0, len(marks), MARKS_PER_EVENT):
            values = [dict(vars(mark), raw_name=mark.raw_name.decode("latin-1")) for mark in marks[start : start + MARKS_PER_EVENT]]
            self._emit({"event": "marks", "marks": values})

    def _emit_folder(self, copy: FolderCopy) -> None:
        writer = copy.writer
        self._emit({
            "event": "folder",
            "name": escape_path(copy.plan.target),
            "created": writer.fresh,
            "before": writer.before,
            "after": len(writer.held) if writer.fresh else writer.before + writer.written,
        })

    def _emit_failures(self, copy: FolderCopy) -> None:
        lacking = [entry for entry in copy.altered if entry.reason != "message_altered"]
        self._emit_not_imported([*copy.failed.values(), *copy.altered], len(copy.failed) + len(lacking))
