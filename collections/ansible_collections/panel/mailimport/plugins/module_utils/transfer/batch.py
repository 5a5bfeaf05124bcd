# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has come of the folders of an account, and is made durable together.

Exactly once. A message is known by its import, its folder at the source, the folder's UIDVALIDITY and its UID. What
happens to it, in this order:

1. Its bytes are written: into the folder's stage in `tmp` (Maildir, where the name of the file says all four), or with
   APPEND into the folder (IMAP store). Nobody sees what is staged.
2. `store.commit`: the bytes are durable and compared with what came. Then the messages are entered into the journal of
   a stage that will be a new folder, or shown in a folder that exists; and that is durable, too. An IMAP store tells
   which UIDs the host gave them.
3. `Committed`, before anything else is told: the parent writes the UIDs of the IMAP store into the state, how far the
   folder has come, what is damaged in it, and what the source's messages were, in one transaction. Only when a folder
   has been gone through to its end, its mark goes past the messages in it.

What a kill leaves, and what the next run does:

* before 2: files in a stage that no journal names, or messages of the host's that nobody took note of. The files are
  removed and their messages fetched again; the messages are found again by their content, for the state says that a
  run was killed.
* between 2 and 3: messages that are there, with names that say whose they are. The folder is listed, and what is there
  is not fetched, but for a few beginnings: they show whether the source has renumbered its messages since. Which flags
  they had at the source is asked for again. In an IMAP store they are found by their content.
* after 3: nothing. A message that its owner moves or deletes from then on does not come back, since the mark and the
  memory say that it came.

