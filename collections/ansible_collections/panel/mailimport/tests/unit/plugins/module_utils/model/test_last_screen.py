# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last screen says what was done, what is wrong, and how to go on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any, Dict, List

import pytest
from ansible_collections.panel.mailimport.plugins.filter.last_screen import last_screen as by_host
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.model.last_screen import (
    how_to_go_on,
    last_screen,
    of_one,
)


def entry(email: str, state: str = "completed", **more: Any) -> Dict[str, Any]:
    return ImportResult(email, "source", state=state, **more).as_dict()


def test_d3_the_headline_has_states_messages_bytes_and_time():
    done = [entry("m%d@example.org" % number, messages_copied=73, bytes_copied=3_500_000) for number in range(38)]
    skipped = entry("s@example.org", "skipped", message="it existed before")
    failed = [entry("f%d@example.org" % number, "failed", message="no", reason="auth_failed") for number in range(2)]
    assert last_screen([*done, skipped, *failed], 250.0) == [
        "41 mailboxes: 38 completed, 1 skipped, 2 failed · 2,774 messages, 133 MB, 4 min",
        "s@example.org: skipped: it existed before",
        "f0@example.org: failed: no (auth_failed)",
        "f1@example.org: failed: no (auth_failed)",
    ]
    assert how_to_go_on([*done, *failed], "only") == [
        "Run it again as it is, and what is done is left alone. For the failed ones alone: "
        "only=f0@example.org,f1@example.org",
    ]
    assert how_to_go_on(failed, "only") == how_to_go_on(done, "only") == []
    assert how_to_go_on([*done, *failed, *failed], "only") == how_to_go_on([*done, *failed], "only")


def typed(line: str) -> List[str]:
    """The arguments a shell makes of what the line ends with."""
    command = "printf '%%s\\n' %s" % line.partition(" alone: ")[2]
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()


def test_addresses_mean_to_a_shell_and_to_ansible_what_they_are():
    odd = ["o'brien@x.org", "a&b@x.org", "`id`@x.org", "$home!|@x.org", "{{1+1}}@x.org", "müller@x.org", "no address"]
    failed = [entry(email, "failed", message="no", reason="x") for email in odd]
    (line,) = how_to_go_on([entry("a@x.org"), *failed], "only")
    command = [sys.executable, "-m", "ansible", "adhoc", "localhost", "-m", "debug", "-a", "var=only", *typed(line)]
    environment = dict(os.environ, ANSIBLE_CALLBACK_RESULT_FORMAT="json")
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert json.loads(shown.partition(" => ")[2])["only"] == odd
    bad = {"failed": True}
    assert typed(by_host({"one": {}, "o'brien & `id`": bad, "b": bad})[-1]) == ["--limit", "o'brien & `id`,b"]


def test_hosts_are_picked_by_a_limit():
    good = {"imports": [entry("a@b.example")]}
    bad = {"failed": True, "imports": [entry("c@b.example", "failed", message="no", reason="x")]}
    lost = {"unreachable": True, "msg": "no route\nmore"}
    assert by_host({"one": good, "batch-2": bad, "three": lost, "four": {}}) == [
        "2 mailboxes: 1 completed, 1 failed",
        "c@b.example: failed: no (x)",
        "three: no route",
        "Run it again as it is, and what is done is left alone. For the failed ones alone: --limit batch-2,three",
    ]
    assert by_host({"one": good, "two": bad}, again="only")[-1].endswith("alone: only=c@b.example")


def test_a_play_that_came_to_no_import_says_why_alone():
    assert by_host({"one": {"failed": True, "msg": "there is no file /x.csv"}}) == ["one: there is no file /x.csv"]


def test_d8_nothing_is_said_of_messages_where_none_were_asked_for():
    assert last_screen([entry("a@b.example")], 3.0) == ["1 mailbox: 1 completed"]
    asked = entry("a@b.example", messages_total=7, message_store="maildir")
    assert last_screen([asked]) == ["1 mailbox: 1 completed · no new messages"]
    earlier = entry("c@b.example", messages_total=7)
    assert last_screen([earlier]) == ["1 mailbox: 1 completed · done earlier, the source was not asked"]
    failed = entry("d@b.example", "failed", message="no", reason="x")
    assert last_screen([earlier, failed])[0] == "2 mailboxes: 1 completed, 1 failed"


