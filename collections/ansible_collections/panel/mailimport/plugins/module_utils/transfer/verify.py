# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares a source with its mailbox, at any time and without copying: for `verify: deep` and `verify: content`.

Every message of the source has to be in its folder here. Sizes and header fields are compared of all, or of a sample;
where they differ, the messages themselves are, for a source's own figure is wrong on too many servers. With `content`
they are in any case. Flags and dates are told apart from that: whoever owns the mailbox may have changed the former,
and no message is another one by the latter.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import partial
from typing import Dict, Iterable, List, Optional, Sequence, Set, Tuple

from ..imap.dates import format_internal_date
from ..imap.fetch import FetchRequest
from ..imap.outline import Told
from ..imap.uids import UidSet, sequence_set
from ..model.imports import ImportRequest, NotImported
from ..model.mail import MailFiles, SourceFolder
from ..source.session import SourceSession
from ..store.contents import CanonicalDigest, ContentIndex
from ..store.origin import Origin
from .folder_copy import mark_of
from .left_out import list_folders
from .line import open_first
from .login import Login
from .memory import Memories
from .news import Emit, Listed, Note, Verified, tell_left_behind
from .numbering import Earlier, NumberingCheck
from .plan import FolderPlan
from .preview import TargetSnapshot
from .selection import MessageSelection, plan_account
from .session_broker import SessionBroker
from .stores import dialler_to, store_kind
from .survey import FolderRecord
from .views import FolderView, ImapView, MailboxView, MaildirView, comparable_flags

_NEVER_CAME = "the source has this message, and no run has brought it yet: import again"
_LEFT_BEHIND = "earlier runs could not bring this message, and said why"
_CAME = "an earlier run brought this message, and it is not in its folder any more: moved, deleted, or lost here"
_DIFFERS = "the message here is not the one that the source has under this UID"
_NOT_GIVEN = "the source does not send this message, so it cannot be compared"
_UNLISTED = "the source counts %d messages in this folder, and lists %d"


@dataclass
class _Found:
    """What was found of one folder, in messages; `entries` name them."""

    listed: int = 0
    compared: int = 0
    missing: int = 0
    differing: int = 0
    other_flags: int = 0
    other_dates: int = 0
    entries: List[NotImported] = field(default_factory=list)


def verify_account(
    request: ImportRequest,
    login: Login,
    snapshot: TargetSnapshot,
    broker: SessionBroker,
    tls: Optional[ssl.SSLContext],
    emit: Emit,
) -> None:
    """Compare every folder, and tell what differs as `LeftBehind`.

    Args:
        broker, tls: what sessions of the mailbox are opened with, as for Target.

    Raises:
        MailImportError: what keeps the account from being compared.
    """
    session = open_first(login, False, emit)
    memories = Memories(snapshot.messages)
    plans, selection = _plans(request, session, snapshot, memories, emit)
    held = _view_of(request, snapshot, broker, tls, emit)
    total = _Found()
    for plan in plans:
        mark = mark_of(plan.source, snapshot.marks.get(plan.source.raw_name))
        origin = Origin(request.key, plan.source.raw_name, plan.source.epoch or (mark.uidvalidity if mark else 0))
        record = FolderRecord(mark, memories.load(plan.source.raw_name, origin.uidvalidity), UidSet())
        passed_over = selection.passed_over(plan) if selection else UidSet()
        there = held.folder(plan.target, origin)
        comparison = _Comparison(session, plan.source, there, record, passed_over, request.verify == "content")
        found = comparison.run(request.verify_sample)
        tell_left_behind(emit, found.entries, found.missing + found.differing)
        total = _sum(total, found)
        emit(Listed(len(plans), total.listed))
    present = total.listed - total.missing
    emit(Verified(present, total.compared, total.missing, total.differing, total.other_flags, total.other_dates))
    session.close()


def _plans(
    request: ImportRequest, session: SourceSession, snapshot: TargetSnapshot, memories: Memories, emit: Emit
) -> Tuple[Sequence[FolderPlan], Optional[MessageSelection]]:
    """Which folders are compared with which, and which messages are meant for them."""
    if snapshot.location is None:
        raise ValueError("there is no mailbox")
    listed = list_folders(session)
    plans = plan_account(listed, request.rules, snapshot.location, snapshot.marks, emit)
    check = NumberingCheck(plans, Earlier(request.key, snapshot.marks, memories, None, False, False))
    check.ask(session)
    for line in check.lines():
        emit(Note(line))
    plans = check.checked()
    return plans, MessageSelection.asked(session, listed, request.rules, plans, {}, Memories())


def _view_of(
    request: ImportRequest, snapshot: TargetSnapshot, broker: SessionBroker, tls: Optional[ssl.SSLContext], emit: Emit
) -> MailboxView:
    location = snapshot.location
    if location is None:
        raise ValueError("there is no mailbox")
    if isinstance(location, MailFiles) and store_kind(request, location) == "maildir":
        return MaildirView(location)
    dialler = dialler_to(location, tls, emit)
    return ImapView(location, dialler.open if dialler else partial(broker.open_pipe, emit), snapshot.deliveries)


