# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.docker_mailserver import (
    DockerMailserverAccounts,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

ANNA = Address("anna", "example.org")
OLDER = "# accounts\n\nBert@Example.org|{SHA512-CRYPT}$6$old|userdb_x=1\nannabel@example.org|{SHA512-CRYPT}$6$b"


@pytest.fixture
def config(tmp_path):
    (tmp_path / "postfix-accounts.cf").write_text(OLDER)
    return tmp_path


def accounts_of(config, quota=0):
    return DockerMailserverAccounts(
        str(config / "postfix-accounts.cf"), "{SHA512-CRYPT}$6${}".replace("{}", "%s").__mod__, quota
    )


def test_a_line_is_added_and_nothing_else_is_touched(config):
    file = config / "postfix-accounts.cf"
    inode = file.stat().st_ino
    accounts = accounts_of(config)
    assert (accounts.domains(), accounts.exists(ANNA)) == ({"example.org"}, False)
    accounts.check_new(ANNA)
    accounts.create(ANNA, "pw", "customer")
    assert file.read_text() == OLDER + "\nanna@example.org|{SHA512-CRYPT}$6$pw\n"
    assert file.stat().st_ino == inode  # the file may be mounted by itself
    assert not (config / "dovecot-quotas.cf").exists()
    accounts.remove(ANNA)
    assert file.read_text() == OLDER + "\n"
    assert file.stat().st_ino == inode


def test_a_password_is_changed_where_its_line_is(config):
    accounts = accounts_of(config)
    accounts.set_password(Address("bert", "example.org"), "new")
    lines = (config / "postfix-accounts.cf").read_text().splitlines()
    assert lines == OLDER.replace("$6$old", "$6$new").splitlines()
    with pytest.raises(MailImportError, match="has no line in"):
        accounts.set_password(ANNA, "new")


def test_a_quota_is_a_line_beside_and_goes_with_the_mailbox(config):
    quotas = config / "dovecot-quotas.cf"
    quotas.write_text("annabel@example.org:1G\nanna@example.org:7G")
    accounts = accounts_of(config, quota=5 << 30)
    accounts.create(ANNA, "pw", "customer")
    assert quotas.read_text() == "annabel@example.org:1G\nanna@example.org:5120M\n"
    accounts.remove(ANNA)
    assert quotas.read_text() == "annabel@example.org:1G\n"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (Address("info", "example.org"), "is an alias on this host"),
        (Address("ännä", "example.org"), "cannot be a line of"),
        (Address("a|b", "example.org"), "cannot be a line of"),
        (Address("a b", "example.org"), "cannot be a line of"),
    ],
)
def test_what_cannot_be_a_mailbox_there(config, address, words):
    (config / "postfix-virtual.cf").write_text("\n# aliases\nInfo@example.org bert@example.org\nanna annabel\n")
    accounts_of(config).check_new(ANNA)
    with pytest.raises(MailImportError, match=words):
        accounts_of(config).check_new(address)


def test_a_file_that_is_not_there_is_told(tmp_path):
    accounts = accounts_of(tmp_path)
    assert (accounts.domains(), accounts.exists(ANNA)) == (set(), False)
    with pytest.raises(MailImportError, match="users_file is postfix-accounts.cf"):
        accounts.check_new(ANNA)


def test_one_that_was_added_meanwhile_is_not_added_twice(config):
    accounts = accounts_of(config)
    accounts.create(ANNA, "pw", "customer")
    with pytest.raises(MailImportError, match="added to .* meanwhile"):
        accounts_of(config).create(ANNA, "other", "customer")
    assert (config / "postfix-accounts.cf").read_text().count("anna@") == 1
