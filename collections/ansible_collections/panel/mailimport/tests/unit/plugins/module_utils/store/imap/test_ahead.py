# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store against a Dovecot and a Cyrus that are far: several commands are on their way before the first one is
answered, and each message is there once all the same.
"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import (
    appender,
    appending,
    conversation,
    in_flight,
    sessions,
)
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.appending import AppendingSession
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.in_flight import InFlight
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.lanes import Lanes
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.network import NetworkChannel
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.session import HostSession
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
def far(network_host, monkeypatch):
    """Make the host a server that is taken for a far one, and gets ten messages in a command."""

    def make(product):
        monkeypatch.setattr(conversation, "_FAR", 0.0)
        monkeypatch.setattr(appender, "BATCH_MESSAGES", 10)
        monkeypatch.setattr(in_flight, "_FIRST_MESSAGES", 40)
        monkeypatch.setattr(sessions, "_QUIET", 0.01)
        network_host.product, network_host.eats = product, product == "Dovecot"
        network_host.capabilities = "IMAP4rev1 LITERAL+ MULTIAPPEND UIDPLUS ID NAMESPACE"
        if not network_host.eats:
            network_host.capabilities += " CATENATE QUOTA APPENDLIMIT=5000"
        return network_host

    return make


@pytest.fixture(params=["Dovecot", "Cyrus IMAPD"])
def host(request, far):
    return far(request.param)


@pytest.fixture
def cyrus(far):
    return far("Cyrus IMAPD")


@pytest.fixture
def no_answer_yet(monkeypatch):
    """Let the server answer as late as it may, as one does that is far."""
    monkeypatch.setattr(InFlight, "has_answer", lambda _commands: False)


@pytest.fixture
def pairs(message):
    """Messages of which each is there twice, the second one some commands later."""
    return [message(uid, body((uid - 1) % 30 + 1)) for uid in range(1, 61)]


TWICE = sorted(body(uid) for uid in range(1, 31) for _copy in range(2))


@pytest.mark.usefixtures("no_answer_yet")
def test_commands_go_ahead_of_their_answers_over_one_connection(host, origin, some, monkeypatch):
    on_their_way, most = [], []
    send, collect = AppendingSession.send_append, AppendingSession.collect_append

    def sends(session, *command, **how):
        on_their_way.append(command)
        most.append(len(on_their_way))
        return send(session, *command, **how)

    def collects(session, *command):
        on_their_way.pop(0)
        return collect(session, *command)

    monkeypatch.setattr(AppendingSession, "send_append", sends)
    monkeypatch.setattr(AppendingSession, "collect_append", collects)
    refusals, _store = imported(host, origin, some(*range(1, 61)))
    assert ([message.data for message in host.folders[b"A"]], refusals) == ([body(uid) for uid in range(1, 61)], [])
    assert max(most) >= 4
    assert (host.busiest, host.asked, on_their_way) == (1, 0, [])


@pytest.mark.usefixtures("no_answer_yet")
@pytest.mark.parametrize(("cost", "least", "most"), [(0.2, 1, 8), (0.01, 20, 60), (0.0002, 400, 2000)])
def test_what_is_on_its_way_takes_the_server_half_a_second(far, origin, some, monkeypatch, cost, least, most):
    """It goes on storing that when the line is lost or the run is killed, and shows nothing of it meanwhile: the next
    session could not know what is there for longer than it waits."""
    now, on_their_way, seen = [0.0], [], []
    send, collect = AppendingSession.send_append, AppendingSession.collect_append

    def sends(session, name, messages, **how):
        on_their_way.append(len(messages))
        seen.append(sum(on_their_way))
        return send(session, name, messages, **how)

    def collects(session, tag, number):
        now[0] += cost * on_their_way.pop(0)
        return collect(session, tag, number)

    monkeypatch.setattr(AppendingSession, "send_append", sends)
    monkeypatch.setattr(AppendingSession, "collect_append", collects)
    monkeypatch.setattr(NetworkChannel, "seconds_quiet", lambda _channel: 0.0)
    for module in (in_flight, appending, conversation):  # the round trip is taken off
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    host = far("Cyrus IMAPD")
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 500)
    monkeypatch.setattr(in_flight, "_FIRST_MESSAGES", 8)
    refusals, _store = imported(host, origin, some(*range(1, 2501)))
    assert ([message.data for message in host.folders[b"A"]], refusals) == ([body(uid) for uid in range(1, 2501)], [])
    assert least <= max(seen) <= most


