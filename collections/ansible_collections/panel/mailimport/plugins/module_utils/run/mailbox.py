# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One mailbox, from what a task declares to a result that is true."""

from __future__ import annotations

import os
import ssl
import time
from functools import partial
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence

from ..model.errors import MailImportError
from ..model.imports import COMPLETED_MESSAGE, ImportRequest, ImportResult, NotImported
from ..model.mail import StoreLocation
from ..model.secret import hide_secret
from ..source.connection import tls_context
from ..state.database import State
from ..state.records import Deliveries, FolderMark, ImportRecord
from ..store.aside import check_movable
from ..transfer.account import Target, check_login, import_account, preview_account, store_kind
from ..transfer.desk import SessionDesk
from ..transfer.worker import Event, os_failure, run_as
from .aside import keep, path_beside, path_kept
from .settings import HostSettings

# Whose rights a process has that talks to a source before there is a mailbox: nobody's.
_NOBODY = 65534

# Entries of not_imported that leave no message behind.
_HARMLESS = frozenset(("keyword_refused", "message_altered"))

Notify = Callable[[str], None]


class Outcome(NamedTuple):
    """A result, and what `--diff` shows of the mailbox before and after."""

    result: ImportResult
    before: Dict[str, Any]
    after: Dict[str, Any]


def import_mailbox(request: ImportRequest, settings: HostSettings, check_mode: bool = False, notify: Notify = lambda line: None) -> Outcome:
    """Make the mailbox exist and hold what its source holds; do nothing when nothing is left to do.

    Args:
        check_mode: log in, list and count, and write nothing.
        notify: takes lines on the progress.

    Returns:
        The outcome; a failed import is a result with state `failed`, its reason and message.
    """
    began = time.monotonic()
    outcome = _new_outcome(request)
    try:
        if check_mode:
            with State.open_readonly(settings.state_dir) as state:
                _MailboxRun(request, settings, state, outcome, notify, None).perform()
        else:
            _import_locked(request, settings, outcome, notify, began)
    except MailImportError as error:
        _fail(outcome.result, error, request)
    outcome.result.duration = round(time.monotonic() - began, 3)
    return outcome


def _import_locked(request: ImportRequest, settings: HostSettings, outcome: Outcome, notify: Notify, began: float) -> None:
    def waiting() -> None:
        notify("another import of %s is running; waiting for it" % request.address)

    with State(settings.state_dir) as state, state.lock_mailbox(request.address, waiting) as lock:
        run = _MailboxRun(request, settings, state, outcome, notify, lock)
        try:
            run.perform()
        except MailImportError as error:
            _fail(outcome.result, error, request)
        except OSError as error:
            _fail(outcome.result, os_failure(error), request)
        outcome.result.duration = round(time.monotonic() - began, 3)
        if run.began:
            state.finish(request.key, outcome.result, request.import_content and outcome.result.state == "completed")


def _new_outcome(request: ImportRequest) -> Outcome:
    source = "%s@%s" % (request.source.user, request.source.host)
    return Outcome(ImportResult(str(request.address), source), _nothing(), _nothing())


def _nothing() -> Dict[str, Any]:
    return {"domain": None, "mailbox": None, "folders": {}}


def _fail(result: ImportResult, error: MailImportError, request: ImportRequest) -> None:
    result.state, result.reason, result.message = "failed", error.reason, _without_secret(error.message, request)


def _without_secret(text: str, request: ImportRequest) -> str:
    """What a source says may echo what it was sent."""
    return hide_secret(text, request.source.password)


