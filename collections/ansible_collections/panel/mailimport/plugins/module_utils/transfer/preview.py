# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import would bring, for check mode: nothing is written."""

from __future__ import annotations

import errno
import os
import ssl
from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..files.nearest import nearest_directory
from ..imap.uids import UidSet
from ..model.errors import MailImportError, os_failure
from ..model.imports import ImportRequest, NotImported
from ..model.mail import FORGOTTEN_EPOCH, MailFiles, SourceFolder, StoreLocation
from ..source.session import SourceSession
from ..source.sizes import folder_sizes
from ..state.records import Deliveries, FolderMark, SourceMessages
from ..store.aside import check_may_be_moved
from ..store.base import FolderPath, HeldMail, joined_path
from ..store.imap.store import ImapStore
from ..store.imap.uid_map import UidMap
from ..store.maildir.held import MaildirMail
from ..store.maildir.stage import staged_uids
from ..store.maildir.tree import MaildirTree
from ..store.origin import Origin
from .budget import daily_limit
from .flags import FlagLook, changed_flags, looks, windows
from .folder_copy import SURROGATE, has_nothing_new, is_renewed, mark_of
from .left_out import FoldersWithoutMail, SourceFolders, list_folders
from .line import open_first
from .login import Login
from .memory import Memories
from .news import (
    Copied,
    Emit,
    FlagsUpdated,
    FolderFilled,
    Listed,
    Note,
    Sized,
    tell_left_behind,
    tell_refused_folder,
)
from .numbering import Earlier, NumberingCheck
from .plan import FolderPlan
from .selection import MessageSelection, plan_account
from .session_broker import SessionBroker
from .stores import imap_store_to_look_at, store_kind
from .survey import FolderRecord, Survey, survey_folder

# What folder names are planned for while there is no mailbox to ask.
ANY_STORE = MailFiles(uid=0, gid=0, driver="maildir", root="/", control="/", index=None)

_DAMAGED = (
    "verification_failed",
    "this host did not keep the message as the source sent it; an import compares them again",
)


@dataclass(frozen=True)
class TargetSnapshot:
    """What an import would find.

    `location` is the mailbox's store, None when there is no mailbox yet. `kept`: its mail is to stay. `marks`,
    `deliveries`, `messages` and `untouched` are as for Target.
    """

    location: Optional[StoreLocation]
    kept: bool = False
    marks: Mapping[bytes, FolderMark] = field(default_factory=dict)
    deliveries: Sequence[Deliveries] = ()
    messages: Sequence[SourceMessages] = ()
    untouched: bool = False


@dataclass
class _Folder:
    """A folder of the mailbox: whether it exists, how many messages it has, how many wait to be shown, and which UIDs
    of the source are among them.
    """

    exists: bool = False
    messages: int = 0
    waiting: int = 0
    held: UidSet = field(default_factory=UidSet)


def preview_account(
    request: ImportRequest,
    login: Login,
    snapshot: TargetSnapshot,
    directories: Sequence[str],
    broker: SessionBroker,
    tls: Optional[ssl.SSLContext],
    emit: Emit,
) -> None:
    """Log in, list and count what an import would bring.

    Args:
        directories: where it would write, whether they are there or not.
        broker, tls: what sessions of the mailbox are opened with, as for Target.
        emit: takes the news that an import would tell, and how many bytes it would copy.

    Raises:
        MailImportError: what keeps the account from being imported.
    """
    if isinstance(snapshot.location, MailFiles) and not snapshot.kept:
        check_may_be_moved(snapshot.location)
    else:
        for directory in directories:
            _check_writable(directory)
    session = open_first(login, False, emit)
    tree = _readable_maildir(request, snapshot)
    held: Optional[HeldMail] = MaildirMail(tree) if tree else None
    counting = [each for each in snapshot.deliveries if each.uidvalidity != FORGOTTEN_EPOCH]
    store: Optional[ImapStore] = None
    if snapshot.location and store_kind(request, snapshot.location) == "imap":
        store = imap_store_to_look_at(snapshot.location, broker, tls, counting, snapshot.marks, emit)
        held = store if counting else None
    _Preview(request, session, snapshot, tree, held, store if _has_mail(snapshot) else None, emit).run()
    session.close()


