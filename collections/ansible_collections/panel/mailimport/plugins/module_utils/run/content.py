# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mail of one mailbox while it is imported: a process with the mailbox's rights reads the source and writes."""

from __future__ import annotations

import os
import ssl
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Callable, Dict, Iterator, Optional, Sequence, Union

from ..files.nearest import nearest_directory
from ..imap.tls import tls_context
from ..model.errors import MailImportError
from ..model.mail import MailFiles, MailSession, NewHome, StoreLocation
from ..process.errand import nobody
from ..process.title import set_title
from ..state.records import FolderMark
from ..store.aside import check_movable
from ..store.marker import stamp_of
from ..transfer.account_import import import_account
from ..transfer.line import check_login
from ..transfer.login import Login
from ..transfer.news import Emit
from ..transfer.preview import TargetSnapshot, preview_account
from ..transfer.sandbox import run_as
from ..transfer.session_broker import SessionBroker
from ..transfer.stores import Target, store_kind
from ..transfer.verify import verify_account
from .evidence import is_ours
from .import_run import ImportRun
from .provisioning import MailboxProvisioning
from .replaced import Replacement
from .status import MailboxStatus
from .watch import ImportWatch, import_title


class MailboxContent:
    """See the module."""

    def __init__(self, run: ImportRun, provisioning: MailboxProvisioning) -> None:
        self._run = run
        self._request, self._host, self._state = run.request, run.host, run.state
        # What is asked for, without what a process that talks to the source has no use for.
        self._handed_on = replace(run.request, target_password="", diagnose=None)
        self._provisioning = provisioning

    def check_login(self) -> None:
        """Log in at the source, and leave no trace on the host."""
        self._work_as(None, lambda login: partial(check_login, login, self._run.context.login_waits_if_crowded))

    def preview(self, found: MailboxStatus, location: Optional[StoreLocation], move_aside: bool) -> None:
        """Log in, list and count what an import would bring."""
        snapshot = TargetSnapshot(location) if move_aside else self._snapshot(found, location)
        owner = location or self._host.new_home(self._request.address)
        directories = _directories(owner)
        if directories:
            look = self._run.outcome.look
            look.place = nearest_directory(directories[0])
            look.device = os.stat(look.place).st_dev
        self._look(
            owner,
            lambda login, broker: partial(
                preview_account, self._handed_on, login, snapshot, directories, broker, _tls_to(location)
            ),
        )

    def verify(self, found: MailboxStatus, location: StoreLocation) -> None:
        """Compare the source with the mailbox, and write nothing."""
        snapshot, tls = self._snapshot(found, location), _tls_to(location)
        self._look(
            location,
            lambda login, broker: partial(verify_account, self._handed_on, login, snapshot, broker, tls),
        )

    def _look(
        self,
        owner: Union[StoreLocation, NewHome, None],
        work_with: Callable[[Login, SessionBroker], Callable[[Emit], None]],
    ) -> None:
        """Run what `work_with` makes of a login at the source and of sessions of the mailbox, which writes nothing."""
        with self._session_broker() as broker:
            self._work_as(owner, lambda login: work_with(login, broker), keep=(broker.descriptor,))

    def fill(self, found: MailboxStatus, location: StoreLocation, move_aside: bool) -> None:
        """Bring what the mailbox lacks, when what is in it has been moved aside if it is to be."""
        replacement = Replacement(self._state, self._request, found.record, self._run.state_dir)
        aside = self._place_aside(replacement, check_movable(location)) if move_aside else None
        with self._writing_broker() as broker:
            if aside is not None:
                self._run.news_handler.replaced = lambda moved: self._take_over(replacement, aside if moved else None)
            root = _root_to_look_at(location)
            target = self._target(found, location, broker, aside)
            self._state.note_writing(self._request.key, root, _unknown_since(found))
            try:
                self._work_as(
                    location,
                    lambda login: partial(import_account, self._handed_on, login, target),
                    keep=(broker.descriptor,),
                )
            finally:
                if root:
                    stamp = stamp_of(root, self._request.key)  # none when the source had nothing, and nothing was made
                    self._state.note_store(self._request.key, root if stamp is not None else None, stamp)

    def _target(
        self, found: MailboxStatus, location: StoreLocation, broker: SessionBroker, aside: Optional[str]
    ) -> Target:
        """What the process that fills the mailbox is told of it."""
        request, record = self._request, found.record
        # An import that begins again looks for all that it has brought, for what it knew of it is forgotten.
        forgotten = request.force or found.mail_removed
        untouched = not found.contacted and not is_ours(location, request.key, self._state)
        if not found.contacted:
            forgotten = not untouched
        is_behind = found.state_is_behind
        moments = (record.killed_since if record is not None else None, _unknown_since(found))
        killed_since = min((moment for moment in moments if moment is not None), default=None)
        # Files written past Dovecot are not refused by its quota.
        direct = store_kind(request, location) == "maildir"
        return Target(
            location=location,
            broker=broker,
            marks=self._marks(),
            deliveries=self._state.folders.deliveries(request.key),
            messages=self._state.folders.messages(request.key) if aside is None else (),
            last_run_incomplete=forgotten or is_behind or (record is not None and record.result.state != "completed"),
            may_hold_unrecorded_mail=forgotten or is_behind or (record is not None and record.may_hold_unrecorded_mail),
            killed_since=killed_since if not forgotten and aside is None else None,
            crashed_since=record.crashed_since if record is not None and request.force and aside is None else None,
            aside=aside,
            proof=self._state.proof_of(request.key),
            room=self._host.quota_free(request.address, emptied=aside is not None) if direct else None,
            wait_if_crowded=self._run.context.wait_if_crowded,
            spent=self._state.budgets.spent(request.key),
            untouched=untouched,
            tls=_tls_to(location),
            others=self._state.folders.deliveries_of_others(request.key),
        )

    def _snapshot(self, found: MailboxStatus, location: Optional[StoreLocation]) -> TargetSnapshot:
        """What an import would find when it begins to copy."""
        untouched = not found.contacted and not found.recovered
        if not found.record or found.mail_removed:
            return TargetSnapshot(location, True, untouched=untouched)
        deliveries, messages = (
            self._state.folders.deliveries(found.record.key),
            self._state.folders.messages(found.record.key),
        )
        return TargetSnapshot(location, True, self._marks(), deliveries, messages, untouched)

    @contextmanager
    def _session_broker(self) -> Iterator[SessionBroker]:
        """Whatever gives out sessions of the mailbox; all have ended at the end."""
        address, locks = self._request.address, self._run.locks
        # The session's process holds the lock too: nobody looks at the mailbox while it still stores what a killed run
        # has sent.
        broker = SessionBroker(lambda: self._host.start_session(address, locks))
        self._run.news_handler.broker = broker
        try:
            yield broker
        finally:
            broker.close()

    @contextmanager
    def _writing_broker(self) -> Iterator[SessionBroker]:
        """The same; when all have ended, the mailbox's other sessions see new folders."""
        with ExitStack() as ended, self._session_broker() as broker:
            ended.callback(self._show_new_folders, broker)
            yield broker

    def _show_new_folders(self, broker: SessionBroker) -> None:
        # Without it they are seen from the owner's next session on, which is no failure of the import.
        with suppress(MailImportError):
            if broker.has_served:
                self._host.refresh_folder_list(self._request.address)

    def _place_aside(self, replacement: Replacement, files: MailFiles) -> Optional[str]:
        """Return where the present mail is to be moved, None when a run that was killed then has moved it."""
        beside = replacement.place(files.root)
        if not replacement.has_moved(beside):
            return beside
        self._take_over(replacement, beside)
        return None

    def _take_over(self, replacement: Replacement, beside: Optional[str]) -> None:
        """What was in the mailbox is out of it: from now on it belongs to whoever has the new password."""
        self._provisioning.update_password(self._host.sets_passwords)
        self._run.result.replaced_to = replacement.conclude(beside)

    def _marks(self) -> Dict[bytes, FolderMark]:
        return {mark.raw_name: mark for mark in self._state.folders.marks(self._request.key)}

    def _work_as(
        self,
        owner: Union[StoreLocation, NewHome, None],
        work_with: Callable[[Login], Callable[[Emit], None]],
        keep: Sequence[int] = (),
    ) -> None:
        """Run what `work_with` makes of a login at the source, in a process with the rights of the mailbox's owner."""
        # Before there is a mailbox, whoever talks to a source has nobody's rights.
        uid, gid = (owner.uid, owner.gid) if owner else nobody()
        with Login(self._request, tls_context(self._request.source)) as login:
            self._run.news_handler.login = login
            work, watch = self._titled(work_with(login)), ImportWatch(self._state, self._request.key)
            run_as(uid, gid, work, self._run.news_handler.handle, (*self._run.locks, *keep, *login.descriptors), watch)

    def _titled(self, work: Callable[[Emit], None]) -> Callable[[Emit], None]:
        """The same in a process that shows what it does."""

        def titled(emit: Emit) -> None:
            set_title(import_title(self._request.address, self._run.context.queue))
            work(emit)

        return titled


def _unknown_since(found: MailboxStatus) -> Optional[int]:
    """When the last run wrote that a restored state knows of, None where it knows of all."""
    return found.record.store_stamp if found.record is not None and found.state_is_behind else None


def _directories(owner: Union[StoreLocation, NewHome, None]) -> Sequence[str]:
    """Where the mail is going to be written, as far as that is in files of this machine."""
    if isinstance(owner, NewHome):
        return (owner.path,)
    if isinstance(owner, MailFiles) and os.path.isabs(owner.root):
        return (owner.root, owner.control)
    return ()


def _tls_to(location: Optional[StoreLocation]) -> Optional[ssl.SSLContext]:
    """The TLS of sessions with a mail host over the network."""
    return tls_context(location.account) if isinstance(location, MailSession) and location.account else None


def _root_to_look_at(location: StoreLocation) -> Optional[str]:
    """The root of a store whose mail is all below it; no other can tell whether mail was removed."""
    if not isinstance(location, MailFiles) or location.scattered or not os.path.isabs(location.root):
        return None
    return location.root
