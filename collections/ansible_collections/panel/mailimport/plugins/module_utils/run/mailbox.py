# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One mailbox, from what a task declares to a result that is true."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Callable, ContextManager, Iterator, List, Optional, Sequence, Tuple

from ..model.errors import MailImportError, telling_first
from ..model.grade import HARMLESS_REASONS
from ..model.imports import COMPLETED_MESSAGE, ImportKey, ImportRequest
from ..model.mail import StoreLocation
from ..process.stop import stopped
from ..state.database import State
from ..state.shared import SharedState
from ..store.aside import check_movable
from ..transfer.stores import store_kind
from .content import MailboxContent
from .examination import Examination
from .import_run import ImportRun, RunContext
from .news_handler import NewsHandler
from .outcome import Outcome, conclude_with, new_outcome
from .provisioning import MailboxProvisioning
from .reporter import Reporter
from .settings import HostSettings
from .status import MailboxStatus
from .steps import decide
from .watch import STOP_REQUESTED

_AGAIN = "; the mailbox's mail had been removed on this host and was imported again"


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
        if check_mode or request.only_verifies:
            with _opened_state(settings, context, State.open_readonly) as state:
                _MailboxRun(request, settings, state, outcome, reporter, None, context).perform()
        else:
            _import_locked(request, settings, outcome, reporter, context, began)
    except (MailImportError, OSError) as error:
        conclude_with(outcome.result, error, request)
    outcome.result.duration = round(time.monotonic() - began, 3)
    return outcome


def make_mailboxes(
    requests: Sequence[ImportRequest], settings: HostSettings, reporter: Reporter, shared: SharedState
) -> List[Outcome]:
    """Create mailboxes that are missing, ahead of their imports and together: one flush of the state and one edit of
    the host's accounts do for all of them. Results stay `queued` unless that failed.

    Args:
        requests: of different mailboxes.
    """
    outcomes = [new_outcome(request) for request in requests]
    with ExitStack() as locks:
        found: List[Tuple[_MailboxRun, MailboxStatus]] = []
        # In one order, whoever takes several locks.
        for request, outcome in sorted(zip(requests, outcomes), key=lambda pair: str(pair[0].address)):
            with _concluding(request, outcome):
                lock = locks.enter_context(_locked(request, shared.state, reporter))
                run = _MailboxRun(request, settings, shared.state, outcome, reporter, lock, RunContext())
                missing = run.find_missing()
                if missing:
                    found.append((run, missing))
        try:
            shared.state.note_new(run.key for run, _missing in found)
            failures = settings.open_host().create_mailboxes([run.provisioning.wanted for run, _missing in found])
        except (MailImportError, OSError) as failure:
            failures = {run.provisioning.wanted.address: failure for run, _missing in found}
        for run, missing in found:
            with run.concluding():
                run.provisioning.conclude_creation(missing, failures.get(run.provisioning.wanted.address))
    return outcomes


@contextmanager
def _concluding(request: ImportRequest, outcome: Outcome) -> Iterator[None]:
    """What goes wrong with one mailbox ends that one."""
    try:
        yield
    except (MailImportError, OSError) as error:
        conclude_with(outcome.result, error, request)


