# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What receivers go by to tell who sends: SPF, DKIM, DMARC, and the names of addresses."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .conftest import DOMAIN, GOOD_DMARC, GOOD_SPF, GOOGLE_MX, READY, SWITCHED, Internet


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
        # As a form takes it that wants no backslash.
        (r'neu._domainkey TXT "v=DKIM1\\; k=rsa\\; p=MIIB"', r"this is no key (RFC 6376): v=DKIM1\; k=rsa\; p=MIIB"),
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
    # What a wildcard says of every name is no key.
    for wildcard in ('* TXT "v=spf1 -all"', "* CNAME mail.neu.example."):
        internet.publish(*SWITCHED, wildcard)
        assert internet.look(phase="finish").problems("dkim") == []
    internet.publish(*SWITCHED, "selector1._domainkey CNAME selector1-firma-example._domainkey.firma.onmicrosoft.com.")
    found = internet.look(provider="microsoft365", phase="finish")
    assert found.problem("dkim") == "info: selector1._domainkey.firma.example still has a key of the old mail host"


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


def test_dmarc_that_asks_for_reports_alone(internet: Internet) -> None:
    internet.publish(GOOGLE_MX, GOOD_SPF, '_dmarc TXT "v=DMARC1; rua=mailto:d@firma.example"')
    assert internet.look().problems("dmarc") == []
    internet.publish(GOOGLE_MX, GOOD_SPF, '_dmarc TXT "v=DMARC1; p=nonne; ruf=mailto:d@firma.example"')
    assert "no policy that there is" in internet.look().problem("dmarc")


def test_dmarc_of_the_domain_above(internet: Internet) -> None:
    sub = ("abt 300 MX 1 aspmx.l.google.com.", GOOD_SPF.replace("@", "abt"))
    internet.publish(GOOGLE_MX, GOOD_SPF, '_dmarc TXT "v=DMARC1; p=none; sp=reject"', *sub)
    found = internet.look("abt.firma.example", dkim_selectors=("neu",))
    assert found.domain["zone"] == DOMAIN
    assert "the DMARC policy of firma.example is reject" in found.problem("dmarc")


def test_one_good_name_of_an_address_is_enough(internet: Internet) -> None:
    """Whatever the name servers of the others say."""
    zone = "2.0.192.in-addr.arpa"
    before = internet.resolver.zones[zone] or []
    with internet.resolver.published(zone, *before, "10 PTR x.kaputt.example.", "10 PTR a.weg.example."):
        assert internet.look().problems("ptr") == []
    ptr = [record for record in before if "PTR" not in record]
    with internet.resolver.published(zone, *ptr, "10 PTR x.kaputt.example."):
        assert "answers SERVFAIL" in internet.look().problem("ptr")


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
