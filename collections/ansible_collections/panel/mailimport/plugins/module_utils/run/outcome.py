# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of one mailbox: its result, and how it looked before and after."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Dict, Optional, Union

from ..model.errors import MailImportError, os_failure
from ..model.imports import ImportRequest, ImportResult, LoginDiagnosis
from ..model.look import Look
from ..model.moment import moment
from ..model.secret import hide_secrets
from ..provider.hints import with_hint
from ..queue.messages import JobResult


@dataclass
class ShownMailbox:
    """A mailbox as `--diff` shows it: its domain and its address, None as long as they are not there, and how many
    messages each folder holds, None of one that is not there.
    """

    domain: Optional[str] = None
    mailbox: Optional[str] = None
    folders: Dict[str, Optional[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome(JobResult):
    """A result, the mailbox before and after, and what check mode found besides."""

    result: ImportResult
    before: ShownMailbox = field(default_factory=ShownMailbox)
    after: ShownMailbox = field(default_factory=ShownMailbox)
    look: Look = field(default_factory=Look)

    def unshown(self) -> Outcome:
        """The same without the mailbox before and after: of thousands, nobody needs them where nothing shows them."""
        return replace(self, before=_UNSHOWN, after=_UNSHOWN)


_UNSHOWN = ShownMailbox()


def new_outcome(request: ImportRequest) -> Outcome:
    """Return the outcome of an import that has not begun."""
    return Outcome(ImportResult(str(request.address), "%s@%s" % (request.source.user, request.source.host)))


def conclude_with(result: ImportResult, error: Union[MailImportError, OSError], request: ImportRequest) -> None:
    """Say in the result that the import failed, is paused, or is to be skipped, and why."""
    if isinstance(error, OSError):
        error = os_failure(error)
    diagnosis = LoginDiagnosis("failed", error.reason, with_hint(error.message))
    if request.diagnose and error.reason in ("auth_failed", "permission_denied") and not result.changed:
        with suppress(MailImportError):  # then it is as the source says
            diagnosis = request.diagnose(error)
    result.state, result.reason, result.message = (
        diagnosis.state,
        diagnosis.reason,
        without_secret(diagnosis.message, request),
    )
    if isinstance(error, MailImportError) and error.retry_at is not None:
        result.state, result.retry_at = "paused", moment(error.retry_at)


def without_secret(text: str, request: ImportRequest) -> str:
    """What a source says may echo what it was sent."""
    return hide_secrets(text, (request.source.password, *(request.renew.issued if request.renew else ())))
