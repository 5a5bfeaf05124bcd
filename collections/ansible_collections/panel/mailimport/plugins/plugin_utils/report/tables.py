# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report as files for programs: CSV, JSON, and metrics for Prometheus."""

from __future__ import annotations

import csv
import io
import json
import re
import typing as t
from dataclasses import asdict, fields
from datetime import datetime

from .mailboxes import Lack, Mailbox
from .summary import Report

_MAILBOX_COLUMNS = [column.name for column in fields(Mailbox) if column.name != "not_imported"]
_LACK_COLUMNS = [column.name for column in fields(Lack)]

# A program for spreadsheets takes a cell that begins so for a formula, and may split cells at other separators too.
_FORMULA = re.compile("(^|[,;|\t])([\\s\"']*)(?=[=+\\-@＝＋－＠])")


def mailboxes_csv(report: Report) -> str:
    """A line a mailbox."""
    return _csv(_MAILBOX_COLUMNS, (asdict(mailbox) for mailbox in report.mailboxes))


def not_imported_csv(report: Report) -> str:
    """A line for everything that did not arrive as it was."""
    return _csv(
        ["email", "mail_host", *_LACK_COLUMNS],
        (
            {"email": mailbox.email, "mail_host": mailbox.mail_host, **asdict(lack)}
            for mailbox in report.mailboxes
            for lack in mailbox.not_imported
        ),
    )


def _csv(columns: list[str], rows: t.Iterable[dict[str, t.Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([_cell(row[column]) for column in columns] for row in rows)
    # With this mark, spreadsheets read it as UTF-8.
    return "\ufeff" + text.getvalue()


def _cell(value: t.Any) -> t.Any:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _FORMULA.sub(r"\1\2'", value) if isinstance(value, str) else value


def as_json(report: Report) -> str:
    """Everything, as report.schema.json describes it."""
    whole = {
        "format": 1,
        "title": report.title,
        "complete": report.complete,
        "grade": report.grade,
        "summary": report.summary(),
        "estimates": {host: found.estimate for host, found in report.to_come.items()},
        "mailboxes": [asdict(mailbox) for mailbox in report.mailboxes],
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def as_metrics(report: Report) -> str:
    """The numbers, in the text format of Prometheus; no mailbox is named."""
    summary = report.summary()
    name = report.title.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    states = {'state="%s"' % state: count for state, count in summary["states"].items()}
    grades = {'grade="%s"' % grade: count for grade, count in summary["grades"].items()}
    metrics = [
        ("mailboxes", "Mailboxes of the list by state.", states),
        ("mailboxes_graded", "Mailboxes of the list by grade.", grades),
        ("mailboxes_left", "Mailboxes of the list that are not done.", {"": summary["left"]}),
        ("messages_missing", "Messages that did not arrive.", {"": summary["messages_missing"]}),
    ]
    if summary["oldest_success"]:
        oldest = int(datetime.fromisoformat(summary["oldest_success"].replace("Z", "+00:00")).timestamp())
        metrics.append(("oldest_success_timestamp_seconds", "Longest ago that a mailbox was synced.", {"": oldest}))
    text = ""
    for metric, words, values in metrics:
        text += "# HELP mailimport_%s %s\n# TYPE mailimport_%s gauge\n" % (metric, words, metric)
        for label, value in values.items():
            labels = ",".join(filter(None, ('report="%s"' % name, label)))
            text += "mailimport_%s{%s} %d\n" % (metric, labels, value)
    return text
