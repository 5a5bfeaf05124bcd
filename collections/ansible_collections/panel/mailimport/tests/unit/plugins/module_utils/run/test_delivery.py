# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each kind of mail host can be asked whether mail arrives: by a process of its own, or by a login."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.backends import BACKENDS
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.delivery import prove_delivery
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
from ansible_collections.panel.mailimport.plugins.module_utils.run.smtp import Relay
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import DELIVERY_SECRETS

ANNA = parse_address("anna@example.org")
MAILCOW = {"dovecot_command": ["true"], "mailcow_url": "https://mail.example.net", "mailcow_api_key": "key"}
KINDS = {
    "command": {"host_command": {name: ["true"] for name in ("list", "create", "set_password", "remove")}},
    "docker_mailserver": {"dovecot_command": ["true"], "users_file": "/nowhere/postfix-accounts.cf"},
    "dovecot": {},
    "imap": {"target_host": "imap.example.net"},
    "ispmanager": {},
    "mailcow": MAILCOW,
    "none": {},
    "sql": {"sql_engine": "sqlite", "sql_schema": "postfixadmin", "login_db": "/nowhere/postfixadmin.db"},
}


def host_of(kind, tmp_path, **options):
    return HostSettings(str(tmp_path), kind, {**KINDS[kind], **options}).open_host()


def test_no_kind_is_left_out():
    assert set(KINDS) == set(BACKENDS)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"imap"}))
def test_a_process_of_the_host_opens_its_mailboxes(kind, tmp_path):
    assert host_of(kind, tmp_path).account_of(ANNA) is None


def test_a_server_elsewhere_wants_a_login(tmp_path):
    host = host_of("imap", tmp_path)
    host.introduce(ANNA, "a password")
    assert host.account_of(ANNA).password == "a password"
    master = host_of("imap", tmp_path, target_master_user="boss", target_master_password="master's")
    assert (master.account_of(ANNA).master_user, master.account_of(ANNA).password) == ("boss", "master's")


def test_without_a_login_it_is_said_what_to_do(tmp_path):
    settings = HostSettings(str(tmp_path), "imap", KINDS["imap"])
    with pytest.raises(MailImportError) as refused:
        prove_delivery(settings, [str(ANNA)], Relay(), 1.0)
    assert refused.value.message == (
        "there is no password that opens anna@example.org on imap.example.net:993; so nobody can look whether mail "
        "arrives: give a login that works (target_master_user, or the password of the mailbox), or send a message by "
        "hand and look for it"
    )


def test_the_secrets_of_every_kind_reach_the_host():
    assert {"login_password", "mailcow_api_key", "target_master_password", "passwords"} <= set(DELIVERY_SECRETS)
