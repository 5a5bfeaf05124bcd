# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One domain, as its checks see it."""

from __future__ import annotations

import typing as t
from datetime import datetime

from .client import Answer, Client, NoAnswerError, text_of
from .wanted import Problem, Wanted
from .zone import Mx, Zone


class Domain:
    """A domain with its zone, and what is found of it.

    Attributes: `name` is as DNS has it, `records` are what the result tells, `problems` what is wrong, `zone_lines`
    what is to be in the zone now, and `switch_lines` what is to be there with the new MX records.
    """

    def __init__(self, name: str, zone: Zone, client: Client, wanted: Wanted, now: datetime) -> None:
        self.name = name
        self.zone = zone
        self.client = client
        self.wanted = wanted
        self.now = now
        self.records: dict[str, t.Any] = {}
        self.problems: list[Problem] = []
        self.zone_lines: list[str] = []
        self.switch_lines: list[str] = self.zone_lines if wanted.is_switched else []
        self._hosts: dict[str, str] = {}

    @property
    def mx(self) -> tuple[Mx, ...]:
        """The MX records, by the server with the newest zone."""
        return self.zone.answers[0].mx

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong so far with what receivers go by to tell the sender."""
        return not any(problem.check in ("spf", "dkim") and problem.severity == "error" for problem in self.problems)

    def error(self, check: str, message: str, advice: str) -> None:
        self.problems.append(Problem(check, "error", message, advice))

    def warn(self, check: str, message: str, advice: str) -> None:
        self.problems.append(Problem(check, "warning", message, advice))

    def tell(self, check: str, message: str, advice: str = "") -> None:
        self.problems.append(Problem(check, "info", message, advice))

    def line(self, owner: str, kind: str, value: str, ttl: int | None = None) -> str:
        """A line for the zone, with full names."""
        return "%s. %d IN %s %s" % (owner, self.wanted.max_ttl if ttl is None else ttl, kind, value)

    def look_up(self, name: str, kind: str) -> Answer:
        """What there is now, by the zone's own servers where it is in the zone.

        Raises:
            NoAnswerError: in one line, why nobody knows.
        """
        if name == self.zone.name or name.endswith("." + self.zone.name):
            return self.client.ask_own(self.zone.servers, name, kind)
        return self.client.look_up(name, kind)

    def texts(self, name: str, begin: str) -> list[str]:
        """TXT records that begin so, in whatever case.

        Raises:
            NoAnswerError: in one line, why nobody knows.
        """
        texts = [text_of(record) for record in self.look_up(name, "TXT").records]
        return [text for text in texts if text.replace(" ", "").lower().startswith(begin.lower())]

    def addresses(self, host: str) -> list[str]:
        """The addresses of a host.

        Raises:
            NoAnswerError: in one line, why nobody knows.
        """
        return [record.address for kind in ("A", "AAAA") for record in self.look_up(host, kind).records]

    def place_of(self, host: str) -> str:
        """Where a host is: `new`, `old`, or `other` when nothing says so.

        Without a word of how the old mail host is told, an MX that is not the new one is the old one.
        """
        if host not in self._hosts:
            self._hosts[host] = self._find_place(host)
        return self._hosts[host]

    def _find_place(self, host: str) -> str:
        if host in self.wanted.hosts:
            return "new"
        if self.wanted.old.has(host):
            return "old"
        try:
            addresses = self.addresses(host)
        except NoAnswerError:
            addresses = []
        if addresses and self.wanted.addresses.issuperset(addresses):
            return "new"
        return "other"

    def mx_place(self, record: Mx) -> str:
        """The same of an MX record; `none` is the record that says that no mail is taken."""
        if not record.host:
            return "none"
        place = self.place_of(record.host)
        return "old" if place == "other" and not self.wanted.old.hosts else place


def switched(domain: Domain) -> str:
    """Whether the MX records name the new mail host, on all servers of the zone: `yes`, `no`, `mixed`."""
    answers = domain.zone.answers
    places = {domain.mx_place(record) for each in answers for record in each.mx}
    if any(not each.mx for each in answers):
        places.add("none")
    if places == {"new"}:
        return "yes"
    return "mixed" if "new" in places else "no"


def joined(names: t.Iterable[t.Any]) -> str:
    """Names for a line; of many, the first."""
    known = [str(name) for name in names]
    return ", ".join(known[:5]) + (" and %d more" % (len(known) - 5) if len(known) > 5 else "")
