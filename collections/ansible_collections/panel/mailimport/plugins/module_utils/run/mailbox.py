# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One mailbox, from what a task declares to a result that is true."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Callable, ContextManager, Dict, Iterator, Optional, Sequence

from ..model.errors import MailImportError
from ..model.imports import COMPLETED_MESSAGE, ImportRequest
from ..model.mail import MailFiles, StoreLocation
from ..process.stop import stopped
from ..process.title import set_title
from ..source.tls import tls_context
from ..state.database import State
from ..state.records import FolderMark
from ..store.aside import check_movable
from ..store.evidence import holds_import
from ..store.marker import is_marked
from ..transfer.account import import_account
from ..transfer.line import check_login
from ..transfer.login import Login
from ..transfer.news import Emit
from ..transfer.preview import Presence, preview_account
from ..transfer.sandbox import os_failure, run_as
from ..transfer.session_desk import SessionDesk
from ..transfer.stores import Target, store_kind
from .events import ImportEvents
from .outcome import Outcome, conclude_with, new_outcome
from .replaced import Replacement
from .reporter import Reporter
from .settings import HostSettings
from .status import MailboxStatus, check_holder, examine
from .steps import decide
from .watch import STOP_REQUESTED, ImportWatch, import_title

# Whose rights a process has that talks to a source before there is a mailbox: nobody's.
NOBODY = 65534

# Entries of not_imported that leave no message behind.
_HARMLESS = frozenset(("keyword_refused", "message_altered"))

_SKIPPED_MESSAGE = (
    "the mailbox existed before its first import and is left as it is. ignore_existing=false with "
    "existing_content=merge adds the source's mail to it; existing_content=replace moves its mail aside and changes "
    "its password"
)

_AGAIN = "; the mailbox's mail had been removed on this host and was imported again"


@dataclass(frozen=True)
class RunContext:
    """How an import came to its turn.

    `queue` is the number of the import queue, None outside of queues. `made`: the mailbox was made ahead by this run.
    `login_checked`: its login at the source was found to work in this run. When the source admits no more connections
    it waits (`patient`) or fails at once, and likewise at its first login (`patient_login`), before anything is made.
    """

    queue: Optional[int] = None
    made: bool = False
    login_checked: bool = False
    patient: bool = True
    patient_login: bool = False


def known_outcome(request: ImportRequest, settings: HostSettings, state: State) -> Optional[Outcome]:
    """Return the outcome when it needs neither the source nor a change on the host, None when there is something to
    do."""
    outcome = new_outcome(request)
    run = _MailboxRun(request, settings, state, outcome, Reporter(), None, RunContext())
    try:
        known = run.conclude_if_known()
    except MailImportError as error:
        conclude_with(outcome.result, error, request)
        known = True
    return outcome if known else None


def import_mailbox(
    request: ImportRequest,
    settings: HostSettings,
    check_mode: bool = False,
    reporter: Optional[Reporter] = None,
    context: Optional[RunContext] = None,
) -> Outcome:
    """Make the mailbox exist and hold what its source holds; do nothing when nothing is left to do.

    Args:
        check_mode: log in, list and count, and write nothing.

    Returns:
        The outcome; a failed import is a result with state `failed`, its reason and message.
    """
    began = time.monotonic()
    outcome = new_outcome(request)
    reporter, context = reporter or Reporter(), context or RunContext()
    try:
        if check_mode:
            with State.open_readonly(settings.state_dir) as state:
                _MailboxRun(request, settings, state, outcome, reporter, None, context).perform()
        else:
            _import_locked(request, settings, outcome, reporter, context, began)
    except MailImportError as error:
        conclude_with(outcome.result, error, request)
    outcome.result.duration = round(time.monotonic() - began, 3)
    return outcome


def make_mailbox(request: ImportRequest, settings: HostSettings, reporter: Reporter) -> Outcome:
    """Create the mailbox if it is missing, ahead of its import; the result stays `queued` unless that failed."""
    outcome = new_outcome(request)
    try:
        with State(settings.state_dir) as state, _locked(request, state, reporter) as lock:
            _MailboxRun(request, settings, state, outcome, reporter, lock, RunContext()).make()
    except MailImportError as error:
        conclude_with(outcome.result, error, request)
    return outcome


def _locked(request: ImportRequest, state: State, reporter: Reporter) -> ContextManager[int]:
    return state.lock_mailbox(
        request.address, lambda: reporter.note("another import of %s is running; waiting for it" % request.address)
    )


