# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.grade import HARMLESS_REASONS
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest, NotImported
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import summarize
from ansible_collections.panel.mailimport.plugins.module_utils.run.news_handler import MOST_ENTRIES, NewsHandler
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import new_outcome
from ansible_collections.panel.mailimport.plugins.module_utils.run.reporter import Reporter
from ansible_collections.panel.mailimport.plugins.module_utils.source.listing import MAX_FOLDERS
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import decode

FILLED = {"source": "a", "name": "a", "created": False, "before": 1, "after": 2, "keywords": 0}
REQUEST = ImportRequest(
    SourceAccount("imap.example.net", "anna", "hunter2"),
    parse_address("anna@example.org"),
    "the mailbox's",
    "customer",
)
ENTRY = {"folder": "Sent", "reason": "message_refused", "message": "too large", "uid": 1, "message_id": None, "size": 2}


def news(values):
    """The news that a process may send as that."""
    return decode(json.dumps(values).encode())


@pytest.mark.parametrize(
    "event",
    [
        {"news": "Note", "message": "folder hunter2 is called hunter2_ on this host"},
        {"news": "Waiting", "seconds": 1.0, "message": "busy with hunter2"},
        {
            "news": "FolderFilled",
            "source": "at",
            "name": "at hunter2",
            "created": False,
            "before": 1,
            "after": 2,
            "keywords": 0,
        },
        *(
            {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, name: "<hunter2@example.net>"}]}
            for name in ("folder", "message", "message_id")
        ),
    ],
)
def test_a_password_that_the_source_echoes_is_masked_wherever_it_is(tmp_path, event):
    said, outcome = [], new_outcome(REQUEST)
    with State(str(tmp_path)) as state:
        NewsHandler(REQUEST, state, outcome, Reporter(note=said.append)).handle(news(event))
    shown = json.dumps([said, asdict(outcome)])
    assert "hunter2" not in shown and "********" in shown


def taken(tmp_path, *events):
    """What people see, and what comes of it, when these events come."""
    said, outcome = [], new_outcome(REQUEST)
    with State(str(tmp_path)) as state:
        taking = NewsHandler(REQUEST, state, outcome, Reporter(note=said.append))
        for event in events:
            taking.handle(news(event))
    return said, outcome


HOSTILE = "Sent\x1b[2J\r\n[mail1] bert@example.org: completed\x9b31m"


def test_what_a_source_says_cannot_act_on_a_terminal_or_look_like_lines_of_ours(tmp_path):
    said, outcome = taken(
        tmp_path,
        {"news": "Note", "message": HOSTILE},
        {"news": "Waiting", "seconds": 1.0, "message": HOSTILE},
        {
            "news": "FolderFilled",
            "source": HOSTILE,
            "name": HOSTILE,
            "created": True,
            "before": 0,
            "after": 2,
            "keywords": 0,
        },
        {
            "news": "LeftBehind",
            "messages": 1,
            "entries": [{**ENTRY, "folder": HOSTILE, "message": HOSTILE, "message_id": HOSTILE}],
        },
    )
    (entry,) = outcome.result.not_imported
    shown = [
        *said,
        *outcome.before.folders,
        *outcome.after.folders,
        entry.folder,
        entry.message,
        entry.message_id,
    ]
    assert len(shown) == 7 and all("Sent" in text and text.isprintable() for text in shown)


def test_d8_what_earlier_runs_brought_counts_in_the_line_of_a_later_run(tmp_path):
    counts = [{"news": "Copied", "messages": copied, "present": 294, "bytes": 9, "linked": 0} for copied in (100, 669)]
    said, _outcome = taken(tmp_path, {"news": "Listed", "folders": 1, "messages": 963}, *counts)
    assert said == ["anna@example.org: 394 of 963 messages"]


def test_names_of_folders_keep_their_blanks(tmp_path):
    _said, outcome = taken(
        tmp_path, {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, "folder": " in  side\u00a0"}]}
    )
    assert outcome.result.not_imported[0].folder == " in  side\u00a0"


