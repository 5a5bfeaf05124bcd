# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What mail_dns_info says of a domain's name servers: those that lag behind, are gone, or answer against the rules."""

from __future__ import annotations

from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.zone
import pytest
from fakes.dns_server import FakeDnsServer, cut_off, silence
from support.dns_servers import DnsServer

from .conftest import DOMAIN, NEW_HOST, READY, SWITCHED, Internet


def test_a_server_that_lags_behind(internet: Internet) -> None:
    internet.publish(*SWITCHED, servers=(internet.first,))
    found = internet.look(phase="switched")
    assert found.problem("nameservers").startswith("error: the name servers of firma.example do not agree")
    assert found.result["switched"] == "mixed"
    assert not found.result["ready"]
    assert [each["mx"] for each in found.domain["authoritative"]] == [[NEW_HOST], ["aspmx.l.google.com"]]
    internet.publish(*SWITCHED, servers=(internet.second,))
    assert internet.look(phase="switched").result["switched"] == "yes"


def test_serials_that_keep_a_zone_from_being_transferred(internet: Internet) -> None:
    """A server that copies the zone takes one with a higher serial only (RFC 1982), however long people wait."""
    first, second = internet.first, internet.second
    for ours, others, newest, words in (
        (5, 5, None, "Raise the serial"),
        # From a date to a number.
        (1, 2026120401, second, "Raise the serial"),
        (1, 4294967290, first, "Wait until every server has the new zone"),
    ):
        first.publish(DOMAIN, *internet.domain(*SWITCHED), serial=ours)
        second.publish(DOMAIN, *internet.domain(*READY), serial=others)
        found = internet.look(phase="switched")
        told = found.problem("nameservers")
        assert "%s (serial %d): 10 mail.neu.example" % ("ns1.firma.example (%s)" % first.address, ours) in told
        (advice,) = [each["advice"] for each in found.result["problems"] if each["check"] == "nameservers"]
        assert advice.startswith(words)
        if newest is not None:
            assert found.domain["authoritative"][0]["address"] == newest.address
    # Whichever way they differ, it is told.
    second.publish(DOMAIN, *internet.domain(*SWITCHED), serial=4294967290)
    assert "different zones" in internet.look(phase="switched").problem("nameservers")


def test_an_answer_that_breaks_the_rules_is_none(internet: Internet) -> None:
    """Some servers speak with authority for zones that they do not have."""

    def without_soa(query: dns.message.Message) -> bytes:
        message = dns.message.make_response(query)
        message.flags |= dns.flags.AA
        return message.to_wire()

    def not_there(query: dns.message.Message) -> bytes:
        message = dns.message.from_wire(without_soa(query))
        message.set_rcode(dns.rcode.NXDOMAIN)
        return message.to_wire()

    with FakeDnsServer(internet.network, without_soa) as bare, FakeDnsServer(internet.network, not_there) as denying:
        more = "@ NS ns3", "ns3 A %s" % bare.address, "@ NS ns4", "ns4 A %s" % denying.address
        internet.publish(*READY, *more)
        found = internet.look()
    assert sorted(found.problems("nameservers")) == [
        "error: firma.example SOA: ns%d.firma.example (%s) does not have the zone" % (number, address)
        for number, address in ((3, bare.address), (4, denying.address))
    ]
    assert found.result["switched"] == "no"


def test_an_answer_that_is_cut_off_and_no_tcp(internet: Internet) -> None:
    with FakeDnsServer(internet.network, cut_off) as broken:
        internet.publish(*READY, "@ NS ns3", "ns3 A %s" % broken.address)
        assert internet.look().problem("nameservers") == (
            "error: firma.example SOA: ns3.firma.example (%s): the answer does not fit into UDP, and TCP: "
            "Connection refused" % broken.address
        )


@pytest.mark.parametrize("refusal", [dns.rcode.FORMERR, dns.rcode.NOTIMP, dns.rcode.BADVERS])
def test_a_server_that_does_not_know_edns(internet: Internet, refusal: dns.rcode.Rcode) -> None:
    """As it stands in RFC 6891, it is asked without, which resolvers do as well."""
    zone = dns.zone.from_text(
        "\n".join(["$TTL 300", "@ 3600 SOA ns1 hostmaster 77 3600 900 604800 600", *internet.domain(*READY)]),
        origin=DOMAIN,
        relativize=False,
    )

    def old(query: dns.message.Message) -> bytes:
        message = dns.message.make_response(query)
        message.flags |= dns.flags.AA
        if query.edns >= 0:
            message.set_rcode(refusal)
        else:
            question = query.question[0]
            found = zone.get_rrset(question.name, question.rdtype)
            message.answer += [found] if found else []
        return message.to_wire()

    with FakeDnsServer(internet.network, old) as server:
        internet.publish(*READY, "@ NS ns3", "ns3 A %s" % server.address)
        found = internet.look()
    entry = next(each for each in found.domain["authoritative"] if each["address"] == server.address)
    assert (entry["failure"], entry["serial"], entry["mx"]) == ("", 77, ["aspmx.l.google.com"])


def test_a_server_with_an_old_zone_that_has_the_same_mx(internet: Internet) -> None:
    internet.publish(*READY, servers=(internet.first,))
    assert "different zones" in internet.look().problem("nameservers")


def test_a_server_that_is_gone_or_does_not_have_the_zone(internet: Internet) -> None:
    with FakeDnsServer(internet.network, silence) as silent, FakeDnsServer(internet.network, cut_off) as broken:
        more = (
            "@ NS ns3",
            "ns3 A %s" % silent.address,
            "@ NS ns4",
            "ns4 A %s" % broken.address,
            "@ NS ns5.weg.example.",
        )
        internet.publish(*READY, *more)
        found = internet.look(timeout=1)
    told = " ".join(found.problems("nameservers"))
    assert "ns3.firma.example (%s) does not answer within 1 s" % silent.address in told
    assert "ns4.firma.example (%s)" % broken.address in told
    assert "ns5.weg.example has no address" in told
    assert found.result["switched"] == "no"


def test_a_name_server_that_is_an_alias(internet: Internet) -> None:
    """It answers, and some resolvers do not ask it (RFC 2181 section 10.3)."""
    internet.publish(*READY, "@ NS alt", "alt CNAME ns1")
    assert internet.look().problem("nameservers") == (
        "warning: the name server alt.firma.example is an alias (CNAME) of ns1.firma.example"
    )


def test_a_server_that_refuses_the_zone(internet: Internet, tmp_path: Path) -> None:
    with DnsServer(internet.network, tmp_path, {"andere.example": ["@ NS ns"]}) as forgotten:
        internet.publish(*READY, "@ NS ns3", "ns3 A %s" % forgotten.address)
        assert "answers REFUSED" in internet.look().problem("nameservers")


def test_a_server_that_is_no_authority_for_the_zone(internet: Internet) -> None:
    with FakeDnsServer(internet.network, lambda query: dns.message.make_response(query).to_wire()) as other:
        internet.publish(*READY, "@ NS ns3", "ns3 A %s" % other.address)
        assert "does not have the zone" in internet.look().problem("nameservers")


def test_an_answer_that_only_tcp_can_carry(internet: Internet) -> None:
    filler = ['@ TXT "%s"' % (("filler%d-" % number) * 25) for number in range(40)]
    internet.publish(*READY, *filler)
    assert internet.look().result["problems"] == []
