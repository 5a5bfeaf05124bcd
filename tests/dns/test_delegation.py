# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the registry says of a domain: its name servers, their addresses, and its keys."""

from __future__ import annotations

import base64
from pathlib import Path

import dns.dnssec
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rrset
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.client import Client, NameServer
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fakes.dns_server import FakeDnsServer, cut_off, silence
from support.dns_servers import DnsServer

from .conftest import DOMAIN, GOOD_DMARC, GOOD_SPF, GOOGLE_MX, READY, SWITCHED, Internet


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
    assert "alt.firma.example (%s): 1 aspmx.l.google.com" % forgotten.address in found.problem("nameservers")


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


def signing_key(name: str) -> tuple[str, str]:
    """A DNSKEY record, and the DS record that is of it."""
    numbers = ec.generate_private_key(ec.SECP256R1()).public_key()
    key = base64.b64encode(numbers.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]).decode()
    record = dns.rdata.from_text("IN", "DNSKEY", "257 3 13 " + key)
    return "DNSKEY 257 3 13 " + key, "DS " + dns.dnssec.make_ds(name + ".", record, "SHA256").to_text()


def test_keys_that_the_registry_has_are_those_of_the_zone(internet: Internet) -> None:
    key, ds = signing_key(DOMAIN)
    other_key, other_ds = signing_key(DOMAIN)
    assert internet.look().domain["records"]["dnssec"] == "unsigned"
    with internet.registration(*internet.delegation, "firma " + other_ds, "firma " + ds):
        internet.publish(*READY, "@ " + key)
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
