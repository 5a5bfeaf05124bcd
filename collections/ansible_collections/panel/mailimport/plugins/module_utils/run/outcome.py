# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of one mailbox: its result, and how it looked before and after."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Any, Dict, NamedTuple, Union

from ..model.errors import MailImportError, os_failure
from ..model.imports import ImportRequest, ImportResult, LoginDiagnosis
from ..model.look import Look
from ..model.moment import moment
from ..model.secret import hide_secret
from ..provider.hints import with_hint


class Outcome(NamedTuple):
    """A result, what `--diff` shows of the mailbox before and after, and what check mode found besides."""

    result: ImportResult
    before: Dict[str, Any]
    after: Dict[str, Any]
    look: Look

    def as_dict(self) -> Dict[str, Any]:
        """Plain values only, for JSON."""
        plain = {"result": self.result.as_dict(), "before": self.before, "after": self.after}
        return dict(plain, look=asdict(self.look))

    @classmethod
    def from_dict(cls, values: Dict[str, Any]) -> Outcome:
        """What `as_dict` made, back again."""
        result, look = ImportResult.from_dict(values["result"]), Look(**values["look"])
        return cls(result, values["before"], values["after"], look)


def outcome_of(result: ImportResult) -> Outcome:
    """The outcome of something that has not touched a mailbox."""
    return Outcome(result, _nothing(), _nothing(), Look())


def new_outcome(request: ImportRequest) -> Outcome:
    return outcome_of(ImportResult(str(request.address), "%s@%s" % (request.source.user, request.source.host)))


def _nothing() -> Dict[str, Any]:
    return {"domain": None, "mailbox": None, "folders": {}}


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
    for secret in (request.source.password, *(request.renew.issued if request.renew else ())):
        text = hide_secret(text, secret)
    return text
