# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which message of the target each delivered message of a source folder is: UIDs cannot be chosen over IMAP."""

from __future__ import annotations

import array
from bisect import bisect_right
from typing import Dict, FrozenSet, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple


class UidMap:
    """UIDs of a source folder and of its target, as runs in which both count up by one. A target of 0 is that of a
    message which the host has taken and does not show.

    Args:
        runs: source UID, target UID and length of each run, one after the other.
    """

    def __init__(self, runs: Sequence[int] = ()) -> None:
        self._runs = array.array("I", runs)
        # What was made of the runs to be asked often
        self._ordered: Optional[_Ordered] = None
        self._hidden: Optional[FrozenSet[int]] = None

    def __bool__(self) -> bool:
        return bool(self._runs)

    @property
    def runs(self) -> List[int]:
        """What the constructor takes."""
        return self._runs.tolist()

    def add(self, source: int, target: int) -> None:
        self._ordered = self._hidden = None
        runs = self._runs
        if runs and runs[-2] and (source, target) == (runs[-3] + runs[-1], runs[-2] + runs[-1]):
            runs[-1] += 1
        else:
            runs.extend((source, target, 1))

    def __add__(self, other: UidMap) -> UidMap:
        """Return a map of both."""
        both = UidMap(self._runs)
        both._runs.extend(other._runs)
        return both

    def triples(self) -> Iterator[Tuple[int, int, int]]:
        values = iter(self._runs)
        return zip(values, values, values)

    def sources(self) -> Iterator[int]:
        for source, _target, length in self.triples():
            yield from range(source, source + length)

    def targets(self) -> Iterator[int]:
        for _source, target, length in self.triples():
            yield from range(target, target + length)

    def hidden(self) -> FrozenSet[int]:
        """Return the UIDs at the source of messages that the host has taken and does not show."""
        if self._hidden is None:
            hidden = frozenset(source for source, target, _length in self.triples() if not target)
            self._hidden = hidden.difference(self.targets_of(hidden))
        return self._hidden

    @property
    def highest_target(self) -> int:
        return max((target + length - 1 for _source, target, length in self.triples()), default=0)

    def targets_of(self, sources: Iterable[int]) -> Dict[int, int]:
        """Return target UIDs by source UID, of those that are known; a message that was found after it had been hidden
        counts as found."""
        if self._ordered is None:
            self._ordered = _Ordered.of(self.triples())
        firsts, targets, lengths = self._ordered
        found = {}
        for uid in sources:
            place = bisect_right(firsts, uid) - 1
            if place >= 0 and targets[place] and uid < firsts[place] + lengths[place]:
                found[uid] = targets[place] + uid - firsts[place]
        return found


class _Ordered(NamedTuple):
    """Source UIDs, target UIDs and lengths of runs, ascending by the first two."""

    firsts: array.array[int]
    targets: array.array[int]
    lengths: array.array[int]

    @classmethod
    def of(cls, runs: Iterable[Tuple[int, int, int]]) -> _Ordered:
        ordered = cls(array.array("I"), array.array("I"), array.array("I"))
        for run in sorted(runs):
            for column, figure in zip(ordered, run):
                column.append(figure)
        return ordered


class DeliveryRecord(NamedTuple):
    """What earlier runs recorded of the messages of a source folder.

    `delivered` maps UIDs, valid while the target's UIDVALIDITY is `target_uidvalidity`. `may_hold_unrecorded_mail`: a
    run was killed, so messages that are not in the map may have been stored nevertheless. `passed`: a run has been
    through the source's folder and took note of what came, so what comes now is none of that. `unreadable` says why it
    is not known which messages came as files.
    """

    delivered: UidMap
    target_uidvalidity: int
    may_hold_unrecorded_mail: bool
    passed: bool = False
    unreadable: Optional[str] = None

    def is_all_new(self, target_uidvalidity: int, by_content: bool) -> bool:
        """Whether no message that comes now is to be looked for in a folder here, of that UIDVALIDITY: those that
        came before are in it, nobody knows which they are, and by its content a new one could be taken for one.
        """
        if not self.passed or self.may_hold_unrecorded_mail:
            return False
        if self.unreadable is not None:
            return True
        return self.target_uidvalidity != target_uidvalidity if self.delivered else not by_content
