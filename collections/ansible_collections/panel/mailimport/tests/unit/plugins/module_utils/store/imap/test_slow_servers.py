# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store against a server over the network that is slow, or does only so much at once."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import appender, appending
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.network import NetworkChannel
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import body
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import (
    bodies,
    imported,
    network_store,
)


@pytest.fixture
def host(network_host):
    return network_host


def test_a_server_that_has_been_slow_is_given_as_much_time(host, origin, some, monkeypatch):
    """It shows many messages of one command when it has stored all of them."""
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 10)
    monkeypatch.setattr(appender, "_BATCHES_SIDE_BY_SIDE", 1)
    host.product, host.eats = "Dovecot", True
    host.capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID"
    host.refuse = lambda _flags, _data: time.sleep(0.03)
    host.dies = lambda number: "late" if number == 2 else None
    host.lateness = 0.4
    delivered = {}
    refusals, _store = imported(host, origin, some(*range(1, 31)), delivered)
    assert bodies(host) == sorted(map(body, range(1, 31)))
    assert (len(delivered), refusals) == (30, [])


@pytest.mark.parametrize(
    ("how", "lost", "needs"),
    [("lanes", 21, 8.0), ("alone", 3, 8.0), ("alone", 1, 70.0), ("lanes", 1, 70.0), ("many", 1, 70.0)],
)
def test_a_slow_server_is_given_time_however_it_was_sent_something(
    host, origin, message, some, monkeypatch, how, lost, needs
):
    """As much as it has taken before, or as it has had already when it was given up."""
    clock, quiet = [0.0], []
    monkeypatch.setattr(appending, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(NetworkChannel, "seconds_quiet", lambda _channel: 0.0)

    def die(number):
        clock[0] += 60.0 if needs > 60.0 else 5.0  # 60: the client's patience
        return "late" if number == lost else None

    def await_quiet(_session, _names, seconds):
        quiet.append(seconds)
        while host.late and seconds >= needs - (60.0 if needs > 60.0 else 0.0):
            host.store(*host.late.pop())

    monkeypatch.setattr(HostSession, "await_quiet", await_quiet)
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 10)
    monkeypatch.setattr(appender, "_BATCHES_SIDE_BY_SIDE", 1)
    host.product, host.eats, host.dies, host.lateness = "Dovecot" if how == "many" else "Scripted", True, die, None
    sent = some(*range(1, 41))
    if how == "alone":
        sent = [message(uid, body(uid) + b"x" * 200_000, cuts=[100_000]) for uid in range(1, 5)]
    imported(host, origin, sent)
    assert (len(bodies(host)), len(set(bodies(host)))) == (len(sent), len(sent))
    assert (quiet[0], host.late) == (30.0 if needs > 60.0 else 10.0, [])


@pytest.mark.parametrize("product", ["Cyrus IMAPD", "Yahoo"])
@pytest.mark.parametrize("interrupted", [False, True])
def test_no_more_messages_at_once_than_a_server_admits(host, origin, some, product, interrupted):
    """Stored, read back, and looked at after a run that was killed."""
    host.product, host.message_limit = product, 7
    host.capabilities += " MESSAGELIMIT=7"
    if interrupted:
        host.store(b"A", [([], b"01-Jan-2026 10:00:00 +0000", body(uid)) for uid in range(1, 21)])
    delivered = {}
    refusals, _store = imported(host, origin, some(*range(1, 31)), delivered, interrupted=interrupted)
    assert bodies(host) == sorted(map(body, range(1, 31)))
    assert ({refusal.reason for refusal in refusals} <= {"message_altered"}, len(delivered)) == (True, 30)


ASKED = {
    "kept": lambda session: [uid for uid, _kept in session.kept(b"A", b"1:*")],
    "flags": lambda session: [uid for uid, _flags in session.flags(b"A", b"1:*")],
    "sizes": lambda session: [uid for uid, _size in session.sizes(b"A", b"1:*")],
    "beginnings": lambda session: list(session.beginnings(b"A", 5, b"1:*", 10)),
    "outlines": lambda session: [told.uid for told in session.outlines(b"A", b"1:*")],
    "saved_since": lambda session: session.saved_since(b"A", 0.0),
}


@pytest.mark.parametrize("what", ASKED)
def test_a_server_that_stops_is_asked_on_until_it_has_told_of_all(host, what):
    host.message_limit = 7
    host.capabilities += " MESSAGELIMIT=7 SAVEDATE"
    host.store(b"A", [([], b"01-Jan-2026 10:00:00 +0000", body(uid)) for uid in range(1, 21)])
    session = network_store(host, {}).sessions.session()
    assert sorted(ASKED[what](session)) == list(range(1, 21))
    host.last_told = 99
    with pytest.raises(MailImportError, match="does not come to what it was asked for.*MESSAGELIMIT 7 99"):
        ASKED[what](session)


def test_a_server_that_stops_changes_and_removes_all_it_was_asked_to(host):
    host.message_limit = 7
    host.capabilities += " MESSAGELIMIT=7"
    host.store(b"A", [([], b"01-Jan-2026 10:00:00 +0000", body(uid)) for uid in range(1, 31)])
    session = network_store(host, {}).sessions.session()
    assert session.change_flags(b"A", b"1:20", b"+", b"$50%d").ok
    assert [b"$50%d" in message.flags for message in host.folders[b"A"]] == [True] * 20 + [False] * 10
    session.remove(b"A", b"3:25")
    assert [message.uid for message in host.folders[b"A"]] == [1, 2, 26, 27, 28, 29, 30]
    host.message_limit, host.last_told = 3, 99
    with pytest.raises(MailImportError, match="does not come to what it was asked for"):
        session.change_flags(b"A", b"1:*", b"-", b"\\Seen")
