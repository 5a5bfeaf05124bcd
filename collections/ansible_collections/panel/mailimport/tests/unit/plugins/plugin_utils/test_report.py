# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report: the list beside what hosts know, and the files that come of it."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import BadRow, rows_of_list
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.acceptance import acceptances_of
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.mailboxes import compare
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.page import as_page
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.summary import Report, ToCome, lines
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.tables import (
    as_json,
    as_metrics,
    mailboxes_csv,
    not_imported_csv,
)

SCHEMA = Path(__file__).parents[4] / "docs" / "report.schema.json"
HOSTILE = "<script>alert(1)</script>\"'&\u202e"
REFUSED = {"folder": "INBOX", "reason": "message_refused", "message": "odd", "uid": 7, "message_id": "<1@x>", "size": 9}


def entry(email: str, state: str = "completed", source: str | None = None, **values: Any) -> dict[str, Any]:
    known = ImportResult(email, source or "%s@imap.old.example" % email, state).as_dict()
    success = "2026-12-04T22:10:35Z" if state == "completed" else None
    return {**known, "last_success": success, "bytes_imported": 10, **values}


def report_of(
    rows: list[dict[str, Any]], *, accept: Any = (), bad: Any = (), source_host: Any = None, **hosts: Any
) -> Report:
    results = {name: known if isinstance(known, dict) else {"imports": known} for name, known in hosts.items()}
    boxes = compare(rows_of_list(rows), bad, results, source_host, acceptances_of(accept))
    return Report("Company", boxes)


def states(report: Report) -> list[tuple[str, str]]:
    return [(box.email, box.state) for box in report.mailboxes]


def row(email: str, **values: Any) -> dict[str, Any]:
    return {"email": email, "password": "geheim", **values}


def test_d5_what_no_host_knows_has_not_begun() -> None:
    report = report_of([row("A@x.example"), row("b@x.example"), row("c@x.example")], mail1=[entry("a@x.example")])
    assert states(report) == [
        ("a@x.example", "completed"),
        ("b@x.example", "not_begun"),
        ("c@x.example", "not_begun"),
    ]
    assert not report.complete and len(report.left) == 2
    assert lines(report)[0] == "Company: not complete: 1 of 3 mailboxes done, 2 left"
    assert "not begun: b@x.example, c@x.example" in lines(report)


def test_d5_a_host_that_gave_no_answer_leaves_its_mailboxes_unknown() -> None:
    rows = [row("a@x.example", mail_host="mail1"), row("b@x.example", mail_host="mail2"), row("c@x.example")]
    report = report_of([*rows, row("d@x.example", mail_host="mail9")], mail1=[], mail2={"unreachable": True})
    assert [state for _email, state in states(report)] == ["not_begun", "unknown", "unknown", "unknown"]
    assert report_of([row("a@x.example")]).mailboxes[0].state == "unknown"


def test_d5_an_import_on_another_host_or_from_another_source_is_another() -> None:
    elsewhere = entry("a@x.example", source="a@x.example@imap.test.example")
    rows = [row("a@x.example", mail_host="mail1")]
    for report in (
        report_of(rows, mail1=[], mail2=[entry("a@x.example")]),
        report_of(rows, source_host="imap.old.example", mail1=[elsewhere]),
        report_of([row("a@x.example", source_host="imap.old.example")], mail1=[elsewhere]),
    ):
        assert [(box.state, box.listed) for box in report.mailboxes] == [("not_begun", True), ("completed", False)]
        assert not report.complete


def test_two_sources_of_one_mailbox_are_two_rows() -> None:
    rows = [row("a@x.example"), row("old@y.example", target_email="a@x.example")]
    first = entry("a@x.example", source="a@x.example@imap.old.example")
    report = report_of(rows, mail1=[first])
    assert states(report) == [("a@x.example", "completed"), ("a@x.example", "not_begun")]


