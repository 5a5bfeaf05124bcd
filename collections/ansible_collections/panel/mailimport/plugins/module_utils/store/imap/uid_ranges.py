# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ranges of UIDs, first and last of each."""

from __future__ import annotations

from bisect import bisect_right
from typing import Callable, Iterable, Iterator, List, Sequence, Tuple

# So many ranges a command names; servers limit the length of its line.
_MOST_RANGES = 500
_MAX_UID = 2**32 - 1


def gaps(runs: Iterable[Tuple[int, int, int]]) -> Iterator[Tuple[int, int]]:
    """Yield, ascending, the ranges of target UIDs that runs leave free."""
    following = 1
    for first, length in sorted((target, length) for _source, target, length in runs):
        if first > following:
            yield following, first - 1
        following = max(following, first + length)
    yield following, _MAX_UID


def membership(ranges: Sequence[Tuple[int, int]]) -> Callable[[int], bool]:
    """Return what tells whether a UID is in one of some ranges, none of which overlap."""
    ascending = sorted(ranges)
    firsts = [first for first, _last in ascending]

    def is_within(uid: int) -> bool:
        place = bisect_right(firsts, uid) - 1
        return place >= 0 and uid <= ascending[place][1]

    return is_within


def as_sets(ranges: Sequence[Tuple[int, int]]) -> List[bytes]:
    """Return sets that commands can name. A server answers with its last message besides, where a range has no end and
    nothing is in it (`N:*`, RFC 3501): `membership` tells.
    """
    return [_as_set(sorted(ranges)[start : start + _MOST_RANGES]) for start in range(0, len(ranges), _MOST_RANGES)]


def _as_set(ranges: Sequence[Tuple[int, int]]) -> bytes:
    return b",".join(
        b"%d:*" % first if last == _MAX_UID else b"%d" % first if first == last else b"%d:%d" % (first, last)
        for first, last in ranges
    )
