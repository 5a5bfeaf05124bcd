# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address, parse_domain
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from hypothesis import given
from hypothesis import strategies as st

# What must never reach a line of a users file, a path or a Dovecot variable.
DANGEROUS = '\n\r\0\t :;/\\"()<>[],*%@\u2028\u200b\u202e\ud800'


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anna@example.org", "anna@example.org"),
        ("  Anna.K+tag@Example.ORG ", "anna.k+tag@example.org"),
        ("o'brien@sub.example.co.uk", "o'brien@sub.example.co.uk"),
        ("анна@пример.рф", "анна@пример.рф"),
        ("Ünal@BÜCHER.example", "ünal@bücher.example"),
        ("a@xn--e1afmkfd.xn--p1ai", "a@xn--e1afmkfd.xn--p1ai"),
        ("-_~@a-b.c0", "-_~@a-b.c0"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
        # Letters and accents apart, as files of some systems have them; letters that are written with marks.
        ("jo\u0308rg@bu\u0308cher.example", "jörg@bücher.example"),
        ("JO\u0308RG@example.org", "jörg@example.org"),
        ("हिन्दी@कंपनी.भारत", "हिन्दी@कंपनी.भारत"),
        ("ผู้ใช้@ทดสอบ.ไทย", "ผู้ใช้@ทดสอบ.ไทย"),
    ],
)
def test_addresses_of_real_mailboxes(text, address):
    assert str(parse_address(text)) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "anna",
        "anna@",
        "@example.org",
        "anna@example",
        "anna@example.org.",
        "anna@.example.org",
        "anna@exa..mple.org",
        ".anna@example.org",
        "anna.@example.org",
        "an..na@example.org",
        "..@example.org",
        "anna@..",
        "../../etc/passwd@example.org",
        "anna@example.org\n",
        "anna@example.org\nroot:x:0:0",
        "anna@-example.org",
        "anna@example-.org",
        "anna@exam_ple_.org",
        "anna@[127.0.0.1]",
        "anna@example.org@evil.example",
        '"anna k"@example.org',
        "anna@" + "a" * 64 + ".org",
        "a" * 65 + "@example.org",
        "ж" * 33 + "@example.org",
        "anna@" + "a." * 126 + "org",
        "anna@example.org:{PLAIN}x",
        "\u0308anna@example.org",
        "anna@\u0308example.org",
        "anna@example-\u0308a.org",
        "anna\ufe0f@example.org",
        "İstanbul@example.org",
    ],
)
def test_what_is_no_address_is_refused_in_one_line(text):
    with pytest.raises(MailImportError) as refused:
        parse_address(text)
    assert refused.value.reason == "invalid_row"
    assert refused.value.message.isprintable() and len(refused.value.message) < 200


@pytest.mark.parametrize("character", DANGEROUS)
def test_no_dangerous_character_gets_through(character):
    for text in ("an%sna@example.org", "anna@exam%sple.org"):
        with pytest.raises(MailImportError):
            parse_address(text % character)


@given(st.text(max_size=80))
def test_whatever_is_accepted_is_harmless_in_a_path_and_in_a_line(text):
    for candidate in (text, text + "@example.org", "anna@" + text):
        try:
            address = str(parse_address(candidate))
        except MailImportError:
            continue
        assert not set(DANGEROUS) - {"@"} & set(address)
        assert address.count("@") == 1 and ".." not in address
        assert all(part not in ("", ".", "..") for part in address.split("@"))
        assert parse_address(address) == parse_address(candidate)


def test_domain_alone():
    assert parse_domain(" Example.ORG") == "example.org"
    with pytest.raises(MailImportError, match="not a mail domain"):
        parse_domain("localhost")