def test_a_row_that_is_there_twice_is_wrong_as_for_the_import() -> None:
    report = report_of([row("a@x.example"), row("A@x.example"), row("b@x.example")], m=[entry("a@x.example")])
    assert states(report) == [("a@x.example", "completed"), ("b@x.example", "not_begun"), ("a@x.example", "failed")]
    assert report.mailboxes[2].message == "entry 2: the list has this mailbox twice, from the same source"


def test_rows_that_are_wrong_and_empty_lists_are_not_complete() -> None:
    report = report_of([], bad=[BadRow("line 3", "", "email is missing")], mail1=[])
    assert (report.mailboxes[0].state, report.mailboxes[0].reason) == ("failed", "invalid_row")
    assert not report.complete and not report_of([], mail1=[]).complete


def test_what_is_done_is_done() -> None:
    report = report_of(
        [row("a@x.example"), row("b@x.example")], m=[entry("a@x.example"), entry("b@x.example", "skipped")]
    )
    assert report.complete and report.grade == "perfect" and report.left == []


@pytest.mark.parametrize(
    ("accept", "missing", "complete"),
    [
        ({"message_id": "<1@x>"}, 1, True),
        ({"folder": "INBOX", "uid": 7, "reason": "message_refused"}, 1, True),
        ({"reason": "message_refused"}, 1, True),
        ({"reason": "over_quota"}, 1, False),
        ({"folder": "INBOX", "uid": 8}, 1, False),
        ({"message_id": "<1@x>", "email": "b@x.example"}, 1, False),
        # More is missing than is listed.
        ({"message_id": "<1@x>"}, 2, False),
    ],
)
def test_what_was_accepted_keeps_nothing_from_being_done(accept: Any, missing: int, complete: bool) -> None:
    known = entry(
        "a@x.example",
        "failed",
        reason="message_refused",
        messages_total=9,
        messages_failed=missing,
        not_imported=[REFUSED],
    )
    report = report_of([row("a@x.example")], accept=[{"email": "A@x.example", **accept}], mail1=[known])
    assert report.complete is complete
    assert report.grade == "poor" and report.mailboxes[0].state == "failed"


def test_what_ended_for_another_reason_is_not_accepted() -> None:
    known = entry("a@x.example", "failed", reason="interrupted", messages_failed=1, not_imported=[REFUSED])
    assert not report_of(
        [row("a@x.example")], accept=[{"email": "a@x.example", "uid": 7, "folder": "INBOX"}], m=[known]
    ).complete


def test_nobody_can_accept_a_whole_mailbox() -> None:
    with pytest.raises(MailImportError, match="entry 1"):
        acceptances_of([{"email": "a@x.example"}])


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.append(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _value in attrs)


def test_hostile_names_are_text_in_the_page() -> None:
    lack = {**REFUSED, "folder": HOSTILE, "message_id": HOSTILE, "message": HOSTILE}
    known = entry("a@x.example", "failed", reason=HOSTILE, message=HOSTILE, not_imported=[lack], source=HOSTILE)
    page = as_page(Report(HOSTILE, report_of([row("a@x.example")], **{HOSTILE: [known], "m": []}).mailboxes))
    assert Tags(page).names.count("script") == 1 and "\u202e" not in page.split("<body>")[1].split("<h2>")[1]
    assert "&lt;script&gt;alert(1)" in page and "geheim" not in page


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "x;=1", 'x,"=1', "＝1"])
def test_no_cell_is_a_formula(text: str) -> None:
    lack = {**REFUSED, "folder": text, "message": text}
    known = entry("=a@x.example", "failed", message=text, not_imported=[lack])
    report = report_of([row("=a@x.example")], m=[known])
    for table in (mailboxes_csv(report), not_imported_csv(report)):
        for separator in ",;\t":
            cells = [cell for line in csv.reader(io.StringIO(table[1:]), delimiter=separator) for cell in line]
            assert not [cell for cell in cells if re.match(r"[\s\"']*[=+\-@＝]", cell) and "'" not in cell[:4]], (
                separator
            )


