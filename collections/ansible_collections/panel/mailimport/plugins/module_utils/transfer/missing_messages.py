# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that the source lists and did not send when it was asked for all of a folder: they are asked for again, in
the end one by one.
"""

from __future__ import annotations

import array
from contextlib import suppress
from functools import partial
from typing import Container, Optional, Sequence, Set

from ..imap.fetch import FetchRequest
from ..imap.refusals import SourceBusyError, is_overload, refusal_error
from ..model.errors import MailImportError
from ..model.imports import NotImported
from ..source.session import SourceSession
from .batch import Batch
from .folder_copy import TOO_LARGE, FolderCopy
from .line import Line, SessionTooOldError
from .patience import PASSING
from .selection import MessageSelection
from .survey import survey_folder


def fetch_missing_messages(
    line: Line, batch: Batch, copy: FolderCopy, selection: Optional[MessageSelection] = None
) -> None:
    """Finish a folder: get what can be got, and note what cannot.

    Args:
        selection: tells which messages are in other folders here.

    Raises:
        MailImportError: what ends the import as a whole.
    """
    missing = _list_patiently(line, batch, copy)
    if missing is None:
        return
    batch.leave_notices_behind(copy, missing)
    _leave_too_large_behind(line, batch, copy, missing)
    if selection:
        batch.receive_copies(copy, selection.copies(copy, [uid for uid in missing if not copy.is_accounted_for(uid)]))
    missing = array.array("I", (uid for uid in missing if not copy.is_accounted_for(uid)))
    most = line.connected().profile.uids_per_command
    pieces = [missing[start : start + most] for start in range(0, len(missing), most)][::-1]
    while pieces:
        piece = pieces.pop()
        if selection:
            batch.check_budget()
            today = len(selection.affordable(copy, piece, batch.budget.left)[0])
            pieces += [piece[today:]] if piece[today:] else []
            piece = piece[:today]
        trouble = _fetch_piece(line, batch, copy, piece)
        rest = array.array("I", (uid for uid in piece if not copy.is_accounted_for(uid)))
        if rest and len(piece) == 1:  # the trouble may not have been its own: once more
            trouble = _fetch_piece(line, batch, copy, piece)
            if not copy.is_accounted_for(rest[0]) and (
                trouble or line.attempt(partial(_is_there, copy=copy, uid=rest[0]))
            ):
                copy.leave_behind(
                    rest[0], "source_unavailable", trouble or "the source lists this message and does not send it"
                )
        elif rest:
            half = (len(rest) + 1) // 2
            pieces += [part for part in (rest[half:], rest[:half]) if part]
    batch.finish_folder(copy)


def _leave_too_large_behind(line: Line, batch: Batch, copy: FolderCopy, missing: Sequence[int]) -> None:
    """Look which messages that an earlier run left behind are still too large, so that they are not fetched every time
    for nothing.
    """
    retried = sorted((copy.record.left_before & set(missing)) - copy.refused.keys())
    most = line.connected().profile.uids_per_command if retried else 1
    for start in range(0, len(retried), most):
        some = frozenset(retried[start : start + most])
        uids = b",".join(b"%d" % uid for uid in sorted(some))
        too_large = partial(SourceSession.longer_than, size=batch.max_message_size, folder=copy.plan.source, uids=uids)
        for uid in line.attempt(too_large):
            if uid in some:
                copy.leave_behind(uid, "message_refused", TOO_LARGE)


def _list_patiently(line: Line, batch: Batch, copy: FolderCopy) -> Optional[Sequence[int]]:
    """Return the UIDs that the folder holds and that did not come; None when it cannot be listed, which is noted
    then."""
    tries = 0
    while True:
        session = line.connected()
        try:
            return _list_missing(session, copy)
        except MailImportError as error:
            tries += not is_overload(error)
            if tries > 1 and error.reason in PASSING:
                line.drop()
                _give_up(batch, copy, error.message)
                return None
            line.recover(error)


def _list_missing(session: SourceSession, copy: FolderCopy) -> Sequence[int]:
    not_taken: Set[int] = set()

    def note(uid: int) -> None:
        if uid in copy.refused:  # it came, and the host did not take it
            not_taken.add(uid)
        if copy.first <= uid and uid in copy.writer.held and uid not in copy.memory:
            copy.unremembered.append(uid)
            copy.memory.remember(uid, None)

    found = survey_folder(session, copy.plan.source, copy.record, _GivenUp(copy), note)
    copy.messages = found.exists
    copy.present = max(0, found.present - len(not_taken) - copy.copied - len(copy.spoiled - copy.compared))
    copy.shortfall = found.shortfall
    copy.unlisted = found.problems(copy.name)
    return found.missing


class _GivenUp(Container[int]):
    """UIDs that this run has tried, or does not want in this folder."""

    def __init__(self, copy: FolderCopy) -> None:
        self._copy = copy

    def __contains__(self, uid: object) -> bool:
        copy = self._copy
        return uid in copy.refused or uid in copy.compared or (isinstance(uid, int) and uid in copy.passed_over)


def _give_up(batch: Batch, copy: FolderCopy, text: str) -> None:
    """Keep what came of a folder that cannot be listed."""
    if len(copy.writer.held):
        copy.shortfall = copy.fewer_than_counted
        copy.unlisted = [
            NotImported(copy.name, "folder_refused", "the source does not give the rest of this folder: %s" % text)
        ]
        batch.finish_folder(copy)
    else:
        batch.refuse_folder(copy, text)


def _fetch_piece(line: Line, batch: Batch, copy: FolderCopy, uids: Sequence[int]) -> Optional[str]:
    """Fetch a few messages; return what went wrong, None when the server says that it sent all."""
    with suppress(SessionTooOldError):
        line.check_age()
    while True:
        batch.check_budget()
        session = line.connected()
        try:
            return _receive_piece(batch, session, copy, uids)
        except MailImportError as error:
            if is_overload(error) or error.reason not in PASSING:
                line.recover(error)
                continue
            if isinstance(error, SourceBusyError):
                line.patience.pause(error.wait, error.message)
            line.drop()
            return error.message


def _is_there(session: SourceSession, copy: FolderCopy, uid: int) -> bool:
    """False when a message has vanished since it was listed."""
    opened_once = session.fetch([FetchRequest(copy.plan.source, b"%d" % uid, flags_only=True)])
    return any(fetched.message.uid == uid for opened in opened_once for fetched in opened.messages())


def _receive_piece(batch: Batch, session: SourceSession, copy: FolderCopy, uids: Sequence[int]) -> Optional[str]:
    for opened in session.fetch([FetchRequest(copy.plan.source, b",".join(b"%d" % uid for uid in uids))]):
        if opened.uidvalidity and opened.uidvalidity != copy.origin.source_uidvalidity:
            raise MailImportError(
                "interrupted", "the source replaced %s meanwhile (UIDVALIDITY); run the task again" % copy.name
            )
        for fetched in opened.messages():
            batch.receive(copy, fetched)
        answer = opened.refusal or opened.status
        if answer and not answer.ok:
            refused = refusal_error(answer, session.peer)
            if refused:
                raise refused
            return str(answer)
    return None
