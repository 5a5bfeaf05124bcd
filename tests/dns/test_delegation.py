# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the registry says of a domain: its name servers, their addresses, and its keys."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rrset
import dns.zone
import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.client import Client, NameServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fakes.dns_server import FakeDnsServer, cut_off, silence
from support.dns_servers import DnsServer

from .conftest import DOMAIN, GOOD_DMARC, GOOD_SPF, GOOGLE_MX, NOW, READY, SWITCHED, Internet


def test_a_name_server_that_only_the_registry_still_has(internet: Internet, tmp_path: Path) -> None:
    internet.publish(*SWITCHED)
    records = (*internet.domain(GOOGLE_MX, GOOD_SPF, GOOD_DMARC), "alt A 192.0.2.1")
    with DnsServer(internet.network, tmp_path, {DOMAIN: records}) as forgotten:
        registered = ("firma NS ns1.firma", "firma NS alt.firma", "alt.firma A %s" % forgotten.address)
        with internet.registration(*registered, internet.glue(internet.first.address, "")[0]):
            found = internet.look(phase="switched")
    assert (
        found.problem("delegation").startswith(
            "warning: example and firma.example itself name different name servers for it, "
            "only in example: alt.firma.example, only in the zone: ns2.firma.example"
        )
        or "is at" in found.problems("delegation")[1]
    )
    # Whoever begins at the top gets the old MX records from it.
    assert found.result["switched"] == "mixed"
    assert "alt.firma.example (%s) (serial 1): 1 aspmx.l.google.com" % forgotten.address in found.problem("nameservers")


def test_a_registry_that_names_a_server_without_the_zone(internet: Internet) -> None:
    with FakeDnsServer(internet.network, silence) as silent:
        glue = internet.glue(internet.first.address, silent.address)
        with internet.registration("firma NS ns1.firma", "firma NS ns2.firma", *glue):
            found = internet.look(timeout=1)
    where = silent.address, internet.second.address
    assert found.problem("delegation") == (
        "warning: ns2.firma.example is at %s by example, and at %s by its own zone" % where
    )
    assert "ns2.firma.example (%s) does not answer within 1 s" % silent.address in found.problem("nameservers")


def test_a_domain_that_the_registry_does_not_have(internet: Internet) -> None:
    with internet.registration("andere NS ns.neu"):
        found = internet.look()
    assert found.problem("delegation") == "error: example has no name servers for firma.example"
    assert not found.result["ready"]


def test_a_registry_that_nobody_reaches(internet: Internet) -> None:
    with FakeDnsServer(internet.network, cut_off) as broken:
        above = ("@ NS ns.registry", "ns.registry A %s" % broken.address)
        with internet.resolver.published("example", *above):
            found = internet.look(timeout=1)
    assert found.problem("delegation").startswith("info: what example says of firma.example is not known")
    assert found.result["ready"]


def test_a_registry_out_of_reach_is_not_asked_at_all_its_addresses(internet: Internet) -> None:
    asked: list[str] = []

    def answer(query: dns.message.Message) -> bytes | None:
        asked.append(query.question[0].name.to_text())
        return cut_off(query)

    with FakeDnsServer(internet.network, answer) as broken:
        servers = ["ns%d.registry" % number for number in range(8)]
        above = ["@ NS %s" % name for name in servers] + ["%s A %s" % (name, broken.address) for name in servers]
        with internet.resolver.published("example", *above):
            assert internet.look(timeout=1).result["ready"]
    assert asked.count(DOMAIN + ".") == 3