class _Preview:
    """What one import would bring, counted folder by folder.

    `coming` are messages that would be copied, `present` those that are here, `lacking` those that would not arrive.

    Args:
        tree: the mailbox's directories, when its files tell what is there.
        held: what earlier runs brought, None when that cannot be looked at.
        store: tells what there is in a mailbox that only its server reads.
    """

    def __init__(
        self,
        request: ImportRequest,
        session: SourceSession,
        snapshot: TargetSnapshot,
        tree: Optional[MaildirTree],
        held: Optional[HeldMail],
        store: Optional[ImapStore],
        emit: Emit,
    ) -> None:
        self._request = request
        self._session = session
        self._snapshot = snapshot
        self._emit = emit
        self._marks = {} if request.force else snapshot.marks
        self._memories = Memories(snapshot.messages)
        self._tree = tree
        self._held = held
        self._store = store
        # Folders of that store by what they hold, when one had to be looked at
        self._holding: Optional[Dict[FolderPath, int]] = None
        self._targets: Sequence[FolderPath] = ()
        self._coming = self._present = self._lacking = 0
        self._arriving: List[Tuple[SourceFolder, int]] = []
        self._at_most = False
        self._daily_limit: Optional[int] = None
        self._listed: Optional[SourceFolders] = None
        self._selection: Optional[MessageSelection] = None
        self._without_mail: Optional[FoldersWithoutMail] = None

    def run(self) -> None:
        """Tell it all."""
        plans = self._plan()
        listed = sum(plan.source.messages or 0 for plan in plans)
        self._emit(Listed(len(plans), listed))
        folders = len(plans)
        plans = self._check_numbering(self._without_refused(plans))
        self._targets = [plan.target for plan in plans]
        flags = self._look_at_flags(plans)
        if self._listed:
            rules = self._request.rules
            self._selection = MessageSelection.asked(
                self._session, self._listed, rules, plans, self._marks, self._memories
            )
        for plan in plans:
            self._look_at(plan)
        total = self._coming + self._present + self._lacking
        if total != listed:
            self._emit(Listed(folders, total))
        self._emit(Copied(self._coming, self._present, 0))
        if flags:
            self._emit(flags)
        if self._selection:
            size, estimated = self._selection.download_size(), False
        else:
            size, estimated = _size_of(self._session, self._arriving, self._emit)
        self._emit(Sized(size, estimated, self._daily_limit, self._at_most))

    def _plan(self) -> List[FolderPlan]:
        rules = self._request.rules
        listed = self._listed = list_folders(self._session)
        self._daily_limit = daily_limit(self._request, listed.profile)
        self._without_mail = FoldersWithoutMail(listed.profile, self._memories, self._emit)
        return plan_account(listed, rules, self._snapshot.location or ANY_STORE, self._marks, self._emit)

    def _without_refused(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        """Tell of folders that nothing can be written into on this host, and return the others."""
        texts = self._tree.refused_folders([plan.target for plan in plans]) if self._tree else {}
        for plan in plans:
            if plan.target in texts:
                messages = plan.source.messages or 0
                tell_refused_folder(self._emit, plan.source.name, texts[plan.target], messages)
                self._lacking += messages
        return [plan for plan in plans if plan.target not in texts]

    def _check_numbering(self, plans: Sequence[FolderPlan]) -> List[FolderPlan]:
        request, untouched = self._request, self._snapshot.untouched
        earlier = Earlier(request.key, self._marks, self._memories, self._held, True, request.force, untouched)
        check = NumberingCheck(plans, earlier)
        check.ask(self._session)
        for line in check.lines():
            self._emit(Note(line))
        return check.checked()

    def _look_at_flags(self, plans: Sequence[FolderPlan]) -> Optional[FlagsUpdated]:
        """Count what an import would change about flags, and note messages that came in below those that it knows."""
        if self._request.state != "latest" or not (self._marks or self._memories):
            return None
        folders = looks(self._session, self._request.key, plans, self._marks, self._memories)
        changed, below = count_flag_changes(self._session, folders, self._held)
        marks = {raw_name: mark.with_missing(below.get(raw_name, ())) for raw_name, mark in self._marks.items()}
        self._marks = marks
        return FlagsUpdated(changed)

    def _look_at(self, plan: FolderPlan) -> None:
        """Count what of a folder would come."""
        source, tree, emit = plan.source, self._tree, self._emit
        mark = mark_of(source, self._marks.get(source.raw_name))
        if mark and has_nothing_new(source, mark):
            self._present += self._memories.count(plan) if plan.partial else source.messages or 0
            return
        origin = Origin(self._request.key, source.raw_name, source.epoch or (mark.uidvalidity if mark else 0))
        memory = self._memories.load(source.raw_name, origin.uidvalidity)
        if mark and self._without_mail and self._without_mail.is_known(source, mark):
            self._without_mail.leave_out(source, len(mark.missing))
            return
        there = _look_into(tree, plan, origin) if tree else self._delivered(plan, origin)
        record = FolderRecord(mark, memory, there.held)
        passed_over = self._selection.passed_over(plan) if self._selection else UidSet()
        found = _survey(self._session, plan, record, passed_over)
        if plan.partial:
            found.present = self._memories.count(plan)
        damaged = [] if tree else [NotImported(source.name, *_DAMAGED, uid) for uid in sorted(record.unverified)]
        tell_left_behind(emit, damaged, len(damaged))
        # An import asks for these again, and the source has said that it cannot give them.
        refused = [
            NotImported(source.name, "message_refused", SURROGATE, uid)
            for uid in found.missing
            if uid in memory.notices & record.left_before
        ]
        tell_left_behind(emit, refused, len(refused))
        found.coming -= len(refused)
        after = there.messages + there.waiting + found.coming
        if after or there.exists or not (passed_over or refused):
            emit(FolderFilled(source.name, joined_path(plan.target), not there.exists, there.messages, after))
        tell_left_behind(emit, found.problems(source.name), found.shortfall)
        self._at_most = self._at_most or (found.coming > 0 and self._is_compared(plan, mark, there))
        self._arriving.append((source, found.coming))
        self._coming += found.coming
        self._present += found.present
        self._lacking += found.shortfall + len(damaged) + len(refused)

    def _is_compared(self, plan: FolderPlan, mark: Optional[FolderMark], there: _Folder) -> bool:
        """Whether an import leaves out what is equal to a message that came otherwise, or when the folder's UIDs had
        another meaning.
        """
        renewed = is_renewed(plan.source, mark, plan.source.raw_name in self._marks)
        if not self._snapshot.kept or not (renewed or self._request.existing_content == "merge"):
            return False
        if self._tree:
            return there.messages > len(there.held) - there.waiting
        # What else is in a folder that only its server reads is not known here.
        location = self._snapshot.location
        return location is not None and store_kind(self._request, location) == "imap"

    def _delivered(self, plan: FolderPlan, origin: Origin) -> _Folder:
        """What earlier runs put there, and what there is in a mailbox that only its server reads."""
        held = UidSet()
        for delivered in self._snapshot.deliveries:
            if (delivered.raw_name, delivered.uidvalidity) == (origin.raw_name, origin.uidvalidity):
                for uid in UidMap(delivered.runs).sources():
                    held.add(uid)
        if self._request.force and self._held:
            # An import that begins again brings what has gone since.
            still = UidSet()
            for uid, _beginning in self._held.beginnings(plan.target, origin, held, 1):
                still.add(uid)
            held = still
        if self._store:
            if self._holding is None:
                self._holding = self._store.messages_in(list(dict.fromkeys(self._targets)))
            return _Folder(plan.target in self._holding, self._holding.get(plan.target, 0), held=held)
        exists = plan.source.raw_name in self._snapshot.marks or len(held) > 0
        return _Folder(exists, len(held), held=held)


def _check_writable(directory: str) -> None:
    """Make sure that this process may write there, or make what is missing."""
    place = nearest_directory(directory)
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise os_failure(PermissionError(errno.EACCES, os.strerror(errno.EACCES), place))


def _has_mail(snapshot: TargetSnapshot) -> bool:
    """Whether there may be mail that stays: a look at a mailbox that nobody has opened yet would make its files."""
    location = snapshot.location
    return snapshot.kept and not (isinstance(location, MailFiles) and not os.path.isdir(location.root))


def _size_of(session: SourceSession, arriving: Sequence[Tuple[SourceFolder, int]], emit: Emit) -> Tuple[int, bool]:
    """Return how many bytes the messages that are to come have, and whether that is estimated: those of a folder in
    part are taken for average ones.
    """
    wanted: Dict[bytes, int] = {folder.raw_name: coming for folder, coming in arriving if coming}
    try:
        sizes = folder_sizes(session, [folder for folder, coming in arriving if coming])
    except MailImportError as error:
        emit(Note("the size of the mail is not known: %s" % error.message))
        return 0, False
    total, estimated = 0, sizes.keys() != wanted.keys()
    for folder, coming in arriving:
        size = sizes.get(folder.raw_name)
        if size and folder.messages:
            total += size.bytes * coming // folder.messages
            estimated = estimated or size.estimated or coming != folder.messages
    return total, estimated


def _readable_maildir(request: ImportRequest, snapshot: TargetSnapshot) -> Optional[MaildirTree]:
    """The mailbox's directories when its files tell what is there."""
    location = snapshot.location
    if not isinstance(location, MailFiles) or not snapshot.kept or store_kind(request, location) != "maildir":
        return None
    return MaildirTree(location) if os.path.isdir(location.root) and os.path.isdir(location.control) else None


def _look_into(tree: MaildirTree, plan: FolderPlan, origin: Origin) -> _Folder:
    found = _Folder(tree.has_folder(plan.target))
    for _part, name in tree.message_names(plan.target):
        found.messages += 1
        uid = origin.uid_of(name)
        if uid:
            found.held.add(uid)
    for uid in staged_uids(tree, plan.target, origin):
        if uid not in found.held:
            found.held.add(uid)
            found.waiting += 1
    return found


def _survey(session: SourceSession, plan: FolderPlan, record: FolderRecord, passed_over: UidSet) -> Survey:
    """Find out what would come of a folder. One of which nothing is here is not asked: the source has counted it."""
    messages = plan.source.messages
    is_counted = bool(messages) or plan.source.never_had_mail
    if record.mark is None and messages is not None and is_counted and not len(record.held):
        return Survey(messages, coming=messages - len(passed_over))
    return survey_folder(session, plan.source, record, record.unverified | frozenset(passed_over))


def count_flag_changes(
    session: SourceSession, folders: Mapping[bytes, FlagLook], held: Optional[HeldMail]
) -> Tuple[int, Dict[bytes, List[int]]]:
    """Return how many delivered messages would get other flags; those that have them already do not count, where the
    mailbox can be looked into. And UIDs that no run has seen, by raw name.
    """
    changed = 0
    below: Dict[bytes, List[int]] = {}
    while folders:
        again = {}
        for opened in session.fetch([folder.request for folder in folders.values()]):
            folder = folders[opened.folder.raw_name]
            if not folder.concerns(opened):
                continue
            for told in folder.meant(windows(opened)):
                below.setdefault(opened.folder.raw_name, []).extend(folder.never_seen(told))
                changes = changed_flags(folder.memory, told)
                path, origin = folder.plan.target, folder.origin
                changed += len(held.messages_that_differ(path, origin, changes) if held and changes else changes)
            if not opened.complete and folder.since is not None:
                again[opened.folder.raw_name] = replace(folder, since=None)
        folders = again
    return changed, below