def _import_locked(
    request: ImportRequest,
    settings: HostSettings,
    outcome: Outcome,
    reporter: Reporter,
    context: RunContext,
    began: float,
) -> None:
    with State(settings.state_dir) as state, _locked(request, state, reporter) as lock:
        run = _MailboxRun(request, settings, state, outcome, reporter, lock, context)
        try:
            run.perform()
        except MailImportError as error:
            conclude_with(outcome.result, error, request)
        except OSError as error:
            conclude_with(outcome.result, os_failure(error), request)
        outcome.result.duration = round(time.monotonic() - began, 3)
        if run.events.recorded:
            state.finish(request.key, outcome.result, request.import_content and outcome.result.state == "completed")


def _root_to_look_at(location: StoreLocation) -> Optional[str]:
    """The root of a store whose mail is all below it; no other can tell whether mail was removed."""
    if not isinstance(location, MailFiles) or location.scattered or not os.path.isabs(location.root):
        return None
    return location.root


class _MailboxRun:
    """The steps of one run on one mailbox. `lock` is the descriptor of the mailbox's lock, None when nothing is to be
    written.
    """

    def __init__(
        self,
        request: ImportRequest,
        settings: HostSettings,
        state: State,
        outcome: Outcome,
        reporter: Reporter,
        lock: Optional[int],
        context: RunContext,
    ) -> None:
        self.request = request
        self.host = settings.open_host()
        self._state_dir = settings.state_dir
        self.state = state
        self.outcome = outcome
        self.result = outcome.result
        self.lock = lock
        self.context = context
        self.events = ImportEvents(request, state, outcome, reporter)

    def conclude_if_known(self) -> bool:
        """Say in the result how things stand when nothing is left to do; False when something is."""
        found = self._examine()
        if found.final_state is None or (found.final_state == "completed" and self.request.update_password == "always"):
            return False
        self._conclude_without_import(found)
        return True

    def make(self) -> None:
        """Create the mailbox of an import that is to come, if it is missing."""
        found = self._examine()
        if found.exists or found.final_state:
            return
        self.host.check_new_mailbox(self.request.address)
        self._forget_removed(found)
        self.state.note_contact(self.request.key, False)
        self._make_mailbox(found)

    def perform(self) -> None:
        """Do what is left to do, and say so in the result."""
        found = self._examine()
        if found.final_state:
            self._conclude_without_import(found)
        elif self.lock is None:
            self._preview(found)
        else:
            self._import(found)

    def _examine(self) -> MailboxStatus:
        found = examine(self.request, self.state, self.host)
        domain = self.request.address.domain
        for side, mailbox, known in (
            (self.outcome.before, found.exists, found.domain_known),
            (self.outcome.after, True, True),
        ):
            side["domain"] = domain if known else None
            side["mailbox"] = str(self.request.address) if mailbox else None
        return found

    def _conclude_without_import(self, found: MailboxStatus) -> None:
        """Nothing is left to do but perhaps the password; the source is not asked."""
        if found.final_state == "skipped":
            self.result.state, self.result.message = "skipped", _SKIPPED_MESSAGE
            return
        if found.record:
            self.result.messages_total = self.result.messages_present = found.record.result.messages_total
            self.result.folders = found.record.result.folders
            self.result.replaced_to = found.record.replaced_to
        self._update_password(self.request.update_password == "always")
        self.result.state, self.result.message = "completed", COMPLETED_MESSAGE

    def _update_password(self, wanted: bool) -> None:
        if wanted and not self.host.verify_password(self.request.address, self.request.password):
            if self.lock is not None or not self.host.sets_passwords:
                self.host.set_password(self.request.address, self.request.password)
            self.result.changed = True

    def _preview(self, found: MailboxStatus) -> None:
        """Find out what a run would do: log in, list and count."""
        request, steps = self.request, decide(self.request, found, self.host.sets_passwords)
        location = None
        if found.exists:
            location = self._checked_store(found)
        else:
            self.host.check_new_mailbox(request.address)
        if steps.copy_content:
            presence = Presence(location) if steps.move_aside else self._presence(found, location)
            self._work_as(location, lambda login: partial(preview_account, request, login, presence))
        if found.exists:
            self._update_password(steps.set_password or (steps.move_aside and self.host.sets_passwords))
        self.result.created = steps.create_mailbox
        published = self.host.publish_domains(self._owners_to_be, write=False)
        self.result.changed = self.result.changed or steps.are_a_change or published
        self.result.state = "queued"
        self.result.message = "%d messages would be imported" % self.result.messages_copied
        if steps.move_aside:
            self.result.message += ", and what is in the mailbox would be moved aside"
            self.result.message += " and its password changed" if self.host.sets_passwords else ""

    def _owners_to_be(self) -> Dict[str, str]:
        """Owners of the mail domains as an import leaves them."""
        domain, owners = self.request.address.domain, self.state.domains()
        return owners if self.host.owner_of(domain, self.request.owner) else {domain: self.request.owner, **owners}

    def _presence(self, found: MailboxStatus, location: Optional[StoreLocation]) -> Presence:
        """What an import would find when it begins to copy."""
        return (
            Presence(
                location,
                True,
                self._marks(),
                self.state.deliveries(self.request.key),
                self.state.source_messages(self.request.key),
            )
            if found.record and not found.mail_removed
            else Presence(location, True)
        )

    def _import(self, found: MailboxStatus) -> None:
        request, key, steps = self.request, self.request.key, decide(self.request, found, self.host.sets_passwords)
        self.result.state, self.result.queue = "running", self.context.queue
        self._forget_removed(found)
        self.state.begin(key, request.owner, os.getpid(), self.context.queue)
        self.events.recorded = True
        if self.state.is_stop_requested(key):
            raise stopped(STOP_REQUESTED)
        if steps.create_mailbox:
            self.host.check_new_mailbox(request.address)
        if steps.copy_content and not found.contacted and not self.context.login_checked:
            # Before anything is made or wiped: a wrong password leaves no trace on the host.
            self._work_as(None, lambda login: partial(check_login, login, self.context.patient_login))
        location = self._checked_store(found) if steps.copy_content and found.exists else None
        if found.record and found.record.replaced:
            self.result.replaced_to = found.record.replaced_to
        self.state.note_contact(key, found.existed)
        if steps.forget:
            (self.state.forget if request.force else self.state.forget_mail)(key)
        self._make_mailbox(found)
        try:
            if location is None:
                location = self._checked_store(found)
            self._update_password(steps.set_password)
            if steps.copy_content:
                replacement = Replacement(self.state, request, found.record, self._state_dir)
                aside = self._place_aside(replacement, check_movable(location)) if steps.move_aside else None
                self._fill(location, found, replacement, aside)
        except MailImportError as error:
            if error.reason == "host_refused":
                self._withdraw(found, location)
            raise
        self._conclude()
        if found.mail_removed:
            self.result.message += _AGAIN

    def _withdraw(self, found: MailboxStatus, location: Optional[StoreLocation]) -> None:
        """Take back a mailbox of this run that no mail can be put into: what it was made with is wrong, and would stay
        so.
        """
        made = self.result.created or self.context.made
        untouched = location is None or (isinstance(location, MailFiles) and not os.path.lexists(location.root))
        if made and untouched:
            self.host.remove_mailbox(self.request.address)
            self.result.created, self.result.changed = False, not found.domain_known
            self.outcome.after["mailbox"] = None

    def _forget_removed(self, found: MailboxStatus) -> None:
        if found.outdated:
            self.state.drop(self.request.key)
            self.state.enqueue([(self.request.key, self.request.owner)], os.getpid())

    def _checked_store(self, found: MailboxStatus) -> StoreLocation:
        """Return the mailbox's store, which can be written to and, if need be, moved aside."""
        location = self.host.store_of(self.request.address)
        kind = store_kind(self.request, location)
        if self.request.import_content:
            self.result.message_store = kind
            self.result.message_store_reason = location.unsupported if kind == "imap" else None
        if found.replacing:
            check_movable(location)
        return location

    def _fill(
        self, location: StoreLocation, found: MailboxStatus, replacement: Replacement, aside: Optional[str]
    ) -> None:
        request, record = self.request, found.record
        with self._session_desk() as desk:
            self.events.desk = desk
            if aside is not None:
                self.events.replaced = lambda moved: self._take_over(replacement, aside if moved else None)
            # An import that begins again looks for all that it has brought, for what it knew of it is forgotten.
            forgotten = (
                (request.force or found.mail_removed) if found.contacted else holds_import(location, request.key)
            )
            unfinished = forgotten or (record is not None and record.result.state != "completed")
            interrupted = forgotten or (record is not None and record.may_hold_unrecorded_mail)
            root = _root_to_look_at(location)
            self.state.note_writing(request.key, root)
            # Files written past Dovecot are not refused by its quota.
            direct = store_kind(request, location) == "maildir"
            target = Target(
                location=location,
                desk=desk,
                marks=self._marks(),
                deliveries=self.state.deliveries(request.key),
                messages=self.state.source_messages(request.key) if aside is None else (),
                unfinished=unfinished,
                interrupted=interrupted,
                aside=aside,
                room=self.host.quota_free(request.address, emptied=aside is not None) if direct else None,
                patient=self.context.patient,
            )
            self._work_as(
                location, lambda login: partial(import_account, request, login, target), keep=(desk.descriptor,)
            )
            if root and not is_marked(root, request.key):
                self.state.note_store(request.key, None)  # the source had nothing, and nothing was made

    @contextmanager
    def _session_desk(self) -> Iterator[SessionDesk]:
        """Whatever gives out sessions of the mailbox; all have ended at the end."""
        address, lock = self.request.address, () if self.lock is None else (self.lock,)
        # The session's process holds the lock too: nobody looks at the mailbox while it still stores what a killed run
        # has sent.
        desk = SessionDesk(lambda: self.host.start_session(address, lock))
        try:
            yield desk
        finally:
            desk.close()
            # Without it new folders are seen from the owner's next session on, which is no failure of the import.
            with suppress(MailImportError):
                if desk.has_served:
                    self.host.refresh_folder_list(address)

    def _make_mailbox(self, found: MailboxStatus) -> None:
        address, owner = self.request.address, self.request.owner
        if not found.exists:
            self.host.create_mailbox(address, self.request.password, owner)
            self.result.created = self.result.changed = True
        holder = self.host.owner_of(address.domain, owner) or self.state.claim_domain(address.domain, owner)
        check_holder(address.domain, owner, holder)
        self.result.changed = self.result.changed or not found.domain_known
        # The map may have been missing or altered though the domain was known.
        if self.host.publish_domains(self.state.domains):
            self.result.changed = True

    def _place_aside(self, replacement: Replacement, files: MailFiles) -> Optional[str]:
        """Return where the present mail is to be moved, None when a run that was killed then has moved it."""
        beside = replacement.place(files.root)
        if not replacement.has_moved(beside):
            return beside
        self._take_over(replacement, beside)
        return None

    def _take_over(self, replacement: Replacement, beside: Optional[str]) -> None:
        """What was in the mailbox is out of it: from now on it belongs to whoever has the new password."""
        self._update_password(self.host.sets_passwords)
        self.result.replaced_to = replacement.conclude(beside)

    def _marks(self) -> Dict[bytes, FolderMark]:
        return {mark.raw_name: mark for mark in self.state.folder_marks(self.request.key)}

    def _work_as(
        self,
        location: Optional[StoreLocation],
        work_with: Callable[[Login], Callable[[Emit], None]],
        keep: Sequence[int] = (),
    ) -> None:
        """Run what `work_with` makes of a login at the source, in a process with the rights of the mailbox."""
        uid, gid = (location.uid, location.gid) if location else (NOBODY, NOBODY)
        lock = () if self.lock is None else (self.lock,)
        with Login(self.request, tls_context(self.request.source)) as login:
            self.events.login = login
            work, watch = self._titled(work_with(login)), ImportWatch(self.state, self.request.key)
            run_as(uid, gid, work, self.events.take, (*lock, *keep, *login.descriptors), watch)

    def _titled(self, work: Callable[[Emit], None]) -> Callable[[Emit], None]:
        """The same in a process that shows what it does."""

        def titled(emit: Emit) -> None:
            set_title(import_title(self.request.address, self.context.queue))
            work(emit)

        return titled

    def _conclude(self) -> None:
        result = self.result
        lacking = [entry for entry in result.not_imported if entry.reason not in _HARMLESS]
        if lacking:
            result.state, result.reason = "failed", lacking[0].reason
            left_behind = (
                "%d messages were left behind, see not_imported: " % result.messages_failed
                if result.messages_failed
                else ""
            )
            result.message = left_behind + lacking[0].message
        else:
            result.state, result.message = "completed", COMPLETED_MESSAGE
