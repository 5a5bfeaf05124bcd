# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of mail_dns_info, on the answers of real name servers: what makes it red, and what makes it green."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import dns.message
import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.client import NameServer
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.survey import Change
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fakes.dns_server import FakeDnsServer, cut_off, silence
from support.dns_servers import DnsServer

from .conftest import DOMAIN, GOOD_DMARC, GOOD_SPF, GOOGLE_MX, NEW_HOST, NEW_MX, READY, SWITCHED, Internet

Publish = Callable[..., None]


def test_a_domain_that_is_ready(internet: Internet) -> None:
    found = internet.look()
    assert found.result["problems"] == []
    assert found.result["ready"]
    assert found.result["switched"] == "no"
    assert found.domain["mx"] == [{"host": "aspmx.l.google.com", "preference": 1, "place": "old"}]
    assert found.domain["switch_lines"] == [
        "firma.example. 3600 IN MX 10 mail.neu.example.",
        "; instead of: firma.example. 3600 IN MX 1 aspmx.l.google.com.",
    ]


def test_a_domain_that_is_switched(internet: Internet) -> None:
    internet.publish(*SWITCHED)
    found = internet.look(phase="switched")
    assert found.result["problems"] == []
    assert found.result["switched"] == "yes"
    assert found.result["zone_lines"] == found.result["switch_lines"] == []


def test_ttl_is_that_of_the_zone_itself_not_of_a_cache(internet: Internet) -> None:
    internet.publish("@ 86400 MX 1 aspmx.l.google.com.", GOOD_SPF, GOOD_DMARC, servers=(internet.first,))
    found = internet.look()
    assert found.domain["ttl"] == 86400
    assert found.domain["negative_ttl"] == 600
    assert found.result["ttl_ends_at"] == "2026-12-05T20:00:00Z"
    assert "may be kept for 86400 s" in found.problem("ttl")
    assert "firma.example. 300 IN MX 1 aspmx.l.google.com." in found.domain["zone_lines"]


def test_ttl_of_a_change_ends_when_the_old_one_does(internet: Internet) -> None:
    changed = datetime.fromisoformat("2026-12-04T22:00+01:00")
    found = internet.look(change=Change(changed, 7200))
    assert found.result["ttl_ends_at"] == "2026-12-04T23:00:00Z"


def test_ttl_is_raised_again_at_the_end(internet: Internet) -> None:
    internet.publish(*SWITCHED)
    assert "300 s" in internet.look(phase="finish").problem("ttl")
    internet.publish("@ 3600 MX 10 mail.neu.example.", GOOD_SPF, GOOD_DMARC)
    assert internet.look(phase="finish").problems("ttl") == []


def test_a_server_that_lags_behind(internet: Internet) -> None:
    internet.publish(*SWITCHED, servers=(internet.first,))
    found = internet.look(phase="switched")
    assert found.problem("nameservers").startswith("error: the name servers of firma.example do not agree")
    assert found.result["switched"] == "mixed"
    assert not found.result["ready"]
    assert [each["mx"] for each in found.domain["authoritative"]] == [[NEW_HOST], ["aspmx.l.google.com"]]
    internet.publish(*SWITCHED, servers=(internet.second,))
    assert internet.look(phase="switched").result["switched"] == "yes"


def test_a_server_with_an_old_zone_that_has_the_same_mx(internet: Internet) -> None:
    internet.publish(*READY, servers=(internet.first,))
    assert "different zones" in internet.look().problem("nameservers")


def test_a_server_that_is_gone_or_does_not_have_the_zone(internet: Internet) -> None:
    with FakeDnsServer(silence) as silent, FakeDnsServer(cut_off) as broken:
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


def test_a_server_that_refuses_the_zone(internet: Internet, tmp_path: Path) -> None:
    with DnsServer(tmp_path, {"andere.example": ["@ NS ns"]}) as forgotten:
        internet.publish(*READY, "@ NS ns3", "ns3 A %s" % forgotten.address)
        assert "answers REFUSED" in internet.look().problem("nameservers")