def _sum(one: _Found, other: _Found) -> _Found:
    names = ("listed", "compared", "missing", "differing", "other_flags", "other_dates")
    return _Found(**{name: getattr(one, name) + getattr(other, name) for name in names})


class _Comparison:
    """One folder of the source against its folder here."""

    def __init__(
        self,
        session: SourceSession,
        source: SourceFolder,
        held: FolderView,
        record: FolderRecord,
        passed_over: UidSet,
        by_content: bool,
    ) -> None:
        self._session, self._source, self._held, self._record = session, source, held, record
        self._passed_over, self._by_content = passed_over, by_content
        self._found = _Found()

    def run(self, sample: Optional[int]) -> _Found:
        found, uids = self._found, UidSet()
        exists = self._session.search_uids(self._source, uids.add)
        for uid in [uid for uid in uids if uid in self._passed_over]:
            uids.discard(uid)
            exists -= 1
        found.listed = max(exists, len(uids))
        if len(uids) < exists:
            found.missing += exists - len(uids)
            self._tell(None, "source_unavailable", _UNLISTED % (exists, len(uids)))
        self._look_for([uid for uid in uids if uid not in self._held])
        self._compare(spread([uid for uid in uids if uid in self._held], sample))
        return found

    def _look_for(self, missing: Sequence[int]) -> None:
        """What has no name here may be here all the same: a merge leaves out what the mailbox has already."""
        others = ContentIndex()
        any_others = False
        for digest in self._held.other_digests() if missing else ():
            others.add(digest)
            any_others = True
        digests = self._source_digests(missing) if any_others else {}
        for uid in missing:
            if uid in digests and others.pop(digests[uid]):
                self._found.compared += 1
                continue
            self._found.missing += 1
            self._tell(uid, "message_missing", self._reason_of(uid))

    def _reason_of(self, uid: int) -> str:
        if uid in self._record.left_before:
            return _LEFT_BEHIND
        return _CAME if self._record.has(uid) else _NEVER_CAME

    def _compare(self, uids: Sequence[int]) -> None:
        # Of a message of which the source does not tell enough, the content is looked at.
        suspects, wanted = set(uids), set(uids)
        dates: Dict[int, Tuple[int, int]] = {}

        def take(told: Told) -> None:
            if told.uid in wanted:
                here = self._held.outline_of(told.uid)
                if not self._by_content and (told.outline.size, told.outline.fields) == (here.size, here.fields):
                    suspects.discard(told.uid)
                if told.outline.date is not None and here.date not in (None, told.outline.date):
                    dates[told.uid] = told.outline.date, here.date
            if told.uid in self._held:
                self._compare_flags(told.uid, told.flags)

        for some in sequence_set(uids):
            self._session.outlines(self._source, some, take)
        self._found.compared += len(uids)
        others = self._compare_contents(sorted(suspects))
        for uid in sorted(dates.keys() - others):
            self._found.other_dates += 1
            self._tell(uid, "date_differs", "arrived at the source: %s; here: %s" % tuple(map(_moment, dates[uid])))

    def _compare_flags(self, uid: int, told: Tuple[bytes, ...]) -> None:
        there, here = comparable_flags(told), self._held.flags_of(uid)
        if not self._held.keeps_all_keywords:
            there = frozenset(flag for flag in there if flag.startswith(b"\\") or flag in here)
        if there != here:
            self._found.other_flags += 1
            self._tell(uid, "flags_differ", "flags at the source: %s; here: %s" % (_words(there), _words(here)))

    def _compare_contents(self, suspects: Sequence[int]) -> Set[int]:
        """Return which of them are others here, or are not known to be the same."""
        digests, others = self._source_digests(suspects), set()
        for uid in suspects:
            if uid not in digests:
                self._tell(uid, "source_unavailable", _NOT_GIVEN)
            elif digests[uid] != self._held.digest_of(uid):
                self._tell(uid, "message_differs", _DIFFERS)
            else:
                continue
            others.add(uid)
        self._found.differing += len(others)
        return others

    def _source_digests(self, uids: Sequence[int]) -> Dict[int, bytes]:
        """Canonical digests of messages, of those that the source sends."""
        digests: Dict[int, bytes] = {}
        for opened in self._session.fetch(FetchRequest(self._source, some) for some in sequence_set(uids)):
            for fetched in opened.messages():
                digest = CanonicalDigest()
                for chunk in fetched.chunks:
                    digest.update(chunk)
                if fetched.message.uid is not None and fetched.has_body:
                    digests[fetched.message.uid] = digest.digest()
        return digests

    def _tell(self, uid: Optional[int], reason: str, message: str) -> None:
        self._found.entries.append(NotImported(self._source.name, reason, message, uid))


def spread(uids: Sequence[int], most: Optional[int]) -> Sequence[int]:
    """So many of them, the first and the last among them, and the others evenly between; all without a number."""
    if most is None or len(uids) <= most:
        return uids
    if most == 1:
        return uids[-1:]
    return [uids[step * (len(uids) - 1) // (most - 1)] for step in range(most)]


def _words(flags: Iterable[bytes]) -> str:
    return " ".join(sorted(flag.decode("ascii", "replace") for flag in flags)) or "none"


def _moment(instant: int) -> str:
    return format_internal_date(instant).decode("ascii")