def _opened_state(
    settings: HostSettings, context: RunContext, open_state: Callable[[str], State]
) -> ContextManager[State]:
    """The state that the process has open, or for as long as it is needed here."""
    return nullcontext(context.shared.state) if context.shared else open_state(settings.state_dir)


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
    with _opened_state(settings, context, State) as state, _locked(request, state, reporter) as lock:
        run = _MailboxRun(request, settings, state, outcome, reporter, lock, context)
        try:
            run.perform()
        except (MailImportError, OSError) as error:
            conclude_with(outcome.result, error, request)
        outcome.result.duration = round(time.monotonic() - began, 3)
        if run.news_handler.recorded:
            state.record_result(
                request.key, outcome.result, request.import_content and outcome.result.state == "completed"
            )


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
        self.news_handler = NewsHandler(request, state, outcome, reporter)
        self._request, self._host, self._state = request, settings.open_host(), state
        self._outcome, self._result = outcome, outcome.result
        self._examination = Examination(request, self._host, state, outcome)
        self._context = context
        self._writes = lock is not None
        shared = ImportRun(request, self._host, state, settings.state_dir, outcome, self.news_handler, lock, context)
        self.provisioning = MailboxProvisioning(shared)
        self._content = MailboxContent(shared, self.provisioning)

    @property
    def key(self) -> ImportKey:
        return self._request.key

    def concluding(self) -> ContextManager[None]:
        """What goes wrong inside ends this run."""
        return _concluding(self._request, self._outcome)

    def find_missing(self) -> Optional[MailboxStatus]:
        """Make sure that the mailbox of an import that is to come can be created, its domain too; None when it need not
        be.
        """
        found = self._examination.examine()
        if found.exists or found.final_state:
            return None
        self._host.check_new_mailbox(self._request.address)
        self._forget_removed(found)
        self.provisioning.claim_domain()
        return found

    def perform(self) -> None:
        """Do what is left to do, and say so in the result."""
        found = self._examination.examine()
        if found.record:
            self.news_handler.remember(found.record.result.not_imported)
        if self._request.only_verifies and found.final_state != "skipped":
            self._verify(found)
        elif found.final_state:
            self._examination.conclude(found)
            if found.final_state == "completed":
                self.provisioning.update_password(self._request.update_password == "always")
        elif self._writes:
            self._import(found)
        else:
            self._preview(found)

    def _preview(self, found: MailboxStatus) -> None:
        """Find out what a run would do: log in, list and count."""
        steps = decide(self._request, found, self._host.sets_passwords)
        location = None
        if found.exists:
            location = self._checked_store(found)
        else:
            self._host.check_new_mailbox(self._request.address)
            self._host.check_password(self._request.target_password)
        if steps.copy_content:
            self._content.preview(found, location, steps.move_aside)
        if found.exists:
            self.provisioning.update_password(steps.set_password or (steps.move_aside and self._host.sets_passwords))
        self._result.created = steps.create_mailbox
        published = self.provisioning.would_publish_domain()
        self._result.changed = self._result.changed or steps.are_a_change or published
        self._result.state = "queued"
        copied = self._result.messages_copied
        self._result.message = "%d message%s would be imported" % (copied, "" if copied == 1 else "s")
        if self._outcome.look.at_most:
            self._result.message = (
                "at most %s, less those of which the mailbox holds an equal one" % self._result.message
            )
        if found.state_is_behind:
            self._result.message += " (fewer if runs that the restored state does not know of have brought some)"
        if steps.move_aside:
            self._result.message += ", and what is in the mailbox would be moved aside"
            self._result.message += " and its password changed" if self._host.sets_passwords else ""

    def _verify(self, found: MailboxStatus) -> None:
        """Compare the source with the mailbox, and say in the result what differs."""
        before, after = self._outcome.before, self._outcome.after
        after.domain, after.mailbox = before.domain, before.mailbox  # nothing is made
        if not self._request.import_content:
            message = "verify=%s compares mail: leave out import_content=false" % self._request.verify
            raise MailImportError("invalid_row", message)
        if not found.contacted:
            raise MailImportError("not_found", "it has not been imported from this source, so nothing can be compared")
        self._content.verify(found, self._checked_store(found))
        message = self._result.message
        self._conclude()
        self._result.message = message

    def _import(self, found: MailboxStatus) -> None:
        request, key, steps = self._request, self._request.key, decide(self._request, found, self._host.sets_passwords)
        self._result.state, self._result.queue = "running", self._context.queue
        self._forget_removed(found)
        self._state.begin(key, request.owner, os.getpid(), self._context.queue)
        self.news_handler.recorded = True
        if self._state.is_stop_requested(key):
            raise stopped(STOP_REQUESTED)
        if steps.create_mailbox:
            self._host.check_new_mailbox(request.address)
        if steps.copy_content and not found.contacted and not self._context.login_checked:
            # Before anything is made or wiped: a wrong password leaves no trace on the host.
            self._content.check_login()
        location = self._checked_store(found) if steps.copy_content and found.exists else None
        if found.record and found.record.replaced:
            self._result.replaced_to = found.record.replaced_to
        if found.exists:
            self._state.note_contact(key, found.existed)
        if steps.forget:
            (self._state.forget if request.force else self._state.forget_mail)(key)
        self.provisioning.make(found)
        try:
            if location is None:
                location = self._checked_store(found)
            if found.half_made:
                self.provisioning.complete_half_made()
            self.provisioning.update_password(steps.set_password)
            if steps.copy_content:
                self._content.fill(found, location, steps.move_aside)
        except MailImportError as error:
            if error.reason == "host_refused":
                with telling_first(error, "%s could not be taken back" % str(request.address)):
                    self.provisioning.withdraw(found, location)
            raise
        self._conclude()
        if found.mail_removed:
            self._result.message += _AGAIN

    def _forget_removed(self, found: MailboxStatus) -> None:
        if found.outdated:
            self._state.drop(self._request.key)
            self._state.enqueue([(self._request.key, self._request.owner)], os.getpid())

    def _checked_store(self, found: MailboxStatus) -> StoreLocation:
        """Return the mailbox's store, which can be written to and, if need be, moved aside."""
        location = self._host.store_of(self._request.address)
        kind = store_kind(self._request, location)
        if self._request.import_content:
            self._result.message_store = kind
            self._result.message_store_reason = location.unsupported if kind == "imap" else None
        if found.replacing:
            check_movable(location)
        return location

    def _conclude(self) -> None:
        result = self._result
        lacking = [entry for entry in result.not_imported if entry.reason not in HARMLESS_REASONS]
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
