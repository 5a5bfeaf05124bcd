# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keywords beyond the 26 that Maildir file names have letters for: Dovecot keeps them in its index, so its own IMAP
process sets them.
"""

from __future__ import annotations

import array
import os
import re
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, Iterator, Mapping, Sequence, Set, Tuple

from ...imap.flags import keyword_of
from ...imap.uids import MAX_UID, UidSet, parse_sequence_set, sequence_set
from ..imap.pipe import HostPipe
from ..imap.session import HostSession
from ..imap.sessions import HostSessions
from .files import CREATE, make_directory, mode_of_files, open_directory, open_file, remove_tree

_WAITING = "waiting"
_LINE = re.compile(rb"([^ ]{1,255}) (\d{1,10}(?::\d{1,10})?(?:,\d{1,10}(?::\d{1,10})?)*)\n")
_LONGEST_LINE = 64 * 1024
# More than that, in bytes and in UIDs, is not read of what the mailbox's owner can write to.
_LONGEST = 64 << 20
_MOST_UIDS = 4 << 20


class WaitingKeywords:
    """Which messages of a stage wait for keywords that have no letter, by UID of the source; the next run knows it when
    this one is killed.

    It is written down in a directory beside the stage: that one becomes the folder itself, and Dovecot removes files
    from tmp that are old.

    `is_written`: the directory is there, whether or not anything is in it.

    Args:
        stage: name of the stage in ROOT/tmp.
        root: handle of ROOT.
    """

    def __init__(self, stage: str, root: int) -> None:
        self._path = "tmp/%s.keywords" % stage
        self._root = root
        self._saved: Dict[bytes, int] = {}
        self.is_written = False
        self.uids: Dict[bytes, array.array[int]] = {}
        for keyword, uid in self._read():
            self.add(keyword, uid)

    def add(self, keyword: bytes, uid: int) -> None:
        self.uids.setdefault(keyword, array.array("I")).append(uid)

    def keep(self, held: UidSet) -> None:
        """Forget messages that did not come to stay: they come again, with the keywords that they have then."""
        kept = {keyword: array.array("I", (uid for uid in uids if uid in held)) for keyword, uids in self.uids.items()}
        self.uids = {keyword: uids for keyword, uids in kept.items() if uids}
        self._saved = {keyword: len(uids) for keyword, uids in self.uids.items()}

    def save(self) -> None:
        """Write down what has been added since."""
        new = {keyword: uids[self._saved.get(keyword, 0) :] for keyword, uids in self.uids.items()}
        if not any(new.values()):
            return
        directory = make_directory(self._path, self._root)
        self.is_written = True
        try:
            fd = os.open(_WAITING, CREATE | os.O_APPEND, mode_of_files(directory), dir_fd=directory)
            with os.fdopen(fd, "ab") as handle:
                handle.write(b"\n")  # ends a line that a full disk has torn
                handle.writelines(
                    b"%s %s\n" % (keyword, some) for keyword, uids in new.items() for some in sequence_set(uids)
                )
        finally:
            os.close(directory)
        self._saved = {keyword: len(uids) for keyword, uids in self.uids.items()}

    def _read(self) -> Iterator[Tuple[bytes, int]]:
        try:
            directory = open_directory(self._path, self._root)
        except FileNotFoundError:
            return
        self.is_written = True
        left = _MOST_UIDS
        try:
            with suppress(FileNotFoundError), os.fdopen(open_file(_WAITING, directory), "rb") as handle:
                while handle.tell() < _LONGEST and (line := handle.readline(_LONGEST_LINE)):
                    found = _LINE.fullmatch(line)
                    if found and keyword_of(found.group(1)):
                        uids = [uid for uid in parse_sequence_set(found.group(2), left) if uid <= MAX_UID]
                        left -= len(uids)
                        yield from ((found.group(1), uid) for uid in uids)
        finally:
            os.close(directory)

    def forget(self) -> None:
        self.uids, self._saved, self.is_written = {}, {}, False
        remove_tree(self._path, self._root)


class ExcessKeywords:
    """Sets keywords on messages that are in the mailbox already.

    Args:
        open_pipe: starts an IMAP process of the mailbox.
    """

    def __init__(self, open_pipe: Callable[[], HostPipe]) -> None:
        self._sessions = HostSessions(open_pipe)
        self.refused: Set[bytes] = set()

    def notice(self, name: bytes) -> None:
        """Let Dovecot take notice of the files in a folder and give them UIDs; `name` is the folder's on the wire."""
        self._sessions.attempt(lambda session: session.figures_of([name]))

    def change(self, name: bytes, sign: bytes, keywords: Mapping[bytes, Sequence[int]]) -> Set[int]:
        """Add (`+`) or take away (`-`) keywords, each of the messages with these UIDs on the host; return the UIDs of
        those that changed.
        """
        wanted = sorted({uid for uids in keywords.values() for uid in uids})
        have = self._sessions.attempt(lambda session: _keywords_of(session, name, wanted))
        changed: Set[int] = set()
        for keyword, uids in keywords.items():
            concerned = [uid for uid in uids if (keyword.lower() in have.get(uid, set())) == (sign == b"-")]
            for some in sequence_set(concerned):
                if self._sessions.attempt(
                    partial(HostSession.change_flags, name=name, uids=some, sign=sign, flag=keyword)
                ).ok:
                    changed.update(parse_sequence_set(some, len(concerned)))
                else:
                    self.refused.add(keyword)
        return changed

    def close(self) -> None:
        self._sessions.close()


def _keywords_of(session: HostSession, name: bytes, uids: Sequence[int]) -> Dict[int, Set[bytes]]:
    return {
        uid: {flag.lower() for flag in flags} for some in sequence_set(uids) for uid, flags in session.flags(name, some)
    }
