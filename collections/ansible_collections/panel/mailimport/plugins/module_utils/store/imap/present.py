# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of a source folder that its target folder may hold already, though no record of it tells of them."""

from __future__ import annotations

from typing import Callable, Deque, Optional

from ..base import FolderPath, joined_path
from .content_search import ContentSearch
from .digests import Digests, Flagging, UidsByContent
from .folder_session import Figures
from .uid_map import DeliveryRecord, UidMap


class PresentMail:
    """Such messages of one folder, found by their content.

    Args:
        name: the folder's on the wire.
        figures: the folder's, as it is now.
        record: what earlier runs recorded of the origin.

    Attributes:
        may_have_moved: a killed run may have stored messages that their owner has put elsewhere since.
    """

    def __init__(
        self, search: ContentSearch, path: FolderPath, name: bytes, figures: Figures, record: DeliveryRecord
    ) -> None:
        self._search = search
        self._path = path
        self._name = name
        self._figures = figures
        self._record = record
        self._index: Optional[UidsByContent] = None
        self._first_claimed = figures.uidnext
        self.may_have_moved = record.may_hold_unrecorded_mail and bool(search.moved)
        self._gone: Optional[Deque[int]] = None

    def look(self, known: UidMap, by_content: bool) -> None:
        """Find out what there may be.

        Args:
            known: messages of the origin that are in the folder.
            by_content: whatever has the same content counts, whoever delivered it.
        """
        if self._record.is_all_new(self._figures.uidvalidity, by_content):
            if self._record.unreadable is not None:  # whether the host gives it back is to be told all the same
                self.unrecorded()
        elif by_content:
            self._index = self._search.but(self._name, known)
            if self._record.may_hold_unrecorded_mail:
                self._first_claimed = self._search.first_since(self._name, known.highest_target + 1)
        elif self._record.may_hold_unrecorded_mail or not known or not self.is_recorded_folder:
            self._index = self.unrecorded()
            self._first_claimed = 1

    @property
    def is_recorded_folder(self) -> bool:
        """Whether the UIDs of the record are those of the folder."""
        return self._record.target_uidvalidity == self._figures.uidvalidity

    def unrecorded(self) -> UidsByContent:
        """Return what the folder held, and no record, when this run came to it first."""
        return self._search.unrecorded(self._name, self._figures.uidvalidity, joined_path(self._path))

    def __bool__(self) -> bool:
        return bool(self._index)

    @property
    def highest(self) -> int:
        """The highest UID of what was found."""
        return self._index.highest if self._index is not None else 0

    def is_claimed(self, uid: int) -> bool:
        """Whether a message that was found is the import's own, and not one that others have brought."""
        return uid >= self._first_claimed

    def take(self, digests: Digests, flagging: Flagging) -> Optional[int]:
        """Return the UID of a message of that content, each once; None when there is none."""
        return self._taken(self._index.pop(digests, flagging)) if self._index else None

    def take_altered(self, digests: Digests) -> Optional[int]:
        """The same of the import's own, which may have other bytes than those that were sent: what others have brought
        is only known as it is.
        """
        return self._taken(self._index.pop_altered(digests, self._first_claimed)) if self._index else None

    def _taken(self, uid: Optional[int]) -> Optional[int]:
        if uid is not None:
            self._search.moved.note_known(self._name, uid)
        return uid

    def take_uid(self, uid: int) -> bool:
        """Take a message that was found out by its UID; True when it was there."""
        return self._index is not None and self._index.pop_uid(uid)

    def take_moved(self, digests: Digests, drain: Callable[[], None]) -> Optional[int]:
        """Return, for a message that its owner has put elsewhere, the UID of one that is gone; None when it has not.

        Args:
            drain: lets it be known what this run has stored.
        """
        if not self.may_have_moved:
            return None
        if self._gone is None:
            drain()
            unclaimed = set(self._index.uids() if self._index else ())
            figures = self._figures
            self._gone = self._search.moved.gone(self._name, figures.uidvalidity, figures.uidnext, unclaimed)
            if self._gone:
                self._search.look_elsewhere(self._name)
        if not self._gone or not self._search.take_moved(self._name, digests):
            return None
        return self._gone.popleft()
