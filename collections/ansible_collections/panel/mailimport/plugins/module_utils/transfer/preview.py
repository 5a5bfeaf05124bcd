# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an import would bring, for check mode: nothing is written."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, replace
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..files.nearest import nearest_directory
from ..imap.uids import UidSet
from ..model.errors import MailImportError
from ..model.imports import ImportRequest, NotImported
from ..model.mail import MailFiles, SourceFolder, StoreLocation
from ..source.session import SourceSession
from ..source.sizes import folder_sizes
from ..state.records import Deliveries, FolderMark, SourceMessages
from ..store.base import Origin, joined_path
from ..store.imap.uid_map import UidMap
from ..store.maildir.held import MaildirMail
from ..store.maildir.letters import messages_that_differ
from ..store.maildir.stage import staged_uids
from ..store.maildir.tree import MaildirTree
from .account import folders_with_mail
from .flags import FlagLook, changed_flags, looks, windows
from .folder_copy import has_nothing_new, mark_of
from .left_out import list_folders
from .line import open_first
from .login import Login
from .memory import Memories
from .news import Copied, Emit, FlagsUpdated, FolderFilled, Listed, Note, Sized, tell_left_behind
from .numbering import Earlier, NumberingCheck
from .plan import FolderPlan, plan_folders
from .sandbox import os_failure
from .stores import store_kind
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
    request: ImportRequest, login: Login, snapshot: TargetSnapshot, directories: Sequence[str], emit: Emit
) -> None:
    """Log in, list and count what an import would bring.

    Args:
        directories: where it would write, whether they are there or not.
        emit: takes the news that an import would tell, and how many bytes it would copy.

    Raises:
        MailImportError: what keeps the account from being imported.
    """
    for directory in directories:
        _check_writable(directory)
    session = open_first(login, False, emit)
    folders = folders_with_mail(list_folders(session), request.rules, emit)
    marks = {} if request.force else snapshot.marks
    plans = plan_folders(
        folders,
        request.rules,
        snapshot.location or ANY_STORE,
        {raw_name: mark.target_name for raw_name, mark in marks.items()},
    )
    listed = sum(plan.source.messages or 0 for plan in plans)
    emit(Listed(len(plans), listed))
    tree = _readable_maildir(request, snapshot)
    memories = Memories(snapshot.messages)
    held = MaildirMail(tree) if tree else None
    check = NumberingCheck(plans, Earlier(request.key, marks, memories, held, True, request.force, snapshot.untouched))
    check.ask(session)
    plans = check.checked()
    for line in check.lines():
        emit(Note(line))
    coming = present = lacking = 0
    arriving: List[Tuple[SourceFolder, int]] = []
    for plan in plans:
        mark = mark_of(plan.source, marks.get(plan.source.raw_name))
        if mark and has_nothing_new(plan.source, mark):
            present += plan.source.messages or 0
            continue
        origin = Origin(request.key, plan.source.raw_name, plan.source.epoch or (mark.uidvalidity if mark else 0))
        there = _look_into(tree, plan, origin) if tree else _delivered(snapshot, plan, origin)
        record = FolderRecord(mark, memories.load(plan.source.raw_name, origin.uidvalidity), there.held)
        found = _survey(session, plan, record)
        damaged = [] if tree else [NotImported(plan.source.name, *_DAMAGED, uid) for uid in sorted(record.unverified)]
        tell_left_behind(emit, damaged, len(damaged))
        name, after = joined_path(plan.target), there.messages + there.waiting + found.coming
        emit(FolderFilled(plan.source.name, name, not there.exists, there.messages, after))
        tell_left_behind(emit, found.problems(plan.source.name), found.shortfall)
        arriving.append((plan.source, found.coming))
        coming, present, lacking = coming + found.coming, present + found.present, lacking + found.shortfall
        lacking += len(damaged)
    if coming + present + lacking != listed:
        emit(Listed(len(plans), coming + present + lacking))
    emit(Copied(coming, present, 0))
    if request.state == "latest" and (marks or memories):
        folders_to_look_at = looks(session, request.key, plans, marks, memories)
        emit(FlagsUpdated(count_flag_changes(session, folders_to_look_at, tree)))
    _tell_size(session, arriving, emit)
    session.close()


def _check_writable(directory: str) -> None:
    """Make sure that this process may write there, or make what is missing."""
    place = nearest_directory(directory)
    if not os.access(place, os.W_OK | os.X_OK, effective_ids=True):
        raise os_failure(PermissionError(errno.EACCES, os.strerror(errno.EACCES), place))


def _tell_size(session: SourceSession, arriving: Sequence[Tuple[SourceFolder, int]], emit: Emit) -> None:
    """Tell how many bytes the messages that are to come have; those of a folder in part are taken for average ones."""
    wanted: Dict[bytes, int] = {folder.raw_name: coming for folder, coming in arriving if coming}
    try:
        sizes = folder_sizes(session, [folder for folder, coming in arriving if coming])
    except MailImportError as error:
        emit(Note("the size of the mail is not known: %s" % error.message))
        return
    total, estimated = 0, sizes.keys() != wanted.keys()
    for folder, coming in arriving:
        size = sizes.get(folder.raw_name)
        if size and folder.messages:
            total += size.bytes * coming // folder.messages
            estimated = estimated or size.estimated or coming != folder.messages
    emit(Sized(total, estimated))


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


def _delivered(snapshot: TargetSnapshot, plan: FolderPlan, origin: Origin) -> _Folder:
    """What earlier runs put there: more is not known of a store that only its server reads."""
    found = _Folder(plan.source.raw_name in snapshot.marks)
    for delivered in snapshot.deliveries:
        if (delivered.raw_name, delivered.uidvalidity) == (origin.raw_name, origin.uidvalidity):
            for uid in UidMap(delivered.runs).sources():
                found.held.add(uid)
    return _Folder(found.exists or len(found.held) > 0, len(found.held), held=found.held)


def _survey(session: SourceSession, plan: FolderPlan, record: FolderRecord) -> Survey:
    """Find out what would come of a folder. One of which nothing is here is not asked: the source has counted it."""
    messages = plan.source.messages
    if record.mark is None and messages is not None and not len(record.held):
        return Survey(messages, coming=messages)
    return survey_folder(session, plan.source, record, record.unverified)


def count_flag_changes(session: SourceSession, folders: Mapping[bytes, FlagLook], tree: Optional[MaildirTree]) -> int:
    """Return how many delivered messages would get other flags; those that have them already do not count, where the
    mailbox's files tell.
    """
    changed = 0
    while folders:
        again = {}
        for opened in session.fetch([folder.request for folder in folders.values()]):
            folder = folders[opened.folder.raw_name]
            if not folder.concerns(opened):
                continue
            for told in windows(opened):
                changes = changed_flags(folder.memory, told)
                path, origin = folder.plan.target, folder.origin
                changed += len(messages_that_differ(tree, path, origin, changes) if tree and changes else changes)
            if not opened.complete and folder.since is not None:
                again[opened.folder.raw_name] = replace(folder, since=None)
        folders = again
    return changed
