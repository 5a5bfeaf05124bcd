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
    """Messages that came into a folder since that run began, whoever put them there.

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
        self._recent: Optional[Dict[bytes, List[int]]] = None
        self._by_content: Dict[bytes, UidsByContent] = {}

    @property
    def is_to_look(self) -> bool:
        """True until `look` was called, where there may be any."""
        return self._since is not None and self._recent is None

    def look(self, figures: Iterable[Tuple[bytes, Figures]]) -> None:
        """Take note of them, before this run stores anything."""
        since, self._recent = self._since or 0.0, {}
        for name, each in figures:
            recorded = UidSet()
            for _source, target, length in self._book.runs_in(each.uidvalidity):
                for uid in range(target, target + length):
                    recorded.add(uid)
            saved = self._sessions.attempt(lambda session: session.saved_since(name, since))  # noqa: B023 - called at once
            recent = [uid for uid in saved if uid not in recorded]
            if recent:
                self._recent[name] = recent

    def are_elsewhere(self, name: bytes) -> bool:
        """True if any came into another folder than this one."""
        return bool(self._recent) and set(self._recent or ()) != {name}

    def alike(self, name: bytes, digests: Digests) -> Iterator[Tuple[bytes, int]]:
        """Yield folder and UID, each once, of messages of that content in other folders than this one."""
        for other, uids in (self._recent or {}).items():
            if other == name:
                continue
            if other not in self._by_content:
                self._by_content[other] = self._read(other, uids)
            uid = self._by_content[other].take(digests)
            while uid is not None:
                yield other, uid
                uid = self._by_content[other].take(digests)


def vanished(runs: Iterable[Tuple[int, int]], uidnext: int, present: Iterable[int]) -> Iterator[int]:
    """Yield, ascending, UIDs of a folder that were given to messages which are gone; `runs` are first and last ones
    that are recorded.
    """
    known = UidSet()
    for uid in present:
        known.add(uid)
    following = 1
    for first, last in [*sorted(runs), (uidnext, uidnext)]:
        yield from (uid for uid in range(following, first) if uid not in known)
        following = max(following, last + 1)
