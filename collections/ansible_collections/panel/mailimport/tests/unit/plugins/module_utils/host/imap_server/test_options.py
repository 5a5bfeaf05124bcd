# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of an IMAP server that mail goes to, and login names that are made of addresses."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.backends import check_options
from ansible_collections.panel.mailimport.plugins.module_utils.host.imap_server.options import server_options
from ansible_collections.panel.mailimport.plugins.module_utils.host.imap_server.server import ImapServer
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

ANNA, BEN = parse_address("anna@example.org"), parse_address("ben@example.org")


def server(**options):
    return ImapServer(server_options({"target_host": "imap.example.net", **options}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target_host": None}, "host_backend=imap needs target_host"),
        ({"target_master_user": "admin"}, "target_master_password go together"),
        ({"target_master_password": "secret"}, "target_master_password go together"),
        ({"target_tls": "none", "target_ca_cert": "/ca.pem"}, "there is no certificate"),
        ({"target_tls_fingerprint": "abc"}, "64 hexadecimal digits"),
        (
            {"target_master_user": "a", "target_master_password": "b", "target_auth": "xoauth2"},
            "logs in with a password",
        ),
    ],
)
def test_options_that_contradict_each_other_are_told(changes, words):
    with pytest.raises(MailImportError, match=words) as error:
        server(**changes)
    assert error.value.reason == "invalid_row"
    assert "secret" not in error.value.message


def test_an_option_of_another_kind_is_an_error():
    with pytest.raises(MailImportError, match="users_file means nothing with host_backend=imap"):
        check_options("imap", {"target_host": "x", "users_file": "/etc/users"})
    with pytest.raises(MailImportError, match="target_host means nothing with host_backend=dovecot"):
        check_options("dovecot", {"target_host": "x"})


@pytest.mark.parametrize(
    ("tls", "port", "expected"), [(None, None, 993), ("starttls", None, 143), ("none", None, 143), ("none", 1143, 1143)]
)
def test_the_port_follows_from_tls(tls, port, expected):
    assert server_options({"target_host": "x", "target_tls": tls, "target_port": port}).account.port == expected


@pytest.mark.parametrize(
    ("template", "name"),
    [
        (None, "anna@example.org"),
        ("%u", "anna@example.org"),
        ("%n", "anna"),
        ("example-%n", "example-anna"),
        ("%d/%n", "example.org/anna"),
        ("100%-%n%", "100%-anna%"),
    ],
)
def test_login_names_are_made_of_addresses(template, name):
    made = server(target_user=template)
    made.introduce(ANNA, "hers")
    assert (made.account_of(ANNA).user, made.account_of(ANNA).password) == (name, "hers")


@pytest.mark.parametrize("template", ["anna", "%d"])
def test_two_mailboxes_with_one_login_name_are_an_error(template):
    made = server(target_user=template)
    made.introduce(ANNA, "hers")
    made.introduce(ANNA, "hers")
    with pytest.raises(MailImportError, match="would go into one mailbox: target_user needs %u"):
        made.introduce(BEN, "his")


def test_an_administrator_opens_mailboxes_with_a_password_of_his_own():
    made = server(target_master_user="admin", target_master_password="secret")  # noqa: S106 - of nobody
    made.introduce(ANNA, "hers")
    account = made.account_of(ANNA)
    assert (account.user, account.password, account.master_user) == ("anna@example.org", "secret", "admin")
    assert "secret" not in repr(account) + repr(made._options)


def test_a_mailbox_that_nobody_has_a_password_of_is_told():
    with pytest.raises(MailImportError, match="no password that opens anna@example.org"):
        server().account_of(ANNA)