def test_the_json_is_as_its_schema_says() -> None:
    report = report_of(
        [row("a@x.example"), row("b@x.example"), row("c@x.example")],
        mail1=[entry("a@x.example"), entry("b@x.example", "failed", reason="auth_failed", not_imported=[REFUSED])],
    )
    whole = json.loads(as_json(report))
    jsonschema.validate(whole, json.loads(SCHEMA.read_text()))
    assert whole["summary"]["states"]["not_begun"] == 1 and "geheim" not in as_json(report)


def test_what_looks_have_found_stands_in_the_page_and_in_the_json() -> None:
    disk = {"place": "/var/<vmail>", "bytes_needed": 9 << 30, "files_needed": 9, "bytes_free": 1 << 30}
    estimate = {
        **{"mailboxes": 2, "messages": 7, "bytes": 8 << 30, "bytes_estimated": False, "largest": [], "slow": []},
        **{"over_quota": ["b@x.example"], "disks": [{**disk, "files_free": 99, "enough": False}]},
        **{"connections": None, "sampled_bytes": 0, "durations": []},
    }
    report = report_of([row("a@x.example"), row("b@x.example")], mail1=[])._replace(
        to_come={"mail1": ToCome.of(estimate)}
    )
    assert "<li>not enough room in /var/&lt;vmail&gt;: about 9.7 GB needed, 1.1 GB free" in as_page(report)
    whole = json.loads(as_json(report))
    jsonschema.validate(whole, json.loads(SCHEMA.read_text()))
    assert whole["estimates"]["mail1"]["over_quota"] == ["b@x.example"]


def test_the_metrics_name_no_mailbox() -> None:
    metrics = as_metrics(
        Report('Company "1"', report_of([row("a@x.example"), row("b@x.example")], m=[entry("a@x.example")]).mailboxes)
    )
    assert 'mailimport_mailboxes{report="Company \\"1\\"",state="not_begun"} 1\n' in metrics
    assert 'mailimport_oldest_success_timestamp_seconds{report="Company \\"1\\""} 1796422235\n' in metrics
    assert "@" not in metrics
    assert "timestamp" not in as_metrics(report_of([row("a@x.example")], m=[]))


def test_ten_thousand_mailboxes_are_a_page_below_five_megabytes() -> None:
    addresses = [
        "person%05d.with-a-long-name@department%d.company.example" % (each, each % 7) for each in range(10_000)
    ]
    reason = {"reason": "message_refused", "message": "<" * 500, "messages_failed": 1, "not_imported": [REFUSED]}
    known = [entry(address, "failed", **reason) for address in addresses]
    page = as_page(report_of([row(address) for address in addresses], mail1=known))
    assert page.count("<tr class=") == 10_000 and len(page.encode()) < 5_000_000
    common = [
        entry(address, "completed" if number % 10 else "failed", **({} if number % 10 else reason))
        for number, address in enumerate(addresses)
    ]
    page = as_page(report_of([row(address) for address in addresses], mail1=common))
    assert len(page.encode()) < 5_000_000


def test_the_lines_are_about_twenty() -> None:
    rows = [row("p%d@x.example" % number) for number in range(3000)]
    known = [
        entry("p%d@x.example" % number, state, reason="auth_failed")
        for number, state in zip(range(2000), ["failed", "paused", "running", "queued"] * 500)
    ]
    assert len(lines(report_of(rows, m=known, n={}))) <= 22


def test_when_it_will_be_done() -> None:
    def time_left(*entries: dict[str, Any], seconds: int | None = None) -> list[str]:
        report = report_of([row("a@x.example"), row("b@x.example")], mail1=list(entries))
        return [line for line in lines(report._replace(seconds_left=seconds)) if line.startswith("time left")]

    running = entry("a@x.example", "running")
    assert time_left(running, seconds=7500) == [
        "time left: about 2 h 5 min, estimated from the pace so far, without the 1 mailbox that nobody imports now"
    ]
    assert time_left(running) == ["time left: not known yet, the imports have only begun"]
    assert time_left() == ["time left: no import is running or waiting; to go on, run the import again"]
    assert time_left(entry("a@x.example"), entry("b@x.example")) == []
