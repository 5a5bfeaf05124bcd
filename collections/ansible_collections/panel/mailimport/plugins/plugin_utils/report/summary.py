# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The numbers of a report, and its lines for people."""

from __future__ import annotations

import typing as t
from collections import Counter
from types import MappingProxyType

from ansible_collections.panel.mailimport.plugins.module_utils.model.estimate import Estimate, estimate_lines
from ansible_collections.panel.mailimport.plugins.module_utils.model.grade import GRADES, worst
from ansible_collections.panel.mailimport.plugins.module_utils.model.readable import readable_size, readable_time

from .mailboxes import STATES, Mailbox

# So many mailboxes of a kind are named in the lines.
_MOST_NAMED = 4


class ToCome(t.NamedTuple):
    """What a look at a mail host found that is to come, and the lines that say so."""

    estimate: Estimate
    lines: t.Sequence[str]

    @classmethod
    def of(cls, estimate: t.Any) -> ToCome:
        """Make the lines.

        Raises:
            AttributeError, LookupError, TypeError, ValueError: it is no estimate.
        """
        return cls(estimate, list(estimate_lines(estimate)))


class Report(t.NamedTuple):
    """A report, in the order of its list. `seconds_left` is the estimate of the host that needs longest, None where no
    host can tell. `to_come` is what looks found, by the mail host.
    """

    title: str
    mailboxes: list[Mailbox]
    seconds_left: int | None = None
    to_come: t.Mapping[str, ToCome] = MappingProxyType({})

    @property
    def listed(self) -> list[Mailbox]:
        return [mailbox for mailbox in self.mailboxes if mailbox.listed]

    @property
    def left(self) -> list[Mailbox]:
        """Mailboxes of the list that are not done."""
        return [mailbox for mailbox in self.listed if not mailbox.is_done]

    @property
    def complete(self) -> bool:
        """Whether everything that the list asks for is done, and it asks for something."""
        return bool(self.listed) and not self.left

    @property
    def grade(self) -> str | None:
        return worst(mailbox.grade for mailbox in self.listed)

    def summary(self) -> dict[str, t.Any]:
        """The numbers of the list's mailboxes."""
        listed = self.listed
        states = Counter(mailbox.state for mailbox in listed)
        grades = Counter(mailbox.grade for mailbox in listed)
        syncs = sorted(mailbox.last_success for mailbox in listed if mailbox.last_success)
        return {
            "mailboxes": len(listed),
            "done": len(listed) - len(self.left),
            "left": len(self.left),
            "not_in_list": len(self.mailboxes) - len(listed),
            "states": {state: states[state] for state in STATES},
            "grades": {grade: grades[grade] for grade in GRADES},
            "messages_at_source": sum(mailbox.messages_at_source for mailbox in listed),
            "messages_here": sum(mailbox.messages_here for mailbox in listed),
            "messages_missing": sum(mailbox.messages_missing for mailbox in listed),
            "accepted": sum(lack.accepted for mailbox in listed for lack in mailbox.not_imported),
            "bytes_imported": sum(mailbox.bytes_imported for mailbox in listed),
            "oldest_success": syncs[0] if syncs else None,
            "newest_success": syncs[-1] if syncs else None,
            "seconds_left": self.seconds_left,
        }


def lines(report: Report) -> list[str]:
    """About twenty lines that say who is done, who failed and why, and how much is left."""
    summary = report.summary()
    told = [
        "%s: %s" % (report.title, headline(report)),
        "states: " + (_counts({STATES[state]: count for state, count in summary["states"].items()}) or "none"),
        "grades: " + (_counts(summary["grades"]) or "none yet"),
        "messages: %s here of %s at the sources, %s missing · %s"
        % (
            number(summary["messages_here"]),
            number(summary["messages_at_source"]),
            number(summary["messages_missing"]),
            readable_size(summary["bytes_imported"]),
        ),
    ]
    if report.left:
        told.append("time left: %s" % _time_left(report))
    if summary["oldest_success"]:
        told.append("last successful run: from %(oldest_success)s to %(newest_success)s" % summary)
    if summary["not_in_list"]:
        told.append("%s on the hosts that the list does not name" % mailboxes_words(summary["not_in_list"]))
    for state in ("failed", "unknown", "paused"):
        those = [mailbox for mailbox in report.left if mailbox.state == state]
        told += ["%s: %s: %s" % (STATES[state], each.email or "a row", _why(each)) for each in those[:_MOST_NAMED]]
        if len(those) > _MOST_NAMED:
            told.append("%s: and %s more" % (STATES[state], number(len(those) - _MOST_NAMED)))
    for state in ("running", "queued", "not_begun"):
        those = [mailbox for mailbox in report.left if mailbox.state == state]
        if those:
            told.append("%s: %s" % (STATES[state], _named(those)))
    return told


def _time_left(report: Report) -> str:
    """When it will be done: what nobody imports never is."""
    on_its_way = [mailbox for mailbox in report.left if mailbox.state in ("running", "queued")]
    if not on_its_way:
        return "no import is running or waiting; to go on, run the import again"
    if report.seconds_left is None:
        return "not known yet, the imports have only begun"
    left = "about %s, estimated from the pace so far" % readable_time(report.seconds_left)
    others = len(report.left) - len(on_its_way)
    return left + (", without the %s that nobody imports now" % mailboxes_words(others) if others else "")


def headline(report: Report) -> str:
    """The one line that says it."""
    summary = report.summary()
    if not summary["mailboxes"]:
        return "the list holds no mailbox"
    if report.complete:
        return "complete: all %s of the list are done" % mailboxes_words(summary["mailboxes"])
    return "not complete: %s of %s done, %s left" % (
        number(summary["done"]),
        mailboxes_words(summary["mailboxes"]),
        number(summary["left"]),
    )


def number(value: int) -> str:
    return format(value, ",")


def mailboxes_words(count: int) -> str:
    return "%s mailbox%s" % (number(count), "" if count == 1 else "es")


def _counts(counts: t.Mapping[str, int]) -> str:
    return ", ".join("%s %s" % (number(count), name) for name, count in counts.items() if count)


def _why(mailbox: Mailbox) -> str:
    return "%s (%s)" % (mailbox.message, mailbox.reason) if mailbox.reason else mailbox.message


def _named(those: t.Sequence[Mailbox]) -> str:
    names = ", ".join(mailbox.email for mailbox in those[:_MOST_NAMED])
    more = len(those) - _MOST_NAMED
    return "%s and %s more" % (names, number(more)) if more > 0 else names
