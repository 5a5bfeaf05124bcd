# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.folder_names import (
    decode_folder_name,
    encode_folder_name,
)
from hypothesis import given
from hypothesis import strategies as st

# RFC 3501 section 5.1.3 has the first two; the last has a surrogate pair.
KNOWN = [
    (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    (b"INBOX", "INBOX"),
    (b"Fish &- Chips", "Fish & Chips"),
    (b"&-", "&"),
    (b"Entw&APw-rfe", "Entwürfe"),
    (b"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", "Отправленные"),
    (b"Party &2DzfiQ-", "Party 🎉"),
    (b"&AAo-", "\n"),
]


@pytest.mark.parametrize(("raw", "name"), KNOWN)
def test_known_names(raw, name):
    assert decode_folder_name(raw) == name
    assert encode_folder_name(name) == raw


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_goes_there_and_back(name):
    raw = encode_folder_name(name)
    assert raw.isascii() and not any(byte < 0x20 or byte == 0x7F for byte in raw)
    assert decode_folder_name(raw) == name


@given(st.binary())
def test_no_bytes_of_a_server_make_decoding_fail(raw):
    assert isinstance(decode_folder_name(raw), str)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Entwürfe".encode(), "Entwürfe"),  # UTF-8 that was not asked for
        ("Entwürfe".encode("latin-1"), "Entwürfe"),
        (b"Fish & Chips", "Fish & Chips"),  # a bare ampersand
        (b"&AGE", "&AGE"),  # without its end
        (b"&2Dw-", "&2Dw-"),  # half of a surrogate pair
        (b"&AAAA!-", "&AAAA!-"),
    ],
)
def test_broken_names_stay_readable(raw, name):
    assert decode_folder_name(raw) == name