def test_d2_mail_that_was_moved_aside_is_said_to_be_where_it_is():
    moved = entry(
        "a@b.example", messages_copied=1, bytes_copied=5, changed=True, replaced_to="/var/lib/x/replaced/a@b.example/1"
    )
    assert last_screen([moved])[1:] == [
        "a@b.example: the mail that was there before is in /var/lib/x/replaced/a@b.example/1"
    ]


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (
            entry("a@b.example", message="Done", messages_copied=1, bytes_copied=999),
            "a@b.example: Done · 1 message, 999 B, 1 s",
        ),
        (entry("a@b.example", "failed", message="no", reason="auth_failed"), "a@b.example: no (auth_failed)"),
        (entry("a@b.example", "skipped", message="it was there"), "a@b.example: it was there"),
        (
            entry("a@b.example", "queued", message="3 messages would be imported", messages_copied=3, bytes_copied=999),
            "a@b.example: 3 messages would be imported · 999 B",
        ),
    ],
)
def test_one_mailbox_is_one_line(result: Dict[str, Any], line: str):
    assert of_one(result, 0.4) == line


def test_many_problems_are_named_up_to_a_limit():
    failed = [entry("f%d@b.example" % number, "failed", message="no %d" % number, reason="x") for number in range(150)]
    lines = last_screen([entry("a@b.example"), *failed])
    assert len(lines) == 102 and lines[101] == "and 50 more, see imports in the result"
    (again,) = how_to_go_on([entry("a@b.example"), *failed], "only")
    assert "For the first 100 of 150 failed ones alone: only=f0@b.example," in again and again.count("@") == 100
    hosts = {"h%d" % number: {"failed": True} for number in range(101)}
    again = by_host({"one": {}, **hosts})[-1]
    assert "For the first 100 of 101 failed ones alone: --limit h0,h1," in again


def test_many_that_failed_for_one_cause_are_one_line():
    def failed(number: int, message: str) -> Dict[str, Any]:
        return entry("f%d@b.example" % number, "failed", message="line %d: %s" % (number, message), reason="x")

    cut_off = [failed(number, "no route") for number in range(40)]
    others = [failed(number, "no room") for number in range(40, 44)]
    nameless = entry("", "failed", message="line 99: no address", reason="invalid_row")
    lines = last_screen([*cut_off[:20], *others, nameless, *cut_off[20:]])
    assert lines == [
        "45 mailboxes: 45 failed",
        "f0@b.example, f1@b.example and 38 more: failed: no route (x)",
        *("f%d@b.example: failed: line %d: no room (x)" % (number, number) for number in range(40, 44)),
        "failed: line 99: no address (invalid_row)",
    ]
    assert how_to_go_on([*cut_off, nameless], "only") == []


def test_many_that_were_skipped_for_one_reason_are_one_line_with_their_names():
    skipped = [entry("s%d@b.example" % number, "skipped", message="it was there") for number in range(120)]
    names = ["s%d@b.example" % number for number in range(120)]
    assert last_screen([entry("a@b.example"), *skipped[:5]])[1:] == [", ".join(names[:5]) + ": skipped: it was there"]
    assert last_screen(skipped)[1:] == [
        ", ".join(names[:100]) + " and 20 more (see imports in the result): skipped: it was there"
    ]
    few = [*skipped[:4], entry("s4@b.example", "skipped", message="not now")]
    assert last_screen(few)[1:] == [
        *("%s: skipped: it was there" % name for name in names[:4]),
        "s4@b.example: skipped: not now",
    ]


def test_a_wrong_row_and_mail_that_was_moved_aside_have_lines_of_their_own():
    """However many there are: of the one people look for the place, of the other for the mail."""
    wrong = [entry("", "failed", message="line %d: no address" % number, reason="invalid_row") for number in range(5)]
    assert last_screen(wrong)[1:] == ["failed: line %d: no address (invalid_row)" % number for number in range(5)]
    moved = [
        entry("f@b.example", "failed", message="no route", reason="x", changed=True, replaced_to="/aside/%d" % number)
        for number in range(5)
    ]
    lines = last_screen(moved)[1:]
    assert [line.rpartition(" ")[2] for line in lines if "/aside/" in line] == ["/aside/%d" % n for n in range(5)]


def test_what_a_server_says_of_a_line_is_no_place_in_the_list():
    failed = [
        entry("f%d@b.example" % number, "failed", message="line 3: refused: line %d: no" % number, reason="x")
        for number in range(5)
    ]
    assert len(last_screen(failed)) == 6
