# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import whose secret for the source has to be renewed, and what a refused login comes to."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import LoginDiagnosis
from ansible_collections.panel.mailimport.plugins.module_utils.model.secret import Renewal
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import imports_on_host
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling, import_many
from ansible_collections.panel.mailimport.plugins.module_utils.run.reporter import Reporter
from ansible_collections.panel.mailimport.plugins.module_utils.source import session as session_module
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import batch as batch_module
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience

REFUSED = b"TAG NO [AUTHENTICATIONFAILED] AUTHENTICATE Invalid credentials or IMAP is disabled sc=1\r\n"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(patience, "RECONNECT_WAIT", 0.0)


@pytest.fixture
def with_tokens(request_for, source):
    """A request that gets tokens; the source takes any."""
    source.answers[b"AUTHENTICATE"] = b"+ \r\n"

    def make(**options):
        numbers = iter(range(1000))
        request = request_for(renew=Renewal(lambda: "token-%d" % next(numbers)), **options)
        return replace(request, source=replace(request.source, password="", auth="xoauth2"))

    return make


def tokens_heard(source):
    heard = [b64decode(line) for line in source.heard if line.startswith(b"dXNlcj1")]
    return [line.split(b"Bearer ")[1].rstrip(b"\1").decode() for line in heard]


def test_a_session_is_left_before_its_token_ends(with_tokens, source, settings, host, monkeypatch):
    monkeypatch.setattr(session_module, "TOKEN_AGE", -1.0)
    monkeypatch.setattr(batch_module, "BATCH_MESSAGES", 1)
    request, said = with_tokens(), []
    result = import_mailbox(request, settings, reporter=Reporter(note=said.append)).result
    assert (result.state, result.messages_total, result.messages_copied, result.not_imported) == ("completed", 3, 3, [])
    assert not [line for line in said if "waiting" in line], "it is no trouble"
    # For the check of the login, for the first session, and for one after each message.
    assert tokens_heard(source) == request.renew.issued and len(request.renew.issued) == 5


def test_a_session_whose_rights_are_taken_back_is_opened_again(with_tokens, source, account, settings):
    examine = source.answers[b"EXAMINE"]
    refused = []

    def answer(command):
        if not refused:
            refused.append(command)
            return b"TAG NO [AUTHENTICATIONFAILED] token expired\r\n"
        return examine(command)

    source.answers[b"EXAMINE"] = answer
    request = with_tokens()
    result = import_mailbox(request, settings).result
    assert (result.state, result.messages_copied) == ("completed", 3) and len(request.renew.issued) == 3


def test_no_token_is_in_a_result(with_tokens, source, settings):
    source.answers[b"EXAMINE"] = b"TAG NO what about token-0, token-1 or dXNlcj10b2tlbi0x?\r\n"
    result = import_mailbox(with_tokens(), settings).result
    assert result.state == "failed" and "what about" in str(result.not_imported) and "token-" not in str(result)


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_refused_login_is_diagnosed(with_tokens, source, settings, host, check_mode):
    source.answers[b"AUTHENTICATE"] = REFUSED
    seen = []

    def diagnose(error):
        seen.append(error.message)
        return LoginDiagnosis("skipped", "never_opened", "its user has never opened it")

    result = import_mailbox(with_tokens(diagnose=diagnose), settings, check_mode).result
    assert (result.state, result.reason, result.changed) == ("skipped", "never_opened", False)
    assert "IMAP is disabled" in seen[0] and not host.passwords


def test_a_diagnose_that_cannot_tell_leaves_it_at_what_the_source_said(with_tokens, source, settings):
    source.answers[b"AUTHENTICATE"] = REFUSED

    def diagnose(error):
        raise MailImportError("connection_failed", "nobody to ask")

    result = import_mailbox(with_tokens(diagnose=diagnose), settings).result
    assert (result.state, result.reason) == ("failed", "auth_failed") and "never opened" in result.message


def test_a_batch_diagnoses_too_and_remembers_it(with_tokens, source, settings):
    source.answers[b"AUTHENTICATE"] = REFUSED
    request = with_tokens(
        diagnose=lambda error: LoginDiagnosis("skipped", "never_opened", "its user has never opened it")
    )
    (outcome,) = import_many([request], settings, Scheduling())
    assert outcome.result.state == "skipped"
    (entry,) = imports_on_host(settings)["imports"]
    assert (entry["state"], entry["reason"]) == ("skipped", "never_opened")


def test_a_batch_goes_on_with_a_token_after_its_check(with_tokens, source, settings):
    (outcome,) = import_many([with_tokens()], settings, Scheduling())
    assert (outcome.result.state, outcome.result.messages_copied) == ("completed", 3)
    assert len(tokens_heard(source)) == 2