def test_a_server_that_is_no_authority_for_the_zone(internet: Internet) -> None:
    with FakeDnsServer(lambda query: dns.message.make_response(query).to_wire()) as other:
        internet.publish(*READY, "@ NS ns3", "ns3 A %s" % other.address)
        assert "does not have the zone" in internet.look().problem("nameservers")


def test_mixed_mx(internet: Internet) -> None:
    internet.publish(GOOGLE_MX, NEW_MX, GOOD_SPF, GOOD_DMARC)
    for phase in ("before", "switched"):
        found = internet.look(phase=phase)
        assert found.problem("mx").startswith(
            "error: the MX records of firma.example name the new mail host and others"
        )
        assert found.result["switched"] == "mixed"


def test_the_old_mx_after_the_switch(internet: Internet) -> None:
    found = internet.look(phase="switched")
    assert found.problem("mx").startswith("error: the MX records of firma.example do not name the new mail host")
    assert "firma.example. 3600 IN MX 10 mail.neu.example." in found.result["zone_lines"]


def test_no_mx_and_null_mx(internet: Internet) -> None:
    internet.publish(GOOD_SPF, GOOD_DMARC)
    assert internet.look().problem("mx") == "warning: firma.example has no MX record: mail goes to its address"
    internet.publish("@ MX 0 .", GOOD_SPF, GOOD_DMARC)
    found = internet.look()
    assert "takes no mail" in found.problem("mx")
    assert found.result["switched"] == "no"
    internet.publish("@ MX 0 .", NEW_MX, GOOD_SPF, GOOD_DMARC)
    assert internet.look(phase="switched").result["switched"] == "mixed"


def test_an_mx_of_ones_own_name_is_the_new_host_by_its_addresses(internet: Internet) -> None:
    internet.publish("@ 300 MX 10 mx", "mx A 192.0.2.10", GOOD_SPF, GOOD_DMARC)
    found = internet.look(phase="switched")
    assert found.result["switched"] == "yes"
    assert found.result["problems"] == []


def test_a_filter_that_is_neither_the_old_host_nor_the_new_one(internet: Internet) -> None:
    internet.publish("@ 300 MX 10 mx.filter.example.", GOOD_SPF, GOOD_DMARC)
    assert internet.look().domain["mx"][0]["place"] == "other"
    assert internet.look(old_hosts=["*.filter.example"]).domain["mx"][0]["place"] == "old"
    # Whoever does not say what the old host is has one all the same.
    assert internet.look(provider=None).domain["mx"][0]["place"] == "old"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (("mail A 192.0.2.99",), "addresses that are not the new mail host's: 192.0.2.99"),
        ((), "has no address"),
        (("mail CNAME real", "real A 192.0.2.10"), "is an alias (CNAME)"),
        (("mail CNAME a", "a CNAME b", "b CNAME a"), "the chain of its aliases (CNAME) does not end"),
        (("mail CNAME x.kaputt.example.",), "answers SERVFAIL"),
    ],
)
def test_the_new_host_is_not_there(internet: Internet, neu: Publish, records: tuple[str, ...], words: str) -> None:
    neu(*records)
    found = internet.look(addresses=frozenset(["192.0.2.10", "2001:db8::10"]))
    assert words in found.problem("mx_target")


def test_an_mx_that_is_an_address(internet: Internet) -> None:
    internet.publish("@ 300 MX 10 192.0.2.10.", GOOD_SPF, GOOD_DMARC)
    assert "error: the MX record of firma.example is the address 192.0.2.10" in internet.look().problems("mx_target")


