# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole imports into a server over the network, one after the other."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import MailSession, TargetAccount
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.account_import import import_account
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.login import AccountLogin
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.stores import Target
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.source.account_server import AccountServer
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import (
    FoldedNames,
    NetworkHost,
)


@pytest.fixture
def host():
    host = NetworkHost()
    yield host
    host.close()


@pytest.fixture
def run(host, marks_in):
    """Import an account, and take note of what the next run gets; return what was emitted."""
    known = {"marks": {}, "deliveries": []}

    def perform(source):
        request, events = source.request(message_store="imap"), []
        account = TargetAccount("127.0.0.1", "anna", "secret", port=host.port, tls="none", timeout=30.0)
        target = Target(
            location=MailSession(0, 0, separator="/", account=account),
            broker=None,
            messages=(),
            last_run_incomplete=False,
            may_hold_unrecorded_mail=False,
            killed_since=None,
            aside=None,
            proof=b"",
            room=None,
            **known,
        )
        import_account(request, AccountLogin(request.source, None, None), target, events.append)
        known["marks"].update(marks_in(events))
        known["deliveries"] += [each for event in events for each in getattr(event, "deliveries", ())]
        return events

    return perform


def test_a_folder_that_came_first_keeps_its_name_where_another_one_is_the_same_to_the_host(run, host, account):
    host.folders = FoldedNames(lambda raw: raw.lower(), [b"INBOX"])
    host.called = host.folders.called
    source = account(INBOX=[1], work=[1, 2])
    run(source)
    old = dict(source.folders[b"work"])
    source.folders.clear()
    source.folders.update({b"INBOX": {1: b"one"}, b"Work": {1: b"another"}, b"work": {**old, 3: b"three"}})
    events = run(source)
    assert sorted(message.data for message in host.folders[b"work"]) == sorted(source.folders[b"work"].values())
    assert [entry.folder for event in events for entry in getattr(event, "entries", ())] == ["Work"]


def test_a_folder_that_the_host_refuses_is_told_once(run, host, account):
    """It is not subscribed to, either, before there is one."""
    host.on_subscribe = lambda _rest, _lines, _output: b"NO [CANNOT] not this name"
    events = run(account(INBOX=[1], forbidden=[1]))
    refused = [entry.folder for event in events for entry in getattr(event, "entries", ())]
    assert refused.count("forbidden") == 1


def test_a_first_import_logs_into_both_servers_at_a_time_and_a_later_one_only_where_it_has_to(
    run, host, account, monkeypatch
):
    logged_in, waited = threading.Event(), []
    status, login = AccountServer._status, host.on_login

    def waiting(source, command):
        waited.append(logged_in.wait(30))
        return status(source, command)

    def on_login(rest, lines, output):
        logged_in.set()
        return login(rest, lines, output)

    monkeypatch.setattr(AccountServer, "_status", waiting)
    host.on_login = on_login
    source = account(INBOX=[1, 2])
    run(source)
    assert (all(waited), host.commands.count("LOGIN"), len(host.folders[b"INBOX"])) == (True, 1, 2)
    run(source)
    assert host.commands.count("LOGIN") == 1
    source.folders[b"INBOX"][3] = b"Subject: 3\r\n\r\nbody\r\n"
    run(source)
    assert (host.commands.count("LOGIN"), len(host.folders[b"INBOX"])) == (2, 3)