So the state may know less than the mailbox, and never more.
"""

from __future__ import annotations

import time
from typing import Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set

from ..imap.fetch import Fetched, NoUidError
from ..imap.headers import LONGEST_HEADER, message_id_in
from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.mail import SourceFolder
from ..source.profiles import ANY, SourceProfile
from ..state.records import Deliveries, FolderMark
from ..store.base import HeldCopy, MessageStore
from ..store.origin import Origin
from .budget import Budget
from .counts import AccountCounts
from .folder_copy import SURROGATE, TOO_LARGE, FolderCopy, is_renewed
from .left_out import FoldersWithoutMail
from .memory import Memories
from .news import Emit, tell_committed, tell_left_behind, tell_refused_folder
from .plan import FolderPlan
from .rebuilt import Rebuilt
from .signs import watch_beginning

# A batch is made durable when it reaches one of these; each costs a flush of the disk.
BATCH_MESSAGES = 10_000
BATCH_BYTES = 256 << 20
BATCH_SECONDS = 15.0
# Each open folder takes three descriptors, of which a process usually has 1,024. So many are finished and wait for
# their flush, so many are incomplete, and PIPELINE_DEPTH are asked for ahead.
BATCH_FOLDERS = 64


class _SinceCommit:
    """How much has come since the last commit, and for how long."""

    def __init__(self) -> None:
        self._messages = self._bytes = 0
        self._began = time.monotonic()

    def add(self, size: int) -> None:
        self._messages += 1
        self._bytes += size

    @property
    def is_enough(self) -> bool:
        return (
            self._messages >= BATCH_MESSAGES
            or self._bytes >= BATCH_BYTES
            or time.monotonic() - self._began > BATCH_SECONDS
        )


class Batch:
    """Messages of some folders on their way into the store, and what comes of them.

    Args:
        request: what is asked for.
        store: where messages go.
        marks: how far earlier runs came, by raw folder name.
        memories: what the source's messages were then.
        emit: takes `Copied` (counts so far), `Committed` (what is durable), `FolderFilled`, `LeftBehind`.
        gained: called when something came, or a folder is done with.
        room: bytes the mailbox may grow by, None without a limit.
        delivered: what the store has delivered since it was last told, which empties it.

    Attributes:
        budget: what the source may still give today.
        counts: of all folders.
        max_message_size: in bytes.
        without_mail: folders that turn out to hold none.
        refused_here: raw names of folders that the host does not have, or does not read.
    """

    def __init__(
        self,
        request: ImportRequest,
        store: MessageStore,
        marks: Mapping[bytes, FolderMark],
        memories: Memories,
        emit: Emit,
        gained: Callable[[], None],
        room: Optional[int] = None,
        delivered: Optional[List[Deliveries]] = None,
    ) -> None:
        self._request = request
        self.max_message_size = request.max_message_size
        self._store = store
        self._marks = marks
        self._emit = emit
        self._gained = gained
        self._room = room
        self._delivered = [] if delivered is None else delivered
        self._bytes_staged = 0
        self._finished: List[FolderCopy] = []
        self._mailless: List[FolderCopy] = []
        self._since_commit = _SinceCommit()
        self.refused_here: Set[bytes] = set()
        self.counts = AccountCounts(marks)
        self.memories = memories
        self.open_copies: Dict[bytes, FolderCopy] = {}
        self.without_flags: List[FolderCopy] = []
        self.set_source(ANY, Budget(None, 0, emit))

    def set_source(self, profile: SourceProfile, budget: Budget) -> None:
        """What is known of the source, and what it gives today."""
        self.budget = budget
        self._profile = profile
        self.without_mail = FoldersWithoutMail(profile, self.memories, self._emit)

    def open_folder(self, plan: FolderPlan, mark: Optional[FolderMark], by_content: bool = False) -> FolderCopy:
        """Open a folder in the store; `mark` is how far earlier runs came with this very folder."""
        source = plan.source
        origin = Origin(
            self._request.key, source.raw_name, source.epoch or (mark.uidvalidity if mark else 0), source.uidnext
        )
        renewed = is_renewed(source, mark, source.raw_name in self._marks)
        by_content = by_content or renewed or (mark is not None and not mark.copied and mark.last_uid == 0)
        writer = self._store.open_folder(
            plan.target, origin, by_content=by_content or self._request.existing_content == "merge"
        )
        self._bytes_staged += writer.bytes_staged
        resumed = len(writer.held) > 0
        writer.remembered = memory = self.memories.load(source.raw_name, origin.uidvalidity)
        copy = FolderCopy(plan, mark, origin, writer, memory, resumed=resumed, renewed=renewed)
        if self._profile.rebuilds_messages and (by_content or mark is None):
            copy.rebuilt = Rebuilt(self._store.earlier(plan.target, origin, LONGEST_HEADER), writer.claim)
        self.open_copies[source.raw_name] = copy
        self.counts.present[source.raw_name] = max(
            len(writer.held), self.counts.present.get(source.raw_name, 0) if mark else 0
        )
        return copy

    def receive(self, copy: FolderCopy, fetched: Fetched) -> bool:
        """The source sent a message: write it into its folder, or note why not. Returns True when that filled the
        batch, so that all that has come was made durable.
        """
        uid = fetched.message.uid
        if uid is not None and copy.is_accounted_for(uid):
            return False
        if not fetched.has_body:
            copy.doubtful = True
            return False
        self.check_budget()
        self.budget.spend(fetched.size)
        highest = copy.writer.last_uid
        beginning = watch_beginning(fetched, self._profile.beginning)
        try:
            size = self._write(copy, fetched)
        except NoUidError:
            copy.doubtful = True
            return False
        message = fetched.message
        copy.doubtful = copy.doubtful or (message.uid or 0) < highest
        copy.note_come(message, beginning, stored=size is not None)
        if size is None:
            return False
        self._gained()
        self.counts.copied += 1
        self.counts.bytes_copied += size
        copy.copied += 1
        copy.bytes_copied += size
        self._since_commit.add(size)
        self._heed_quota()
        if self._since_commit.is_enough:
            self.commit()
            return True
        return False

    def receive_copies(self, copy: FolderCopy, copies: Sequence[HeldCopy]) -> None:
        """Messages need not be fetched, since other folders have copies here: copy those. What is not here any more is
        left to be fetched.
        """
        flags = {held.uid: held.flags for held in copies}
        for uid, size in self._store.copy_held(copy.writer, copies).items():
            copy.memory.remember(uid, flags[uid])
            self._gained()
            copy.copied += 1
            self.counts.copied += 1
            self.counts.linked += 1
            self._since_commit.add(0)
            self.counts.bytes_linked += size
        for held in copies:
            if held.uid in copy.writer.held and held.uid not in copy.memory:
                copy.memory.remember(held.uid, held.flags)  # the folder had it already
        self._heed_quota()

    def check_budget(self) -> None:
        """Stop when the source gives no more today, as far as is known.

        Raises:
            MailImportError: the import is paused.
        """
        if self.budget.left == 0:
            self.commit()  # what has come is known then
            self.budget.check(self.counts.here, self.counts.expected, self.counts.left_to_fetch)

    def _heed_quota(self) -> None:
        """Stop when the mailbox would hold more than its quota once everything that is staged is in sight."""
        if (
            self._room is not None
            and self._bytes_staged + self.counts.bytes_copied + self.counts.bytes_linked > self._room
        ):
            self.commit()
            message = "the source holds more than the %d bytes that the quota leaves: raise it and run the task again"
            raise MailImportError("over_quota", message % self._room)

    def _write(self, copy: FolderCopy, fetched: Fetched) -> Optional[int]:
        """Write a message unless it is refused; return its size, None when the folder did not get it."""
        refusal = None
        if fetched.size > self.max_message_size:
            refusal = TOO_LARGE
        elif self._profile.sends_notices and fetched.is_surrogate:
            refusal = SURROGATE
        if refusal is None:
            return copy.write(fetched)
        message_id = message_id_in(fetched.skip())  # its UID may come behind it
        copy.leave_behind(fetched.message.uid, "message_refused", refusal, fetched.size, message_id)
        return None

    def _count_refusals(self) -> None:
        """Correct what was counted for messages that the store did not take, or not as they were."""
        for copy in self.open_copies.values():
            for refusal in copy.writer.take_refusals():
                if copy.note_refusal(refusal):
                    self.counts.copied -= 1
                    self.counts.bytes_copied -= refusal.size

    def discard(self, copy: FolderCopy) -> int:
        """Let go of a folder; return how many messages of it stay on the host, which are none of a stage."""
        writer, raw_name = copy.writer, copy.plan.source.raw_name
        stay = len(writer.held)
        self._bytes_staged -= writer.bytes_staged
        if writer.staged:
            self.counts.copied -= writer.written
            self.counts.bytes_copied -= copy.bytes_copied
            self.counts.present[raw_name] = stay = 0
        self._store.discard(writer)
        del self.open_copies[raw_name]
        return stay

    def refuse_folder(self, copy: FolderCopy, text: str) -> None:
        """The source does not open a folder."""
        stay = self.discard(copy)
        self.report_folder(copy.plan, "the source does not open this folder: %s" % text, stay)

    def report_folder(self, plan: FolderPlan, text: str, here: int = 0) -> None:
        """Tell that nothing comes of a folder, of which so many messages are here."""
        self._gained()
        tell_refused_folder(self._emit, plan.source.name, text, max(0, (plan.source.messages or 0) - here))
        self.counts.present[plan.source.raw_name] = here

    def finish_folder(self, copy: FolderCopy) -> None:
        """Everything has been tried to get what the folder holds."""
        self._gained()
        self._heed_quota()
        if copy.gave_notices_only and self.without_mail.may_be(copy):
            self.discard(copy)
            self._mailless.append(copy)
            self.leave_out_folder(copy.plan.source, len(copy.refused))
            return
        if copy.gave_notices_only:
            self.without_mail.tell_doubt(copy.plan.source, len(copy.refused))
        copy.writer.mark_complete()
        self._finished.append(copy)
        if copy.without_flags or copy.unremembered:
            self.without_flags.append(copy)
        if len(self._finished) >= BATCH_FOLDERS:
            self.commit()

    def leave_notices_behind(self, copy: FolderCopy, uids: Iterable[int]) -> None:
        """Ask for nothing again that is no mail; for a message in whose place a notice came, each run asks."""
        if self.without_mail.may_be(copy) and not self._request.force:
            copy.leave_notices_behind(uids)

    def leave_out_folder(self, source: SourceFolder, items: int) -> None:
        """A folder holds something else than mail."""
        self.counts.found[source.raw_name] = 0
        self.without_mail.leave_out(source, items)

    def commit(self) -> None:
        """Make durable what has come, then report it: the parent writes the state only then."""
        closed: List[FolderCopy] = []
        stored = False
        try:
            self._store.commit()
            closed, stored = self._finished, True
        finally:
            self.budget.tell()
            # What a host has acknowledged is delivered, and what it damaged is known, whatever else it fails at.
            self._count_refusals()
            self._report(closed, stored)
        self._finished = []
        self._since_commit = _SinceCommit()
        self._emit(self.counts.as_news())

    def _report(self, closed: Sequence[FolderCopy], stored: bool) -> None:
        """Tell what is to be recorded, and then what came of folders; `closed` are durable to their end, and of others
        what has come is, if it is `stored`.
        """
        for copy in closed:
            raw_name = copy.plan.source.raw_name
            copy.note_numbers()
            copy.remember_in(self.memories)
            self.counts.present[raw_name] = copy.came_before
            self.counts.found[raw_name] = copy.came_before + copy.copied + copy.left_behind
            self.open_copies.pop(raw_name, None)
        begun = [copy for copy in self.open_copies.values() if copy.is_in_sight]
        for copy in self._mailless:
            copy.remember_in(self.memories)
        ended, self._mailless = [*closed, *self._mailless], []
        marks = [*(copy.as_mark(copied=True) for copy in ended), *(copy.as_mark(False, stored) for copy in begun)]
        tell_committed(self._emit, marks, self.memories.take_changed(), self._delivered)
        self._delivered.clear()
        for copy in (*closed, *begun):
            self._emit(copy.as_filled())
        for copy in closed:
            tell_left_behind(self._emit, [*copy.refused.values(), *copy.unlisted, *copy.altered], copy.left_behind)
