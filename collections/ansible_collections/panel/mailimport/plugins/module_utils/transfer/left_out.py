# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a source is left out on purpose: it is told in one line, is no failure, and no later run brings it.

A message above `max_message_size` is none of these: that option is a bound against harm, with a default that nobody
chose for this mailbox, so such a message counts as left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..model.imports import FolderRules
from ..model.mail import SourceFolder
from ..source.profiles import SourceProfile
from ..source.session import SourceSession
from .plan import is_named, is_wanted

# So many names are told of each kind.
_MOST_NAMES = 20


class SourceFolders(NamedTuple):
    """What a source lists: the account's own folders, and the names of others; `profile` is its kind of server's."""

    own: Sequence[SourceFolder]
    foreign: Tuple[str, ...]
    profile: SourceProfile


def list_folders(session: SourceSession) -> SourceFolders:
    """Ask a source for its folders."""
    own = session.list_folders()
    return SourceFolders(own, tuple(session.foreign_folders), session.profile)


@dataclass(frozen=True)
class LeftOut:
    """Folders that are left out for the same reason; `why` follows their number in the line."""

    why: str
    folders: Tuple[str, ...]

    def __str__(self) -> str:
        names = ", ".join(self.folders[:_MOST_NAMES])
        more = len(self.folders) - _MOST_NAMES
        return "%d %s (%s%s)" % (len(self.folders), self.why, names, " and %d more" % more if more > 0 else "")


def find_left_out(listed: SourceFolders, rules: FolderRules) -> List[LeftOut]:
    """Return what is left out of an account: kinds of which there is something."""
    folders = [folder for folder in listed.own if folder.selectable]
    mailless = tuple(folder.name for folder in folders if is_mailless(folder, listed.profile, rules))
    unwanted = tuple(folder.name for folder in folders if not is_wanted(folder, rules) and folder.name not in mailless)
    kinds = [
        LeftOut("by folders and exclude_folders", unwanted),
        LeftOut("shared or other users'", listed.foreign),
        LeftOut("without mail", mailless),
    ]
    return [kind for kind in kinds if kind.folders]


def is_mailless(folder: SourceFolder, profile: SourceProfile, rules: FolderRules) -> bool:
    """True for a folder that holds something else than mail, unless option folders names it."""
    return profile.holds_no_mail(folder) and not is_named(folder, rules)


def line_of(left_out: Sequence[LeftOut]) -> Optional[str]:
    """Return what people are told. Returns None if nothing is left out."""
    return "folders left out on purpose: %s" % "; ".join(map(str, left_out)) if left_out else None
