# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small internet: a resolver that knows every zone, a registry, and a domain with two name servers of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.client import Client, NameServer
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.providers import old_host
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.survey import Survey, addresses_of_hosts
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.wanted import Wanted
from support.dns_servers import DnsServer
from support.network import Network

DOMAIN, ABOVE = "firma.example", "example"
NEW_HOST = "mail.neu.example"
NEW_ADDRESSES = ("192.0.2.10", "2001:db8::10")
NOW = datetime(2026, 12, 4, 20, 0, tzinfo=timezone.utc)

GOOGLE_MX = "@ 300 MX 1 aspmx.l.google.com."
NEW_MX = "@ 300 MX 10 mail.neu.example."
GOOD_SPF = '@ TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ip6:2001:db8::10 ~all"'
GOOD_DMARC = '_dmarc TXT "v=DMARC1; p=none"'
# A domain at Google, ready for the switch.
READY = (GOOGLE_MX, GOOD_SPF, GOOD_DMARC)
SWITCHED = (NEW_MX, GOOD_SPF, GOOD_DMARC)

OTHER_ZONES = {
    ".": ["@ NS ns1.root-servers.example."],
    "kaputt.example": None,
    "google.com": ["aspmx.l A 198.51.100.1", '_spf TXT "v=spf1 ip4:198.51.100.0/24 ~all"', "_dmarc TXT x"],
    "outlook.com": [
        "autodiscover A 198.51.100.50",
        "firma-example.mail.protection A 198.51.100.51",
        'spf.protection TXT "v=spf1 ip4:198.51.100.0/24 -all"',
    ],
    "2.0.192.in-addr.arpa": ["10 PTR mail.neu.example."],
    "8.b.d.0.1.0.0.2.ip6.arpa": ["0.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 PTR mail.neu.example."],
}


class Found(NamedTuple):
    """What a survey of one domain found."""

    result: dict[str, Any]

    @property
    def domain(self) -> dict[str, Any]:
        return self.result["domains"][0]

    def problems(self, check: str) -> list[str]:
        """The problems of a check, each with its severity before it."""
        return [
            "%(severity)s: %(message)s" % problem for problem in self.result["problems"] if problem["check"] == check
        ]

    def problem(self, check: str) -> str:
        (only,) = self.problems(check)
        return only


class Internet:
    """A resolver that has all zones, the registry, which has the zone above DOMAIN, and the two name servers of DOMAIN,
    the second of which may lag behind.
    """

    def __init__(self, network: Network, directory: Path) -> None:
        self.network = network
        self.resolver = DnsServer(
            network, directory / "resolver", {**OTHER_ZONES, DOMAIN: [], ABOVE: [], "neu.example": []}
        )
        self.registry = DnsServer(network, directory / "registry", {ABOVE: []})
        self.first = DnsServer(network, directory / "first", {DOMAIN: []}, negative_ttl=600)
        self.second = DnsServer(network, directory / "second", {DOMAIN: []}, negative_ttl=600)
        self.resolver.zones[ABOVE] = ["@ NS ns.registry", "ns.registry A %s" % self.registry.address]
        self.registry.zones[ABOVE] = self.registered(*self.delegation)
        self._serial = 1
        for name, records in self.resolver.zones.items():
            if records is not None and name not in (".", ABOVE, DOMAIN):
                records += ["@ NS ns", "ns A %s" % self.resolver.address]
        self.resolver.zones["neu.example"] = self.neu("mail A 192.0.2.10", "mail AAAA 2001:db8::10")

    @property
    def servers(self) -> tuple[DnsServer, ...]:
        return self.resolver, self.first, self.second

    @property
    def delegation(self) -> list[str]:
        """The records of DOMAIN in the zone above, as they should be."""
        return ["firma NS ns1.firma", "firma NS ns2.firma", *self.glue(self.first.address, self.second.address)]

    def registered(self, *delegation: str) -> list[str]:
        """The zone above, with these records of DOMAIN."""
        own = ["@ NS ns.registry", "ns.registry A %s" % self.registry.address]
        for name in ("neu", "xn--fa-hia"):
            own += ["%s NS ns.%s" % (name, name), "ns.%s A %s" % (name, self.resolver.address)]
        return [*own, *delegation]

    @staticmethod
    def glue(first: str, second: str) -> tuple[str, str]:
        """The addresses of the name servers of DOMAIN, as the registry has them."""
        return "ns1.firma A %s" % first, "ns2.firma A %s" % second

    @contextlib.contextmanager
    def registration(self, *records: str) -> Iterator[None]:
        """Have DOMAIN registered in another way for a while."""
        with self.registry.published(ABOVE, *self.registered(*records)):
            yield

    def neu(self, *records: str) -> list[str]:
        """The zone of the new mail host."""
        return ["@ NS ns", "ns A %s" % self.resolver.address, *records]

    def domain(self, *records: str) -> list[str]:
        """The zone of DOMAIN, with its name servers."""
        return [
            "@ NS ns1",
            "@ NS ns2",
            "ns1 A %s" % self.first.address,
            "ns2 A %s" % self.second.address,
            *records,
        ]

    def publish(self, *records: str, servers: tuple[DnsServer, ...] | None = None) -> None:
        """Publish the records of DOMAIN, in the caches of the resolver too."""
        self._serial += 1
        for server in servers or self.servers:
            server.publish(DOMAIN, *self.domain(*records), serial=self._serial)

    def look(self, *domains: str, provider: str | None = "google", resolvers: Any = (), **wanted: Any) -> Found:
        """Survey domains, without other options than these; `wanted` are fields of Wanted."""
        client = Client([NameServer(self.resolver.address)], wanted.pop("timeout", 10))
        hosts = wanted.pop("hosts", (NEW_HOST,))
        change = wanted.pop("change", None)
        given = {
            "phase": "before",
            "hosts": hosts,
            "addresses": addresses_of_hosts(client, hosts),
            "old": old_host(provider, wanted.pop("old_hosts", ())),
            **wanted,
        }
        survey = Survey(client, Wanted(**given), resolvers, change, clock=lambda: NOW)
        return Found(survey.look_at(domains or (DOMAIN,)))


@pytest.fixture(scope="module")
def running_internet(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Internet]:
    internet = Internet(network, tmp_path_factory.mktemp("dns"))
    try:
        for server in (*internet.servers, internet.registry):
            server.start()
        yield internet
    finally:
        for server in (*internet.servers, internet.registry):
            server.stop()


@pytest.fixture
def internet(running_internet: Internet) -> Internet:
    """The internet, with DOMAIN ready for the switch."""
    running_internet.publish(*READY)
    return running_internet


@pytest.fixture
def neu(internet: Internet) -> Iterator[Callable[..., None]]:
    """Publishes other records of the new mail host's zone, for one test."""
    before = internet.resolver.zones["neu.example"] or []
    yield lambda *records: internet.resolver.publish("neu.example", *internet.neu(*records))
    internet.resolver.publish("neu.example", *before)
