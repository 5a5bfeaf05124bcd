# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switch as a mail host remembers it: since when mail comes here, and how long some may still go elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..model import clock
from ..model.address import parse_domain
from ..model.errors import MailImportError
from ..model.moment import moment
from ..state.database import State
from ..state.switches import Sighting
from .settings import HostSettings

SWITCHED = ("yes", "no", "mixed")
# For how long resolvers keep records whose time to live nobody has seen: what is usual, and then some.
ASSUMED_TTL = 86_400
# So many seconds may a clock go back, as those do that are kept right by others.
_SET_BACK = 300


@dataclass(frozen=True)
class Answer:
    """What a domain's own servers say now."""

    domain: str
    switched: str
    records: Sequence[str] = ()
    ttl: Optional[int] = None


def note_answers(
    settings: HostSettings, answers: Sequence[Answer], finished: Optional[str], check_mode: bool = False
) -> Dict[str, Any]:
    """Remember what the servers of domains say, and that a migration is finished; say what that comes to.

    Returns:
        What a module answers. Seeing the same again is no change.

    Raises:
        MailImportError: `invalid_row` for what is no domain; those of the state.
    """
    named = {parse_domain(answer.domain): answer for answer in answers}
    with (State.open_readonly if check_mode else State)(settings.state_dir) as state:
        histories = state.switches.sightings()
        changed = []
        for domain, answer in named.items():
            before = histories.get(domain, [])
            histories[domain] = history = with_answer(before, answer, clock.now())
            if len(history) != len(before):
                changed.append(domain)
            if not check_mode:
                state.switches.record(domain, history)
        done = state.switches.finished()
        if finished is not None and finished not in done:
            changed.append(finished)
            done[finished] = clock.now()
            if not check_mode:
                state.switches.note_finished(finished)
    return {
        "changed": bool(changed),
        "domains": [_entry(domain, history) for domain, history in sorted(histories.items())],
        "finished_migrations": {name: moment(at) for name, at in sorted(done.items())},
    }


def with_answer(history: Sequence[Sighting], answer: Answer, now: float) -> List[Sighting]:
    """The history of a domain with an answer of now: the latest entry, seen again, or one more."""
    if answer.switched not in SWITCHED:
        raise MailImportError("invalid_row", "switched must be one of %s" % ", ".join(SWITCHED))
    if history:
        _refuse_to_go_back(answer.domain, history[-1].last_seen, now)
        now = max(now, history[-1].last_seen)
    seen = Sighting(answer.switched, tuple(sorted(answer.records)), answer.ttl, now, now)
    if history and history[-1][:3] == seen[:3]:
        return [*history[:-1], history[-1]._replace(last_seen=now)]
    return [*history, seen]


def _refuse_to_go_back(domain: str, last_seen: float, now: float) -> None:
    """What is noted too early ends the old records, and the quiet hours, before their time."""
    if now < last_seen - _SET_BACK:
        raise MailImportError(
            "host_refused",
            "%s: the clock of this mail host says %s, and at %s by the same clock it noted MX records: set the clock "
            "right; if it was ahead then, run this again after that time" % (domain, moment(now), moment(last_seen)),
        )


def switched_since(history: Sequence[Sighting]) -> Optional[float]:
    """When the domain was first seen to send all mail here, None when it does not."""
    since = None
    for seen in reversed(history):
        if seen.switched != "yes":
            break
        since = seen.first_seen
    return since


def last_seen_elsewhere(history: Sequence[Sighting]) -> Optional[float]:
    """When mail of the domain was last seen to go elsewhere too. The records have changed after that."""
    return max((seen.last_seen for seen in history if seen.switched != "yes"), default=None)


def old_records_until(history: Sequence[Sighting]) -> Optional[float]:
    """Until when resolvers may keep records that send mail elsewhere; None while the domain's own servers do.

    A record that was replaced may have been handed out until its successor was seen.
    """
    since = switched_since(history)
    if since is None:
        return None
    ends = [
        following.first_seen + (ASSUMED_TTL if seen.ttl is None else seen.ttl)
        for seen, following in zip(history, history[1:])
        if seen.switched != "yes"
    ]
    return max(ends, default=since + ASSUMED_TTL)


def _entry(domain: str, history: Sequence[Sighting]) -> Mapping[str, Any]:
    latest = history[-1]
    moments = {
        "seen_at": latest.last_seen,
        "switched_at": switched_since(history),
        "last_seen_elsewhere": last_seen_elsewhere(history),
        "old_records_until": old_records_until(history),
    }
    return {
        "domain": domain,
        "switched": latest.switched,
        "records": list(latest.records),
        "ttl": latest.ttl,
        "ttl_was_seen": any(seen.switched != "yes" and seen.ttl is not None for seen in history),
        **{name: None if at is None else moment(at) for name, at in moments.items()},
    }
