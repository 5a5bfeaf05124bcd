# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mail host that is a directory, and a source of a few messages."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.host.mail_host import MailHost
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import MailFiles, NewHome
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.source.account_server import AccountServer


class DirectoryHost(MailHost):
    """Mailboxes are directories of this process's own user; passwords are kept in memory."""

    sets_passwords = True

    def __init__(self, root):
        self.root = root
        self.passwords = {}
        self.published = {}
        self.owners = {}

    def expect(self, addresses):
        pass

    def import_queues(self):
        return None

    def domains(self):
        return {address.domain for address in self.passwords}

    def owner_of(self, domain, wanted):
        return self.owners.get(domain)

    def introduce(self, address, password):
        pass

    def check_source(self, source, address):
        pass

    def compare_with_source(self, source, address):
        pass

    def mailbox_exists(self, address):
        return address in self.passwords

    def check_password(self, password):
        pass

    def check_new_mailbox(self, address):
        pass

    def new_home(self, address):
        return NewHome(str(self.root / str(address)), os.geteuid(), os.getegid())

    def create_mailbox(self, address, password, owner):
        assert address not in self.passwords
        self.passwords[address] = password

    def create_mailboxes(self, wanted):
        failures = {}
        for each in wanted:
            try:
                self.create_mailbox(*each)
            except OSError as failure:
                failures[each.address] = failure
        return failures

    def remove_mailbox(self, address):
        del self.passwords[address]

    def set_password(self, address, password):
        assert address in self.passwords
        self.passwords[address] = password

    def verify_password(self, address, password):
        return self.passwords[address] == password

    def store_of(self, address):
        root = str(self.root / str(address) / "Maildir")
        return MailFiles(os.geteuid(), os.getegid(), "maildir", root, root, root)

    def start_session(self, address, keep):
        raise AssertionError("a Maildir needs no session")

    def quota_free(self, address, emptied=False):
        return None

    def publish_domains(self, owners, write=True):
        before, wanted = self.published, dict(owners())
        self.published = wanted if write else before
        return wanted != before


@dataclass(frozen=True)
class Settings:
    """What HostSettings is to the run."""

    host: DirectoryHost
    state_dir: str

    def open_host(self):
        return self.host


@pytest.fixture
def host(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may log in at a source as nobody")
    return DirectoryHost(tmp_path / "mail")


@pytest.fixture
def settings(host, tmp_path):
    return Settings(host, str(tmp_path / "state"))


@pytest.fixture
def account():
    """INBOX with messages 1 and 2, and Sent with message 1, both subscribed."""
    account = AccountServer({b"INBOX": {1: b"one", 2: b"two"}, b"Sent": {1: b"three"}})
    yield account
    account.server.close()


@pytest.fixture
def source(account):
    return account.server


@pytest.fixture
def request_for(account):
    """What a task asks for."""
    return account.request


@pytest.fixture
def run(settings):
    """Run one import; return its result."""

    def perform(request, **options):
        return import_mailbox(request, settings, **options).result

    return perform
