# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store against a server over the network, over several connections: each message is there once, and many in
one command stay in their order.
"""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import appender, lanes, sessions
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.lanes import Lanes
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_host import GoneError
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.imap_run import A, body
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.store.network_host import (
    COMMANDS,
    bodies,
    imported,
    let_break_off,
    network_store,
)


@pytest.fixture
def host(network_host):
    return network_host


@pytest.mark.parametrize("fate", ["before", "after", "late", "bye"])
@pytest.mark.parametrize("width", [1, 4])
def test_lost_acknowledgements_are_found_out(host, origin, some, fate, width, monkeypatch):
    """Also where one of several connections ends while the others go on, and where what was sent is stored later."""
    monkeypatch.setattr(Lanes, "_width", lambda self, messages: width)
    monkeypatch.setattr(sessions, "_QUIET", 0.01 if fate != "late" else 0.3)
    every = 13 if fate != "late" else 60
    host.dies = lambda number: fate if number % every == 0 else None
    delivered = {}
    refusals, store = imported(host, origin, some(*range(1, 81)), delivered)
    assert bodies(host) == sorted(map(body, range(1, 81)))
    assert sorted(delivered) == list(range(1, 81))
    assert sorted(delivered.values()) == sorted(message.uid for message in host.folders[b"A"])
    assert (refusals, store.all_answers_known, host.ran) == ([], True, [])


MANY_OVER_SEVERAL = [("Cyrus IMAPD", 3), ("Cyrus IMAPD", 8), ("Dovecot", 4)]


@pytest.fixture
def takes_many(host, monkeypatch):
    """Make the host a server that takes many messages in one command, over so many connections at once."""

    def make(product, width):
        host.product, host.eats = product, product == "Dovecot"
        host.capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID"
        monkeypatch.setattr(Lanes, "_width", lambda self, messages: width)
        return {"connections": width}

    return make


@pytest.mark.parametrize(("product", "width"), MANY_OVER_SEVERAL)
def test_many_over_several_connections_stay_in_their_order(host, origin, some, takes_many, product, width):
    refusals, _store = imported(host, origin, some(*range(1, 151)), **takes_many(product, width))
    assert ([message.data for message in host.folders[b"A"]], refusals) == ([body(uid) for uid in range(1, 151)], [])
    assert (host.busiest, host.asked) == (width, 0 if host.eats else 150)
    assert host.appends < 150 / 4


@pytest.mark.parametrize(
    ("product", "width", "fate"),
    [(*each, fate) for each in MANY_OVER_SEVERAL for fate in ("before", "after", "bye")] + [("Cyrus IMAPD", 8, "late")],
)
def test_a_lost_acknowledgement_of_many_is_found_out(host, origin, some, takes_many, monkeypatch, product, width, fate):
    monkeypatch.setattr(sessions, "_QUIET", 0.01 if fate != "late" else 0.3)
    host.dies = lambda number: fate if number in (2, width + 2) else None
    delivered = {}
    refusals, store = imported(host, origin, some(*range(1, 151)), delivered, **takes_many(product, width))
    assert bodies(host) == sorted(map(body, range(1, 151)))
    assert sorted(delivered.values()) == sorted(message.uid for message in host.folders[b"A"])
    assert (sorted(delivered), refusals, store.all_answers_known) == (list(range(1, 151)), [], True)


@pytest.mark.parametrize(("product", "width"), MANY_OVER_SEVERAL)
@pytest.mark.parametrize("early", [True, False])
def test_what_is_refused_of_many_over_several_connections(
    host, origin, message, some, takes_many, product, width, early
):
    """Is told, nothing of it is run, and all others are stored once."""
    hostile = {17: COMMANDS, 80: COMMANDS + b"X", 81: COMMANDS + b"YY"}
    sizes = [b"{%d" % len(data) for data in hostile.values()]
    if early:
        host.refuse_early = lambda line: b"NO [CANNOT] no" if any(size in line for size in sizes) else None
    else:
        host.refuse = lambda flags, data: b"NO [CANNOT] no" if data in hostile.values() else None
    sent = [message(uid, hostile.get(uid, body(uid))) for uid in range(1, 151)]
    refusals, _store = imported(host, origin, sent, **takes_many(product, width))
    assert ({refusal.uid for refusal in refusals}, host.ran) == (set(hostile), [])
    assert bodies(host) == sorted(body(uid) for uid in range(1, 151) if uid not in hostile)


@pytest.mark.parametrize("told", [b"", b"* OK Somebody else has the folder, wait\r\n"])
def test_a_server_that_locks_a_folder_for_a_whole_command(host, origin, some, takes_many, monkeypatch, told):
    """One connection waits for the end of another one's command: nobody waits for that for long, whatever it is told
    meanwhile."""
    monkeypatch.setattr(lanes, "_PATIENCE", 0.01)
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 10)
    folder, owner, taken = threading.Lock(), threading.local(), threading.Event()
    threads, stuck, log_in = [], [], host.on_login

    def note_login(*command):
        threads.append(threading.get_ident())
        return log_in(*command)

    def lock(_flags, _data):
        if not getattr(owner, "is_here", False):
            assert threading.get_ident() != threads[0] or taken.wait(10), "the first connection is the last to get it"
            owner.is_here = folder.acquire(timeout=10)
            if not owner.is_here:
                stuck.append(threading.get_ident())
                raise GoneError
            taken.set()

    def unlock(_number):
        owner.is_here = False
        folder.release()

    def tell(rest, lines, output, take=host.on_append):
        output.write(told)
        return take(rest, lines, output)

    host.on_login, host.on_append, host.refuse, host.dies = note_login, tell, lock, unlock
    refusals, _store = imported(host, origin, some(*range(1, 1001)), **takes_many("Dovecot", 4))
    assert (bodies(host), refusals, stuck) == (sorted(map(body, range(1, 1001))), [], [])


def test_a_server_that_tells_no_uids_gets_all_over_one_connection(host, origin, some):
    """An old one, with mbox files, loses messages of several."""
    host.capabilities = "IMAP4rev1 LITERAL+ NAMESPACE ID"
    host.appenduid = lambda uids: b""
    refusals, _store = imported(host, origin, some(*range(1, 101)), connections=6)
    assert (bodies(host), refusals, host.busiest) == (sorted(map(body, range(1, 101))), [], 1)


def test_connections_are_as_many_as_the_server_admits(host, origin, some):
    host.most = 2
    refusals, _store = imported(host, origin, some(*range(1, 101)), connections=6)
    assert (len(bodies(host)), refusals) == (100, [])
    assert host.busiest <= 3  # one was asked for and refused


def test_a_server_that_lets_connections_wait_for_each_other_gets_all_over_one(host, origin, some):
    """After one message over each has shown it."""
    threads = []

    def store_alone(_flags, _data):
        threads.append(threading.get_ident())
        if threads[-1] != threads[0]:
            time.sleep(0.2)

    host.refuse = store_alone
    refusals, _store = imported(host, origin, some(*range(1, 101)))
    assert (len(bodies(host)), refusals) == (100, [])
    assert sum(thread != threads[0] for thread in threads) == 1


@pytest.mark.parametrize("product", ["Scripted", "Cyrus IMAPD"])
def test_a_server_that_ends_all_connections_but_one_gets_all_over_one(host, origin, some, monkeypatch, product):
    """They are not opened again and again."""
    threads, log_in = [], host.on_login  # which of them gets its message first is a matter of chance

    def note_login(*command):
        threads.append(threading.get_ident())
        return log_in(*command)

    def end_others(_number):
        return None if threading.get_ident() == threads[0] else "before"

    host.on_login = note_login
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 100)
    monkeypatch.setattr(appender, "_BATCHES_SIDE_BY_SIDE", 1)
    monkeypatch.setattr(Lanes, "_width", lambda self, messages: self.most)
    host.product, host.dies = product, end_others
    host.capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID"
    refusals, _store = imported(host, origin, some(*range(1, 601)), connections=8)
    assert (bodies(host), refusals) == (sorted(map(body, range(1, 601))), [])
    assert host.commands.count("LOGIN") == 1 + 7 + 3 + 1


@pytest.mark.parametrize(("product", "width"), [*MANY_OVER_SEVERAL, ("Scripted", 4)])
def test_a_mailbox_that_gets_full_is_what_is_said_of_all_that_is_left(host, origin, some, takes_many, product, width):
    how = takes_many(product, width)
    with host.lock:
        host.refuse = lambda flags, data: b"NO [OVERQUOTA] full" if len(host.folders[b"A"]) >= 40 else None
    store = network_store(host, {}, **how)
    writer = store.open_folder(A, origin(), False)
    for fetched in some(*range(1, 151)):
        writer.add(fetched)
    with pytest.raises(MailImportError, match="the mailbox is full"):
        store.commit()
    stored = {message.data for message in host.folders[b"A"]}
    left = [uid for uid in range(1, 151) if body(uid) not in stored]
    refusals = writer.take_refusals()
    assert (sorted(refusal.uid for refusal in refusals), len(stored)) == (left, len(host.folders[b"A"]))
    assert {refusal.reason for refusal in refusals} == {"over_quota"}


def test_what_a_message_that_is_refused_costs(host, origin, message, takes_many, monkeypatch):
    """Its connection, and no other one: all of them are in use again for the rest, and nothing is searched for."""
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 100)
    how = takes_many("Dovecot", 4)
    monkeypatch.setattr(Lanes, "_width", lambda self, messages: self.most)
    monkeypatch.setattr(sessions.HostSessions, "renew", lambda self, error, is_another=False: pytest.fail(str(error)))
    refused = {uid: b"bad%d" % uid for uid in (3, 390, 700)}
    host.refuse = lambda flags, data: b"NO [CANNOT] no" if data in refused.values() else None
    sent = [message(uid, refused.get(uid, body(uid))) for uid in range(1, 1201)]
    refusals, store = imported(host, origin, sent, **how)
    assert (sorted(refusal.uid for refusal in refusals), len(bodies(host))) == ([3, 390, 700], 1197)
    assert store.appender._lanes.most == 4
    assert host.commands.count("LOGIN") <= 4 + 2 * 3, "once more for each, and for it alone"


def test_no_connection_sends_more_in_one_command_than_the_server_takes():
    for messages, parts, most in ((800, 8, 100), (797, 8, 100), (150, 4, 100), (150, 3, 50), (64, 8, 64)):
        sizes = lanes._sizes(messages, parts, most)
        assert (len(sizes), sum(sizes)) == (parts, messages) and max(sizes) <= most
    assert lanes._sizes(150, 4, 150) == [36, 37, 38, 39]


def test_connections_that_were_idle_for_long_are_opened_anew(host, origin, some, monkeypatch):
    """The server may have ended them meanwhile."""
    monkeypatch.setattr(lanes, "_LONGEST_IDLE", -1.0)
    monkeypatch.setattr(Lanes, "_width", lambda self, messages: 4)
    refusals, _store = imported(host, origin, some(*range(1, 101)))
    assert (len(bodies(host)), refusals) == (100, [])
    assert host.commands.count("LOGIN") >= 1 + 3 + 3


def test_one_connection_is_one(host, origin, some):
    imported(host, origin, some(*range(1, 101)), connections=1)
    assert (len(bodies(host)), host.busiest) == (100, 1)


@pytest.mark.parametrize(("product", "width"), [("Scripted", 4), *MANY_OVER_SEVERAL])
def test_a_message_that_breaks_off_ends_all_sessions_that_are_in_the_middle_of_a_command(
    host, origin, some, message, takes_many, product, width, monkeypatch
):
    """What is sent next would be taken for the rest of it."""
    long = body(30) + b"x" * 300_000

    let_break_off(monkeypatch, host, 30, long[:-10])
    several = takes_many(product, width)
    if product == "Scripted":
        host.capabilities = host.capabilities.replace(" MULTIAPPEND", "")
    store = network_store(host, {}, **several)
    writer = store.open_folder(A, origin(), False)
    for fetched in [*some(*range(1, 30)), message(30, long), *some(*range(31, 60))]:
        writer.add(fetched)
    with pytest.raises(MemoryError):
        store.commit()
    other = store.open_folder(("B",), origin(b"B"), False)
    for fetched in some(*range(61, 100)):
        other.add(fetched)
    store.commit()
    store.sessions.close()
    assert set(bodies(host)) <= {body(uid) for uid in range(1, 60) if uid != 30}
    assert sorted(each.data for each in host.folders[b"B"]) == sorted(map(body, range(61, 100)))
    assert (host.ran, store.all_answers_known) == ([], False)
