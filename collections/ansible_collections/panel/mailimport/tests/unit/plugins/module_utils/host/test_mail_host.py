# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules that hold for every pair of accounts and mail server, on a Dovecot that keeps what it knows of logins."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.base import Accounts
from ansible_collections.panel.mailimport.plugins.module_utils.host.dovecot.server import DovecotServer
from ansible_collections.panel.mailimport.plugins.module_utils.host.mail_host import MailHost
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.host.conftest import running

ANNA = Address("anna", "example.org")


class DictionaryAccounts(Accounts):
    """A file for each mailbox, which Dovecot reads through its dictionaries and keeps, as it does with SQL."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(exist_ok=True)

    @property
    def place(self):
        return str(self.directory)

    def domains(self):
        return {path.name.rpartition("@")[2] for path in self.directory.iterdir()}

    def exists(self, address):
        return (self.directory / str(address)).exists()

    def check_new(self, address):
        pass

    def create(self, address, password, owner=""):
        home = "%s/vmail/%s" % (self.directory.parent, address)
        fields = {"password": "{PLAIN}%s" % password, "uid": 5000, "gid": 5000, "home": home}
        (self.directory / str(address)).write_text(json.dumps(fields))

    def remove(self, address):
        (self.directory / str(address)).unlink()

    set_password = create


@pytest.fixture
def accounts(instance):
    """The instance's users come from a dictionary; it runs."""
    if instance.speaks_new:
        pytest.skip("Dovecot 2.4 has no users in dictionaries")
    found = DictionaryAccounts(instance.root / "accounts")
    keys = "key all {\n  key = %u\n  format = json\n}\npassdb_objects = all\nuserdb_objects = all\n"
    (instance.root / "dict.conf").write_text("uri = fs:posix:prefix=%s/\n%s" % (found.place, keys))
    own = re.sub(r"(?m)^(passdb|userdb) \{\n(  .*\n)*\}\n", "", Path(instance.config).read_text())
    database = "{\n  driver = dict\n  args = %s/dict.conf\n}\n" % instance.root
    Path(instance.config).write_text("%spassdb %suserdb %s" % (own, database, database))
    with running(instance):
        yield found


@pytest.fixture
def host(instance, accounts):
    return MailHost(accounts, DovecotServer(instance.config))


def test_a_mailbox_that_was_asked_for_before_it_existed_opens_at_once(host):
    assert not host.verify_password(ANNA, "secret-word")
    with pytest.raises(MailImportError, match="does not know anna@example.org"):
        host.store_of(ANNA)
    host.create_mailbox(ANNA, "secret-word", "customer")
    assert host.store_of(ANNA).uid == 5000
    assert host.verify_password(ANNA, "secret-word")


def test_the_old_password_opens_no_more(host):
    host.create_mailbox(ANNA, "old-word", "customer")
    assert host.verify_password(ANNA, "old-word")
    host.set_password(ANNA, "new-word")
    assert not host.verify_password(ANNA, "old-word") and host.verify_password(ANNA, "new-word")


def test_a_mailbox_taken_back_is_forgotten(host):
    host.create_mailbox(ANNA, "secret-word", "customer")
    assert host.verify_password(ANNA, "secret-word") and host.store_of(ANNA)
    host.remove_mailbox(ANNA)
    assert not host.verify_password(ANNA, "secret-word")
    with pytest.raises(MailImportError, match="does not read .*/accounts"):
        host.store_of(ANNA)


def test_a_mailbox_whose_server_does_not_take_the_news_is_not_left_behind(host, accounts, instance):
    Path(instance.config).unlink()
    with pytest.raises(MailImportError, match="No such file"):
        host.create_mailbox(ANNA, "secret-word", "customer")
    assert not accounts.exists(ANNA)


def test_what_went_wrong_first_is_told_when_the_mailbox_cannot_be_taken_back_either(
    host, accounts, instance, monkeypatch
):
    def refuse(_address):
        raise MailImportError("disk_full", "no space for the list of mailboxes")

    monkeypatch.setattr(accounts, "remove", refuse)
    Path(instance.config).unlink()
    with pytest.raises(MailImportError, match="No such file.*could not be taken back.*no space") as error:
        host.create_mailbox(ANNA, "secret-word", "customer")
    assert error.value.reason == "host_refused"
