# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may send mail in a domain's name, by its SPF record (RFC 7208).

A receiver stops at the first mechanism that fits. What is counted here is what one that finds none asks for.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass, field

from .client import Answer, BadNameError, ascii_name, host_of, text_of

MOST_LOOKUPS = 10
MOST_VOID_LOOKUPS = 2
_MOST_MX = 10

_TERM = re.compile(
    r"(?P<qualifier>[+?~-]?)(?P<name>all|include|a|mx|ptr|ip4|ip6|exists)"
    r"(?::(?P<value>[^\s/][^\s]*?))?(?P<length>/\d{1,3})?(?://(?P<length6>\d{1,3}))?",
    re.IGNORECASE,
)
_ADDRESS_TERM = re.compile(r"(?P<qualifier>[+?~-]?)(?P<name>ip4|ip6):(?P<value>\S+)", re.IGNORECASE)
_MODIFIER = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9._-]*)=(?P<value>\S*)")
_NEEDS_VALUE = ("include", "ip4", "ip6", "exists")

Network = t.Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class SpfError(Exception):
    """The record cannot be used, and why."""


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record."""
    return text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")


@dataclass
class _Mechanism:
    """A mechanism, with the addresses that it fits, or the record that it includes."""

    qualifier: str
    networks: list[Network] = field(default_factory=list)
    included: _Record | None = None
    fits_all: bool = False
    unknown: bool = False

    def verdict(self, address: Address) -> str | None:
        if self.fits_all or any(address in network for network in self.networks):
            return self.qualifier
        inner = "unknown" if self.unknown else self.included.verdict(address) if self.included else None
        return self.qualifier if inner == "+" else inner if inner == "unknown" else None


@dataclass
class _Record:
    """The mechanisms of a record, and the one that it is redirected to: an `unknown` one if each mail has another."""

    mechanisms: list[_Mechanism] = field(default_factory=list)
    redirect: _Record | None = None
    unknown: bool = False

    def verdict(self, address: Address) -> str | None:
        """The qualifier of the first mechanism that fits; `unknown` when that depends on the mail; None: none fits."""
        doubtful = self.unknown
        for mechanism in self.mechanisms:
            found = mechanism.verdict(address)
            if found == "unknown":
                doubtful = True
            elif found:
                return found if found == "+" or not doubtful else "unknown"
        found = self.redirect.verdict(address) if self.redirect else None
        return found if found == "+" or not doubtful else "unknown"


class Spf:
    """A domain's SPF record with everything that it refers to.

    Attributes: `text` is the record; `lookups` are how many questions a receiver has to ask, `void` how many of them
    find nothing; `domains` are those whose records it includes.

    Args:
        look_up: what there is under a name, of a kind.

    Raises:
        SpfError: receivers cannot use it.
        NoAnswerError: in one line, what nobody answers.
    """

    def __init__(self, look_up: t.Callable[[str, str], Answer], domain: str, text: str) -> None:
        self.text = text
        self.lookups = 0
        self.void = 0
        self.domains: set[str] = set()
        self._look_up = look_up
        self._record = self._parse(domain, text, (domain,))

    def admits(self, address: str) -> bool | None:
        """Whether mail from an address passes. None: it depends on the mail."""
        verdict = self._record.verdict(ipaddress.ip_address(address))
        return None if verdict == "unknown" else verdict == "+"

    def has(self, term: str) -> bool:
        """Whether the record has this term, or includes the domain of an `include:`."""
        name, _colon, value = term.lower().lstrip("+").partition(":")
        if name == "include" and value.rstrip(".") in self.domains:
            return True
        return any(term.lower().lstrip("+") == each.lower().lstrip("+") for each in self.text.split()[1:])

    def admits_everybody(self) -> bool:
        return any(mechanism.fits_all and mechanism.qualifier == "+" for mechanism in self._record.mechanisms)

    def _parse(self, domain: str, text: str, path: tuple[str, ...]) -> _Record:
        record = _Record()
        redirect: str | None = None
        for term in text.split()[1:]:
            modifier = _MODIFIER.fullmatch(term)
            if modifier:
                if modifier["name"].lower() == "redirect":
                    if redirect is not None:
                        raise SpfError("the SPF record of %s has redirect= twice" % domain)
                    redirect = modifier["value"]
                continue
            found = _ADDRESS_TERM.fullmatch(term) or _TERM.fullmatch(term)
            if not found or not _is_term(found):
                raise SpfError("the SPF record of %s has a term that is none: %s" % (domain, term))
            record.mechanisms.append(self._mechanism(found, domain, path))
        # Where there is `all`, nobody gets to it.
        if redirect is not None and not any(each.fits_all for each in record.mechanisms):
            record.redirect = self._refer(redirect, path)
            record.unknown = record.redirect is None
        return record

    def _mechanism(self, found: re.Match[str], domain: str, path: tuple[str, ...]) -> _Mechanism:
        name, value = found["name"].lower(), found["value"]
        mechanism = _Mechanism(found["qualifier"] or "+")
        if name == "all":
            mechanism.fits_all = True
        elif name in ("ip4", "ip6"):
            mechanism.networks.append(_network(name, value))
        elif name == "include":
            mechanism.included = self._refer(value, path)
            mechanism.unknown = mechanism.included is None
        else:
            self.lookups += 1
            mechanism.unknown = name in ("ptr", "exists") or "%" in (value or "")
            if not mechanism.unknown:
                groups = found.groupdict()
                lengths = (groups["length"] or "/32")[1:], groups["length6"] or "128"
                hosts = [value or domain] if name == "a" else self._mx_hosts(value or domain)
                for host in hosts:
                    mechanism.networks += self._networks(host, *lengths, counted=name == "a")
        return mechanism

    def _refer(self, value: str, path: tuple[str, ...]) -> _Record | None:
        """The record of another domain; None if each mail has another one."""
        self.lookups += 1
        if "%" in value:
            return None
        domain = _name(value)
        if domain in path:
            raise SpfError("the SPF record of %s refers to itself, by way of %s" % (domain, ", ".join(path)))
        if self.lookups > 5 * MOST_LOOKUPS:
            raise SpfError("the SPF record needs more than %d look-ups" % (5 * MOST_LOOKUPS))
        self.domains.add(domain)
        texts = [text for text in map(text_of, self._ask(domain, "TXT").records) if is_spf(text)]
        if len(texts) != 1:
            raise SpfError("the SPF record refers to %s, which has %s" % (domain, "several" if texts else "none"))
        return self._parse(domain, texts[0], (*path, domain))

    def _mx_hosts(self, domain: str) -> list[str]:
        hosts = [host_of(record.exchange) for record in self._ask(_name(domain), "MX").records]
        if len(hosts) > _MOST_MX:
            raise SpfError("the SPF record has the MX of %s, which are more than %d" % (domain, _MOST_MX))
        return [host for host in hosts if host]

    def _networks(self, host: str, length: str, length6: str, counted: bool) -> t.Iterator[Network]:
        answers = [self._look_up(_name(host), kind) for kind in ("A", "AAAA")]
        if counted and not any(answer.records for answer in answers):
            self.void += 1
        for answer, prefix in zip(answers, (length, length6)):
            for record in answer.records:
                yield _network("a", "%s/%s" % (record.address, prefix))

    def _ask(self, domain: str, kind: str) -> Answer:
        answer = self._look_up(domain, kind)
        self.void += not answer.records
        return answer


def _is_term(found: re.Match[str]) -> bool:
    """Whether it has what it needs behind its name, and nothing that it must not have."""
    name = found["name"].lower()
    return name != "all" if found["value"] else name not in _NEEDS_VALUE


def _name(value: str) -> str:
    try:
        return ascii_name(value)
    except BadNameError as error:
        raise SpfError("the SPF record names a domain that is none: %s" % value) from error


def _network(name: str, value: str) -> Network:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise SpfError("the SPF record has an address that is none: %s" % value) from None
    if name in ("ip4", "ip6") and network.version != int(name[2]):
        raise SpfError("the SPF record has an address of the other kind: %s:%s" % (name, value))
    return network


def with_term(text: str | None, *terms: str) -> str:
    """The record with terms more, before what fits all others: `all`, or the record of another domain."""
    parts = (text or "v=spf1 ~all").split()
    last = next((at for at, part in enumerate(parts) if _ends(part.lower())), len(parts))
    return " ".join([*parts[:last], *terms, *parts[last:]])


def _ends(term: str) -> bool:
    return term.lstrip("+?~-") == "all" or term.startswith("redirect=")