def test_what_has_waited_for_others_goes_in_one_command(far, origin, message, monkeypatch):
    """A message that is left over and goes alone would take as long as all that are before it, and seem slow."""
    sent, send = [], AppendingSession.send_append

    def sends(session, name, messages, **how):
        sent.append(len(messages))
        return send(session, name, messages, **how)

    monkeypatch.setattr(AppendingSession, "send_append", sends)
    monkeypatch.setattr(NetworkChannel, "seconds_quiet", lambda _channel: 0.0)
    for module in (in_flight, appending):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.0))
    host = far("Dovecot")
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 500)
    for name in ("MESSAGES", "BYTES"):
        monkeypatch.setattr(in_flight, "_FIRST_" + name, getattr(in_flight, "_MOST_" + name))
    long = [message(uid, body(uid).ljust(10_000, b"x")) for uid in range(1, 601)]
    imported(host, origin, long)
    assert (len(bodies(host)), sent) == (600, [210, 210, 180])


@pytest.mark.usefixtures("no_answer_yet")
def test_a_slow_server_gets_messages_over_several_connections(far, origin, some, monkeypatch):
    """Each message waits for the disk there, and several connections for several at a time."""
    host = far("Dovecot")
    monkeypatch.setattr(appender, "BATCH_BYTES", 500)
    clock = SimpleNamespace(monotonic=itertools.count(step=1000.0).__next__)
    for module in (in_flight, appending):
        monkeypatch.setattr(module, "time", clock)
    refusals, _store = imported(host, origin, some(*range(1, 601)))
    assert ([message.data for message in host.folders[b"A"]], refusals) == ([body(uid) for uid in range(1, 601)], [])
    assert (host.busiest, host.asked) == (4, 0)


@pytest.mark.usefixtures("no_answer_yet")
@pytest.mark.parametrize("fate", ["before", "after", "late", "bye"])
@pytest.mark.parametrize("number", [1, 2, 6])
def test_what_was_on_its_way_when_the_connection_was_lost_is_there_once(host, origin, pairs, fate, number, monkeypatch):
    monkeypatch.setattr(sessions, "_QUIET", 0.01 if fate != "late" else 0.3)
    host.dies = lambda now: fate if now == number else None
    delivered = {}
    refusals, store = imported(host, origin, pairs, delivered)
    assert bodies(host) == TWICE
    assert sorted(delivered.values()) == sorted(message.uid for message in host.folders[b"A"])
    assert (sorted(delivered), refusals, store.all_answers_known) == (list(range(1, 61)), [], True)


@pytest.mark.usefixtures("no_answer_yet")
def test_the_server_has_time_to_store_what_was_on_its_way_into_several_folders(host, origin, some, monkeypatch):
    """It may go on with what it was sent when the connection is lost: nothing is sent again before that."""
    waited_for = []
    monkeypatch.setattr(HostSession, "await_quiet", lambda session, names, seconds: waited_for.append(names))
    host.dies = lambda number: "before" if number == 2 else None
    store = network_store(host, delivered := {})
    writers = [store.open_folder((name,), origin(name.encode()), False) for name in ("A", "B")]
    for writer, uids in zip(writers, (range(1, 21), range(21, 41))):
        for fetched in some(*uids):
            writer.add(fetched)
    store.commit()
    found = {name: [message.data for message in host.folders[name]] for name in (b"A", b"B")}
    assert found == {b"A": [body(uid) for uid in range(1, 21)], b"B": [body(uid) for uid in range(21, 41)]}
    assert ([writer.take_refusals() for writer in writers], sorted(delivered)) == ([[], []], list(range(1, 41)))
    assert waited_for == [[b"A", b"B"]]


@pytest.fixture
def slow_source(monkeypatch):
    """Let the source take a minute for what is in the next command; the answer to the last one has come long before,
    when the server was at it for `took` seconds.
    """
    clock, answered, commands = [0.0], [0.0], []
    seen = SimpleNamespace(took=0.0, commands=commands)
    send = InFlight.send

    def sends(on_their_way, folder, session, messages):
        clock[0] += 60.0
        send(on_their_way, folder, session, messages)
        assert session.speaks_within(30.0, b"")
        commands.append(len(messages))
        answered[0] = clock[0] + seen.took

    monkeypatch.setattr(InFlight, "send", sends)
    monkeypatch.setattr(NetworkChannel, "seconds_quiet", lambda _channel: clock[0] - answered[0])
    for module in (in_flight, appending):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    return seen


