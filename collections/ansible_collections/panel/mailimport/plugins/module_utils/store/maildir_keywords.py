# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keywords beyond the 26 that Maildir file names have letters for: Dovecot keeps them in its index, so its own IMAP process sets them."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, List, Mapping, Sequence, Set

from .files import read_file, replace_file
from .flags import keyword_of
from .imap_pipe import HostPipe
from .imap_session import HostSession, HostSessions
from .imap_uids import parse_sequence_set, sequence_set

# Ends the name of a file beside a stage; what is in the stage becomes the folder itself.
WAITING = ".keywords"


def _path(stage: str) -> str:
    return "tmp/" + stage + WAITING


def note_waiting(stage: str, root: int, keywords: Mapping[bytes, Sequence[int]]) -> None:
    """Write down which messages of a stage wait for which keywords, by UID of the source: the next run sets them when this one is killed."""
    lines = [b"%s %s\n" % (keyword, b" ".join(b"%d" % uid for uid in uids)) for keyword, uids in keywords.items()]
    replace_file(_path(stage), root, b"".join(lines))


def read_waiting(stage: str, root: int) -> Dict[bytes, List[int]]:
    """Return what `note_waiting` wrote; the mailbox's owner may have written something else."""
    found = {}
    for line in (read_file(_path(stage), root) or b"").splitlines():
        keyword, *uids = line.split(b" ")
        if keyword_of(keyword) and all(map(bytes.isdigit, uids)):
            found[keyword] = [int(uid) for uid in uids]
    return found


def forget_waiting(stage: str, root: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(_path(stage), dir_fd=root)


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
        self._sessions.attempt(lambda session: session.figures(name))

    def add(self, name: bytes, keywords: Mapping[bytes, Sequence[int]]) -> int:
        """Add keywords, each to the messages with these UIDs on the host; return how many messages changed."""
        wanted = sorted({uid for uids in keywords.values() for uid in uids})
        have = self._sessions.attempt(lambda session: _keywords_of(session, name, wanted))
        changed: Set[int] = set()
        for keyword, uids in keywords.items():
            lacking = [uid for uid in uids if keyword.lower() not in have.get(uid, set())]
            for some in sequence_set(lacking):
                if self._sessions.attempt(partial(HostSession.change_flags, name=name, uids=some, sign=b"+", flag=keyword)).ok:
                    changed.update(parse_sequence_set(some, len(lacking)))
                else:
                    self.refused.add(keyword)
        return len(changed)

    def close(self) -> None:
        self._sessions.close()


def _keywords_of(session: HostSession, name: bytes, uids: Sequence[int]) -> Dict[int, Set[bytes]]:
    return {uid: {flag.lower() for flag in flags} for some in sequence_set(uids) for uid, flags in session.flags(name, some)}
