# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mailbox and its import are looked at, before anything is done. Often that is all: then the outcome is known without
what talks to servers and writes mail, which this file does not load.
"""

from __future__ import annotations

from typing import Optional

from ..host.mail_host import MailHost
from ..model.errors import MailImportError
from ..model.imports import COMPLETED_MESSAGE, ImportRequest
from ..state.database import State
from .outcome import Outcome, conclude_with, new_outcome
from .settings import HostSettings
from .status import MailboxStatus, examine

_SKIPPED_MESSAGE = (
    "the mailbox existed before its first import and is left as it is. ignore_existing=false with "
    "existing_content=merge adds the source's mail to it; existing_content=replace moves its mail aside and changes "
    "its password"
)


def known_outcome(request: ImportRequest, settings: HostSettings, state: State) -> Optional[Outcome]:
    """Return the outcome when it needs neither the source nor a change on the host, None when there is something to
    do."""
    outcome = new_outcome(request)
    examination = Examination(request, settings.open_host(), state, outcome)
    try:
        found = examination.examine()
        if not _is_all(found, request):
            return None
        examination.conclude(found)
    except (MailImportError, OSError) as error:
        conclude_with(outcome.result, error, request)
    return outcome


def _is_all(found: MailboxStatus, request: ImportRequest) -> bool:
    if request.only_verifies and found.final_state != "skipped":
        return False
    return found.final_state is not None and (found.final_state != "completed" or request.update_password != "always")


class Examination:
    """Looks at one mailbox; what is found is said in the outcome."""

    def __init__(self, request: ImportRequest, host: MailHost, state: State, outcome: Outcome) -> None:
        self._request, self._host, self._state = request, host, state
        self._outcome, self._result = outcome, outcome.result

    def examine(self) -> MailboxStatus:
        """Look at the mailbox and at what is known of it.

        Raises:
            MailImportError, OSError: see `status.examine`; the host's options do not fit the source.
        """
        self._host.introduce(self._request.address, self._request.target_password)
        self._host.check_source(self._request.source, self._request.address)
        found = examine(self._request, self._state, self._host)
        if found.final_state is None and not found.contacted:
            self._host.compare_with_source(self._request.source, self._request.address)
        domain = self._request.address.domain
        for side, mailbox, known in (
            (self._outcome.before, found.exists, found.domain_known),
            (self._outcome.after, True, True),
        ):
            side.domain = domain if known else None
            side.mailbox = str(self._request.address) if mailbox else None
        return found

    def conclude(self, found: MailboxStatus) -> None:
        """Nothing is left to import; the source is not asked."""
        result = self._result
        if found.final_state == "skipped":
            result.state, result.message = "skipped", _SKIPPED_MESSAGE
        elif found.final_state == "paused":
            self._stay_paused()
        else:
            if found.record:
                result.messages_total = result.messages_present = found.record.result.messages_total
                result.folders, result.replaced_to = found.record.result.folders, found.record.replaced_to
            result.state, result.message = "completed", COMPLETED_MESSAGE

    def _stay_paused(self) -> None:
        """An earlier run was told when to go on, and it is not that time yet."""
        record = self._state.import_record(self._request.key)
        if record is None:
            return
        earlier, result = record.result, self._result
        result.state, result.reason, result.message = "paused", earlier.reason, earlier.message
        result.retry_at, result.replaced_to = earlier.retry_at, record.replaced_to
        result.folders, result.messages_total = earlier.folders, earlier.messages_total
        result.messages_present = earlier.messages_copied + earlier.messages_present
