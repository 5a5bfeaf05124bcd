# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import (
    MailImportError,
    file_errors,
    one_line,
)
from hypothesis import given
from hypothesis import strategies as st


def test_a_message_is_one_line_whatever_a_server_put_into_it():
    error = MailImportError("auth_failed", "first\r\n  second\0\x1b[31m\tthird\u2028fourth  ")
    assert error.message == "first second [31m third fourth"
    assert error.reason == "auth_failed"


def test_only_known_reasons():
    with pytest.raises(ValueError, match="oops"):
        raise MailImportError("oops", "text")


def test_long_text_is_cut_with_a_mark():
    assert one_line("x" * 20, 20) == "x" * 20
    assert one_line("x" * 21, 20) == "x" * 19 + "…"


@given(st.text(), st.integers(1, 50))
def test_one_line_keeps_its_promise(text, limit):
    line = one_line(text, limit)
    assert line.isprintable() and len(line) <= limit and line == line.strip() and "  " not in line


@pytest.mark.parametrize(
    ("uid", "number", "hint"),
    [(1000, errno.EACCES, True), (1000, errno.EPERM, True), (1000, errno.EROFS, False), (0, errno.EPERM, False)],
)
def test_what_only_root_may_do_is_told_with_what_to_do(monkeypatch, uid, number, hint):
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    with pytest.raises(MailImportError) as refused, file_errors("/etc/dovecot/users"):
        raise OSError(number, os.strerror(number))
    assert refused.value.reason == "host_refused"
    assert refused.value.message == "/etc/dovecot/users: %s%s" % (
        os.strerror(number),
        ", for the task does not run as root: set become" if hint else "",
    )
