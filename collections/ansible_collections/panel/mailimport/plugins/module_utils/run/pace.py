# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much of some imports is done, and how long the rest is going to take."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence

from ..model.imports import ImportResult
from ..state.records import ImportRecord

# Seconds without an import after which what ran before belongs to another time, with another pace.
_LONGEST_GAP = 120.0


class Running(NamedTuple):
    """How far one import has come: messages to copy and copied, bytes copied."""

    total: int
    copied: int
    bytes: int


def share_done(ended: int, ended_bytes: int, running: Sequence[Running], imports: int) -> float:
    """How much of the whole is done, from 0 to 1: by bytes where any have come, for one mailbox may hold more than all
    others.

    What nobody has looked into yet counts as an average mailbox.

    Args:
        ended, ended_bytes: imports that have ended, and what they have copied.
        imports: all there are. Those that say nothing of others (see `tells_the_pace`) are left out of both.
    """
    moving = [each for each in running if each.copied]
    come = ended_bytes + sum(each.bytes for each in moving)
    if not come:
        return ended / imports if imports else 1.0
    expected = [each.bytes * max(each.total, each.copied) / each.copied for each in moving]
    known = ended + len(expected)
    whole = ended_bytes + sum(expected)
    return come / (whole + whole / known * (imports - known))


def tells_the_pace(result: ImportResult) -> bool:
    """Whether an import that has ended says something of those to come: one that is skipped, was done earlier or failed
    before its first mail ends at once.
    """
    worked = result.changed or result.message_store is not None
    return result.bytes_copied > 0 or (result.state == "completed" and worked)


def seconds_left(records: Sequence[ImportRecord], now: float) -> Optional[int]:
    """How long it takes until the imports that run and wait have ended, at the pace since they began; None when there
    are none, or nothing has come yet.
    """
    running = [record for record in records if record.result.state == "running"]
    waiting = [record for record in records if record.waiting and record.result.state != "running"]
    if not running and not waiting:
        return None
    ended = [record for record in records if record.finished_at is not None and not record.waiting]
    recent = _since_the_last_gap(ended, min([record.started_at for record in running], default=now))
    recent = [record for record in recent if tells_the_pace(record.result)]
    began = min(record.started_at for record in [*recent, *running]) if recent or running else now
    come = [
        Running(result.messages_total - result.messages_present, result.messages_copied, result.bytes_copied)
        for result in (record.result for record in running)
    ]
    size = sum(record.result.bytes_copied for record in recent)
    share = share_done(len(recent), size, come, len(recent) + len(running) + len(waiting))
    return round((now - began) * (1 - share) / share) if share else None


def _since_the_last_gap(ended: Sequence[ImportRecord], began: float) -> List[ImportRecord]:
    """Those of imports that have ended that belong to what runs since `began`, without a gap between."""
    found: List[ImportRecord] = []
    for record in sorted(ended, key=lambda record: record.finished_at or 0.0, reverse=True):
        if (record.finished_at or 0.0) < began - _LONGEST_GAP:
            break
        found.append(record)
        began = min(began, record.started_at)
    return found
