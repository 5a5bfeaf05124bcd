# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail that a killed run has stored, of which nobody took note, and which its owner has moved to another folder since.

A later run does not find it in the folder that it belongs to, and would bring it once more.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from itertools import islice
from typing import Callable, Container, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

from ...imap.uids import UidSet
from .deliveries import DeliveryBook
from .digests import Digests, UidsByContent
from .folder_session import Figures
from .sessions import HostSessions

# So many messages of a folder that are gone may be ones that a killed run stored.
_MOST_GONE = 100_000

# By so many seconds the host's clock may be behind ours.
_CLOCKS = 300.0


class MovedMessages:
    """Messages that came into folders since that run began, and that are no message of this import that is known.

    Args:
        since: when that was, in seconds since the epoch by our clock; None when no run was killed, or nobody
            knows when.
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
        # None for a folder without any
        self._by_content: Dict[bytes, Optional[UidsByContent]] = {}
        self._gone: Dict[bytes, Deque[int]] = {}

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
        """Read those of all other folders than this one that were not there before, each folder once."""
        for other, each in figures:
            if other != name and other not in self._by_content:
                new = self._new_in(other, each.uidvalidity)
                self._by_content[other] = self._read(other, new) if new else None

    def _new_in(self, name: bytes, uidvalidity: int) -> List[int]:
        known = self._known.setdefault(name, UidSet())
        runs = self._recorded(uidvalidity)
        firsts = [first for first, _end in runs]
        new = []
        for uid in self._recent(name):
            place = bisect_right(firsts, uid) - 1
            if uid not in known and not (place >= 0 and uid < runs[place][1]):
                new.append(uid)
        return new

    def _recorded(self, uidvalidity: int) -> List[Tuple[int, int]]:
        """First UID and the one behind the last of runs that are recorded, ascending."""
        return sorted((target, target + length) for _source, target, length in self._book.runs_in(uidvalidity))

    def _recent(self, name: bytes) -> List[int]:
        since = (self._since or 0.0) - _CLOCKS
        return self._sessions.attempt(lambda session: session.saved_since(name, since))

    def alike(self, name: bytes, digests: Digests) -> Iterator[Tuple[bytes, int]]:
        """Yield folder and UID, each once, of messages of that content in other folders than this one."""
        for other, index in self._by_content.items():
            if index is None or other == name:
                continue
            uid = index.pop(digests)
            while uid is not None:
                if uid not in self._known[other]:
                    self.note_known(other, uid)
                    self.taken_from(other).add(uid)
                    yield other, uid
                uid = index.pop(digests)

    def gone(self, name: bytes, uidvalidity: int, uidnext: int, unclaimed: Container[int]) -> Deque[int]:
        """Return, ascending, UIDs of messages of a folder that are gone, in no record, and may be of that run. Whoever
        takes one for a message takes it out.

        Args:
            unclaimed: messages that were there when this run came to the folder.
        """
        if name not in self._gone:
            vanished = islice(self._vanished(name, uidvalidity, uidnext), _MOST_GONE)
            self._gone[name] = deque(uid for uid in vanished if uid not in unclaimed)
        return self._gone[name]

    def _vanished(self, name: bytes, uidvalidity: int, uidnext: int) -> Iterator[int]:
        present = UidSet()
        for uid, _flags in self._sessions.attempt(lambda session: list(session.flags(name, b"1:*"))):
            present.add(uid)
        recent = set(self._recent(name))
        known = self._known.get(name, UidSet())
        # That run has stored nothing below what was there before it.
        following = 1 + max((uid for uid in present if uid not in recent), default=0)
        for first, end in [*self._recorded(uidvalidity), (uidnext, uidnext)]:
            yield from (uid for uid in range(following, first) if uid not in present and uid not in known)
            following = max(following, end)
