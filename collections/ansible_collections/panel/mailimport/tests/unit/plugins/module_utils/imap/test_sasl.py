# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Logins with a token, in every form that servers want them, and the words when they are refused."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.login import connect
from ansible_collections.panel.mailimport.plugins.module_utils.imap.sasl import BearerExchange
from ansible_collections.panel.mailimport.plugins.module_utils.imap.tls import tls_context
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

INITIAL = base64.b64encode(b"user=anna\1auth=Bearer a secret\1\1")
FAILURE = base64.b64encode(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}')
YANDEX_REFUSAL = (
    b"TAG NO [AUTHENTICATIONFAILED] AUTHENTICATE invalid credentials or IMAP is disabled sc=ANQhQk2BrGkH_101523_7m\r\n"
)


def log_in(account):
    connect(account, tls_context(account)).disconnect()


def refused(account):
    with pytest.raises(MailImportError) as error:
        log_in(account)
    assert account.password not in error.value.message and INITIAL.decode() not in error.value.message
    return error.value


def test_the_initial_response_goes_with_the_command_where_that_is_offered(server, account):
    listening = server(capabilities=b"IMAP4rev1 SASL-IR AUTH=XOAUTH2")
    log_in(account(listening, auth="xoauth2"))
    assert any(line.endswith(b"AUTHENTICATE XOAUTH2 " + INITIAL) for line in listening.heard)


@pytest.mark.parametrize(
    ("capabilities", "taken", "not_taken"),
    [
        (b"IMAP4rev1", b"AUTHENTICATE XOAUTH2 ", b"AUTHENTICATE XOAUTH2"),
        (b"IMAP4rev1 SASL-IR", b"AUTHENTICATE XOAUTH2", b"AUTHENTICATE XOAUTH2 "),
    ],
)
def test_a_server_that_wants_the_other_form_gets_it(server, account, capabilities, taken, not_taken):
    def answer(command):
        in_one_line = command != b"AUTHENTICATE XOAUTH2"
        if in_one_line != taken.endswith(b" "):
            return b"TAG BAD Command syntax error. sc=1\r\n"
        return b"TAG OK AUTHENTICATE Completed.\r\n" if in_one_line else b"+ \r\n"

    listening = server({b"AUTHENTICATE": answer}, capabilities=capabilities)
    log_in(account(listening, auth="xoauth2"))
    assert sum(INITIAL in line for line in listening.heard) in (1, 2)


def test_capabilities_that_come_with_the_answer_count(session):
    untagged = b"* CAPABILITY IMAP4rev1 UIDPLUS IDLE\r\nTAG OK AUTHENTICATE Completed.\r\n"
    opened = session({b"AUTHENTICATE": untagged}, b"IMAP4rev1 SASL-IR AUTH=XOAUTH2", auth="xoauth2")
    assert opened.capabilities == {b"IMAP4REV1", b"UIDPLUS", b"IDLE"}


@pytest.mark.parametrize(("mechanism", "acknowledgement"), [("xoauth2", b""), ("oauthbearer", b"AQ==")])
def test_a_failure_challenge_is_acknowledged_and_named(challenger, account, mechanism, acknowledgement):
    listening = challenger(mechanism, FAILURE, b"NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
    error = refused(account(listening, auth=mechanism))
    assert error.reason == "auth_failed" and "Invalid credentials (Failure) (400)" in error.message
    assert listening.answers[-1] == acknowledgement


def test_a_challenge_that_is_no_base64_ends_the_exchange(challenger, account):
    listening = challenger("xoauth2", b"!", b"BAD cancelled")
    assert refused(account(listening, auth="xoauth2")).reason == "auth_failed"
    assert listening.answers[-1] == b"*"


def test_challenges_without_end_are_not_answered_without_end():
    exchange = BearerExchange("XOAUTH2", "anna", "a secret")
    assert [exchange.answer(b"") for _challenge in range(6)][-1] == b"*"


def test_the_words_of_a_refusal_are_whole(server, account):
    for answers in ({b"AUTHENTICATE": YANDEX_REFUSAL}, {b"LOGIN": YANDEX_REFUSAL.replace(b"AUTHENTICATE", b"LOGIN")}):
        auth = "xoauth2" if b"AUTHENTICATE" in answers else "login"
        error = refused(account(server(answers), auth=auth))
        assert error.reason == "auth_failed" and "sc=ANQhQk2BrGkH_101523_7m" in error.message
        assert not error.message.endswith("…")


def test_a_session_that_the_server_ends_at_login_is_no_refusal(server, account):
    error = refused(
        account(server({b"AUTHENTICATE": b"* BYE Autologout; idle for too long (1)\r\nHANG UP"}), auth="xoauth2")
    )
    assert error.reason == "source_unavailable" and "Autologout" in error.message


@pytest.mark.parametrize("said", [b'{"status": "no such token: %s"}', b"no such token: %s"])
def test_a_token_that_a_failure_challenge_echoes_is_masked_before_the_words_are_cut(challenger, account, said):
    token = "ya29." + "Q1w2e3r4t5" * 20
    listening = challenger("xoauth2", base64.b64encode(said % token.encode()), b"NO no")
    error = refused(account(listening, auth="xoauth2", password=token))
    assert "no such token: ********" in error.message and "Q1w2e3r4t5" not in error.message