class Signer:
    """Signs the zone of DOMAIN as its servers do, with a key of which `ds` tells."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._dnskey = dns.dnssec.make_dnskey(self._key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=257)
        self.ds = "firma DS " + dns.dnssec.make_ds(DOMAIN + ".", self._dnskey, "SHA256").to_text()

    def signed(self, internet: Internet, *records: str, ended: float = 1, begun: float = -1, serial: int) -> list[str]:
        """The lines of the zone with signatures that are good from `begun` days from now on until `ended`."""
        soa = "@ 3600 SOA ns1 hostmaster %d 3600 900 604800 600" % serial
        text = "\n".join(["$TTL 3600", soa, *internet.domain(*records), ""])
        zone = dns.zone.from_text(text, origin=DOMAIN, relativize=False)
        moments = (NOW + timedelta(days=days) for days in (begun, ended))
        dns.dnssec.sign_zone(zone, keys=[(self._key, self._dnskey)], **dict(zip(("inception", "expiration"), moments)))
        return [line for line in zone.to_text(relativize=False).splitlines() if " SOA ns1." not in line]

    def publish(self, internet: Internet, *servers: DnsServer, serial: int, **more: Any) -> None:
        lines = self.signed(internet, *READY, serial=serial, **more)
        for server in servers or internet.servers:
            server.publish(DOMAIN, *lines, serial=serial)


def test_signatures_are_looked_at_on_every_server(internet: Internet) -> None:
    signer, other = Signer(), Signer()
    words = "error: firma.example is signed, and at ns%d.firma.example (%s) the signature of %s %s"
    with internet.registration(*internet.delegation, signer.ds):
        signer.publish(internet, serial=9001)
        found = internet.look()
        assert (found.result["problems"], found.domain["records"]["dnssec"]) == ([], "signed")
        # The second has the zone of the week before, or the clock of its signer is wrong.
        for serial, span, fault in (
            (9002, (-8, -1), "has expired, at 2026-12-03T20:00:00Z"),
            (9003, (1, 8), "is not yet valid"),
        ):
            signer.publish(internet, internet.second, serial=serial, begun=span[0], ended=span[1])
            found = internet.look()
            assert found.problem("dnssec") == words % (2, internet.second.address, "the keys", fault)
            assert found.domain["records"]["dnssec"] == "broken" and not found.result["ready"]
        # A record was changed by hand, and has the signature of the one before.
        lines = signer.signed(internet, *READY, serial=9004)
        changed = [line.replace(" 1 aspmx.", " 5 aspmx.") for line in lines]
        assert changed != lines
        for server in internet.servers:
            server.publish(DOMAIN, *changed, serial=9004)
        assert internet.look().problems("dnssec") == [
            words % (number, server.address, "the MX records", "is not by a key of the zone")
            for number, server in enumerate((internet.first, internet.second), 1)
        ]
        # All of it is by a key that nobody vouches for.
        other.publish(internet, serial=9005)
        assert "the zone has no key that fits" in internet.look().problem("dnssec")
        bare = [line for line in signer.signed(internet, *READY, serial=9006) if " RRSIG " not in line]
        for server in internet.servers:
            server.publish(DOMAIN, *bare, serial=9006)
        assert internet.look().problems("dnssec")[0].endswith("the keys have no signature (RRSIG)")


@pytest.mark.parametrize("is_old", [True, False])
def test_a_dnspython_that_knows_less(internet: Internet, monkeypatch: pytest.MonkeyPatch, is_old: bool) -> None:
    """The oldest that is good enough has a name at one place only; any may lack the library for signatures."""
    signer = Signer()
    with internet.registration(*internet.delegation, signer.ds):
        signer.publish(internet, serial=9007 + 2 * is_old)
        if is_old:
            monkeypatch.delattr(dns.exception, "UnsupportedAlgorithm")
            signer.publish(internet, internet.second, serial=9008 + 2 * is_old, begun=-8, ended=-1)
            assert "has expired" in internet.look().problem("dnssec")
        else:
            monkeypatch.setattr(dns.dnssec, "validate", dns.dnssec._need_pyca)  # type: ignore[attr-defined]
            found = internet.look()
            assert found.problem("dnssec") == "warning: the signatures of firma.example were not looked at"
            assert found.result["ready"] and "dnspython[dnssec]" in found.result["problems"][0]["advice"]


def signing_key(name: str) -> tuple[str, str]:
    """A DNSKEY record, and the DS record that is of it."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key()
    key = base64.b64encode(numbers.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]).decode()
    record = dns.rdata.from_text("IN", "DNSKEY", "257 3 13 " + key)
    return "DNSKEY 257 3 13 " + key, "DS " + dns.dnssec.make_ds(name + ".", record, "SHA256").to_text()


def test_keys_that_the_registry_has_are_those_of_the_zone(internet: Internet) -> None:
    signer = Signer()
    other_key, other_ds = signing_key(DOMAIN)
    assert internet.look().domain["records"]["dnssec"] == "unsigned"
    with internet.registration(*internet.delegation, "firma " + other_ds, signer.ds):
        signer.publish(internet, serial=8001)
        found = internet.look()
        assert (found.result["problems"], found.domain["records"]["dnssec"]) == ([], "signed")
        # As after a move to name servers that do not sign, or sign with a key of their own.
        for zone in (READY, (*READY, "@ " + signing_key(DOMAIN)[0])):
            internet.publish(*zone)
            found = internet.look()
            assert found.problem("dnssec").startswith("error: example says that firma.example is signed (DS)")
            assert found.domain["records"]["dnssec"] == "broken"
    # Nobody is told of the key, and nobody goes by it.
    internet.publish(*READY, "@ " + other_key)
    assert internet.look().domain["records"]["dnssec"] == "unsigned"


def test_a_resolver_that_validates_tells_what_a_zone_with_a_wrong_key_has(internet: Internet) -> None:
    """Else nothing could be said of it but that there is no answer."""

    def validating(query: dns.message.Message) -> bytes:
        message = dns.message.make_response(query)
        if query.flags & dns.flags.CD:
            message.answer.append(dns.rrset.from_text(DOMAIN + ".", 60, "IN", "SOA", "a. b. 1 1 1 1 1"))
        else:
            message.set_rcode(dns.rcode.SERVFAIL)
        return message.to_wire()

    with FakeDnsServer(internet.network, validating) as resolver, internet.network.inside():
        assert Client([NameServer(resolver.address)]).look_up(DOMAIN, "SOA").records
