# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import one_line
from ansible_collections.panel.mailimport.plugins.module_utils.model.secret import hide_secret
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "secret", "shown"),
    [
        ("wrong: hunter2!", "hunter2", "wrong: ********!"),
        ('LOGIN "a" "pa\\"ss"', 'pa"ss', 'LOGIN "a" "********"'),
        ("hunter2 hunter2", "hunter2", "******** ********"),
        ("AGFubmEAaHVudGVyMg== is wrong", "hunter2", "******** is wrong"),
        ("AGFubmEAaHVudGVyMg is wrong", "hunter2", "******** is wrong"),
        ("wrong: two words!", "two\twords", "wrong: ********!"),
        ("wrong: two words!", " two  words\n", "wrong: ********!"),
        ("Authentication failed", "hunter2", "Authentication failed"),
        ("Authentication failed", "\t", "Authentication failed"),
        ("abcde is no Base64", "hunter2", "abcde is no Base64"),
        ("Authentication failed", "", "Authentication failed"),
    ],
)
def test_forms_of_a_secret(text, secret, shown):
    assert hide_secret(text, secret) == shown


@given(st.text(), st.text(min_size=1), st.text())
def test_no_text_keeps_a_secret(before, secret, after):
    shown = hide_secret(before + secret + after, secret)
    assert secret in "********" or secret not in shown.replace("********", "")
    encoded = base64.b64encode(b"\0user\0" + secret.encode()).decode()
    assert encoded not in hide_secret("refused: %s" % encoded, secret)


@pytest.mark.parametrize("length", [4, 8, 13])
def test_the_beginning_of_a_secret_where_a_text_was_cut_is_hidden(length):
    """Not everybody who folds what a server said knows the secret."""
    text = "not IMAP: hello " + "marmalade-jar"
    cut = one_line(text + " and more words", len("not IMAP: hello ") + length + 1)
    assert cut.endswith("marmalade-jar"[:length] + "…")
    assert hide_secret("%s (and so on)" % cut, "marmalade-jar") == "not IMAP: hello ********… (and so on)"
