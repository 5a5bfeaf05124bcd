# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists that services give page by page, and that may change meanwhile."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterator, List, Optional, Set

from ..model.errors import MailImportError

# No list has more; and readings of one that changes while it is read.
MAX_PAGES = 10_000
_READINGS = 5

Entry = Dict[str, Any]


class Trail:
    """The pages of a list that were read, by what each was asked for with. A list whose pages lead back to one of them
    is no shorter list: what it has besides is not known.

    Args:
        what: what is listed, for people.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._asked: Set[str] = set()

    def onward(self, following: Optional[str]) -> Optional[str]:
        """Return what the next page is asked for with, None behind the last one.

        Raises:
            MailImportError: `protocol_error` when it was read already.
        """
        if not following:
            return None
        if following in self._asked or len(self._asked) >= MAX_PAGES:
            raise endless(self._what)
        self._asked.add(following)
        return following


def endless(what: str) -> MailImportError:
    return MailImportError("protocol_error", "the list of %s has no end" % what)


def read_steadily(read: Callable[[], Iterator[List[Entry]]], key: str) -> List[Entry]:
    """Read a list until it is twice the same, if it has several pages: what moves over the border of a page would be
    missed, or come twice.

    Args:
        read: yields the pages.
        key: what an entry is known by.

    Raises:
        MailImportError: `source_unavailable` when it never is.
    """
    before: Optional[Dict[str, Entry]] = None
    for _reading in range(_READINGS):
        pages = list(read())
        entries = {str(entry[key]): entry for page in pages for entry in page}
        if len(pages) <= 1 or (before is not None and before.keys() == entries.keys()):
            return list(entries.values())
        before = entries
    raise MailImportError(
        "source_unavailable", "a list of the organization keeps changing while it is read; run the task again"
    )
