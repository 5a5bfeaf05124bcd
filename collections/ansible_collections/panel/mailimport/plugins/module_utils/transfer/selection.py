# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which messages go into which folder, where a folder does not get all of its own. That is so at Gmail: its labels put
one message into several folders and into All Mail. It comes over the line once.

Gmail's own number of each message tells which are the same. Folders are gone through one after the other; a message is
fetched in the first of them that has it, and the others get it from the mailbox here. What a folder does not get at all
is passed over: in All Mail whatever is in another folder, and with `labels: first` whatever came to a folder before.

Numbers of messages are remembered with the messages, so that one which gets another label later is not fetched again.
Nothing rests on that: a message that is not found here is fetched.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from ..imap.uids import UidSet
from ..model.imports import FolderRules, ImportKey
from ..model.mail import SourceFolder, StoreLocation
from ..source.message_ids import KnownMessage, list_messages
from ..source.session import SourceSession
from ..state.records import FolderMark
from ..store.base import HeldCopy, Place
from ..store.origin import Origin
from .budget import BESIDE_MESSAGE
from .folder_copy import FolderCopy, has_nothing_new, mark_of
from .left_out import ALL, SourceFolders, folders_with_mail, is_mailless, views_of
from .memory import Memories
from .news import Emit
from .plan import FolderPlan, is_wanted, plan_folders

_SYSTEM_ORDER = (b"\\SENT", b"\\DRAFTS", b"\\JUNK", b"\\TRASH")
# So many places are tried in which a message may be here.
_MOST_PLACES = 4
# SQLite's numbers are signed.
_SIGN = 1 << 63

_TABLE = """CREATE TABLE messages (
    folder INTEGER, uid INTEGER, number INTEGER, size INTEGER, flags BLOB, known INTEGER, PRIMARY KEY (folder, uid)
) WITHOUT ROWID"""
# Places of the same message in folders before this one, or where an earlier run brought it.
_ELSEWHERE = (
    "SELECT 1 FROM messages AS other WHERE other.number = mine.number AND other.folder != mine.folder AND "
    "(other.folder < mine.folder OR other.known)"
)
_IMPORTED = _ELSEWHERE + " AND other.folder >= 0"


def plan_account(
    listed: SourceFolders, rules: FolderRules, location: StoreLocation, marks: Mapping[bytes, FolderMark], emit: Emit
) -> List[FolderPlan]:
    """Choose the folders of an account and name them here, `in_order`; tell what is left out.

    Raises:
        MailImportError: `folder_missing` or `invalid_row`, when there is nothing to import or to name a folder by.
    """
    folders = folders_with_mail(listed, rules, emit)
    known = {raw_name: mark.target_name for raw_name, mark in marks.items()}
    return in_order(listed, rules, plan_folders(folders, rules, location, known))


