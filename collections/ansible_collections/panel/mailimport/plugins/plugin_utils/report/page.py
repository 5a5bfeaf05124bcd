# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report as a page to open and print: one file, which asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
import typing as t
from collections import Counter
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from ansible_collections.panel.mailimport.plugins.module_utils.model.readable import readable_size, readable_time

from .mailboxes import STATES, Lack, Mailbox
from .summary import Report, headline, number

_HERE = Path(__file__).parent
# Longer texts, and further entries of what was not imported, are in the other files.
_LONGEST_TEXT = 140
_MOST_LACKS = 500
# So many mailboxes have their reason in words, the others in a word: the page stays small whatever goes wrong.
_MOST_REASONS = 2000
# So many days have a bar in the plot.
_MOST_DAYS = 30
# Their colours tell apart in print and to people who confuse red and green: by lightness too.
COLOURS = {
    "failed": "#b3261e",
    "unknown": "#7b5ea7",
    "paused": "#c77700",
    "running": "#2f6fb5",
    "queued": "#7fb0dd",
    "not_begun": "#c9ced6",
    "skipped": "#8a94a3",
    "completed": "#3f9c6b",
}


def as_page(report: Report) -> str:
    """The whole page."""
    summary = report.summary()
    lacks = [(mailbox, lack) for mailbox in report.mailboxes for lack in mailbox.not_imported]
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    return _template().render(
        report=report,
        summary=summary,
        headline=headline(report),
        hosts=len({mailbox.mail_host for mailbox in report.mailboxes if mailbox.mail_host}) > 1,
        lacks=lacks[:_MOST_LACKS],
        reasons=_reasons(report.mailboxes),
        more_lacks=max(0, len(lacks) - _MOST_LACKS),
        states=STATES,
        colours=COLOURS,
        shares=_shares(summary["states"]),
        days=_days(report.listed),
        to_come={host: found.lines for host, found in report.to_come.items()},
        script=script,
        # A browser runs no other script than this one, whatever else may have come into the page.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
    )


@cache
def _template() -> t.Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=number, size=readable_size, took=_took, moment=_moment, why=_why, short=_short)
    return environment.get_template("page.html.j2")


def _shares(states: t.Mapping[str, int]) -> list[tuple[str, int, float, float]]:
    """The parts of a bar: state, number, where it begins and how wide it is, in percent."""
    whole = sum(states.values())
    parts, begin = [], 0.0
    for state, count in states.items():
        if count:
            parts.append((state, count, begin, 100 * count / whole))
            begin += 100 * count / whole
    return parts


def _days(mailboxes: t.Iterable[Mailbox]) -> list[tuple[str, int, float]]:
    """The days of the mailboxes' last successful runs: day, number, and its share of the largest number."""
    counts = Counter(mailbox.last_success[:10] for mailbox in mailboxes if mailbox.last_success)
    if not counts:
        return []
    last = date.fromisoformat(max(counts))
    length = min(_MOST_DAYS, (last - date.fromisoformat(min(counts))).days + 1)
    days = [str(last - timedelta(days=back)) for back in reversed(range(length))]
    return [(day, counts[day], counts[day] / max(counts.values())) for day in days]


def _reasons(mailboxes: t.Iterable[Mailbox]) -> list[str]:
    """What the last column says, for each mailbox."""
    found, told = [], 0
    for mailbox in mailboxes:
        words = _why(mailbox)
        told += bool(words)
        found.append(words if told <= _MOST_REASONS else mailbox.reason or "")
    return found


def _took(seconds: float) -> str:
    return readable_time(seconds) if seconds else ""


def _moment(text: str | None) -> str:
    """A time to the minute, in UTC as it is."""
    return text[:16].replace("T", " ") if text else ""


def _why(subject: Mailbox | Lack) -> str:
    """The reason word and the words for people, without those that say nothing."""
    if isinstance(subject, Mailbox) and subject.state == "completed" and not subject.reason:
        return ""
    return _short(": ".join(filter(None, (subject.reason, subject.message))))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
