# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What imports a mail host knows, and their sums."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Iterable

from ..model.imports import ImportResult
from ..state.database import State
from ..state.records import ImportRecord
from .settings import HostSettings

_STATES = ("queued", "running", "completed", "skipped", "failed")
_SUMMED = (
    "folders",
    "messages_total",
    "messages_copied",
    "messages_present",
    "messages_failed",
    "bytes_copied",
    "flags_updated",
)


def summarize(results: Iterable[ImportResult]) -> Dict[str, Any]:
    """Count results by state and add up their figures."""
    known = list(results)
    summary: Dict[str, Any] = {state: sum(result.state == state for result in known) for state in _STATES}
    summary["replaced"] = sum(result.replaced_to is not None for result in known)
    summary.update({name: sum(getattr(result, name) for result in known) for name in _SUMMED})
    return summary


def as_seen_now(record: ImportRecord) -> ImportResult:
    """The latest result, or that a run has yet to come to this import. One that runs does so, whoever waits for it to
    end.
    """
    if not record.waiting or record.result.state == "running":
        return record.result
    return replace(record.result, state="queued", reason=None, message="waiting for an import queue", queue=None)


def imports_on_host(settings: HostSettings) -> Dict[str, Any]:
    """Return imports with their results, domains with their owners, and sums. Nothing is created or changed.

    Raises:
        MailImportError: `host_refused` when the state cannot be read.
    """
    with State.open_readonly(settings.state_dir) as state:
        results = [as_seen_now(record) for record in state.imports()]
        domains = [{"domain": domain, "owner": owner} for domain, owner in sorted(state.domains().items())]
    return {"imports": [result.as_dict() for result in results], "domains": domains, "summary": summarize(results)}
