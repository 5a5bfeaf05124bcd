# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the DNS of mail domains, and says what a switch of their mail needs. It changes nothing."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import one_line

from .checks import clients, delegation, dnssec, mx, senders, transport
from .client import BadNameError, Client, NameServer, NoAnswerError, ascii_name, host_of
from .domain import Domain, switched
from .wanted import SEVERITIES, Problem, Wanted
from .zone import Mx, find_zone

Clock = t.Callable[[], datetime]

# Domains that are asked for at the same time.
_AT_ONCE = 8
_CHECKS: tuple[tuple[str, t.Callable[[Domain], None]], ...] = (
    ("nameservers", mx.check_nameservers),
    ("delegation", delegation.check_delegation),
    ("dnssec", dnssec.check_dnssec),
    ("mx", mx.check_mx),
    ("mx_target", mx.check_mx_target),
    ("ttl", mx.check_ttl),
    ("spf", senders.check_spf),
    ("dkim", senders.check_dkim),
    ("dmarc", senders.check_dmarc),
    ("mta_sts", transport.check_mta_sts),
    ("tlsa", transport.check_tlsa),
    ("clients", clients.check_clients),
    ("ptr", senders.check_ptr),
)


def utc_now() -> datetime:
    """The time, for whoever gives no other clock."""
    return datetime.now(timezone.utc)


class Change(t.NamedTuple):
    """When the MX records were changed, and for how long those before may be kept, in seconds."""

    at: datetime
    old_ttl: int


