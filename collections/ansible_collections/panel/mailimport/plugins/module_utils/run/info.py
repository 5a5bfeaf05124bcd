# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What imports a mail host knows, and their sums."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Iterable, Optional, Tuple

from ..model import clock
from ..model.address import parse_address, parse_domain
from ..model.grade import grade_of
from ..model.imports import ImportResult
from ..model.moment import moment
from ..state.database import State
from ..state.records import ImportRecord
from .pace import seconds_left
from .settings import HostSettings

STATES = ("queued", "running", "paused", "completed", "skipped", "failed")
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
    summary: Dict[str, Any] = {state: sum(result.state == state for result in known) for state in STATES}
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


@dataclass(frozen=True)
class Filter:
    """Which imports are asked for: those that fit each of these, and an empty one does not choose.

    Raises:
        MailImportError: `invalid_row`, for what is no address or no domain.
    """

    addresses: Tuple[str, ...] = ()
    domains: Tuple[str, ...] = ()
    states: Tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "addresses", tuple(str(parse_address(text)) for text in self.addresses))
        object.__setattr__(self, "domains", tuple(parse_domain(text) for text in self.domains))

    def admits(self, result: ImportResult) -> bool:
        address = result.email.lower()
        return (
            (not self.addresses or address in self.addresses)
            and self.admits_domain(address.rpartition("@")[2])
            and (not self.states or result.state in self.states)
        )

    def admits_domain(self, domain: str) -> bool:
        return not self.domains or domain in self.domains


def imports_on_host(settings: HostSettings, wanted: Optional[Filter] = None) -> Dict[str, Any]:
    """Return imports with their results and how long they have left, domains with their owners, and sums. Nothing is
    created or changed.

    Raises:
        MailImportError: `host_refused` when the state cannot be read.
    """
    wanted = wanted or Filter()
    with State.open_readonly(settings.state_dir) as state:
        known = [(record, as_seen_now(record)) for record in state.imports()]
        owners = sorted(state.domains().items())
    known = [(record, result) for record, result in known if wanted.admits(result)]
    return {
        "imports": [_entry(record, result) for record, result in known],
        "seconds_left": seconds_left([record for record, _result in known], clock.now()),
        "domains": [{"domain": domain, "owner": owner} for domain, owner in owners if wanted.admits_domain(domain)],
        "summary": summarize(result for _record, result in known),
    }


def _entry(record: ImportRecord, result: ImportResult) -> Dict[str, Any]:
    entry = result.as_dict()
    return dict(
        entry,
        grade=grade_of(entry),
        last_success=_moment(record.last_success),
        last_run=_moment(record.finished_at),
        last_new=_moment(record.last_new),
        bytes_imported=record.bytes_imported + (result.bytes_copied if result.state == "running" else 0),
    )


def _moment(seconds: Optional[float]) -> Optional[str]:
    return None if seconds is None else moment(seconds)
