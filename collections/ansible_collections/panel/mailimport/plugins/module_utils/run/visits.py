# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Visits to the sources of many imports before any of them begins: does the login work, and is anything new?

An import in which nothing is new ends here: its mailbox is looked at, and neither a process of its own, nor a question
to the mail server, nor a record on the disk is spent on it.
"""

from __future__ import annotations

import os
import time
from typing import AbstractSet, List, Mapping, Optional, Tuple

from ..imap.tls import tls_context
from ..model.errors import MailImportError, one_line
from ..model.imports import COMPLETED_MESSAGE, ImportKey, ImportRequest, ImportResult
from ..process.title import set_title
from ..queue.jobs import Assignment, Tell
from ..state.database import State
from ..state.records import ImportRecord
from ..state.shared import SharedState
from ..transfer.login import SecretBroker
from ..transfer.look import Known
from ..transfer.news import Copied, Listed, News, Note, NothingNew, SecretWanted, Waiting
from ..transfer.scout import Scout, Visit
from .examination import Examination
from .job_news import Noted
from .outcome import Outcome, conclude_with, new_outcome, without_secret
from .settings import HostSettings
from .status import MailboxStatus
from .watch import ImportWatch, worker_title

CROWDED = "too_many_connections"
_LONGEST_TEXT = 500
# So many records are written at once, or those of so many seconds.
_MOST_RECORDS = 200
_RECORD_SECONDS = 1.0


def may_have_nothing_new(request: ImportRequest, record: Optional[ImportRecord]) -> bool:
    """Whether a look at the source may be all that is left to do, as far as the state knows."""
    return (
        request.state == "latest"
        and request.import_content
        and not request.force
        and not request.only_verifies
        and request.update_password != "always"
        and record is not None
        and record.completed_once
        and record.result.state == "completed"
        and not record.may_hold_unrecorded_mail
    )


class SourceVisits:
    """The visits of one worker process.

    Args:
        requests: all of the run, by number.
        finished: numbers of those that may have nothing new; of others the login is checked.
    """

    def __init__(
        self,
        requests: Mapping[int, ImportRequest],
        finished: AbstractSet[int],
        settings: HostSettings,
        shared: SharedState,
    ) -> None:
        self._requests = requests
        self._finished = finished
        self._settings = settings
        self._shared = shared
        self._scout: Optional[Scout] = None

    def visit(self, assignment: Assignment, tell: Tell) -> Optional[Outcome]:
        """Visit the source of an import.

        Returns:
            Its outcome: `completed` when nothing is new, `queued` when the import has to come; None when the source
            admits no more connections.
        """
        request = self._requests[assignment.number]
        set_title(worker_title(request.address, assignment.queue))
        outcome = new_outcome(request)
        began = time.monotonic()
        heard = _Heard(request, outcome, tell)
        try:
            if assignment.number not in self._finished:
                self._send_scout(request, assignment, None, heard)
            else:
                self._look(request, assignment, heard, outcome)
        except (MailImportError, OSError) as error:
            if isinstance(error, MailImportError) and error.reason == CROWDED and not assignment.wait_if_crowded:
                return None
            conclude_with(outcome.result, error, request)
        outcome.result.duration = round(time.monotonic() - began, 3)
        return outcome

    def _look(self, request: ImportRequest, assignment: Assignment, heard: _Heard, outcome: Outcome) -> None:
        found = Examination(request, self._settings.open_host(), self._shared.state, outcome).examine()
        known = self._known(request, found)
        if known is None or found.record is None:
            return  # somebody has removed something since
        self._send_scout(request, assignment, known, heard)
        if heard.nothing_new:
            _conclude(outcome, found.record, assignment.queue)

    def _known(self, request: ImportRequest, found: MailboxStatus) -> Optional[Known]:
        """What a look at the source is compared with; None when the import has to come anyway."""
        if not may_have_nothing_new(request, found.record) or found.mail_removed or not found.domain_known:
            return None
        marks = {mark.raw_name: mark for mark in self._shared.state.folders.marks(request.key)}
        return Known(request.key, request.rules, marks, self._shared.state.folders.messages(request.key))

    def _send_scout(
        self, request: ImportRequest, assignment: Assignment, known: Optional[Known], heard: _Heard
    ) -> None:
        scout = self._scout_for(request)
        heard.secrets = scout.secrets_of(request)
        visit = Visit(
            request.source,
            "look at the source of %s" % request.address,
            request.renew is not None,
            assignment.wait_if_crowded,
            known,
        )
        scout.visit(visit, heard.handle, ImportWatch(self._shared.state, request.key))

    def _scout_for(self, request: ImportRequest) -> Scout:
        """The process that visits accounts of this source; the one before, if it was for another, has ended."""
        if self._scout and not self._scout.is_closed and not self._scout.is_for(request.source):
            self._scout.close()
        if self._scout is None or self._scout.is_closed:
            self._scout = Scout(request.source, tls_context(request.source))
        return self._scout


class _Heard:
    """What a scout tells of one visit. It is not trusted with more than that."""

    def __init__(self, request: ImportRequest, outcome: Outcome, tell: Tell) -> None:
        self._request = request
        self._result = outcome.result
        self._tell = tell
        self.secrets: Optional[SecretBroker] = None
        self.nothing_new = False

    def handle(self, news: News) -> None:
        """Take a piece of news.

        Raises:
            ValueError: it is none that a scout sends now.
        """
        if isinstance(news, NothingNew):
            self.nothing_new = True
        elif isinstance(news, Listed):
            self._result.folders, self._result.messages_total = news.folders, news.messages
        elif isinstance(news, Copied):
            self._result.messages_present = news.present
        elif isinstance(news, SecretWanted) and self.secrets:
            self.secrets.serve(news.refused)
        elif isinstance(news, Waiting):
            self._note("waiting %g seconds: %s" % (news.seconds, news.message))
        elif isinstance(news, Note):
            self._note(news.message)
        else:
            raise ValueError("no news of a visit")

    def _note(self, text: str) -> None:
        masked = one_line(without_secret(text, self._request), _LONGEST_TEXT)
        self._tell(Noted("%s: %s" % (self._result.email, masked)))


def _conclude(outcome: Outcome, record: ImportRecord, queue: int) -> None:
    """All is here that the source holds."""
    result, earlier = outcome.result, record.result
    result.state, result.message, result.queue = "completed", COMPLETED_MESSAGE, queue
    result.replaced_to = record.replaced_to if record.replaced else None
    result.message_store, result.message_store_reason = earlier.message_store, earlier.message_store_reason


class VisitRecords:
    """Writes what visits come to into the state, many at a time.

    A run that is killed loses the latest of them: then the state says what the runs before came to, which is true.
    """

    def __init__(self, settings: HostSettings) -> None:
        self._state_dir = settings.state_dir
        self._ended: List[Tuple[ImportKey, ImportResult]] = []
        self._written_at = time.monotonic()

    def add(self, key: ImportKey, result: ImportResult) -> None:
        """Take the result of an import that has ended with the visit."""
        self._ended.append((key, result))
        if len(self._ended) >= _MOST_RECORDS or time.monotonic() - self._written_at >= _RECORD_SECONDS:
            self.write()

    def write(self) -> None:
        """Write what has not been written."""
        if self._ended:
            with State(self._state_dir) as state:
                state.record_results(self._ended, os.getpid())
        self._ended = []
        self._written_at = time.monotonic()
