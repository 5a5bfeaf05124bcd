# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import NotImported
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import (
    Deliveries,
    FolderMark,
    SourceMessages,
)
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import news as news_module
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import (
    AllAnswersKnown,
    Committed,
    Copied,
    Failed,
    FlagsUpdated,
    FolderFilled,
    LeftBehind,
    Listed,
    News,
    Note,
    NothingNew,
    Proved,
    Replaced,
    Sampled,
    SecretWanted,
    SessionWanted,
    Sized,
    Spent,
    Subscribed,
    Verified,
    Visited,
    Waiting,
    decode,
    encode,
    tell_committed,
    tell_left_behind,
)

MARK = FolderMark(b"Entw&APw-rfe\xff", "Drafts", 2**32 - 1, 7, None, 3, 2**63 - 1, True, (3, 5), "1:2")
MESSAGES = SourceMessages(b"A", 7, bytes(range(256)))
ENTRY = NotImported("Sent", "message_refused", "too large", 12, None, 99)
EACH = [
    Listed(3, 70),
    Replaced(True),
    FolderFilled("\u00fc", "Sent", False, 0, 2, 1),
    Committed((MARK, MARK), (MESSAGES,), (Deliveries(b"A", 7, 9, (1, 1, 5)),)),
    Copied(1, 2, 2**40),
    Sized(2**40, True, 2**31),
    Sampled(2**22, 0.5),
    Verified(9, 6, 1, 2, 3, 4),
    FlagsUpdated(0),
    Subscribed(4),
    LeftBehind((ENTRY,), 1),
    Waiting(0.5, "busy"),
    Note("\udcff\n"),
    SecretWanted(),
    SessionWanted(),
    AllAnswersKnown(),
    Proved(),
    NothingNew(),
    Visited(),
    Failed("throttled", "later"),
    Failed("throttled", "tomorrow", 1.5e9),
    Spent(2**40),
]


def test_there_is_no_other_kind():
    assert {type(news) for news in EACH} == set(News.__subclasses__())


@pytest.mark.parametrize("news", EACH, ids=lambda news: type(news).__name__)
def test_what_is_told_arrives_as_it_was(news):
    line = encode(news)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert decode(line) == news


def spoiled(news, **changes):
    return json.dumps({**json.loads(encode(news)), **changes}).encode()


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 500_000,
        b'{"news": "Unheard"}',
        b'{"news": ["Listed"]}',
        spoiled(AllAnswersKnown(), more=1),
        b'{"news": "Copied", "messages": 1, "present": 2}',
        *(spoiled(Copied(1, 2, 3), bytes=value) for value in (-1, 2**63, 1.0, True, "1", None, [], 10**30)),
        spoiled(Replaced(True), moved=1),
        *(spoiled(Waiting(1, ""), seconds=value) for value in (-1, float("nan"), float("inf"), True, "1")),
        *(spoiled(Note(""), message=value) for value in (1, None, "x" * (1 << 21))),
        *(spoiled(Committed(()), marks=value) for value in ({}, [1], [{}], [{"raw_name": "x"}])),
        spoiled(Committed(()), messages=[{"raw_name": "\u00fc", "uidvalidity": 1, "packed": ""}]),
        spoiled(Committed(()), messages=[{"raw_name": "QQ==", "uidvalidity": 1, "packed": "!"}]),
        spoiled(LeftBehind(()), entries=[{**vars(ENTRY), "reason": "made_up"}]),
        spoiled(LeftBehind(()), entries=[{**vars(ENTRY), "uid": "12"}]),
        spoiled(Committed(()), deliveries=None),
        spoiled(Failed("throttled", ""), reason="made_up"),
        spoiled(Failed("throttled", ""), reason=None),
    ],
)
def test_what_is_no_news_is_refused(line):
    with pytest.raises(ValueError):
        decode(line)


def test_much_is_told_in_pieces(monkeypatch):
    monkeypatch.setattr(news_module, "_PACKED_AT_ONCE", 1000)
    told = []
    marks = [replace(MARK, raw_name=b"%d" % number) for number in range(1200)]
    messages = [replace(MESSAGES, raw_name=b"%d" % number) for number in range(5)]
    deliveries = [Deliveries(b"%d" % number, 7, 9, (1, 1, 5)) for number in range(5)]
    tell_committed(told.append, marks, messages, deliveries)
    tell_left_behind(told.append, [ENTRY] * 600, 700)
    tell_left_behind(told.append, [])
    tell_committed(told.append, [])
    committed = [news for news in told if isinstance(news, Committed)]
    assert [len(news.marks) for news in committed] == [3, 498, 500, 199]
    assert [len(news.messages) for news in committed] == [3, 2, 0, 0]
    assert [news.deliveries for news in committed] == [tuple(deliveries[:3]), tuple(deliveries[3:]), (), ()]
    assert [(len(news.entries), news.messages) for news in told if isinstance(news, LeftBehind)] == [
        (500, 700),
        (100, 0),
    ]
