# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UIDs: sets of them in little memory, and as sequence sets of commands and answers (RFC 3501 section 9)."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Sequence, Tuple

MAX_UID = 2**32 - 1

# So many ranges a command names. Each takes up to 22 octets, and servers take commands of 8,000 (RFC 7162 section 4).
_MOST_RANGES = 340
# So many bits of a UID tell its place in a bitmap, the others which bitmap that is.
_SHIFT = 8
_MASK = (1 << _SHIFT) - 1


class UidSet:
    """A set of UIDs as bitmaps: a million of them in a row take some kilobytes, scattered ones some 150 bytes each."""

    def __init__(self) -> None:
        self._blocks: Dict[int, int] = {}
        self._count = 0

    def add(self, uid: int) -> None:
        number, bit = uid >> _SHIFT, 1 << (uid & _MASK)
        block = self._blocks.get(number, 0)
        if not block & bit:
            self._blocks[number] = block | bit
            self._count += 1

    def discard(self, uid: int) -> None:
        if uid in self:
            self._blocks[uid >> _SHIFT] ^= 1 << (uid & _MASK)
            self._count -= 1

    def __iter__(self) -> Iterator[int]:
        """Yield the UIDs, ascending."""
        for block in sorted(self._blocks):
            beginning, bits = block << _SHIFT, self._blocks[block]
            while bits:
                lowest = bits & -bits
                yield beginning + lowest.bit_length() - 1
                bits ^= lowest

    def ranges(self) -> Iterator[Tuple[int, int]]:
        """Yield first and last UID of each run without a gap, ascending."""
        first = last = 0
        for uid in self:
            if uid > last + 1 and last:
                yield first, last
            if uid > last + 1 or not last:
                first = uid
            last = uid
        if last:
            yield first, last

    def __contains__(self, uid: int) -> bool:
        return (self._blocks.get(uid >> _SHIFT, 0) >> (uid & _MASK)) & 1 == 1

    def __len__(self) -> int:
        return self._count


def sequence_set(uids: Iterable[int]) -> Iterator[bytes]:
    """Yield UIDs as IMAP sequence sets that a command can hold, ascending."""
    ranges: List[List[int]] = []
    for uid in sorted(uids):
        if ranges and uid <= ranges[-1][1] + 1:
            ranges[-1][1] = uid
        else:
            if len(ranges) >= _MOST_RANGES:
                yield _join(ranges)
                ranges = []
            ranges.append([uid, uid])
    if ranges:
        yield _join(ranges)


def _join(ranges: Iterable[Sequence[int]]) -> bytes:
    return b",".join(b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in ranges)


def parse_sequence_set(text: bytes, most: int) -> List[int]:
    """Return the UIDs of a sequence set, in the order they are given; none when it names over `most`."""
    uids: List[int] = []
    for part in text.split(b","):
        first, _colon, last = part.partition(b":")
        begin, end = int(first), int(last or first)
        if abs(end - begin) + len(uids) >= most:
            return []
        uids += range(min(begin, end), max(begin, end) + 1)
    return uids


def sequence_below(uids: bytes, end: int) -> bytes:
    """Return what a sequence set has below a UID, nothing when it has nothing there."""
    left = []
    for part in uids.split(b","):
        first, _colon, last = part.partition(b":")
        if first == b"*" or int(first) >= end:
            continue
        highest = end - 1 if last == b"*" else min(int(last or first), end - 1)
        left.append(first if int(first) == highest else b"%s:%d" % (first, highest))
    return b",".join(left)
