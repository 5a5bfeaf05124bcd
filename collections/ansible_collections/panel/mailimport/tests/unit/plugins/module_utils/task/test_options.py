# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine is handed for the options of a task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (
    host_settings,
    list_options,
    mailbox_options,
    mailbox_request,
    row_params,
    source_account,
)


def params(**given: Any) -> Dict[str, Any]:
    task = {"source_host": "imap.example.net", "email": "Anna@Example.org", "password": "geheim", "owner": "customer1"}
    result = ArgumentSpecValidator(mailbox_options()).validate({**task, **given})
    assert not result.error_messages
    return dict(result.validated_parameters)


@pytest.mark.parametrize(("tls", "port"), [("implicit", 993), ("starttls", 143), ("none", 143)])
def test_the_port_follows_from_the_kind_of_tls(tls: str, port: int) -> None:
    assert source_account(params(source_tls=tls)).port == port
    assert source_account(params(source_tls=tls, source_port=10143)).port == 10143


@pytest.mark.parametrize("seconds", [0, -1])
def test_there_is_time_for_an_answer(seconds: float) -> None:
    with pytest.raises(MailImportError, match="source_timeout must be more than 0"):
        mailbox_request(params(source_timeout=seconds))


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e20"])
def test_a_time_that_no_clock_reaches_is_none(seconds: str) -> None:
    with pytest.raises(MailImportError, match="source_timeout must be a number of seconds"):
        mailbox_request(params(source_timeout=seconds))


def test_the_state_is_in_one_place_wherever_a_run_begins() -> None:
    with pytest.raises(MailImportError, match="state_dir must be an absolute path, and is mail-import"):
        host_settings(params(state_dir="mail-import"))
    assert host_settings(params(state_dir="/srv/mail-import")).state_dir == "/srv/mail-import"


def test_a_fingerprint_is_one() -> None:
    digits = "0123456789abcdef" * 4
    for given in (digits, ":".join(digits[start : start + 2].upper() for start in range(0, 64, 2))):
        assert source_account(params(source_tls_fingerprint=given)).tls_fingerprint == given
    for given in ("zz" * 32, digits[2:], "sha256:" + digits):
        with pytest.raises(MailImportError, match="64 hexadecimal digits"):
            source_account(params(source_tls_fingerprint=given))


def test_a_fingerprint_needs_a_certificate() -> None:
    with pytest.raises(MailImportError, match="leave out one of them"):
        source_account(params(source_tls_fingerprint="00" * 32, source_tls="none"))


def test_tls_is_verified_unless_told_otherwise() -> None:
    account = source_account(params())
    assert account.tls == "implicit"
    assert account.validate_certs


def test_login_and_mailbox_are_the_address_by_default() -> None:
    request = mailbox_request(params())
    assert request.source.user == "Anna@Example.org"
    assert str(request.address) == "anna@example.org"


def test_login_and_mailbox_may_differ_from_the_address() -> None:
    request = mailbox_request(params(source_user="anna", target_email="info@example.com"))
    assert request.source.user == "anna"
    assert str(request.address) == "info@example.com"


def test_folder_rules_are_carried_over() -> None:
    rules = mailbox_request(
        params(folders=["INBOX"], exclude_folders=["Spam/*"], folder_map={"Gesendet": "Sent"}, automap=False)
    ).rules
    assert (rules.include, rules.exclude, rules.mapping, rules.automap) == (
        ("INBOX",),
        ("Spam/*",),
        {"Gesendet": "Sent"},
        False,
    )


@pytest.mark.parametrize("target", [None, "", "/", ".", "../x", "a/../b"])
def test_a_folder_is_not_mapped_to_what_is_no_name(target: Any) -> None:
    with pytest.raises(MailImportError, match="folder_map: .* of Sent is no name for a folder") as error:
        mailbox_request(params(folder_map={"INBOX": "Old", "Sent": target}))
    assert error.value.reason == "invalid_row"


def test_sizes_may_have_units() -> None:
    assert mailbox_request(params(max_message_size="50M")).max_message_size == 50 * 1024 * 1024
    assert mailbox_request(params()).max_message_size == 2 * 1024**3


def test_the_mail_host_is_left_to_its_own_configuration_by_default() -> None:
    settings = host_settings(params())
    assert settings.backend == "dovecot"
    assert {name for name, value in settings.options.items() if value is not None} == set()
    assert settings.state_dir == "/var/lib/panel-mailimport"


def test_no_secret_shows_in_what_is_printed_of_a_request() -> None:
    assert "geheim" not in repr(mailbox_request(params()))


@pytest.fixture
def token_file(tmp_path: Path) -> str:
    """A file of microsoft365_token."""
    names = ("client_id", "tenant", "login_url", "scope", "access_token", "refresh_token")
    path = tmp_path / "token.json"
    path.write_text(json.dumps({**dict.fromkeys(names, "any"), "expires_at": 4e9}))
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize(
    "host",
    [
        "outlook.office365.com",
        "OUTLOOK.office365.com",
        "outlook.office.com",
        "imap-mail.outlook.com",
        "partner.outlook.cn",
        "outlook-dod.office365.us",
        "localhost",
        "127.0.0.1",
    ],
)
def test_a_token_of_microsofts_goes_to_microsoft(token_file: str, host: str) -> None:
    request = mailbox_request(params(source_host=host, source_token_file=token_file))
    assert request.renew is not None and request.renew() == "any"


@pytest.mark.parametrize(
    "host",
    ["imap.gmail.com", "outlook.office365.com.example", "my-office365.com", "office365.com@gmail.com", "192.0.2.1"],
)
def test_a_token_of_microsofts_goes_to_nobody_else(token_file: str, host: str) -> None:
    with pytest.raises(MailImportError, match="no server of Microsoft's") as refused:
        mailbox_request(params(source_host=host, source_token_file=token_file))
    assert refused.value.reason == "invalid_row" and host in refused.value.message
    assert "source_password" in refused.value.message


def test_the_token_file_of_a_task_is_for_rows_without_a_login_of_their_own() -> None:
    task = {**dict.fromkeys(list_options()), "source_token_file": "/task.json"}

    def given(**row: str) -> Any:
        return row_params(task, {"email": "anna@example.org", "password": "the mailbox's", **row})["source_token_file"]

    assert given() == "/task.json"
    assert given(source_token_file="/hers.json") == "/hers.json"
    assert not given(source_password="old") and not given(source_password="old", source_host="imap.gmail.com")
    task["source_password"] = "for all"
    assert given() == "/task.json"
