# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login that is refused, or old, gets another secret from the parent, and goes on."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.secret import Renewal
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.line import check_login
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.login import Login
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import SecretWanted
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.sandbox import run_as

REFUSED = b"TAG NO [AUTHENTICATIONFAILED] AUTHENTICATE Invalid credentials or IMAP is disabled sc=1\r\n"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(patience, "RECONNECT_WAIT", 0.0)


@pytest.fixture
def started(account):
    """An account that opens with the passwords or tokens that are `good`."""
    account = account(INBOX=[1, 2])
    account.good = set()

    def login(command):
        return b"TAG OK in\r\n" if any(word.encode() in command for word in account.good) else REFUSED

    account.server.answers[b"LOGIN"] = login
    return account


def work_with(request, work):
    """Do something with a login in a child; return what it said, and the error that ended it."""
    said = []
    with Login(request, None) as login:

        def handle(event):
            if isinstance(event, SecretWanted):
                login.serve()
            else:
                said.append(event)

        run_as(os.geteuid(), os.getegid(), lambda emit: work(login, emit), handle, keep=login.descriptors)
    return said


def request_of(account, passwords, password=""):
    given = iter(passwords)

    def get():
        secret = next(given, None)
        if secret is None:
            raise MailImportError("auth_failed", "there is no other secret")
        return secret

    request = account.request()
    return replace(request, source=replace(request.source, password=password), renew=Renewal(get))


def log_in(login, emit):
    check_login(login, False, emit)


def test_a_secret_that_is_not_there_yet_is_asked_for(started):
    started.good = {"first"}
    request = request_of(started, ["first", "second"])
    work_with(request, log_in)
    assert request.renew.issued == ["first"]


def test_a_secret_that_works_is_kept(started):
    started.good = {"mine"}
    request = request_of(started, [], password="mine")
    work_with(request, lambda login, emit: (login.open(emit).close(), login.open(emit).close()))
    assert request.renew.issued == []


def test_a_secret_that_is_refused_is_replaced_once(started):
    started.good = {"first"}
    request = request_of(started, ["first"], password="old")
    work_with(request, log_in)
    assert request.renew.issued == ["first"]
    started.good = {"third"}
    request = request_of(started, ["first", "second", "third"], password="old")
    with pytest.raises(MailImportError) as error:
        work_with(request, log_in)
    assert error.value.reason == "auth_failed" and request.renew.issued == ["first"]


def test_what_keeps_the_parent_from_a_secret_ends_the_import(started):
    with pytest.raises(MailImportError, match="there is no other secret"):
        work_with(request_of(started, []), log_in)


def test_a_token_serves_one_session(started):
    started.server.answers[b"AUTHENTICATE"] = b"+ \r\n"
    request = request_of(started, ["first", "second"])
    request = replace(request, source=replace(request.source, auth="xoauth2"))
    work_with(request, lambda login, emit: (login.open(emit).close(), login.open(emit).close()))
    assert request.renew.issued == ["first", "second"]