SPF_FAULTS = {
    "two records": (('@ TXT "v=spf1 ip4:192.0.2.10 ~all"', '@ TXT "v=spf1 -all"'), "has 2 SPF records"),
    "none": ((), "has no SPF record"),
    "without the new host": (('@ TXT "v=spf1 include:_spf.google.com ~all"',), "does not have the new mail host"),
    "a loop": (('@ TXT "v=spf1 include:a.firma.example"', 'a TXT "v=spf1 include:firma.example"'), "refers to itself"),
    "an include of nothing": (
        ('@ TXT "v=spf1 include:nichts.example ~all"',),
        "refers to nichts.example, which has none",
    ),
    "a term that is none": (('@ TXT "v=spf1 ipv4:192.0.2.10 ~all"',), "a term that is none: ipv4:192.0.2.10"),
    "an address that is none": (('@ TXT "v=spf1 ip4:192.0.2.300 ~all"',), "an address that is none: 192.0.2.300"),
    "nobody answers": (('@ TXT "v=spf1 include:x.kaputt.example ~all"',), "answers SERVFAIL"),
    "everybody passes": (('@ TXT "v=spf1 include:_spf.google.com +all"',), "lets everybody pass"),
    "the old host is gone": (
        ('@ TXT "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 ~all"',),
        "does not have the old mail host",
    ),
    "void look-ups": (
        ('@ TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ip6:2001:db8::10 a:x.weg a:y.weg mx:z.weg ~all"',),
        "3 look-ups of the SPF record of firma.example find nothing",
    ),
    "it depends on the mail": (
        ('@ TXT "v=spf1 include:_spf.google.com include:%{i}.spf.weg ~all"',),
        "depends on each mail (macros)",
    ),
}


@pytest.mark.parametrize("fault", SPF_FAULTS)
def test_spf_that_is_wrong(internet: Internet, fault: str) -> None:
    records, words = SPF_FAULTS[fault]
    internet.publish(GOOGLE_MX, GOOD_DMARC, *records)
    assert words in internet.look().problem("spf")


@pytest.mark.parametrize("count", [9, 10])
def test_spf_may_need_ten_look_ups(internet: Internet, count: int) -> None:
    chain = ['s%d TXT "v=spf1 include:s%d.firma.example ~all"' % (number, number + 1) for number in range(1, count)]
    last = 's%d TXT "v=spf1 ip4:203.0.113.1 ~all"' % count
    spf = '@ TXT "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 include:_spf.google.com include:s1.firma.example ~all"'
    internet.publish(GOOGLE_MX, GOOD_DMARC, spf, *chain, last)
    found = internet.look()
    assert found.domain["records"]["spf_lookups"] == count + 1
    assert [problem.startswith("error") for problem in found.problems("spf")] == [True] * (count == 10)


@pytest.mark.parametrize(
    "spf",
    [
        '@ TXT "v=spf1 a:mail.neu.example include:_spf.google.com ~all"',
        '@ TXT "V=SPF1 include:_spf.google.com A:mail.neu.example -all"',
        '@ TXT "v=spf1 mx:ander.firma.example include:_spf.google.com ~all"\nander MX 10 mail.neu.example.',
        '@ TXT "v=spf1 redirect=alle.firma.example"\n'
        'alle TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 include:_spf.google.com ~all"',
        # A string in a TXT record has at most 255 bytes; together they are one record, with no blank between.
        '@ TXT "v=spf1 ip4:192.0.2.1" "0 ip6:2001:db8::10 include:_spf.goo" "gle.com ~all"',
        # Whether the macro fits or not, what follows lets it pass.
        '@ TXT "v=spf1 exists:%{i}.weg ip4:192.0.2.10 ip6:2001:db8::10 include:_spf.google.com ~all"',
    ],
)
def test_spf_that_lets_the_new_host_pass(internet: Internet, spf: str) -> None:
    internet.publish(GOOGLE_MX, GOOD_DMARC, *spf.split("\n"))
    assert internet.look().problems("spf") == []


def test_spf_that_has_the_new_host_behind_one_that_keeps_it_out(internet: Internet) -> None:
    spf = '@ TXT "v=spf1 -ip4:192.0.2.10 ip4:192.0.2.0/24 ip6:2001:db8::10 include:_spf.google.com ~all"'
    internet.publish(GOOGLE_MX, GOOD_DMARC, spf)
    assert internet.look().problem("spf").endswith("does not have the new mail host: 192.0.2.10")


