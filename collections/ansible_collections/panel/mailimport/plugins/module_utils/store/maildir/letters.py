# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags and keywords as Maildir file names carry them."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Dict, Mapping, Optional, Set, Tuple

from ...imap.flags import MOST_KEYWORDS, keyword_of
from ..base import FlagChange, FolderPath
from ..origin import Origin
from .control_files import MAX_KEYWORDS, UIDLIST, dotlock, read_keywords, write_keyword
from .files import open_directory
from .tree import MaildirTree

SYSTEM_LETTERS = {b"\\draft": "D", b"\\flagged": "F", b"\\answered": "R", b"\\seen": "S", b"\\deleted": "T"}

_LONGEST_NAME = 255
# Sets of flags that are remembered, and bytes of the longest of them.
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 1000


class FolderFlags:
    """Turns flags into the letters of one folder's file names, giving new keywords a letter in dovecot-keywords.

    Args:
        directory: where the folder's control files are.
        shared: Dovecot may write there too, so its lock is taken; not so in a stage.

    `lost` collects flags that no mailbox can hold, since they are no keyword or too many; the first MOST_KEYWORDS of
    them.
    """

    def __init__(self, directory: int, shared: bool) -> None:
        self._directory = directory
        self._shared = shared
        self._numbers = read_keywords(directory)
        self._known: Dict[Tuple[bytes, ...], str] = {}
        self._excess: Set[bytes] = set()
        self.lost: Set[bytes] = set()

    def letters(self, flags: Tuple[bytes, ...]) -> str:
        """Return the letters, sorted as Maildir wants them (system flags are upper case, keywords lower case)."""
        found = self._known.get(flags)
        if found is None:
            found = "".join(sorted({letter for flag in flags if (letter := self._letter(flag))}))
            if len(self._known) < _MOST_KNOWN and sum(map(len, flags)) < _LONGEST_KNOWN:
                self._known[flags] = found
        return found

    def letters_in_use(self, flags: Tuple[bytes, ...]) -> str:
        """Return the letters of those flags that have one already."""
        return "".join(letter for flag in flags if (letter := self._letter_in_use(flag)))

    def _letter_in_use(self, flag: bytes) -> Optional[str]:
        number = self._numbers.get((keyword_of(flag) or b"").lower())
        return SYSTEM_LETTERS.get(flag.lower()) or (None if number is None else chr(ord("a") + number))

    def differ(self, letters: str, change: FlagChange) -> bool:
        """True when a message with these letters lacks flags that it is to get, or has some that it is to lose.

        Whether it has keywords without a letter, nobody but Dovecot knows: they count as lacking.
        """
        new = [flag for flag in change.add if flag.lower() in SYSTEM_LETTERS or keyword_of(flag)]
        in_use = [self._letter_in_use(flag) for flag in new]
        return any(letter is None or letter not in letters for letter in in_use) or any(
            letter in letters for letter in self.letters_in_use(change.remove)
        )

    def without_letter(self, flags: Tuple[bytes, ...]) -> Tuple[bytes, ...]:
        """Return the keywords among flags that messages of this folder can have though no letter stands for them."""
        if len(self._numbers) < MAX_KEYWORDS:
            return ()
        keywords = (keyword_of(flag) for flag in flags if flag.lower() not in SYSTEM_LETTERS)
        return tuple(keyword for keyword in keywords if keyword and keyword.lower() not in self._numbers)

    def _letter(self, flag: bytes) -> Optional[str]:
        folded = flag.lower()
        if folded in SYSTEM_LETTERS:
            return SYSTEM_LETTERS[folded]
        if folded == b"\\recent":
            return None
        keyword = keyword_of(flag)
        if keyword is None:
            self._lose(flag)
            return None
        number = self._number(keyword)
        if number is not None:
            return chr(ord("a") + number)
        if flag in self._excess or len(self._excess) < MOST_KEYWORDS:
            self._excess.add(flag)
        else:
            self._lose(flag)
        return None

    def _lose(self, flag: bytes) -> None:
        if len(self.lost) < MOST_KEYWORDS:
            self.lost.add(flag[:_LONGEST_NAME])

    def beyond_letters(self, flags: Tuple[bytes, ...]) -> Tuple[bytes, ...]:
        """Return the keywords among flags, asked for their letters before, that found no letter left."""
        if not self._excess:
            return ()
        return tuple(keyword_of(flag) or flag for flag in flags if flag in self._excess)

    def _number(self, keyword: bytes) -> Optional[int]:
        if keyword.lower() not in self._numbers:
            with dotlock(self._directory, UIDLIST) if self._shared else nullcontext():
                self._numbers = read_keywords(self._directory)
                free = sorted(set(range(MAX_KEYWORDS)) - set(self._numbers.values()))
                if keyword.lower() not in self._numbers and free:
                    write_keyword(self._directory, free[0], keyword)
                    self._numbers[keyword.lower()] = free[0]
        return self._numbers.get(keyword.lower())


def messages_that_differ(
    tree: MaildirTree, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]
) -> Set[int]:
    """Return the UIDs of messages of an origin that these changes would change; nothing is written."""
    try:
        control = open_directory(tree.control_name(path), tree.control)
    except FileNotFoundError:
        return set()
    flags = FolderFlags(control, shared=True)
    os.close(control)
    found = set()
    for _part, name in tree.message_names(path):
        base_name, _colon, letters = name.partition(":2,")
        uid = origin.uid_of(base_name)
        if uid in changes and flags.differ(letters, changes[uid]):
            found.add(uid)
    return found