class Survey:
    """Asks for domains.

    Args:
        client: asks the name servers.
        wanted: what is wanted of each domain.
        resolvers: those that other people use, asked how far the switch has come.
        change: of the MX records, if it has been.
        clock: tells the time, with its zone.
    """

    def __init__(
        self,
        client: Client,
        wanted: Wanted,
        resolvers: t.Sequence[NameServer] = (),
        change: Change | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self._client = client
        self._wanted = wanted
        self._resolvers = resolvers
        self._change = change
        self._clock = clock

    def look_at(self, domains: t.Sequence[str]) -> dict[str, t.Any]:
        """Return what is known of the domains, what is wrong, and whether their mail is switched."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            found = list(threads.map(self._look_at, dict.fromkeys(domains)))
        problems = [problem for each in found for problem in each.pop("problems")]
        problems.sort(key=lambda problem: SEVERITIES.index(problem["severity"]))
        states = {each["switched"] for each in found}
        ends = [each["ttl_ends_at"] for each in found if each["ttl_ends_at"]]
        ready = bool(found) and not any(problem["severity"] == "error" for problem in problems)
        return {
            "domains": found,
            "problems": problems,
            "ready": ready,
            "switched": states.pop() if len(states) == 1 else "unknown" if "unknown" in states else "mixed",
            "ttl_ends_at": max(ends, default=None) if len(ends) == len(found) else None,
            "zone_lines": [line for each in found for line in each["zone_lines"]],
            "switch_lines": [line for each in found for line in each["switch_lines"]],
        }

    def _look_at(self, shown: str) -> dict[str, t.Any]:
        try:
            name = ascii_name(shown)
            zone = find_zone(self._client, name)
        except (BadNameError, NoAnswerError) as error:
            problem = Problem("nameservers", "error", str(error), "Look at the domain's registration and name servers.")
            return _entry(shown, problems=[_told(shown, problem)])
        domain = Domain(name, zone, self._client, self._wanted, self._clock())
        for check, look in _CHECKS:
            if check not in self._wanted.skipped:
                look(domain)
        spread = self._spread(domain)
        if "spread" not in self._wanted.skipped:
            mx.check_spread(domain, spread)
        return self._result(shown, domain, spread)

    def _result(self, shown: str, domain: Domain, spread: dict[str, str]) -> dict[str, t.Any]:
        zone = domain.zone
        return _entry(
            shown,
            name=domain.name,
            zone=zone.name,
            mx=[
                {"host": record.host, "preference": record.preference, "place": domain.mx_place(record)}
                for record in domain.mx
            ],
            ttl=zone.ttl,
            negative_ttl=zone.negative_ttl,
            ttl_ends_at=self._end_of_ttl(domain),
            authoritative=[
                {
                    "name": each.server.name,
                    "address": each.server.address,
                    "serial": each.serial,
                    "mx": [record.host for record in each.mx],
                    "ttl": each.ttl,
                    "failure": each.failure,
                }
                for each in zone.served
            ],
            switched=switched(domain),
            switched_for=_share(spread),
            resolvers=spread,
            records=domain.records,
            zone_lines=list(dict.fromkeys(domain.zone_lines)),
            switch_lines=[] if domain.wanted.is_switched else list(dict.fromkeys(domain.switch_lines)),
            problems=[_told(shown, problem) for problem in domain.problems],
        )

    def _end_of_ttl(self, domain: Domain) -> str | None:
        """When the last that was kept of the MX records before their change is forgotten: one made now, if there was
        none.
        """
        if self._change:
            return _moment(self._change.at + timedelta(seconds=self._change.old_ttl))
        ttl = domain.zone.negative_ttl if domain.zone.ttl is None else domain.zone.ttl
        return None if ttl is None else _moment(domain.now + timedelta(seconds=ttl))

    def _spread(self, domain: Domain) -> dict[str, str]:
        """What each resolver has: `yes`, `no`, `mixed`, or `unknown` when it does not answer."""
        return {str(resolver.address): self._place_at(resolver, domain) for resolver in self._resolvers}

    def _place_at(self, resolver: NameServer, domain: Domain) -> str:
        try:
            answer = Client([resolver], self._client.timeout).look_up(domain.name, "MX")
        except NoAnswerError:
            return "unknown"
        records = [Mx(record.preference, host_of(record.exchange)) for record in answer.records]
        places = {domain.mx_place(record) for record in records}
        return "yes" if places == {"new"} else "mixed" if "new" in places else "no"


def addresses_of_hosts(client: Client, hosts: t.Iterable[str]) -> frozenset[str]:
    """The addresses of the mail host by the servers of its own zone, as far as they are known."""
    found: set[str] = set()
    for host in hosts:
        for kind in ("A", "AAAA"):
            try:
                found.update(
                    record.address for record in client.ask_own(find_zone(client, host).servers, host, kind).records
                )
            except NoAnswerError:
                continue
    return frozenset(found)


def lines(found: t.Mapping[str, t.Any]) -> list[str]:
    """What people read of it: a line for each domain, and one for each problem."""
    told = []
    for each in found["domains"]:
        hosts = ", ".join("%d %s (%s)" % (mx["preference"], mx["host"] or ".", mx["place"]) for mx in each["mx"])
        told.append(
            "%s: switched: %s, MX: %s, TTL: %s" % (each["domain"], each["switched"], hosts or "none", each["ttl"])
        )
    for problem in found["problems"]:
        told.append("%(severity)s: %(domain)s: %(check)s: %(message)s. %(advice)s" % problem)
    return told


def _entry(domain: str, **values: t.Any) -> dict[str, t.Any]:
    nothing: dict[str, t.Any] = dict.fromkeys(("name", "zone", "ttl", "negative_ttl", "ttl_ends_at", "switched_for"))
    lists: dict[str, t.Any] = {key: [] for key in ("mx", "authoritative", "zone_lines", "switch_lines", "problems")}
    return {"domain": domain, **nothing, **lists, "switched": "unknown", "resolvers": {}, "records": {}, **values}


def _told(domain: str, problem: Problem) -> dict[str, str]:
    # What a zone or a server says may hold what acts on a terminal.
    return {"domain": domain, **problem._replace(message=one_line(problem.message, 1000))._asdict()}


def _share(spread: dict[str, str]) -> float | None:
    """The share of the resolvers that have the new MX records only."""
    if not spread:
        return None
    return round(sum(state == "yes" for state in spread.values()) / len(spread), 3)


def _moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