def test_a_slow_source_does_not_make_the_server_a_slow_one(host, origin, some, slow_source):
    refusals, _store = imported(host, origin, some(*range(1, 101)))
    assert ([message.data for message in host.folders[b"A"]], refusals) == ([body(uid) for uid in range(1, 101)], [])
    assert slow_source.commands == [10] * 10


def test_a_slow_source_does_not_hide_that_the_server_is_slow(host, origin, some, slow_source):
    slow_source.took = 5.0
    imported(host, origin, some(*range(1, 31)))
    assert slow_source.commands == [10, *[1] * 20]


def test_an_answer_that_lies_unread_does_not_count_for_how_long_a_lost_server_is_waited_for(
    host, origin, some, slow_source, monkeypatch
):
    quiet = []
    monkeypatch.setattr(HostSession, "await_quiet", lambda _session, _names, seconds: quiet.append(seconds))
    host.dies = lambda number: "before" if number == 3 else None
    refusals, _store = imported(host, origin, some(*range(1, 61)))
    assert (bodies(host), refusals) == (sorted(body(uid) for uid in range(1, 61)), [])
    assert quiet == [sessions._QUIET]


def test_a_message_that_breaks_off_ends_its_session(host, origin, some, message, monkeypatch):
    """What is sent next would be taken for the rest of it."""
    long = body(25) + b"x" * 300_000

    let_break_off(monkeypatch, host, 25, long[:-10])
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 30)
    monkeypatch.setattr(in_flight, "_FIRST_BYTES", 1 << 20)
    host.capabilities = host.capabilities.replace("=5000", "=5000000")
    store = network_store(host, delivered := {})
    writer = store.open_folder(A, origin(), False)
    with pytest.raises(MemoryError):
        for fetched in [*some(*range(1, 25)), message(25, long), *some(*range(26, 41))]:
            writer.add(fetched)
    other = store.open_folder(("B",), origin(b"B"), False)
    for fetched in some(*range(51, 71)):
        other.add(fetched)
    store.commit()
    store.sessions.close()
    assert bodies(host) == sorted(map(body, range(1, 25)))
    assert sorted(each.data for each in host.folders[b"B"]) == sorted(map(body, range(51, 71)))
    assert (host.ran, sorted(delivered), store.all_answers_known) == ([], [*range(1, 25), *range(51, 71)], False)


@pytest.mark.parametrize("code", ["CANNOT", "SERVERBUG"])
def test_a_command_that_is_refused_takes_nothing_from_those_behind_it(host, origin, pairs, message, code):
    """Nor does one of two equal messages count as the other one."""
    host.refuse = lambda flags, data: b"NO [%s] no" % code.encode() if data == COMMANDS else None
    pairs[4] = message(5, COMMANDS)
    refusals, _store = imported(host, origin, pairs, delivered := {})
    assert ([refusal.uid for refusal in refusals], host.ran) == ([5], [])
    assert bodies(host) == sorted([*TWICE[: TWICE.index(body(5))], *TWICE[TWICE.index(body(5)) + 1 :]])
    assert sorted(delivered.values()) == sorted(message.uid for message in host.folders[b"A"])


def test_equal_messages_of_a_server_that_tells_no_uids_are_two(host, origin, pairs):
    host.appenduid = lambda uids: b""
    refusals, _store = imported(host, origin, pairs, delivered := {})
    assert (bodies(host), refusals) == (TWICE, [])
    assert sorted(delivered.values()) == sorted(message.uid for message in host.folders[b"A"])


@pytest.mark.parametrize("said", [b"NO [OVERQUOTA] full", b"NO Over quota"])
def test_a_mailbox_that_gets_full_is_what_is_said_of_all_that_is_left(host, origin, some, said):
    host.refuse = lambda flags, data: said if len(host.folders[b"A"]) >= 20 else None
    store = network_store(host, {})
    writer = store.open_folder(A, origin(), False)
    taken = itertools.count(1)
    with pytest.raises(MailImportError, match="the mailbox is full"):
        for fetched in some(*range(1, 61)):
            writer.add(fetched)
            next(taken)
        store.commit()
    with pytest.raises(MailImportError, match="the mailbox is full"):
        writer.add(some(61)[0])
    store.commit()
    refused = [(refusal.uid, refusal.reason) for refusal in writer.take_refusals()]
    assert sorted(refused) == [(uid, "over_quota") for uid in range(21, next(taken))]
    assert bodies(host) == sorted(body(uid) for uid in range(1, 21))


