# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast the pilot came, and how long the others are going to take if they come as fast."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.panel.mailimport.plugins.module_utils.model.estimate import QUEUES, estimate_lines
from ansible_collections.panel.mailimport.plugins.module_utils.model.readable import readable_size, readable_time
from ansible_collections.panel.mailimport.plugins.plugin_utils.report.summary import mailboxes_words, number

from .facts import Facts

# What the plan has counted, by address, beside its report.
SIZES = "sizes.json"
# Less than this says nothing of a speed.
_LEAST_SECONDS = 0.5


class Amount(t.NamedTuple):
    """Messages, and their bytes."""

    messages: int
    bytes: int


Sizes = t.Mapping[str, Amount]


def sizes_of(runs: t.Mapping[str, t.Any]) -> dict[str, Amount]:
    """What runs in check mode have counted that is to come, by address."""
    return {
        entry["email"]: Amount(entry["messages_copied"], entry["bytes_copied"])
        for run in runs.values()
        for entry in run.get("imports", ())
    }


def planned_lines(runs: t.Mapping[str, t.Any]) -> list[str]:
    """What runs in check mode estimate, by mail host where there are several."""
    return [
        "%s: %s" % (host, line) if len(runs) > 1 else line
        for host, run in sorted(runs.items())
        if run.get("estimate")
        for line in estimate_lines(run["estimate"])
    ]


def written(sizes: Sizes) -> str:
    return json.dumps({address: list(amount) for address, amount in sorted(sizes.items())}, indent=1) + "\n"


def read_sizes(path: Path) -> dict[str, Amount]:
    """What `written` wrote; nothing when there is no such file."""
    try:
        return {address: Amount(*map(int, amount)) for address, amount in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def pace_lines(facts: Facts, runs: t.Mapping[str, t.Any], sizes: Sizes) -> list[str]:
    """What a run has measured, and an estimate for the mailboxes that are still to come.

    Args:
        runs: results by mail host.
        sizes: what the plan has counted.
    """
    came = [
        entry
        for run in runs.values()
        for entry in run.get("imports", ())
        if entry["messages_copied"] and entry["duration"]
    ]
    seconds = sum(entry["duration"] for entry in came)
    if not came:
        return ["measured: nothing, for no message came in this run"]
    pilot = Amount(sum(entry["messages_copied"] for entry in came), sum(entry["bytes_copied"] for entry in came))
    lines = [
        "measured: %s of %s in %s, one queue alone: %s and %s messages a second"
        % (
            _amount_words(pilot),
            mailboxes_words(len(came)),
            readable_time(seconds),
            readable_size(round(pilot.bytes / seconds)),
            number(round(pilot.messages / seconds)),
        )
    ]
    rest = [box.email for box in facts.mailboxes if box.email and not box.is_done]
    if rest:
        lines.append(_estimate(rest, sizes, pilot, len(came), seconds))
    return lines


def _estimate(rest: t.Sequence[str], sizes: Sizes, pilot: Amount, mailboxes: int, seconds: float) -> str:
    known = [sizes[address] for address in rest if address in sizes]
    if len(known) == len(rest):
        coming = Amount(sum(each.messages for each in known), sum(each.bytes for each in known))
        longest = max(_seconds(each, pilot, seconds) for each in known)
        basis = _amount_words(coming) + " by the plan"
    else:
        share = len(rest) / mailboxes
        coming = Amount(round(pilot.messages * share), round(pilot.bytes * share))
        longest = seconds / mailboxes
        basis = "if they are like these; the plan counts them"
    if seconds < _LEAST_SECONDS:
        return "no estimate for the rest, %s (%s): this is too little mail to tell from" % (
            mailboxes_words(len(rest)),
            basis,
        )
    together = _seconds(coming, pilot, seconds)
    times = (
        "%d %s %s" % (queues, "queue" if queues == 1 else "queues", readable_time(max(longest, together / queues)))
        for queues in QUEUES
    )
    return "estimate for the rest, %s (%s), as fast as these: %s" % (
        mailboxes_words(len(rest)),
        basis,
        ", ".join(times),
    )


def _seconds(amount: Amount, pilot: Amount, seconds: float) -> float:
    """How long it takes in one queue, by its bytes or by its messages, whichever is longer."""
    by_bytes = amount.bytes / pilot.bytes if pilot.bytes else 0.0
    return seconds * max(by_bytes, amount.messages / pilot.messages)


def _amount_words(amount: Amount) -> str:
    return "%s messages, %s" % (number(amount.messages), readable_size(amount.bytes))
