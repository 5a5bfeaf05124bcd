# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is known of a migration at a moment, put together from the mail hosts, the list and DNS."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import read_moment
from ansible_collections.panel.mailimport.plugins.module_utils.provider.base import as_ascii
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import Mailbox

from .definition import Migration, Wave

HOUR = 3600.0
# So many of a kind are named in a line.
MOST_NAMED = 4
_BEGUN_STATES = ("completed", "failed", "paused", "running", "queued", "skipped")

# What a wave can be, in the order in which it comes to it.
WAVE_STATES = (
    "empty",
    "planned",
    "copying",
    "synced_with_errors",
    "synced",
    "switched",
    "completing",
    "completed",
    "finished",
)


@dataclass(frozen=True)
class Domain:
    """What is known of the MX records of a domain; `switched` is None when nobody has asked."""

    name: str
    switched: str | None = None
    records: tuple[str, ...] = ()
    ttl: int | None = None
    ttl_was_seen: bool = False
    switched_at: float | None = None
    last_seen_elsewhere: float | None = None
    old_records_until: float | None = None


class Problem(t.NamedTuple):
    """Something that a check has found; `severity` is error, warning or info."""

    check: str
    severity: str
    text: str
    advice: str = ""


@dataclass
class Facts:
    """See the module.

    Attributes:
        mailboxes: those of the list, in its order.
        problems: what the checks of DNS and of the mail host have found.
        trouble: why the run could not be done at all, a line for each mail host.
        checked: names of the checks that were made.
        finished_at: when the migration was finished.
        notes: what else there is to tell, a line each.
    """

    migration: Migration
    mailboxes: list[Mailbox]
    domains: list[Domain]
    now: float
    problems: list[Problem] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    checked: tuple[str, ...] = ()
    finished_at: float | None = None
    notes: list[str] = field(default_factory=list)

    def of_wave(self, wave: Wave) -> list[Mailbox]:
        """Its mailboxes, but for rows that have no address."""
        return [box for box in self.mailboxes if box.email and self.migration.wave_of(box.email) is wave]

    def of_no_wave(self) -> list[Mailbox]:
        return [box for box in self.mailboxes if box.email and self.migration.wave_of(box.email) is None]

    def of_no_domain(self) -> list[Mailbox]:
        """Mailboxes on domains that do not move."""
        moving = {as_ascii(name) for name in self.migration.domains}
        return [box for box in self.mailboxes if box.email and as_ascii(box.email.rpartition("@")[2]) not in moving]

    def started(self, wave: Wave) -> bool:
        """Whether its time to be copied has come."""
        return wave.start_after is None or self.now >= wave.start_after

    @property
    def switched(self) -> bool:
        """Whether mail of all domains comes to the new mail host."""
        return all(domain.switched == "yes" for domain in self.domains)

    @property
    def old_records_until(self) -> float | None:
        """Until when somebody may deliver to the old provider; None before the switch."""
        moments = [domain.old_records_until for domain in self.domains]
        return max(moment for moment in moments if moment is not None) if self.switched and all(moments) else None

    def quiet_since(self, box: Mailbox) -> float | None:
        """Since when nothing new has come to its source, from the end of the old records on; None before that."""
        until = self.old_records_until
        return None if until is None else max(until, seconds_of(box.last_new) or 0.0)

    @property
    def quiet_until(self) -> float | None:
        """When the last mailbox will have been quiet for long enough."""
        since = [self.quiet_since(box) for box in self.mailboxes if box.state != "skipped"] or [self.old_records_until]
        if any(each is None for each in since):
            return None
        return max(each for each in since if each is not None) + self.migration.quiet_hours * HOUR

    def is_final(self, box: Mailbox) -> bool:
        """Whether a run after the quiet hours has found nothing new, and all is here."""
        if box.state == "skipped":
            return True
        since, seen = self.quiet_since(box), last_seen(box)
        return (
            box.is_done and since is not None and seen is not None and seen >= since + self.migration.quiet_hours * HOUR
        )

    def state_of(self, wave: Wave) -> str:
        """What the wave is, one of WAVE_STATES."""
        boxes = self.of_wave(wave)
        if not boxes:
            return "empty"
        if self.finished_at is not None:
            return "finished"
        if not any(is_begun(box) for box in boxes):
            return "planned"
        if not all(box.is_done for box in boxes):
            under_way = any(box.state in ("running", "queued", "paused", "not_begun") for box in boxes)
            return "copying" if under_way else "synced_with_errors"
        # A domain that is in the file no more is one of which nobody knows.
        switched = {as_ascii(domain.name) for domain in self.domains if domain.switched == "yes"}
        if not switched.issuperset(as_ascii(box.email.rpartition("@")[2]) for box in boxes):
            return "synced"
        if self.old_records_until is None or self.now < self.old_records_until:
            return "switched"
        return "completed" if all(self.is_final(box) for box in boxes) else "completing"


def is_begun(box: Mailbox) -> bool:
    return box.state in _BEGUN_STATES and box.reason != "invalid_row"


def last_seen(box: Mailbox) -> float | None:
    """When a run last saw all that is at its source. One that lacks only what was accepted has seen it too."""
    return seconds_of(box.last_run if box.accepted else box.last_success)


def seconds_of(text: str | None) -> float | None:
    return None if text is None else read_moment(text)


def domains_of(
    migration: Migration, switches: t.Mapping[str, t.Mapping[str, t.Any]], silent: t.AbstractSet[str] = frozenset()
) -> list[Domain]:
    """What the mail hosts remember of each domain. They are told the same; one that came later knows less.

    Args:
        switches: results of `mail_switch` by mail host.
        silent: domains whose name servers gave no answer now.
    """
    found = []
    for name in migration.domains:
        entries = [
            entry for result in switches.values() for entry in result.get("domains", ()) if entry["domain"] == name
        ]
        entries = [entry for entry in entries if entry["ttl_was_seen"]] or entries
        if not entries or name in silent:
            found.append(Domain(name))
            continue
        latest = max(entries, key=lambda entry: entry["seen_at"])
        found.append(
            Domain(
                name,
                latest["switched"],
                tuple(latest["records"]),
                latest["ttl"],
                latest["ttl_was_seen"],
                _of_all(min, entries, "switched_at"),
                _of_all(max, entries, "last_seen_elsewhere"),
                _of_all(max, entries, "old_records_until") if latest["switched"] == "yes" else None,
            )
        )
    return found


def _of_all(
    choose: t.Callable[..., float | None], entries: t.Iterable[t.Mapping[str, t.Any]], name: str
) -> float | None:
    return choose((seconds_of(entry[name]) for entry in entries if entry[name]), default=None)


def named(names: t.Sequence[str]) -> str:
    """The first few of them."""
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (" and %d more" % more if more > 0 else "")