def test_spf_lines_keep_what_is_there(internet: Internet) -> None:
    internet.publish(GOOGLE_MX, GOOD_DMARC, '@ TXT "v=spf1 include:_spf.google.com -all"')
    (line,) = internet.look().domain["zone_lines"]
    assert line == ('firma.example. 3600 IN TXT "v=spf1 include:_spf.google.com ip4:192.0.2.10 ip6:2001:db8::10 -all"')
    # What is pasted is right.
    internet.publish(GOOGLE_MX, GOOD_DMARC, line)
    assert internet.look().result["problems"] == []


def test_spf_of_mail_that_leaves_elsewhere(internet: Internet) -> None:
    internet.publish(GOOGLE_MX, GOOD_DMARC, '@ TXT "v=spf1 include:_spf.google.com ~all"')
    assert "include:relay.example" in internet.look(spf_terms=("include:relay.example",)).problem("spf")
    assert internet.look(spf_terms=("include:_spf.google.com",)).problems("spf") == []


def test_spf_of_the_old_host_is_to_go_at_the_end(internet: Internet) -> None:
    internet.publish(*SWITCHED)
    assert "still has the old mail host: _spf.google.com" in internet.look(phase="finish").problem("spf")
    internet.publish(NEW_MX, GOOD_DMARC, '@ TXT "v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 ~all"')
    assert internet.look(phase="finish").problems("spf") == []


def rsa_key(bits: int) -> str:
    key = rsa.generate_private_key(65537, bits).public_key()
    data = base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    # In strings of 255 bytes, as a TXT record has to have it.
    text = "v=DKIM1; k=rsa; p=" + data
    return " ".join('"%s"' % text[at : at + 255] for at in range(0, len(text), 255))


def ed25519_key() -> str:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    data = base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
    return '"v=DKIM1; k=ed25519; p=%s"' % data


def test_dkim_keys_that_can_be_used(internet: Internet) -> None:
    keys = ("neu._domainkey TXT " + rsa_key(2048), "klein._domainkey TXT " + rsa_key(1024))
    more = ("ed._domainkey TXT " + ed25519_key(), "alias._domainkey CNAME neu._domainkey")
    internet.publish(*READY, *keys, *more)
    assert internet.look(dkim_selectors=("neu", "klein", "ed", "alias")).problems("dkim") == []


def test_a_key_counts_before_caches_know_of_it(internet: Internet) -> None:
    internet.publish(*READY, "neu._domainkey TXT " + rsa_key(2048), servers=(internet.first, internet.second))
    assert internet.look(dkim_selectors=("neu",)).problems("dkim") == []
    internet.publish(*READY, servers=(internet.first, internet.second))
    internet.publish(*READY, "neu._domainkey TXT " + rsa_key(2048), servers=(internet.resolver,))
    assert "there is no key" in internet.look(dkim_selectors=("neu",)).problem("dkim")


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", "there is no key"),
        ('neu._domainkey TXT "v=DKIM1; p="', "the key is revoked"),
        ('neu._domainkey TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEF"', "the key is cut off, or no RSA key"),
        ('neu._domainkey TXT "v=DKIM1; p=MIIB*"', "not in base64"),
        ('neu._domainkey TXT "irgendwas"', "this is no key"),
        ('neu._domainkey TXT "v=DKIM1; p=AAAA"\nneu._domainkey TXT "v=DKIM1; p=BBBB"', "several records"),
        ('neu._domainkey TXT "v=DKIM1; k=ed25519; p=AAAA"', "an Ed25519 key has 32 bytes, and this one 3"),
        ("neu._domainkey CNAME x.kaputt.example.", "answers SERVFAIL"),
    ],
)
def test_dkim_keys_that_cannot(internet: Internet, record: str, words: str) -> None:
    internet.publish(*READY, *record.split("\n"))
    assert words in internet.look(dkim_selectors=("neu",)).problem("dkim")


def test_dkim_key_of_the_old_host_is_to_go_at_the_end(internet: Internet) -> None:
    internet.publish(*SWITCHED, 'google._domainkey TXT "v=DKIM1; p=AAAA"')
    assert internet.look(phase="switched").problems("dkim") == []
    assert "google._domainkey.firma.example still has a key" in internet.look(phase="finish").problem("dkim")