def test_a_server_that_ends_all_sessions_is_given_up(host, origin, some):
    host.dies = lambda number: "before"
    store = network_store(host, {})
    writer = store.open_folder(A, origin(), False)
    with pytest.raises(MailImportError):
        for fetched in some(*range(1, 61)):
            writer.add(fetched)
        store.commit()
    assert (bodies(host), store.all_answers_known) == ([], False)


HEADER = b"Subject: x\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        HEADER + b"a NUL \0\r\n",
        HEADER + b"a line feed\n",
        b"Subject: caf\xe9\r\n\r\nin the header\r\n",
        b"no header\r\n\r\n",
        b"Subject: no end of it\r\n",
        b"Subject : a blank\r\n\r\nin front of the colon\r\n",
        b"\r\nno header at all\r\n",
    ],
)
def test_what_a_server_might_object_to_is_sent_when_it_asks_for_it(cyrus, origin, message, data):
    sent = [message(uid, data if uid == 25 else body(uid)) for uid in range(1, 61)]
    imported(cyrus, origin, sent)
    stored = [each.data for each in cyrus.folders[b"A"]]
    assert (stored, cyrus.asked) == ([data if uid == 25 else body(uid) for uid in range(1, 61)], 1)


def test_where_most_have_to_be_asked_for_several_connections_share_them(cyrus, origin, message, monkeypatch):
    monkeypatch.setattr(appender, "BATCH_MESSAGES", 100)
    monkeypatch.setattr(Lanes, "_width", lambda self, messages: self.most)
    refusals, _store = imported(cyrus, origin, [message(uid, body(uid) + b"\n") for uid in range(1, 101)])
    assert ([each.data for each in cyrus.folders[b"A"]], refusals) == ([body(uid) + b"\n" for uid in range(1, 101)], [])
    assert (cyrus.asked, cyrus.busiest) == (100, 4)


@pytest.mark.parametrize("missing", ["CATENATE", "APPENDLIMIT=5000", "LITERAL+", "MULTIAPPEND", ""])
def test_no_other_server_is_sent_parts(cyrus, origin, some, missing):
    cyrus.capabilities = cyrus.capabilities.replace(missing, "") if missing else cyrus.capabilities + " MUPDATE=x"
    refusals, _store = imported(cyrus, origin, some(*range(1, 41)))
    assert (len(bodies(cyrus)), cyrus.asked, refusals) == (40, 40, [])


@pytest.mark.parametrize(("limit", "asked"), [(None, {0}), (100, {0}), (1, {60}), (4, {10, 20, 30})])
def test_a_quota_is_not_gone_beyond(cyrus, origin, message, limit, asked):
    """Cyrus counts parts when it has stored them: half of what is free is sent ahead, the rest when it asks for it."""
    cyrus.limit = limit
    sent = [message(uid, body(uid).ljust(66, b".") + b"\r\n") for uid in range(1, 61)]
    refusals, _store = imported(cyrus, origin, sent)
    assert (len(bodies(cyrus)), refusals) == (60, [])
    assert cyrus.asked in asked


@pytest.mark.parametrize("early", [True, False])
def test_messages_full_of_commands_are_not_run(cyrus, origin, message, early):
    hostile = {17: COMMANDS, 40: COMMANDS + b"XX"}
    sizes = [b"{%d" % len(data) for data in hostile.values()]
    if early:
        cyrus.refuse_early = lambda line: b"NO [CANNOT] no" if any(size in line for size in sizes) else None
    else:
        cyrus.refuse = lambda flags, data: b"NO [CANNOT] no" if data in hostile.values() else None
    refusals, _store = imported(cyrus, origin, [message(uid, hostile.get(uid, body(uid))) for uid in range(1, 61)])
    assert ({refusal.uid for refusal in refusals}, cyrus.ran) == (set(hostile), [])
    assert bodies(cyrus) == sorted(body(uid) for uid in range(1, 61) if uid not in hostile)


@pytest.mark.parametrize("number", [1, 2])
def test_a_connection_lost_when_the_quota_is_asked_for_costs_no_message(cyrus, origin, some, monkeypatch, number):
    asked = itertools.count(1)

    answer = type(cyrus).on_getquotaroot

    def ends(host, rest, lines, output):
        if next(asked) == number:
            raise GoneError
        return answer(host, rest, lines, output)

    monkeypatch.setattr(type(cyrus), "on_getquotaroot", ends)
    cyrus.limit = 4
    refusals, _store = imported(cyrus, origin, some(*range(1, 61)))
    assert (bodies(cyrus), refusals, next(asked) > number) == (sorted(body(uid) for uid in range(1, 61)), [], True)
