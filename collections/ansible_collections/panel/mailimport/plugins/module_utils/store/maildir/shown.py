# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which messages a run has shown, or was about to, before the state knows of it.

Between the moment when messages become visible and the moment when the state is committed, a run may be killed and the
mailbox's owner may move messages to another folder: then nothing else tells that they were delivered.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Dict, Iterable, List, Tuple

from ...imap.uids import MAX_UID, UidSet
from ..origin import Origin
from .files import CREATE, make_directory, mode_of_files, open_directory, open_file, remove_tree

_FILE = "shown"
# Whether messages were shown or not, their origin's digest and UIDVALIDITY, and the first and the last of their UIDs.
_LINE = re.compile(rb"([+-])([0-9a-f]{16}) (\d{1,10}) (\d{1,10}):(\d{1,10})\n")
_LONGEST_LINE = 256
# More than that, in bytes and in UIDs, is not read of what the mailbox's owner can write to.
_LONGEST = 64 << 20
_MOST_UIDS = 4 << 20


class ShownRecord:
    """The record of one import, in a directory of its own in ROOT/tmp, where Dovecot removes old files and no
    directories.

    The mailbox's owner can write to it, so it counts only when the host knows that a run was killed.

    Args:
        origin: any of the import.
        root: handle of ROOT.
        after_kill: what is in it was left by a run that was killed; otherwise nobody of ours left it, and it goes.
    """

    def __init__(self, origin: Origin, root: int, after_kill: bool) -> None:
        self._path = "tmp/mailimport-%s.shown" % origin.import_digest
        self._root = root
        self._left: Dict[Tuple[str, int], UidSet] = {}
        if after_kill:
            self._read()
        else:
            self.forget()

    def left_by_killed_run(self, origin: Origin) -> UidSet:
        """Return the UIDs of an origin that a killed run has shown or was about to show."""
        return self._left.get((origin.digest, origin.uidvalidity), UidSet())

    def record(self, entries: Iterable[Tuple[Origin, UidSet]]) -> None:
        """Write down which messages are about to be shown."""
        self._append(b"+", entries)

    def take_back(self, origin: Origin, uids: UidSet) -> None:
        """Write down that messages were not shown after all."""
        self._append(b"-", [(origin, uids)])

    def _append(self, sign: bytes, entries: Iterable[Tuple[Origin, UidSet]]) -> None:
        lines: List[bytes] = []
        for origin, uids in entries:
            beginning = b"%s%s %d" % (sign, origin.digest.encode("ascii"), origin.uidvalidity)
            lines += (b"%s %d:%d\n" % (beginning, first, last) for first, last in uids.ranges())
        if not lines:
            return
        directory = make_directory(self._path, self._root)
        try:
            fd = os.open(_FILE, CREATE | os.O_APPEND, mode_of_files(directory), dir_fd=directory)
            with os.fdopen(fd, "ab") as handle:
                handle.write(b"\n" + b"".join(lines))  # the first line end ends a line that a full disk has torn
        finally:
            os.close(directory)

    def _read(self) -> None:
        try:
            directory = open_directory(self._path, self._root)
        except FileNotFoundError:
            return
        left = _MOST_UIDS
        try:
            with suppress(FileNotFoundError), os.fdopen(open_file(_FILE, directory), "rb") as handle:
                while handle.tell() < _LONGEST and (line := handle.readline(_LONGEST_LINE)):
                    found = _LINE.fullmatch(line)
                    first, last = (int(found.group(4)), int(found.group(5))) if found else (1, 0)
                    if not found or last > MAX_UID or last - first >= left:
                        continue
                    left -= max(0, last - first)
                    of_origin = self._left.setdefault((found.group(2).decode("ascii"), int(found.group(3))), UidSet())
                    for uid in range(first, last + 1):
                        (of_origin.add if found.group(1) == b"+" else of_origin.discard)(uid)
        finally:
            os.close(directory)

    def forget(self) -> None:
        """Nothing is in doubt, as when everything is committed and told."""
        remove_tree(self._path, self._root)
