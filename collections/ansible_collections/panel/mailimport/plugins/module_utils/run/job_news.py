# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What workers tell the run of their jobs while these last."""

from __future__ import annotations

from dataclasses import dataclass

from ..model.imports import ImportResult
from ..queue.jobs import Tell
from ..queue.messages import JobNews
from .reporter import Reporter


@dataclass(frozen=True)
class Noted(JobNews):
    """Something that people should know."""

    text: str


@dataclass(frozen=True)
class Moved(JobNews):
    """How far an import is: messages that are to be copied in all, and what is copied so far."""

    total: int
    copied: int
    bytes: int


def reporter_to(tell: Tell) -> Reporter:
    """Return what passes on the words of one job."""
    return Reporter(note=lambda line: tell(Noted(line)), progress=lambda result: tell(_moved(result)))


def _moved(result: ImportResult) -> Moved:
    left = max(0, result.messages_total - result.messages_present)
    return Moved(left, result.messages_copied, result.bytes_copied)
