# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail that a killed run has stored, of which nobody took note, and which its owner has moved to another folder since.

A later run does not find it in the folder that it belongs to, and would bring it once more.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ...imap.uids import UidSet
from .deliveries import DeliveryBook
from .digests import Digests, UidsByContent
from .session import Figures
from .sessions import HostSessions


class MovedMessages:
    """Messages that came into folders since that run began, and that are no message of this import that is known.

    Args:
        since: when that was, in seconds since the epoch; None when no run was killed, or nobody knows when.
        read: returns messages of a folder, by their UIDs, by their content.
    """

    def __init__(
        self,
        sessions: HostSessions,
        book: DeliveryBook,
        since: Optional[float],
        read: Callable[[bytes, Sequence[int]], UidsByContent],
    ) -> None:
        self._sessions = sessions
        self._book = book
        self._since = since
        self._read = read
        self._known: Dict[bytes, UidSet] = {}
        self._taken: Dict[bytes, UidSet] = {}
        self._by_content: Dict[bytes, List[UidsByContent]] = {}

    def __bool__(self) -> bool:
        """True if there may be any."""
        return self._since is not None

    def note_known(self, name: bytes, uid: int) -> None:
        """Take note that a message of a folder is one of the source's."""
        self._known.setdefault(name, UidSet()).add(uid)

    def taken_from(self, name: bytes) -> UidSet:
        """Return the UIDs of messages of a folder that `alike` gave for another one's."""
        return self._taken.setdefault(name, UidSet())

    def look(self, name: bytes, figures: Iterable[Tuple[bytes, Figures]]) -> None:
        """Read those of all other folders than this one that were not there before."""
        for other, each in figures:
            if other != name:
                new = self._new_in(other, each.uidvalidity)
                if new:
                    self._by_content.setdefault(other, []).append(self._read(other, new))

    def _new_in(self, name: bytes, uidvalidity: int) -> List[int]:
        known = self._known.setdefault(name, UidSet())
        recorded = UidSet()
        for _source, target, length in self._book.runs_in(uidvalidity):
            for uid in range(target, target + length):
                recorded.add(uid)
        since = self._since or 0.0
        saved = self._sessions.attempt(lambda session: session.saved_since(name, since))
        return [uid for uid in saved if uid not in recorded and uid not in known]

    def alike(self, name: bytes, digests: Digests) -> Iterator[Tuple[bytes, int]]:
        """Yield folder and UID, each once, of messages of that content in other folders than this one."""
        for other, indexes in self._by_content.items():
            for index in indexes if other != name else ():
                uid = index.take(digests)
                while uid is not None:
                    if uid not in self._known[other]:
                        self.note_known(other, uid)
                        self.taken_from(other).add(uid)
                        yield other, uid
                    uid = index.take(digests)

    def vanished(self, name: bytes, uidvalidity: int, uidnext: int) -> Iterator[int]:
        """Yield, ascending, UIDs of messages of a folder that are gone, and in no record."""
        present = UidSet()
        for uid, _flags in self._sessions.attempt(lambda session: list(session.flags(name, b"1:*"))):
            present.add(uid)
        known = self._known.get(name, UidSet())
        runs = sorted((target, target + length) for _source, target, length in self._book.runs_in(uidvalidity))
        following = 1
        for first, end in [*runs, (uidnext, uidnext)]:
            yield from (uid for uid in range(following, first) if uid not in present and uid not in known)
            following = max(following, end)
