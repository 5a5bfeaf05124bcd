# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.fetch import FetchRequest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.refusals import SourceBusyError
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import SourceConnections
from ansible_collections.panel.mailimport.plugins.module_utils.source import connections as connections_module
from ansible_collections.panel.mailimport.plugins.module_utils.source.connections import Connections
from ansible_collections.panel.mailimport.tests.unit.plugins.module_utils.source.account_server import AccountServer

AUTO = SourceConnections.parse("auto")


class Opened:
    """Opens sessions with an account, and keeps them; from `refused` on with that error."""

    def __init__(self, account, refused=1000, error=None):
        self.account = account
        self.refused = refused
        self.error = error
        self.sessions = []
        self.told = []

    def __call__(self):
        if len(self.sessions) >= self.refused:
            raise self.error
        self.sessions.append(self.account.session())
        return self.sessions[-1]


@pytest.fixture
def opened():
    """An account with one folder of 300 messages, 15 MB, and how its connections are opened."""
    account = AccountServer({b"INBOX": {uid: b"%06d" % uid * 8_000 for uid in range(1, 601, 2)}})
    sessions = Opened(account)
    yield sessions
    for session in sessions.sessions:
        session.abandon()
    account.server.close()


def fetch_all(connections, first):
    """Read everything; return the UIDs in the order they came, and how it ended."""
    found, complete = [], []
    for folder in connections.fetch(first, [FetchRequest(first.list_folders()[0], b"1:*")]):
        for fetched in folder.messages():
            assert bytes(fetched.whole[:6]) == b"%06d" % fetched.message.uid
            found.append(fetched.message.uid)
        complete.append(folder.complete)
    return found, complete


@pytest.mark.parametrize(("number", "connections_opened"), [("1", 1), ("2", 2), ("5", 5), ("auto", 1)])
def test_all_messages_come_in_order(opened, number, connections_opened):
    connections = Connections(opened, SourceConnections.parse(number), opened.told.append)
    assert fetch_all(connections, opened()) == (list(range(1, 601, 2)), [True])
    assert len(opened.sessions) == connections_opened
    connections.close()
    assert opened.told == []


def test_auto_adds_connections_while_that_makes_it_faster(opened, monkeypatch):
    answers = iter([True, True, False])
    monkeypatch.setattr(connections_module._Rate, "risen", lambda rate, received: next(answers, None))
    closed = []
    connections = Connections(opened, AUTO, opened.told.append)
    first = opened()
    close = first.__class__.close
    monkeypatch.setattr(first.__class__, "close", lambda session: (closed.append(session), close(session)))
    assert fetch_all(connections, first) == (list(range(1, 601, 2)), [True])
    assert len(opened.sessions) == 3
    assert closed == opened.sessions[2:], "the one that was not worth it goes at once"


def test_a_rate_is_compared_with_the_best_before(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(connections_module.time, "monotonic", lambda: now[0])
    rate = connections_module._Rate()
    seen = []
    for seconds, received in ((1, 10), (3, 30), (4, 40), (6, 90), (9, 150), (12, 200)):
        now[0] = seconds
        seen.append(rate.risen(received))
    # 10, 20, 20 and 17 bytes a second
    assert seen == [None, True, None, True, False, False]


@pytest.mark.parametrize(
    "error", [MailImportError("auth_failed", "no"), SourceBusyError("no", 1.0, overload=True, crowded=True)]
)
def test_one_that_is_refused_is_not_asked_for_again(opened, error):
    opened.refused, opened.error = 2, error
    connections = Connections(opened, SourceConnections(4), opened.told.append)
    assert fetch_all(connections, opened()) == (list(range(1, 601, 2)), [True])
    assert opened.told == ["goes on with 2 connections: no"]


@pytest.mark.parametrize(
    ("error", "left"),
    [(SourceBusyError("slowly", 1.0, overload=True), 3), (MailImportError("connection_failed", "reset"), 4), (None, 4)],
)
def test_after_trouble_there_is_one_fewer_only_if_the_source_wants_less(opened, error, left):
    connections = Connections(opened, SourceConnections(4), opened.told.append)
    first = opened()
    for folder in connections.fetch(first, [FetchRequest(first.list_folders()[0], b"1:*")]):
        next(folder.messages())
        break
    connections.drop(error)
    before = len(opened.sessions)
    assert fetch_all(connections, opened()) == (list(range(1, 601, 2)), [True])
    assert len(opened.sessions) - before == left


def test_sizes_out_of_order_are_an_error_and_the_folder_comes_whole_the_next_time(opened):
    wanted = opened.account._wanted
    opened.account._wanted = lambda uids: reversed(list(wanted(uids)))
    connections = Connections(opened, SourceConnections(2), opened.told.append)
    with pytest.raises(MailImportError, match="out of order"):
        fetch_all(connections, opened())
    connections.drop()
    assert sorted(fetch_all(connections, opened())[0]) == list(range(1, 601, 2))


def test_what_is_no_number(opened):
    for text in ("0", "17", "-1", "many", "", "1.5", "٣"):
        with pytest.raises(MailImportError, match="source_connections must be auto or a number from 1 to 16"):
            SourceConnections.parse(text)


def test_what_one_part_says_of_the_source_s_load_is_the_folder_s(opened):
    fetch = opened.account.server.answers[b"UID FETCH"]
    first_part = []

    def throttled(command):
        answer = fetch(command)
        if b"BODY" in command and not first_part:
            first_part.append(command)
            return answer.replace(b"TAG OK", b"TAG OK [THROTTLED]")
        return answer

    opened.account.server.answers[b"UID FETCH"] = throttled
    first = opened()
    (folder,) = Connections(opened, SourceConnections(2), opened.told.append).fetch(
        first, [FetchRequest(first.list_folders()[0], b"1:*")]
    )
    assert folder.status.code == b"THROTTLED"


def test_messages_that_come_and_go_between_two_parts_leave_it_open_whether_all_came(opened):
    """As many as before, one of them new: the number alone proves nothing."""
    examine = opened.account.server.answers[b"EXAMINE"]
    examined = []

    def examine_later(command):
        examined.append(command)
        answer = examine(command)
        # The sizes are listed and the first part is opened before.
        return answer if len(examined) < 3 else answer.replace(b"[UIDNEXT 600]", b"[UIDNEXT 601]")

    opened.account.server.answers[b"EXAMINE"] = examine_later
    assert fetch_all(Connections(opened, SourceConnections(2), opened.told.append), opened())[1] == [False]
