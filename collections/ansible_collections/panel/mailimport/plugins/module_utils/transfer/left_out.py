# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders of a source are left out on purpose: they are told in one line, are no failure, and no later run brings
them. Of single messages `selection.py` decides.

Of most folders that is known when they are listed, by what they are called, what is asked for and what the server says
of them (`find_left_out`). Of some it is known when they have been read (`FoldersWithoutMail`).

A message above `max_message_size` is not left out on purpose: that option is a bound against harm, with a default that
nobody chose for this mailbox, so such a message counts as left behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

from ..model.errors import MailImportError
from ..model.imports import FolderRules, NotImported
from ..model.mail import SourceFolder
from ..source.message_ids import CAPABILITY
from ..source.profiles import SourceProfile
from ..source.session import SourceSession
from ..state.records import FolderMark
from .folder_copy import FolderCopy
from .memory import Memories
from .news import Emit, Note, tell_left_behind
from .plan import is_named, is_wanted, missing_folders

ALL = b"\\ALL"
_NOT_IN_ALL_MAIL = frozenset((ALL, b"\\JUNK", b"\\TRASH"))
_VIEWS = frozenset((b"\\IMPORTANT", b"\\FLAGGED"))
# So many names are told of each kind.
_MOST_NAMES = 20
_WITHOUT_MAIL = "folder %s is left out: it holds %d items that are no mail, such as appointments or contacts"
_NOTHING_GIVEN = (
    "Exchange gives none of the %d messages of folder %s; if they are appointments, contacts or the like, leave it out "
    "with exclude_folders"
)


class SourceFolders(NamedTuple):
    """What a source lists: the account's own folders, and the names of others; `profile` is its kind of server's.
    `has_labels`: a message may be in several folders, and has a number of its own (Gmail).
    """

    own: Sequence[SourceFolder]
    foreign: Tuple[str, ...]
    profile: SourceProfile
    has_labels: bool = False

    def importable(self, rules: FolderRules) -> List[SourceFolder]:
        """The folders that may hold mail of their own; All Mail as the archive that it is then.

        Raises:
            MailImportError: `invalid_row` when labels are spoken of where there are none.
        """
        if rules.labels != "folders" and not self.has_labels:
            raise MailImportError("invalid_row", "labels=%s is for Gmail, and the source is none" % rules.labels)
        views = {folder.raw_name for folder in views_of(self, rules)}
        kept = [
            folder
            for folder in self.own
            if folder.raw_name not in views and not is_mailless(folder, self.profile, rules)
        ]
        if not self.has_labels:
            return kept
        is_taken = any(folder.name.casefold() == _ARCHIVE.casefold() for folder in kept)
        return [_as_archive(folder, is_taken) if ALL in folder.attributes else folder for folder in kept]


_ARCHIVE = "Archive"
# Where a label has that name.
_ALL_MAIL = "All Mail"


def _as_archive(folder: SourceFolder, is_taken: bool) -> SourceFolder:
    if is_taken:
        return replace(folder, landing=(_ALL_MAIL,))
    return replace(folder, attributes=folder.attributes | {b"\\ARCHIVE"}, landing=(_ARCHIVE,))


def list_folders(session: SourceSession) -> SourceFolders:
    """Ask a source for its folders."""
    own = session.list_folders()
    has_labels = CAPABILITY in session.capabilities
    profile = session.profile.in_language_of(own)
    return SourceFolders(own, tuple(session.foreign_folders), profile, has_labels)


def views_of(listed: SourceFolders, rules: FolderRules) -> List[SourceFolder]:
    """Return the folders that show mail of others: what is important or starred, and with `labels: all_mail` all but
    All Mail. Where All Mail is not there, nothing else may show that mail.
    """
    wanted = [folder for folder in listed.own if folder.selectable and is_wanted(folder, rules)]
    if not listed.has_labels or not any(ALL in folder.attributes for folder in wanted):
        return []
    if rules.labels == "all_mail":
        return [folder for folder in wanted if not folder.attributes & _NOT_IN_ALL_MAIL]
    return [folder for folder in wanted if folder.attributes & _VIEWS and not is_named(folder, rules)]


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
    views = tuple(folder.name for folder in views_of(listed, rules))
    kinds = [
        LeftOut("by folders and exclude_folders", unwanted),
        LeftOut("shared or other users'", listed.foreign),
        LeftOut("without mail", mailless),
        LeftOut("with mail that is in other folders", views),
    ]
    return [kind for kind in kinds if kind.folders]


