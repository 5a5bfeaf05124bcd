# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.tls import tls_context
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.imap.test_login import refused


def test_starttls_is_never_left_out(server, account):
    listening = server()
    error = refused(account(listening, tls="starttls"))
    assert error.reason == "tls_failed" and "offers no STARTTLS" in error.message
    assert not any(b"LOGIN" in line for line in listening.heard)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"TAG NO not today\r\n", "refuses STARTTLS"),
        (b"TAG OK go\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "tampering"),
        (b"TAG OK go\r\nnot TLS at all, but as long as a record\r\n", "tampering"),
    ],
)
def test_starttls_that_fails_sends_no_password(server, account, answer, words):
    listening = server({b"STARTTLS": answer}, capabilities=b"IMAP4rev1 STARTTLS")
    error = refused(account(listening, tls="starttls"))
    assert error.reason == "tls_failed" and words in error.message
    assert not any(b"LOGIN" in line for line in listening.heard)


def test_a_session_that_begins_before_tls_is_not_gone_into(server, account):
    """Whoever is in between could say so to keep it in clear text."""
    error = refused(account(server(greeting=b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n"), tls="starttls"))
    assert error.reason == "tls_failed" and "tampering" in error.message


def test_tls_with_a_server_that_speaks_none(server, account):
    error = refused(account(server(), tls="implicit"))
    assert error.reason == "tls_failed"


@pytest.mark.parametrize("tls", ["starttls", "none"])
def test_a_server_that_waits_for_tls_to_begin(tls):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(SourceAccount("127.0.0.1", "anna", "a secret", silent.getsockname()[1], tls=tls, timeout=0.1))
    assert error.reason == "connection_failed"
    assert "sent nothing for 0.1 seconds" in error.message and "source_tls=implicit" in error.message


def test_a_ca_file_that_cannot_be_used(tmp_path):
    file = tmp_path / "ca.pem"
    for content in (None, "no certificate\n"):
        if content:
            file.write_text(content)
        with pytest.raises(MailImportError, match="source_ca_cert %s cannot be used" % file) as error:
            tls_context(SourceAccount(host="x", user="anna", password="a secret", ca_cert=str(file)))
        assert error.value.reason == "certificate_invalid"
