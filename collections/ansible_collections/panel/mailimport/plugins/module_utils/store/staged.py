# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stages, and messages in them: written, and read back at once."""

from __future__ import annotations

import os
import time
from typing import List, NamedTuple, Sequence

from .base import Origin
from .control_files import UIDLIST, uidlist_entries
from .files import exists

# What a stage's name in ROOT/tmp begins with; the digests of its import and of its origin follow, and the UIDVALIDITY.
_STAGE_PREFIX = "mailimport-"

_found = bytearray(64 * 1024)
_found_view = memoryview(_found)


class Staged(NamedTuple):
    """A message in the stage that no journal names yet. `arrived_as` is its name in the stage when it is to get another one."""

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


def write(fd: int, chunk: memoryview) -> None:
    """Write all of a chunk to a file."""
    while chunk:
        chunk = chunk[os.write(fd, chunk) :]


def reads_back(fd: int, chunk: memoryview, offset: int) -> bool:
    """Tell whether a file has exactly these bytes from `offset` on. Comparing costs less than a digest of either side, and proves more."""
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


def import_stages(origin: Origin) -> str:
    """Return what the names in ROOT/tmp of all stages of an origin's import begin with."""
    return "%s%s-" % (_STAGE_PREFIX, origin.import_digest)


def origin_stages(origin: Origin) -> str:
    """Return what the names of the stages of an origin begin with, whatever its UIDVALIDITY was."""
    return "%s%s-" % (import_stages(origin), origin.digest)


def stage_name(origin: Origin) -> str:
    """Return the name of the stage for an origin."""
    return "%s%010d" % (origin_stages(origin), origin.uidvalidity)


def renamed_where_known(arrived: Sequence[Staged], control: int) -> List[Staged]:
    """Give new names to messages that were here before and were expunged: Dovecot still knows their names, and is slow to take them back."""
    names = {staged.base_name for staged in arrived}
    known = {name for _uid, name in uidlist_entries(control) if name in names} if exists(UIDLIST, control) else set()
    suffix = ".mailimport-%d," % time.time()
    return [
        staged._replace(name=staged.name.replace(".mailimport,", suffix, 1), arrived_as=staged.staged_name) if staged.base_name in known else staged
        for staged in arrived
    ]