def is_mailless(folder: SourceFolder, profile: SourceProfile, rules: FolderRules) -> bool:
    """True for a folder that holds something else than mail, unless option folders names it."""
    return profile.holds_no_mail(folder) and not is_named(folder, rules)


def doubts_of(listed: SourceFolders) -> List[str]:
    """Return what people should know of mail that a source may not show at all."""
    doubts = []
    limited = [folder.name for folder in listed.own if folder.messages in listed.profile.limits_folders_to]
    if limited:
        text = (
            "%s shows exactly as many messages (%s) as its owner can limit folders to: if there are more, they are not "
            "imported; look at the limit there (Gmail: Settings, Forwarding and POP/IMAP, Folder size limits)"
        )
        names = ", ".join(limited[:_MOST_NAMES])
        doubts.append(text % ("this folder" if len(limited) == 1 else "each of these %d folders" % len(limited), names))
    if listed.has_labels and not any(ALL in folder.attributes for folder in listed.own):
        doubts.append(
            "All Mail is not shown over IMAP, so archived messages without a label are not imported: have it shown "
            "(Gmail: Settings, Labels, Show in IMAP)"
        )
    return doubts


def line_of(left_out: Sequence[LeftOut]) -> Optional[str]:
    """Return what people are told. Returns None if nothing is left out."""
    return "folders left out on purpose: %s" % "; ".join(map(str, left_out)) if left_out else None


def report_missing(folders: Sequence[SourceFolder], rules: FolderRules, emit: Emit) -> None:
    """Emit as `not_imported` which folders were asked for and are not there.

    Raises:
        MailImportError: `folder_missing` when nothing is left to import.
    """
    message = "the source has no folder %s (option folders)"
    tell_left_behind(
        emit, [NotImported(name, "folder_missing", message % name) for name in missing_folders(folders, rules)]
    )


def folders_with_mail(listed: SourceFolders, rules: FolderRules, emit: Emit) -> List[SourceFolder]:
    """Return the folders that may hold mail; tell which were asked for and are not there, and in one line what is left
    out on purpose.

    Raises:
        MailImportError: `folder_missing` when nothing is left to import.
    """
    folders = listed.importable(rules)
    report_missing(folders, rules, emit)
    told = line_of(find_left_out(listed, rules))
    for line in [*([told] if told else []), *doubts_of(listed)]:
        emit(Note(line))
    return folders


class FoldersWithoutMail:
    """Folders that are called so as if they held something else than mail, and of which that is known when they have
    been read: Exchange has sent a notice in place of each message.

    Args:
        profile: what is known of the source.
        memories: which notices earlier runs were sent.

    Attributes:
        found: their raw names.
    """

    def __init__(self, profile: SourceProfile, memories: Memories, emit: Emit) -> None:
        self._profile = profile
        self._memories = memories
        self._emit = emit
        self.found: Set[bytes] = set()

    def may_be(self, copy: FolderCopy) -> bool:
        """True for a folder that is one of them if it gives nothing but notices."""
        return self._profile.may_hold_no_mail(copy.plan.source) and not copy.is_for_mail

    def is_known(self, source: SourceFolder, mark: FolderMark) -> bool:
        """True when an earlier run was sent nothing but notices, and nothing is new in the folder."""
        is_same = source.uidnext is not None and (mark.uidnext, mark.messages) == (source.uidnext, source.messages)
        if not (is_same and 0 < len(mark.missing) == mark.messages and self._profile.may_hold_no_mail(source)):
            return False
        return self._memories.load(source.raw_name, mark.uidvalidity).notices.issuperset(mark.missing)

    def leave_out(self, source: SourceFolder, items: int) -> None:
        """This folder is one, with so many items; tell so."""
        self.found.add(source.raw_name)
        self._emit(Note(_WITHOUT_MAIL % (source.name, items)))

    def tell_doubt(self, source: SourceFolder, items: int) -> None:
        """Nothing but notices came of a folder that may hold mail."""
        self._emit(Note(_NOTHING_GIVEN % (items, source.name)))
