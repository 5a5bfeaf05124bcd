# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What mail_dns_info says of MX records, on the answers of real name servers: red, and green."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.client import NameServer
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.providers import old_host
from ansible_collections.panel.mailimport.plugins.plugin_utils.mail_dns.survey import Change
from fakes.dns_server import FakeDnsServer, silence

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


def test_a_mail_domain_that_is_an_alias(internet: Internet) -> None:
    internet.publish(
        *READY,
        "alt CNAME mail.neu.example.",
        "post CNAME firma.example.",
        "weg CNAME gibts.nicht.example.",
        "a CNAME b",
        "b CNAME a",
    )
    for name, switched, words in (
        ("post", "no", "error: post.firma.example is an alias (CNAME) of firma.example"),
        ("alt", "no", "error: alt.firma.example is an alias (CNAME) of mail.neu.example"),
        ("weg", "unknown", "weg.firma.example is an alias (CNAME) of gibts.nicht.example, which there is not"),
        ("a", "unknown", "the chain of its aliases (CNAME) does not end"),
    ):
        found = internet.look("%s.firma.example" % name)
        assert found.result["switched"] == switched, name
        told = found.problems("mx") if switched == "no" else found.problems("nameservers")
        assert len(told) == 1 and words in told[0], (name, told)


def test_an_mx_without_its_final_dot(internet: Internet) -> None:
    """To the zone, the name is one of its own then."""
    internet.publish("@ 300 MX 10 mail.neu.example", GOOD_SPF, GOOD_DMARC)
    found = internet.look(phase="switched")
    assert found.problem("mx_target") == "error: mail.neu.example.firma.example has no address"
    (advice,) = [each["advice"] for each in found.result["problems"] if each["check"] == "mx_target"]
    assert advice == "Name mail.neu.example. with a dot at its end: without it, the zone adds its own name."


def test_what_a_zone_says_is_shown_in_one_line(internet: Internet) -> None:
    internet.publish(*READY, 's._domainkey TXT "a\\010b\\027[31mc"')
    assert internet.look(dkim_selectors=("s",)).problem("dkim").endswith("this is no key (RFC 6376): a b [31mc")


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


def test_a_new_host_that_has_ipv6_only(internet: Internet, neu: Publish) -> None:
    neu("mail AAAA 2001:db8::10")
    found = internet.look()
    assert found.problem("mx_target") == "warning: mail.neu.example has addresses of IPv6 only"
    assert found.result["ready"]


def test_a_new_mail_host_with_several_names(internet: Internet, neu: Publish) -> None:
    neu("mail A 192.0.2.10", "mail AAAA 2001:db8::10", "mx2 A 192.0.2.10", "mx2 AAAA 2001:db8::10")
    hosts = (NEW_HOST, "mx2.neu.example")
    assert internet.look(hosts=hosts).domain["switch_lines"][:2] == [
        "firma.example. 3600 IN MX 10 mail.neu.example.",
        "firma.example. 3600 IN MX 20 mx2.neu.example.",
    ]
    internet.publish(*SWITCHED)
    found = internet.look(hosts=hosts, phase="switched")
    assert found.problem("mx") == "info: no MX record of firma.example names mx2.neu.example"
    assert (found.result["ready"], found.result["switched"]) == (True, "yes")
    internet.publish(*SWITCHED, "@ 300 MX 20 mx2.neu.example.")
    assert internet.look(hosts=hosts, phase="switched").result["problems"] == []


def test_mail_of_a_domain_below(internet: Internet) -> None:
    own = [record.replace("@", "abt") for record in (GOOGLE_MX, GOOD_SPF)]
    internet.publish(*READY, *own)
    found = internet.look("abt.firma.example")
    assert (found.result["problems"], found.domain["zone"]) == ([], DOMAIN)
    internet.publish(*READY, own[1], "abt 300 MX 10 mail.neu.example.")
    assert internet.look("abt.firma.example", phase="switched").result["switched"] == "yes"


@pytest.mark.parametrize(
    ("provider", "mx", "spf"),
    [
        ("google", "smtp.google.com", "_spf.google.com"),
        ("google", "alt2.aspmx.l.google.com", "_spf.google.com"),
        ("google", "aspmx2.googlemail.com", "_spf.google.com"),
        ("microsoft365", "firma-example.mail.protection.outlook.com", "spf.protection.outlook.com"),
        ("microsoft365", "firma-example.o-v1.mx.microsoft", "spf.protection.outlook.com"),
        ("microsoft365", "firma-example.mail.protection.office365.us", "spf.protection.office365.us"),
        ("yandex", "mx.yandex.net", "_spf.yandex.net"),
        ("yandex", "mx.yandex.ru", "_spf.yandex.ru"),
    ],
)
def test_records_of_providers_are_known(provider: str, mx: str, spf: str) -> None:
    known = old_host(provider, ())
    assert known.has(mx) and spf in known.spf
    assert not known.has(NEW_HOST) and not known.has("google.com.firma.example")


def test_an_mx_that_is_an_address(internet: Internet) -> None:
    internet.publish("@ 300 MX 10 192.0.2.10.", GOOD_SPF, GOOD_DMARC)
    assert "error: the MX record of firma.example is the address 192.0.2.10" in internet.look().problems("mx_target")


def test_no_address_of_the_new_host_is_known(internet: Internet) -> None:
    found = internet.look(hosts=("mail.weg.example",))
    assert "mail.weg.example has no address" in found.problem("mx_target")
    assert "no address of the new mail host is known" in found.problem("spf")
    assert "no address of the new mail host is known" in found.problem("ptr")


def test_how_far_the_switch_has_come(internet: Internet) -> None:
    internet.publish(*SWITCHED, servers=(internet.first, internet.second))
    with FakeDnsServer(internet.network, silence) as silent:
        resolvers = [
            NameServer(address) for address in (internet.first.address, internet.resolver.address, silent.address)
        ]
        found = internet.look(phase="switched", resolvers=resolvers, timeout=1)
    assert found.result["switched"] == "yes"
    assert found.domain["switched_for"] == 0.333
    assert list(found.domain["resolvers"].values()) == ["yes", "no", "unknown"]
    assert found.problem("spread").startswith("info: 1 of 3 resolvers still have the old MX records of firma.example")
    assert found.result["ready"]


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