def test_what_an_importing_process_tells_is_bounded(tmp_path):
    """A source makes as many messages fail as it likes, and a process that was taken over tells what it likes."""
    entries = [{**ENTRY, "message": "m" * 1_000}] * 500
    _said, outcome = taken(
        tmp_path,
        *({"news": "LeftBehind", "messages": 500, "entries": entries} for _time in range(MOST_ENTRIES // 500 + 2)),
    )
    listed = outcome.result.not_imported
    assert outcome.result.messages_failed == MOST_ENTRIES // 500 * 500 + 1_000
    assert len(listed) == MOST_ENTRIES + 1
    assert (listed[-1].reason, "only the first" in listed[-1].message) == ("message_refused", True)
    assert max(len(entry.message) for entry in listed) <= 500


@pytest.mark.parametrize("more", [0, 1, 700])
def test_what_decides_how_an_import_ends_is_listed_however_late_it_comes(tmp_path, more):
    """A host that alters every message leaves no room in the list for one that it refuses at the end."""
    altered = [{**ENTRY, "reason": "message_altered"}] * 500
    _said, outcome = taken(
        tmp_path,
        *({"news": "LeftBehind", "messages": 0, "entries": altered} for _time in range(MOST_ENTRIES // 500)),
        {"news": "LeftBehind", "messages": 0, "entries": altered[:more]},
        {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, "message": "refused for good"}] * 2},
    )
    lacking = [entry for entry in outcome.result.not_imported if entry.reason not in HARMLESS_REASONS]
    assert "refused for good" in lacking[0].message
    assert len(outcome.result.not_imported) == MOST_ENTRIES + 1


def test_folders_without_end_end_the_import(tmp_path):
    new = {"news": "FolderFilled", "source": "a", "created": True, "before": 0, "after": 1, "keywords": 0}
    events = ({**new, "name": "a%d" % number} for number in range(MAX_FOLDERS + 2))
    with pytest.raises(ValueError, match="folders"):
        taken(tmp_path, *events)


@pytest.mark.parametrize(
    "event",
    [
        {"news": "Copied", "messages": "many", "present": 1, "bytes": 1},
        {"news": "Copied", "messages": 1, "present": [], "bytes": 1},
        {"news": "Copied", "messages": 1, "present": 1, "bytes": {}},
        {"news": "Listed", "folders": "x", "messages": 1},
        {"news": "FlagsUpdated", "messages": "many"},
        {
            "news": "FolderFilled",
            "source": "a",
            "name": "a",
            "created": False,
            "before": "x",
            "after": 2,
            "keywords": 0,
        },
        {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, "uid": "x"}]},
        {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, "size": ["x"]}]},
        {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, "reason": "x" * 1000}]},
        {"news": "LeftBehind", "messages": 1, "entries": [{**ENTRY, "message_id": 1}]},
    ],
)
def test_what_is_no_figure_ends_this_import_and_harms_no_sum(tmp_path, event):
    """The sums of a task are those of all its imports."""
    outcome = new_outcome(REQUEST)
    with State(str(tmp_path)) as state, pytest.raises((TypeError, ValueError, AttributeError)):
        NewsHandler(REQUEST, state, outcome, Reporter()).handle(news(event))
    assert all(isinstance(value, int) for name, value in summarize([outcome.result]).items() if name != "duration")
    assert (outcome.result.not_imported, outcome.before.folders) == ([], {})


def test_a_message_keeps_what_was_known_of_it_and_no_other_takes_it_over(tmp_path):
    """After a renumbering, its UID may be that of a message that stays behind for something else."""
    before = NotImported("Sent", "message_refused", "too large", 1, "<large@example.net>", 9000)
    unknown = {**ENTRY, "size": None}
    outcome = new_outcome(REQUEST)
    with State(str(tmp_path)) as state:
        handler = NewsHandler(REQUEST, state, outcome, Reporter())
        handler.remember([before])
        entries = [unknown, {**unknown, "message": "several messages have this UID"}]
        handler.handle(news({"news": "LeftBehind", "messages": 2, "entries": entries}))
    same, other = outcome.result.not_imported
    assert (same.size, same.message_id) == (9000, "<large@example.net>")
    assert (other.size, other.message_id) == (None, None)
