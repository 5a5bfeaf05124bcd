# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A message in a stage: written, and read back at once."""

from __future__ import annotations

import os
from typing import NamedTuple

_found = bytearray(64 * 1024)
_found_view = memoryview(_found)


class Staged(NamedTuple):
    """A message in the stage that no journal names yet. `arrived_as` is its name in the stage when it is to get another
    one.
    """

    uid: int
    name: str
    size: int
    arrived_as: str = ""

    @property
    def staged_name(self) -> str:
        return self.arrived_as or self.name

    @property
    def base_name(self) -> str:
        return self.name.partition(":2,")[0]


def size_in(name: str) -> int:
    """Return the size in bytes that a file name of ours tells, 0 when it tells none."""
    size = name.partition(",S=")[2].partition(",")[0]
    return int(size) if size.isdecimal() else 0


def write(fd: int, chunk: memoryview) -> None:
    """Write all of a chunk to a file."""
    while chunk:
        chunk = chunk[os.write(fd, chunk) :]


def reads_back(fd: int, chunk: memoryview, offset: int) -> bool:
    """Tell whether a file has exactly these bytes from `offset` on. Comparing costs less than a digest of either side,
    and proves more.
    """
    while chunk:
        count = os.preadv(fd, [_found_view[: len(chunk)]], offset)
        if not count or not _found.startswith(chunk[:count]):
            return False
        chunk = chunk[count:]
        offset += count
    return True


def has_its_length(staged: Staged, directory: int) -> bool:
    """Tell whether a message stands under its name in all its length."""
    try:
        return os.stat(staged.name, dir_fd=directory, follow_symlinks=False).st_size == staged.size
    except FileNotFoundError:
        return False
