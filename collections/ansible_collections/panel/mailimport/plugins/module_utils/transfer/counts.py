# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many messages of an account have come, are here from earlier runs, and have yet to come."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence

from ..state.records import FolderMark
from .folder_copy import mark_of
from .memory import Memories
from .news import Copied
from .plan import FolderPlan


class AccountCounts:
    """The figures of one import; what is given to the state of each folder is in FolderCopy.

    Args:
        marks: how far earlier runs came, by raw folder name.

    Attributes:
        expected: how many messages the source has, as far as it says so; `expected_bytes`, how many bytes of them
            have to be fetched, None when nobody knows.
        copied, bytes_copied: what this run has fetched; `linked`, `bytes_linked`: what it has copied from other folders
            here, which counts as copied too, but for its bytes.
        present: messages that came before this run, by raw folder name; until a folder is opened, as its mark says.
        found: messages of the source, by raw folder name, where they have been counted one by one.
    """

    def __init__(self, marks: Mapping[bytes, FolderMark]) -> None:
        self._marks = marks
        self.expected = 0
        self.expected_bytes: Optional[int] = None
        self.copied = self.bytes_copied = self.linked = self.bytes_linked = 0
        self.present = {name: mark.messages for name, mark in marks.items() if mark.copied and mark.messages}
        self.found: Dict[bytes, int] = {}

    def expect(self, plans: Sequence[FolderPlan]) -> None:
        """Count on the folders that are to be imported, and on no other: what came of one that is gone by now, or
        excluded, is here and none of the source's.
        """
        self.expected = sum(plan.source.messages or 0 for plan in plans)
        raw_names = {plan.source.raw_name for plan in plans}
        self.present = {name: messages for name, messages in self.present.items() if name in raw_names}

    def count_remembered(self, plans: Sequence[FolderPlan], memories: Memories) -> None:
        """Of folders whose messages are meant for them in part only, the source's own figures tell nothing."""
        for plan in plans:
            raw_name = plan.source.raw_name
            mark = mark_of(plan.source, self._marks.get(raw_name))
            if plan.partial and mark:
                self.present[raw_name] = self.found[raw_name] = memories.count(plan)

    def total(self, plans: Sequence[FolderPlan]) -> int:
        """How many messages the source has: as counted one by one, or as it says where nothing was to be done."""
        return sum(self.found.get(plan.source.raw_name, plan.source.messages or 0) for plan in plans)

    @property
    def here(self) -> int:
        """How many messages of the source are here."""
        return self.copied + sum(self.present.values())

    @property
    def left_to_fetch(self) -> float:
        """How many bytes have yet to come, as far as is known."""
        if self.expected_bytes is not None:
            return self.expected_bytes - self.bytes_copied
        average = self.bytes_copied / self.copied if self.copied else 0.0
        return average * (self.expected - self.here)

    def as_news(self) -> Copied:
        return Copied(self.copied, sum(self.present.values()), self.bytes_copied, self.linked)