class _MailboxRun:
    """The steps of one run on one mailbox. `lock` is the descriptor of the mailbox's lock, None in check mode."""

    def __init__(
        self, request: ImportRequest, settings: HostSettings, state: State, outcome: Outcome, notify: Notify, lock: Optional[int]
    ) -> None:
        self.request = request
        self.host = settings.open_host()
        self._state_dir = settings.state_dir
        self.state = state
        self.outcome = outcome
        self.result = outcome.result
        self.notify = notify
        self.lock = lock
        self.began = False
        self._desk: Optional[SessionDesk] = None
        self._aside: Optional[str] = None

    def perform(self) -> None:
        """Do what is left to do, and say so in the result."""
        request = self.request
        self._check_owner()
        exists = self.host.mailbox_exists(request.address)
        record = self._record(exists)
        contacted = record is not None and record.mailbox_existed is not None
        existed = bool(record.mailbox_existed) if record and contacted else exists
        self._describe_host(exists)
        if existed and request.ignore_existing:
            self.result.state, self.result.message = "skipped", "the mailbox existed before its first import and is left as it is"
            return
        done = record is not None and record.completed_once and not request.force
        if record is not None and done and request.state == "present":
            self._keep_finished(record)
            return
        # Once: an interrupted import is resumed and a finished one kept, whatever was wiped stays wiped only then.
        replacing = existed and request.existing_content == "replace" and not done
        if self.lock is None:
            self._preview(exists, replacing)
        else:
            self._import(exists, existed, contacted, replacing, record)

    def _check_owner(self) -> None:
        domain, owner = self.request.address.domain, self.request.owner
        if not owner or not owner.isprintable():
            raise MailImportError("invalid_row", "owner must be a name of printable characters")
        holder = self.state.owner_of(domain)
        if holder not in (None, owner):
            raise MailImportError("domain_owned_by_other", "the mail domain %s belongs to %s, not to %s" % (domain, holder, owner))

    def _record(self, exists: bool) -> Optional[ImportRecord]:
        """Return what is known of this import; nothing is when somebody has removed the mailbox since."""
        record = self.state.import_record(self.request.key)
        if record and not exists:
            if self.lock is not None:
                self.state.drop(self.request.key)
            return None
        return record

    def _describe_host(self, exists: bool) -> None:
        domain = self.request.address.domain
        self._domain_known = self.state.owner_of(domain) is not None or domain in self.host.domains()
        for side, mailbox, known in ((self.outcome.before, exists, self._domain_known), (self.outcome.after, True, True)):
            side["domain"] = domain if known else None
            side["mailbox"] = str(self.request.address) if mailbox else None

    def _keep_finished(self, record: ImportRecord) -> None:
        """Nothing is left to do but perhaps the password; the source is not asked."""
        self.result.messages_total = self.result.messages_present = record.result.messages_total
        self.result.folders = record.result.folders
        self.result.replaced_to = record.replaced_to
        self._update_password(self.request.update_password == "always")
        self.result.state, self.result.message = "completed", COMPLETED_MESSAGE

    def _update_password(self, wanted: bool) -> None:
        if wanted and not self.host.verify_password(self.request.address, self.request.password):
            if self.lock is not None:
                self.host.set_password(self.request.address, self.request.password)
            self.result.changed = True

    def _preview(self, exists: bool, replacing: bool) -> None:
        """Find out what a run would do: log in, list and count."""
        request = self.request
        self.result.created, self.result.changed = not exists, not exists or not self._domain_known
        location = self.host.store_of(request.address) if exists else None
        if location:
            self._check_store(location, replacing)
        if request.import_content:
            marks = {} if replacing or request.force else self._marks()
            self._work_as(location, partial(preview_account, request, tls_context(request.source), location, marks))
        if exists:
            self._update_password(replacing or request.update_password == "always")
        self.result.changed = self.result.changed or replacing
        self.result.state = "queued"
        self.result.message = "%d messages would be imported" % self.result.messages_copied

    def _import(self, exists: bool, existed: bool, contacted: bool, replacing: bool, record: Optional[ImportRecord]) -> None:
        request, key = self.request, self.request.key
        self.result.state = "running"
        self.state.begin(key, request.owner, os.getpid())
        self.began = True
        context = tls_context(request.source)
        if request.import_content and not contacted:
            # Before anything is made or wiped: a wrong password leaves no trace on the host.
            self._work_as(None, partial(check_login, request.source, context))
        if request.import_content and exists:
            self._check_store(self.host.store_of(request.address), replacing)
        self.state.note_contact(key, existed)
        if request.force and contacted:
            self.state.forget(key)
        self._make_mailbox(exists)
        self._update_password(exists and (replacing or request.update_password == "always"))
        location = self.host.store_of(request.address)
        if request.import_content:
            self._check_store(location, replacing)
            self._aside = self._place_aside(None if request.force else record, location) if replacing else None
            self._fill(location, record, context)
        self._conclude()

    def _check_store(self, location: StoreLocation, replacing: bool) -> None:
        store_kind(self.request, location)
        if replacing:
            check_movable(location)

    def _fill(self, location: StoreLocation, record: Optional[ImportRecord], context: Optional[ssl.SSLContext]) -> None:
        request = self.request
        lock = () if self.lock is None else (self.lock,)
        # The session's process holds the lock too: nobody looks at the mailbox while it still stores what a killed run has sent.
        self._desk = SessionDesk(lambda: self.host.start_session(request.address, lock), partial(self.host.repair_folder, request.address))
        # An import that begins again looks for all that it has brought, for what it knew of it is forgotten.
        unfinished = record is not None and (request.force or record.result.state != "completed")
        interrupted = record is not None and (request.force or record.unsettled)
        self.state.note_unsettled(request.key, True)
        # Files written past Dovecot are not refused by its quota. What is moved aside makes room; how much, nobody knows yet.
        direct = store_kind(self.request, location) == "maildir" and self._aside is None
        room = self.host.quota_free(self.request.address) if direct else None
        target = Target(location, self._desk, self._marks(), self.state.deliveries(self.request.key), unfinished, interrupted, self._aside, room)
        try:
            self._work_as(location, partial(import_account, self.request, context, target), keep=(self._desk.descriptor,))
        finally:
            self._desk.close()

    def _make_mailbox(self, exists: bool) -> None:
        address = self.request.address
        if not exists:
            self.host.create_mailbox(address, self.request.password)
            self.result.created = self.result.changed = True
        if self.state.owner_of(address.domain) is None:
            self.state.record_domain(address.domain, self.request.owner)
        self.result.changed = self.result.changed or not self._domain_known
        self.host.publish_domains(self.state.domains())

    def _place_aside(self, record: Optional[ImportRecord], location: StoreLocation) -> Optional[str]:
        """Return where the present mail is to be moved, None when that has happened; it is recorded first, so that it happens once."""
        beside = record.replaced_to if record else None
        if not beside:
            beside = path_beside(location.root)
            self.state.note_replaced(self.request.key, beside)
            return beside
        kept = path_kept(self._state_dir, self.request.address, beside)
        if not os.path.lexists(kept) and not os.path.lexists(beside):
            return beside
        self._keep_aside(beside, kept)
        return None

    def _keep_aside(self, beside: str, kept: str) -> None:
        self.result.replaced_to = kept if os.path.lexists(kept) else keep(beside, kept)
        self.state.note_replaced(self.request.key, self.result.replaced_to)

    def _marks(self) -> Dict[bytes, FolderMark]:
        return {mark.raw_name: mark for mark in self.state.folder_marks(self.request.key)}

    def _work_as(self, location: Optional[StoreLocation], work: Callable[..., None], keep: Sequence[int] = ()) -> None:
        uid, gid = (location.uid, location.gid) if location else (_NOBODY, _NOBODY)
        lock = () if self.lock is None else (self.lock,)
        run_as(uid, gid, lambda emit: work(emit=emit), self._take_event, keep=(*lock, *keep))

    def _conclude(self) -> None:
        result = self.result
        result.messages_present = max(0, result.messages_total - result.messages_copied - result.messages_failed)
        lacking = [entry for entry in result.not_imported if entry.reason not in _HARMLESS]
        if lacking:
            result.state, result.reason = "failed", lacking[0].reason
            result.message = "%d messages were left behind, see not_imported: %s" % (result.messages_failed, lacking[0].message)
        else:
            result.state, result.message = "completed", COMPLETED_MESSAGE

    def _take_event(self, event: Event) -> None:
        """Take what the importing process says; it is not trusted with more than its own import."""
        getattr(self, "_on_" + event["event"])(event)

    def _on_listed(self, event: Event) -> None:
        self.result.folders, self.result.messages_total = int(event["folders"]), int(event["messages"])
        self._show_progress()

    def _show_progress(self) -> None:
        if self.began:
            self.state.progress(self.request.key, self.result)

    def _on_replaced(self, _event: Event) -> None:
        # Where it is, is not taken from the event: this process may rename any directory there is.
        if self._aside is None:
            raise ValueError("nothing was to be moved aside")
        self._keep_aside(self._aside, path_kept(self._state_dir, self.request.address, self._aside))
        self.result.changed = True

    def _on_folder(self, event: Event) -> None:
        if event["created"] or event["before"] != event["after"]:
            self.result.changed = True
            self.outcome.before["folders"][event["name"]] = None if event["created"] else event["before"]
            self.outcome.after["folders"][event["name"]] = event["after"]

    def _on_marks(self, event: Event) -> None:
        marks = [FolderMark(**dict(mark, raw_name=mark["raw_name"].encode("latin-1"), missing=tuple(mark["missing"]))) for mark in event["marks"]]
        self.state.commit_folders(self.request.key, marks)

    def _on_session(self, _event: Event) -> None:
        self._sessions_desk().serve()

    def _on_repair(self, event: Event) -> None:
        self._sessions_desk().serve_repair(str(event["folder"]))

    def _sessions_desk(self) -> SessionDesk:
        if self._desk is None:
            raise ValueError("there is no mailbox to open a session of")
        return self._desk

    def _on_settled(self, _event: Event) -> None:
        self.state.note_unsettled(self.request.key, False)

    def _on_delivered(self, event: Event) -> None:
        folder = event["raw_name"].encode("latin-1"), event["uidvalidity"], event["target_uidvalidity"]
        self.state.add_deliveries(self.request.key, Deliveries(*folder, event["runs"]))

    def _on_copied(self, event: Event) -> None:
        self.result.messages_copied, self.result.bytes_copied = event["messages"], event["bytes"]
        self.result.changed = self.result.changed or event["messages"] > 0
        self._show_progress()
        self.notify("%s: %d of %d messages" % (self.result.email, event["messages"], self.result.messages_total))

    def _on_flags(self, event: Event) -> None:
        self.result.flags_updated = event["messages"]
        self.result.changed = self.result.changed or event["messages"] > 0

    def _on_subscribed(self, event: Event) -> None:
        self.result.changed = self.result.changed or event["folders"] > 0

    def _on_not_imported(self, event: Event) -> None:
        entries = [NotImported(**entry) for entry in event["entries"]]
        for entry in entries:
            entry.message = _without_secret(entry.message, self.request)
        self.result.not_imported += entries
        self.result.messages_failed += event["messages"]

    def _on_waiting(self, event: Event) -> None:
        self.notify("%s: waiting %g seconds: %s" % (self.result.email, event["seconds"], _without_secret(event["message"], self.request)))

    def _on_note(self, event: Event) -> None:
        self.notify("%s: %s" % (self.result.email, event["message"]))
