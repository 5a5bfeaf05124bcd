# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the source calls the messages of a folder, by UID: twelve bytes for each."""

from __future__ import annotations

import array
from typing import Iterator, Tuple


class MessageNumbers:
    """See the module.

    Args:
        count, packed: what `len` and `pack` returned.

    Raises:
        ValueError: they do not fit together.
    """

    def __init__(self, count: int = 0, packed: bytes = b"") -> None:
        self._uids, self._numbers = array.array("I"), array.array("Q")
        self._uids.frombytes(packed[: count * self._uids.itemsize])
        self._numbers.frombytes(packed[count * self._uids.itemsize :])
        if not len(self._uids) == len(self._numbers) == count:
            raise ValueError("numbers that do not fit their messages")

    def __len__(self) -> int:
        return len(self._uids)

    def add(self, uid: int, number: int) -> None:
        self._uids.append(uid)
        self._numbers.append(number)

    def pairs(self) -> Iterator[Tuple[int, int]]:
        return zip(self._uids, self._numbers)

    def pack(self) -> bytes:
        return self._uids.tobytes() + self._numbers.tobytes()
