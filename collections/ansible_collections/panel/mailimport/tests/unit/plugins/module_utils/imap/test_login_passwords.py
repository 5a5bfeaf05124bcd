# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64

import pytest
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.imap.test_login import PLAIN, log_in, refused


def sent_passwords(listening):
    """User and password of each login that came: as they were quoted, with PLAIN, or behind LOGIN as a literal."""
    found = []
    for number, line in enumerate(listening.heard):
        if b" LOGIN " in line and line.endswith(b"}"):
            found.append(("literal", b"".join(listening.heard[number + 1 : number + 2])))
        elif b" LOGIN " in line:
            found.append(("quoted", line.partition(b" LOGIN ")[2]))
        elif b" AUTHENTICATE PLAIN" in line:
            found.append(("plain", base64.b64decode(listening.heard[number + 1]).rpartition(b"\0")[2]))
    return found


NO = b"TAG NO [AUTHENTICATIONFAILED] wrong\r\n"


@pytest.mark.parametrize("auth", ["auto", "login"])
def test_b9_a_server_that_does_not_undo_quoting_gets_a_literal(server, account, auth):
    def answer(command):
        return b"+ go on\r\n" if command.endswith(b"}") else NO

    listening = server({b"LOGIN": answer})
    log_in(account(listening, password='ba\\ck"', auth=auth))
    assert [way for way, _said in sent_passwords(listening)] == ["quoted", "literal"]
    assert sent_passwords(listening)[1][1] == b'ba\\ck"'


def test_b9_plain_needs_no_quoting_and_comes_first(server, account):
    listening = server({b"AUTHENTICATE": b"+ \r\n"}, capabilities=PLAIN)
    log_in(account(listening, password="ba\\ck"))
    assert sent_passwords(listening) == [("plain", b"ba\\ck")]


@pytest.mark.parametrize("auth", ["auto", "login"])
def test_b8_a_password_that_the_source_keeps_in_latin_1(server, account, auth):
    def answer(command):
        return b"TAG OK in\r\n" if b"\xa7" in command and b"\xc2" not in command else NO

    listening = server({b"LOGIN": answer})
    log_in(account(listening, password="gehe\N{SECTION SIGN}m", auth=auth))
    assert [said for _way, said in sent_passwords(listening)] == [b'"anna" "gehe\xc2\xa7m"', b'"anna" "gehe\xa7m"']


@pytest.mark.parametrize(
    ("password", "attempts"), [("a secret", 1), ("пароль", 1), ("gr\xfcn", 2), ("back\\", 2), ("gr\xfcn\\", 3)]
)
def test_b8_b9_a_wrong_password_is_sent_no_more_often_than_it_can_help(server, account, password, attempts):
    listening = server({b"LOGIN": NO})
    error = refused(account(listening, password=password))
    assert (error.reason, len(sent_passwords(listening))) == ("auth_failed", attempts)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"TAG NO [UNAVAILABLE] later\r\n", "throttled"),
        (b"TAG NO [AUTHENTICATIONFAILED] Invalid credentials; account temporarily locked\r\n", "auth_failed"),
        (b"TAG NO [ALERT] Too many simultaneous connections\r\n", "too_many_connections"),
        (b"* BYE go away\r\nHANG UP", "source_unavailable"),
    ],
)
def test_b8_b9_a_server_that_asks_for_patience_is_not_asked_again(server, account, answer, reason):
    listening = server({b"LOGIN": answer})
    error = refused(account(listening, password="gr\xfcn\\"))
    assert (error.reason, len(sent_passwords(listening))) == (reason, 1)


def test_b8_b9_a_server_that_hangs_up_after_a_refusal_has_refused(server, account):
    answers = [NO + b"HANG UP"]
    error = refused(
        account(server({b"LOGIN": lambda _command: answers.pop(0) if answers else None}), password="back\\")
    )
    assert error.reason == "auth_failed" and "wrong" in error.message
