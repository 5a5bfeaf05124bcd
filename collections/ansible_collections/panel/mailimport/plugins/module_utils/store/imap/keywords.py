# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which keywords a folder of the host takes."""

from __future__ import annotations

from typing import FrozenSet, Iterable, Optional, Set, Tuple


class FolderKeywords:
    """What is known of a folder's keywords so far; `lost` are those that messages did not get. `asked`: the server was
    asked which it takes.
    """

    def __init__(self) -> None:
        self.lost: Set[bytes] = set()
        self._accepted: Set[bytes] = set()
        self._refused: Set[bytes] = set()
        self._permitted: Optional[FrozenSet[bytes]] = None
        self.asked = False

    def permit_only(self, flags: Optional[FrozenSet[bytes]]) -> None:
        """Take note which flags the folder can keep, in small letters; None for any."""
        self.asked, self._permitted = True, flags

    def note_sent(self, keywords: Iterable[bytes]) -> None:
        """Take note of what goes to a server that does not keep all flags, by its own word, and is not looked at again.
        They are sent all the same: pymap keeps more than it says.
        """
        if self._permitted is not None:
            self.lost.update(keyword for keyword in keywords if keyword.lower() not in self._permitted)

    def usable(self, keywords: Tuple[bytes, ...]) -> Tuple[bytes, ...]:
        """Return keywords without those that were refused."""
        if not self._refused:
            return keywords
        return tuple(keyword for keyword in keywords if keyword.lower() not in self._refused)

    def are_known(self, keywords: Iterable[bytes]) -> bool:
        """True when each of them was accepted or refused before."""
        return {keyword.lower() for keyword in keywords} <= self._accepted | self._refused

    def accept(self, keywords: Iterable[bytes]) -> None:
        self._accepted.update(keyword.lower() for keyword in keywords)

    def refuse(self, keyword: bytes) -> None:
        self._refused.add(keyword.lower())
        self._accepted.discard(keyword.lower())
        self.lost.add(keyword)
