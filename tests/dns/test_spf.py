# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SPF records, which receivers have limits for."""

from __future__ import annotations

import pytest

from .conftest import GOOD_DMARC, GOOGLE_MX, NEW_MX, SWITCHED, Internet

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
        "depends on each mail (exists, ptr or a macro)",
    ),
    "a name of each sender": (
        ('@ TXT "v=spf1 include:_spf.google.com ptr exists:%{i}.weg ~all"',),
        "depends on each mail (exists, ptr or a macro)",
    ),
    "a redirect to a record of each sender": (
        ('@ TXT "v=spf1 include:_spf.google.com redirect=%{d}.spf.weg"',),
        "depends on each mail (exists, ptr or a macro)",
    ),
    "two redirects": (
        ('@ TXT "v=spf1 redirect=_spf.google.com redirect=_spf.google.com"',),
        "has redirect= twice",
    ),
    "all of a name": (('@ TXT "v=spf1 ip4:192.0.2.10 all:x"',), "a term that is none: all:x"),
    "an address with too long a network": (('@ TXT "v=spf1 a:mail.neu.example/33 -all"',), "an address that is none"),
    "nothing behind a redirect": (
        ('@ TXT "v=spf1 redirect=nichts.example"',),
        "refers to nichts.example, which has none",
    ),
    "another spelling": (
        ('@ TXT "v=spf1  IP4:192.0.2.99 include:_spf.google.com -ALL"',),
        "does not have the new mail",
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
    internet.publish(GOOGLE_MX, GOOD_DMARC, '@ TXT "v=spf1 include:_spf.google.com exp=a\\027\\228\\"b -all"')
    (line,) = internet.look().domain["zone_lines"]
    assert "exp=a\\027" in line and '\\"b ip4:' in line and line.isascii() and line.isprintable()
    # What is pasted is right.
    internet.publish(GOOGLE_MX, GOOD_DMARC, line)
    assert internet.look().result["problems"] == []
    internet.publish(GOOGLE_MX, GOOD_DMARC, '@ TXT "v=spf1 redirect=_spf.google.com"')
    (line,) = internet.look().domain["zone_lines"]
    assert line.endswith('"v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 redirect=_spf.google.com"')
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
