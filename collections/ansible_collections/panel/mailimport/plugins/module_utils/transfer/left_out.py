# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a source is left out on purpose: it is told in one line, is no failure, and no later run brings it.

A message above `max_message_size` is none of these: that option is a bound against harm, with a default that nobody
chose for this mailbox, so such a message counts as left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from ..model.imports import FolderRules
from ..model.mail import SourceFolder
from .plan import is_wanted

# So many names are told of each kind.
_MOST_NAMES = 20


@dataclass(frozen=True)
class LeftOut:
    """Folders that are left out for the same reason; `why` follows their number in the line."""

    why: str
    folders: Tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.folders[:_MOST_NAMES])
        more = len(self.folders) - _MOST_NAMES
        return "%d %s (%s%s)" % (len(self.folders), self.why, names, " and %d more" % more if more > 0 else "")


def find_left_out(folders: Sequence[SourceFolder], foreign: Sequence[str], rules: FolderRules) -> List[LeftOut]:
    """Return what is left out of an account: kinds of which there is something.

    Args:
        folders: the account's own.
        foreign: names of the others that it lists.
    """
    unwanted = tuple(folder.name for folder in folders if folder.selectable and not is_wanted(folder, rules))
    kinds = [
        LeftOut("by folders and exclude_folders", unwanted),
        LeftOut("shared or other users'", tuple(foreign)),
    ]
    return [kind for kind in kinds if kind.folders]


def line_of(left_out: Sequence[LeftOut]) -> Optional[str]:
    """Return what people are told. Returns None if nothing is left out."""
    return "folders left out on purpose: %s" % "; ".join(map(str, left_out)) if left_out else None
