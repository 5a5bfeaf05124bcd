# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store logs into a server over the network: early, again, patiently, or not at all."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import network
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body, fill
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import (
    bodies,
    network_store,
)


@pytest.fixture
def host(network_host):
    return network_host


def test_a_server_with_too_many_connections_is_waited_for(host, origin, some):
    store = network_store(host, {})
    writer = store.open_folder(A, origin(), False)
    store.sessions.drop()
    host.most = 0
    waits = []

    def pause(seconds, why):
        waits.append(why)
        host.most = 100 if len(waits) == 2 else 0

    store.dialler._pause = pause
    for fetched in some(1, 2):
        writer.add(fetched)
    store.commit()
    store.sessions.close()
    assert bodies(host) == [body(1), body(2)]
    assert len(waits) == 2 and "Too many connections" in waits[0]


def test_a_server_that_is_away_for_a_while_is_waited_for(host, origin, some, monkeypatch):
    store = network_store(host, {})
    writer = store.open_folder(A, origin(), False)
    left = [3]
    login = host.on_login

    def away(rest, lines, output):
        if left[0]:
            left[0] -= 1
            return b"NO [UNAVAILABLE] being restarted"
        return login(rest, lines, output)

    host.on_login = away
    store.sessions.drop()
    for fetched in some(1, 2):
        writer.add(fetched)
    store.commit()
    assert bodies(host) == [body(1), body(2)]
    assert len(store.pauses) == 3
    store.sessions.close()


def test_a_password_that_opens_it_no_more_ends_the_import_at_once(host):
    host.on_login = lambda rest, lines, output: b"NO [AUTHENTICATIONFAILED] no"
    store = network_store(host, {})
    paths = [("Sent",), ("Drafts",)]
    asking = (
        lambda: store.note_uses(dict.fromkeys(paths, "\\Sent")),
        lambda: store.expect_folders(paths),
        lambda: store.subscribe(paths),
    )
    for number, ask in enumerate(asking, 1):
        with pytest.raises(MailImportError) as error:
            ask()
        assert (error.value.reason, store.pauses, host.commands.count("LOGIN")) == ("auth_failed", [], number)


def test_a_login_that_was_begun_early_is_the_first_session(host, origin, some):
    store = network_store(host, {})
    store.dialler.begin()
    fill(store, origin, some(1))
    store.sessions.drop()
    fill(store, lambda: origin(b"B"), some(2))
    store.sessions.close()
    assert (bodies(host), host.commands.count("LOGIN"), host.busiest) == ([body(1), body(2)], 2, 1)


def test_a_login_that_was_begun_early_and_is_refused_is_not_tried_again(host):
    host.on_login = lambda rest, lines, output: b"NO [AUTHENTICATIONFAILED] no"
    store = network_store(host, {})
    store.dialler.begin()
    with pytest.raises(MailImportError) as error:
        store.subscribe([A])
    assert (error.value.reason, store.pauses, host.commands.count("LOGIN")) == ("auth_failed", [], 1)


@pytest.mark.parametrize("fate", ["throttled", "ended"])
def test_a_login_that_was_begun_early_and_did_not_last_costs_nothing(host, origin, some, fate):
    logins = []

    def on_login(rest, lines, output):
        logins.append(rest)
        if len(logins) > 1:
            return b"OK [CAPABILITY %s] in" % host.capabilities.encode()
        return b"NO [UNAVAILABLE] not now" if fate == "throttled" else b"OK in\r\n* BYE idle for too long"

    host.on_login = on_login
    store = network_store(host, {})
    store.dialler.begin()
    refusals = fill(store, origin, some(1, 2)).take_refusals()
    store.sessions.close()
    assert (bodies(host), refusals, len(logins)) == ([body(1), body(2)], [], 2)


@pytest.mark.parametrize("auth", ["xoauth2", "oauthbearer"])
def test_a_token_opens_the_mailbox(host, origin, some, auth):
    host.capabilities += " SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER"
    store = network_store(host, {}, auth=auth)
    fill(store, origin, some(1))
    store.sessions.close()
    mechanism, initial = host.authenticated
    assert (mechanism.decode(), bodies(host)) == (auth.upper(), [body(1)])
    assert b"Bearer secret" in base64.b64decode(initial)


def test_where_no_thread_can_start_the_login_is_made_when_it_is_wanted(host, origin, some, monkeypatch):
    def submit(_threads, _work):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(network.ThreadPoolExecutor, "submit", submit)
    store = network_store(host, {})
    store.dialler.begin()
    fill(store, origin, some(1))
    store.sessions.close()
    assert bodies(host) == [body(1)]