def test_dmarc(internet: Internet) -> None:
    internet.publish(GOOGLE_MX, GOOD_SPF)
    assert "has no DMARC record" in internet.look().problem("dmarc")
    internet.publish(GOOGLE_MX, GOOD_SPF, '_dmarc TXT "v=DMARC1; p=vielleicht"')
    assert "no policy that there is" in internet.look().problem("dmarc")
    internet.publish(GOOGLE_MX, GOOD_SPF, GOOD_DMARC, '_dmarc TXT "v=DMARC1; p=reject"')
    assert "several records" in internet.look().problem("dmarc")
    internet.publish(GOOGLE_MX, GOOD_SPF, '_dmarc TXT "v=DMARC1; p=reject"')
    assert internet.look().problems("dmarc") == []
    assert "SPF or DKIM are not right yet" in internet.look(dkim_selectors=("neu",)).problem("dmarc")


def test_dmarc_of_the_domain_above(internet: Internet) -> None:
    sub = ("abt 300 MX 1 aspmx.l.google.com.", GOOD_SPF.replace("@", "abt"))
    internet.publish(GOOGLE_MX, GOOD_SPF, '_dmarc TXT "v=DMARC1; p=none; sp=reject"', *sub)
    found = internet.look("abt.firma.example", dkim_selectors=("neu",))
    assert found.domain["zone"] == DOMAIN
    assert "the DMARC policy of firma.example is reject" in found.problem("dmarc")


def test_autodiscover_of_the_old_provider(internet: Internet) -> None:
    mx = "@ 300 MX 0 firma-example.mail.protection.outlook.com."
    spf = GOOD_SPF.replace("_spf.google.com", "spf.protection.outlook.com")
    helper = "autodiscover CNAME autodiscover.outlook.com."
    internet.publish(mx, spf, GOOD_DMARC, helper)
    before = internet.look(provider="microsoft365")
    assert before.problem("clients").startswith("info: autodiscover.firma.example leads to the old mail host")
    assert (
        "; remove: autodiscover.firma.example. 3600 IN CNAME autodiscover.outlook.com." in before.domain["switch_lines"]
    )
    internet.publish(NEW_MX, spf, GOOD_DMARC, helper)
    after = internet.look(provider="microsoft365", phase="switched")
    assert after.problem("clients").startswith("error: autodiscover.firma.example leads to the old mail host")
    internet.publish(NEW_MX, spf, GOOD_DMARC, "autodiscover A 203.0.113.5")
    assert internet.look(provider="microsoft365", phase="switched").problems("clients") == []


def test_services_that_name_the_old_host(internet: Internet) -> None:
    services = ("_imaps._tcp SRV 0 1 993 imap.alt.example.", "_autodiscover._tcp SRV 0 0 443 autodiscover.outlook.com.")
    internet.publish(*SWITCHED, *services, "_pop3s._tcp SRV 0 0 0 .")
    found = internet.look(provider="microsoft365", phase="switched")
    assert [problem.partition(" leads")[0] for problem in found.problems("clients")] == [
        "error: _autodiscover._tcp.firma.example",
        "error: _imaps._tcp.firma.example",
    ]
    assert "_imaps._tcp.firma.example. 3600 IN SRV 0 1 993 mail.neu.example." in found.domain["zone_lines"]
    internet.publish(
        *SWITCHED, "_imaps._tcp SRV 0 1 993 mail.neu.example.", "_submissions._tcp SRV 0 1 465 m", "m A 192.0.2.10"
    )
    assert internet.look(phase="switched").problems("clients") == []


def test_autoconfig_at_the_address_of_the_old_host(internet: Internet) -> None:
    internet.publish("@ 300 MX 1 mail", "mail A 203.0.113.7", "autoconfig A 203.0.113.7", GOOD_SPF, GOOD_DMARC)
    assert "autoconfig.firma.example leads to the old mail host" in internet.look(provider=None).problem("clients")
    internet.publish("@ 300 MX 1 mail", "mail A 203.0.113.7", "autoconfig A 203.0.113.8", GOOD_SPF, GOOD_DMARC)
    assert internet.look(provider=None).problems("clients") == []


