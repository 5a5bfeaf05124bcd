# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the unprivileged process of one import does, from the login to the last subscription."""

from __future__ import annotations

import ssl
from typing import Mapping, Optional, Type

from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.mail import SourceAccount, StoreLocation
from ..source.session import SourceSession
from ..state.records import FolderMark
from ..store.base import escape_path
from ..store.maildir import MaildirStore
from .copy import AccountCopy
from .count import count_flag_changes, count_new
from .flags import update_flags
from .plan import plan_folders
from .worker import Emit

# What folder names are planned for while there is no mailbox to ask.
_ANY_STORE = StoreLocation(uid=0, gid=0, home="/", driver="maildir", root="/", control="/", index=None)


def check_login(account: SourceAccount, context: Optional[ssl.SSLContext], emit: Emit) -> None:
    """Log in and out again.

    Raises:
        MailImportError: what keeps the account from being imported.
    """
    SourceSession(account, context).close()


def open_store_kind(request: ImportRequest, location: StoreLocation) -> Type[MaildirStore]:
    """Return the kind of store that can write to a location.

    Raises:
        MailImportError: `store_unsupported` when none can.
    """
    if location.unsupported:
        raise MailImportError("store_unsupported", "the mailbox's store cannot be written directly: %s" % location.unsupported)
    return MaildirStore


def preview_account(
    request: ImportRequest,
    context: Optional[ssl.SSLContext],
    location: Optional[StoreLocation],
    marks: Mapping[bytes, FolderMark],
    emit: Emit,
) -> None:
    """Log in, list and count what an import would bring; nothing is written.

    Args:
        location: the mailbox's store, None when there is no mailbox yet.

    Raises:
        MailImportError: what keeps the account from being imported.
    """
    session = SourceSession(request.source, context)
    known = {raw_name: mark.target_name for raw_name, mark in marks.items()}
    plans = plan_folders(session.list_folders(), request.rules, location or _ANY_STORE, known)
    emit({"event": "listed", "folders": {escape_path(plan.target): plan.source.messages or 0 for plan in plans}})
    messages = 0
    for plan in plans:
        mark = marks.get(plan.source.raw_name)
        arriving = count_new(session, plan, mark)
        before = mark.messages or 0 if mark else 0
        emit({"event": "folder", "name": escape_path(plan.target), "created": mark is None, "before": before, "after": before + arriving})
        messages += arriving
    emit({"event": "copied", "messages": messages, "bytes": 0})
    if request.state == "latest" and marks:
        emit({"event": "flags", "messages": count_flag_changes(session, plans, marks)})
    session.close()


def import_account(
    request: ImportRequest,
    context: Optional[ssl.SSLContext],
    location: StoreLocation,
    marks: Mapping[bytes, FolderMark],
    aside: Optional[str],
    emit: Emit,
) -> None:
    """Import the account's content into the store.

    Args:
        marks: how far earlier runs came, by raw folder name.
        aside: path to which the mailbox's present content is moved first, unless that has happened; None to keep it.
        emit: takes `replaced`, `listed`, and the events of AccountCopy.

    Raises:
        MailImportError: what ended the import; what was emitted by then is done.
    """
    store = open_store_kind(request, location)(location)
    if aside:
        kept = store.move_aside(aside)
        if kept:
            emit({"event": "replaced", "path": kept})
    copy = AccountCopy(request, lambda: SourceSession(request.source, context), store, marks, emit)
    folders = copy.attempt(lambda session: session.list_folders())
    known = {raw_name: mark.target_name for raw_name, mark in marks.items()}
    plans = plan_folders(folders, request.rules, location, known)
    emit({"event": "listed", "folders": {escape_path(plan.target): plan.source.messages or 0 for plan in plans}})
    for plan in plans:
        if plan.renamed:
            emit({"event": "note", "message": "folder %s is called %s on this host" % (plan.source.name, escape_path(plan.target))})
    if request.state == "latest" and marks:
        changed, current = copy.attempt(lambda session: update_flags(session, store, request.key, plans, marks))
        emit({"event": "flags", "messages": changed})
        copy.emit_marks(current)
    copy.run(plans)
    wanted = [plan.target for plan in plans if plan.source.subscribed and plan.source.raw_name not in marks]
    if wanted:
        emit({"event": "subscribed", "folders": store.subscribe(wanted)})
    if store.lost_keywords():
        entries = [{"folder": "", "reason": "keyword_refused", "message": "keyword %s could not be kept" % name} for name in store.lost_keywords()]
        emit({"event": "not_imported", "entries": entries, "messages": 0})
    if copy.session:
        copy.session.close()