def in_order(listed: SourceFolders, rules: FolderRules, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
    """Return the folders in the order in which messages look for their place, those that get only some of theirs
    marked as `partial`. All Mail is the last; with `labels: first`, folders that people made come first, the deepest
    of them before others.
    """
    if not _matters(listed, rules):
        return list(plans)
    is_first = rules.labels == "first"
    marked = [replace(plan, partial=is_first or ALL in plan.source.attributes) for plan in plans]
    return sorted(marked, key=_priority if is_first else lambda plan: ALL in plan.source.attributes)


def _matters(listed: SourceFolders, rules: FolderRules) -> bool:
    """Whether a message may be in several of the folders that are imported."""
    return listed.has_labels and rules.labels != "all_mail"


def _priority(plan: FolderPlan) -> Tuple[int, int, str]:
    source = plan.source
    if ALL in source.attributes:
        return 9, 0, ""
    for place, use in enumerate(_SYSTEM_ORDER, 1):
        if use in source.attributes:
            return place, 0, ""
    if source.raw_name == b"INBOX":
        return 8, 0, ""
    return 0, -len(source.path), source.name


def not_imported(listed: SourceFolders, rules: FolderRules) -> List[SourceFolder]:
    """Return the folders that people made and do not want: their messages are not wanted out of All Mail either."""
    views = {folder.raw_name for folder in views_of(listed, rules)}
    return [
        folder
        for folder in listed.own
        if folder.selectable
        and not is_wanted(folder, rules)
        and folder.raw_name not in views
        and ALL not in folder.attributes
        and not folder.attributes & {b"\\IMPORTANT", b"\\FLAGGED"}
        and not is_mailless(folder, listed.profile, rules)
    ]


class MessageSelection:
    """Which messages go into which folders, and which are the same, in a private temporary database that spills to
    disk.

    Args:
        plans: the folders that are imported, `in_order`.
        others: folders that are not, whose messages do not come as ones without a folder either.
        marks, memories: what earlier runs noted.
    """

    def __init__(
        self,
        plans: Sequence[FolderPlan],
        others: Sequence[SourceFolder],
        marks: Mapping[bytes, FolderMark],
        memories: Memories,
    ) -> None:
        self._plans = plans
        self._numbers = {plan.source.raw_name: number for number, plan in enumerate(plans)}
        # They stand before all others, and nothing of them is here.
        self._others = {folder.raw_name: -number for number, folder in enumerate(others, 1)}
        self._wanted = [*_with_news(plans, marks), *((folder, 1) for folder in others)]
        self._memories = memories
        self._marks = marks
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA cache_size = -4096")
        self._database.execute(_TABLE)
        self._database.execute("CREATE INDEX by_number ON messages (number, folder)")

    @classmethod
    def asked(
        cls,
        session: SourceSession,
        listed: SourceFolders,
        rules: FolderRules,
        plans: Sequence[FolderPlan],
        marks: Mapping[bytes, FolderMark],
        memories: Memories,
    ) -> Optional[MessageSelection]:
        """Ask a source for its messages. Returns None if all messages of each folder are meant for it."""
        if not _matters(listed, rules):
            return None
        selection = cls(plans, not_imported(listed, rules), marks, memories)
        selection.read(session)
        return selection

    def read(self, session: SourceSession) -> None:
        """Ask the source for the messages of folders in which something is new; raises as `list_messages` does."""
        self._database.execute("DELETE FROM messages")
        self._database.execute("BEGIN")
        for number, plan in enumerate(self._plans):
            for uid, name in self._remembered(plan):
                self._insert(number, KnownMessage(uid, name, 0, ()), known=True)
        list_messages(session, self._wanted, self._take)
        self._database.execute("COMMIT")

    def _remembered(self, plan: FolderPlan) -> Iterator[Tuple[int, int]]:
        return self._memories.load(plan.source.raw_name, self._epoch(plan)).numbers.pairs()

    def _epoch(self, plan: FolderPlan) -> int:
        mark = mark_of(plan.source, self._marks.get(plan.source.raw_name))
        return plan.source.epoch or (mark.uidvalidity if mark else 0)

    def _take(self, folder: SourceFolder, message: KnownMessage) -> None:
        number = self._numbers.get(folder.raw_name)
        self._insert(self._others[folder.raw_name] if number is None else number, message, known=False)

    def _insert(self, folder: int, message: KnownMessage, known: bool) -> None:
        values = folder, message.uid, message.number - _SIGN, message.size, b" ".join(message.flags), known
        self._database.execute("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)", values)

    def expected(self) -> int:
        """How many messages all folders have, without those that are passed over."""
        total = 0
        for number, plan in enumerate(self._plans):
            ((new,),) = self._rows("SELECT COUNT(*) FROM messages WHERE folder = ? AND NOT known", number)
            known = sum(1 for _pair in self._remembered(plan))
            total += new + known - len(self.passed_over(plan))
        return total

    def passed_over(self, plan: FolderPlan) -> UidSet:
        """UIDs of messages that a folder does not get, for they are in another one."""
        passed = UidSet()
        if plan.partial:
            # What is in a folder that is not wanted is not wanted out of All Mail either.
            elsewhere = _ELSEWHERE if ALL in plan.source.attributes else _IMPORTED
            query = "SELECT uid FROM messages AS mine WHERE folder = ? AND NOT known AND EXISTS (%s)" % elsewhere
            for (uid,) in self._rows(query, self._numbers[plan.source.raw_name]):
                passed.add(uid)
        return passed

    def prepare(self, copy: FolderCopy) -> None:
        """Let a folder know what is passed over, and what its messages are called."""
        copy.passed_over = self.passed_over(copy.plan)
        number = self._numbers[copy.plan.source.raw_name]
        copy.numbers = lambda: (
            (uid, name + _SIGN) for uid, name in self._rows("SELECT uid, number FROM messages WHERE folder = ?", number)
        )

    def to_fetch(self, copy: FolderCopy) -> List[int]:
        """UIDs of messages that are to be fetched in this folder: the first that has them."""
        condition = "folder = ? AND uid >= ? AND NOT EXISTS (%s)" % _IMPORTED
        query = "SELECT uid FROM messages AS mine WHERE %s ORDER BY uid" % condition
        rows = self._rows(query, self._numbers[copy.plan.source.raw_name], copy.begin)
        return [uid for (uid,) in rows if not copy.is_accounted_for(uid)]

    def affordable(self, copy: FolderCopy, uids: Sequence[int], left: Optional[int]) -> Tuple[Sequence[int], int]:
        """Return as many of the messages as may come today, and what that takes of the `left` bytes."""
        taken = 0
        for place, uid in enumerate(uids if left is not None else ()):
            if left is not None and taken >= left:
                return uids[:place], taken
            taken += self._size(copy, uid) + BESIDE_MESSAGE
        return uids, taken

    def _size(self, copy: FolderCopy, uid: int) -> int:
        query = "SELECT size FROM messages WHERE folder = ? AND uid = ?"
        return next((size for (size,) in self._rows(query, self._numbers[copy.plan.source.raw_name], uid)), 0)

    def copies(self, copy: FolderCopy, uids: Iterable[int]) -> List[HeldCopy]:
        """Return those of the messages that may be here already, and where."""
        number = self._numbers[copy.plan.source.raw_name]
        query = "SELECT number, flags, size FROM messages WHERE folder = ? AND uid = ?"
        found = []
        for uid in uids:
            for name, flags, size in self._rows(query, number, uid):
                places = list(self._places(name, number, copy.origin.key))
                if places:
                    found.append(HeldCopy(uid, tuple(flags.split()), size, tuple(places)))
        return found

    def _places(self, name: int, but: int, key: ImportKey) -> Iterator[Place]:
        query = (
            "SELECT folder, uid FROM messages WHERE number = ? AND folder >= 0 AND folder != ? ORDER BY folder LIMIT %d"
            % _MOST_PLACES
        )
        for folder, uid in self._rows(query, name, but):
            plan = self._plans[folder]
            yield Place(plan.target, Origin(key, plan.source.raw_name, self._epoch(plan)), uid)

    def download_size(self) -> int:
        """How many bytes are to be fetched for all folders, as the source counts them."""
        query = "SELECT uid, size FROM messages AS mine WHERE folder = ? AND NOT known AND NOT EXISTS (%s)" % _IMPORTED
        total = 0
        for number, plan in enumerate(self._plans):
            passed = self.passed_over(plan)
            total += sum(size for uid, size in self._rows(query, number) if uid not in passed)
        return total

    def _rows(self, query: str, *values: object) -> List[Tuple[Any, ...]]:
        return self._database.execute(query, values).fetchall()


def _with_news(plans: Sequence[FolderPlan], marks: Mapping[bytes, FolderMark]) -> List[Tuple[SourceFolder, int]]:
    """The folders in which something may be new, and the UIDs from which on it is."""
    found = []
    for source in (plan.source for plan in plans):
        mark = mark_of(source, marks.get(source.raw_name))
        if mark is None:
            found.append((source, 1))
        elif not has_nothing_new(source, mark):
            found.append((source, min([mark.last_uid + 1, *mark.missing])))
    return found