def test_names_of_the_new_hosts_addresses(internet: Internet) -> None:
    addresses = frozenset(["192.0.2.10", "2001:db8::10"])
    assert internet.look(addresses=addresses).problems("ptr") == []
    with internet.resolver.published("2.0.192.in-addr.arpa", "10 PTR mail.weg.example."):
        assert "names of which none has it: mail.weg.example" in internet.look(addresses=addresses).problem("ptr")
    with internet.resolver.published("2.0.192.in-addr.arpa", "11 PTR mail.neu.example."):
        assert internet.look(addresses=addresses).problem("ptr").startswith("error: the address 192.0.2.10")
        # Mail leaves by another host, whose name counts.
        relayed = internet.look(addresses=addresses, spf_terms=("include:_spf.google.com",))
        assert relayed.problem("ptr").startswith("warning: ")


def test_no_address_of_the_new_host_is_known(internet: Internet) -> None:
    found = internet.look(hosts=("mail.weg.example",))
    assert "mail.weg.example has no address" in found.problem("mx_target")
    assert "no address of the new mail host is known" in found.problem("spf")
    assert "no address of the new mail host is known" in found.problem("ptr")


def test_how_far_the_switch_has_come(internet: Internet) -> None:
    internet.publish(*SWITCHED, servers=(internet.first, internet.second))
    with FakeDnsServer(silence) as silent:
        resolvers = [
            NameServer(address) for address in (internet.first.address, internet.resolver.address, silent.address)
        ]
        found = internet.look(phase="switched", resolvers=resolvers, timeout=1)
    assert found.result["switched"] == "yes"
    assert found.domain["switched_for"] == 0.333
    assert list(found.domain["resolvers"].values()) == ["yes", "no", "unknown"]
    assert found.problem("spread").startswith("info: 1 of 3 resolvers still have the old MX records of firma.example")
    assert found.result["ready"]


def test_an_answer_that_only_tcp_can_carry(internet: Internet) -> None:
    filler = ['@ TXT "%s"' % (("filler%d-" % number) * 25) for number in range(40)]
    internet.publish(*READY, *filler)
    assert internet.look().result["problems"] == []


def test_a_domain_with_letters_of_its_own(internet: Internet) -> None:
    zone = "xn--fa-hia.example"  # faß, which is not fass
    internet.resolver.stop()
    internet.resolver.zones[zone] = internet.neu(*(record.replace("firma", "xn--fa-hia") for record in READY))
    internet.resolver._serials[zone] = 1
    try:
        internet.resolver.start()
        found = internet.look("faß.example", "FASS.example")
    finally:
        internet.resolver.stop()
        del internet.resolver.zones[zone]
        internet.resolver.start()
    here, other = found.result["domains"]
    assert (here["domain"], here["name"], here["switched"]) == ("faß.example", zone, "no")
    assert here["switch_lines"][0] == "xn--fa-hia.example. 3600 IN MX 10 mail.neu.example."
    assert other["switched"] == "unknown"
    assert [problem["domain"] for problem in found.result["problems"]] == ["FASS.example"]


@pytest.mark.parametrize(
    ("domain", "words"),
    [
        ("gibts.nicht.example", "there is no such domain"),
        ("x.kaputt.example", "answers SERVFAIL"),
        ("zwei..punkte.example", "is no domain name"),
    ],
)
def test_a_domain_of_which_nothing_is_known(internet: Internet, domain: str, words: str) -> None:
    found = internet.look(domain, DOMAIN)
    assert found.result["domains"][0]["switched"] == "unknown"
    assert found.result["switched"] == "unknown"
    assert found.result["ttl_ends_at"] is None
    assert words in found.problem("nameservers")
    assert not found.result["ready"]


def test_what_is_skipped_is_not_asked(internet: Internet) -> None:
    internet.publish(GOOGLE_MX, NEW_MX)
    found = internet.look(skipped=frozenset(["mx", "spf", "dmarc"]))
    assert found.result["problems"] == []
    assert found.result["switched"] == "mixed"
