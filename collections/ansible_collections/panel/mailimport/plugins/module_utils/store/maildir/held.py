# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of an import in a Maildir, to be looked at: shown ones, and those that wait in a stage."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import chain
from typing import Iterator, List, Mapping, Set, Tuple

from ...imap.uids import MAX_UID, UidSet
from ...model.errors import MailImportError
from ...model.mail import split_epoch
from ..base import EarlierMessage, FlagChange, FolderPath, HeldMail
from ..origin import Origin
from .control_files import read_uidlist_header, uidlist_entries
from .files import beginning_of, digest_of_content, entries, open_directory
from .letters import messages_that_differ
from .stage import stage_name, staged_epochs, staged_uids
from .tree import MaildirTree


class MaildirMail(HeldMail):
    """See the module."""

    def __init__(self, tree: MaildirTree) -> None:
        self._tree = tree

    def held_uids(self, path: FolderPath, origin: Origin) -> UidSet:
        uids = UidSet()
        for _part, name in self._tree.message_names(path):
            uid = origin.uid_of(name)
            if uid:
                uids.add(uid)
        for uid in staged_uids(self._tree, path, origin):
            uids.add(uid)
        return uids

    def messages_that_differ(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> Set[int]:
        return messages_that_differ(self._tree, path, origin, changes)

    def targets(self, path: FolderPath, origin: Origin) -> Tuple[int, List[Tuple[int, int]]]:
        """Return the UIDVALIDITY of the folder here, and the UIDs of its messages of an origin, at the source and here,
        as far as Dovecot has listed them.
        """
        uids = {name.partition(":2,")[0]: origin.uid_of(name) for _part, name in self._tree.message_names(path)}
        if not any(uids.values()):
            return 0, []
        try:
            control = open_directory(self._tree.control_name(path), self._tree.control)
        except FileNotFoundError:
            return 0, []
        try:
            header = read_uidlist_header(control)
            listed = uidlist_entries(control) if header else iter(())
            found = [(uids.get(name.partition(":2,")[0]) or 0, target) for target, name in listed]
        finally:
            os.close(control)
        return header.uidvalidity if header else 0, sorted(
            pair for pair in found if all(0 < uid <= MAX_UID for uid in pair)
        )

    def renumbered(self, path: FolderPath, origin: Origin) -> int:
        epochs = {origin.epoch_in(name) for _part, name in self._tree.message_names(path)}
        epochs.update(staged_epochs(self._tree, origin))
        own = origin.source_uidvalidity
        return max((times for times, uidvalidity in map(split_epoch, epochs) if uidvalidity == own), default=0)

    def beginnings(self, path: FolderPath, origin: Origin, uids: UidSet, size: int) -> Iterator[Tuple[int, bytes]]:
        folder = self._tree.directory_name(path)
        shown = ((folder + "/" + part, name) for part, name in self._tree.message_names(path))
        for directory, name in chain(shown, self._staged(origin)):
            uid = origin.uid_of(name)
            if uid in uids:
                # A mail program may have renamed it by now, or its owner put something else there.
                with suppress(OSError, MailImportError):
                    yield uid, beginning_of("%s/%s" % (directory, name), self._tree.root, size)

    def earlier(self, path: FolderPath, origin: Origin, size: int) -> Iterator[Tuple[EarlierMessage, bytes]]:
        """As MessageStore says; mail programs rename files, so what they hold tells which they are."""
        folder = self._tree.directory_name(path)
        for part, name in self._tree.message_names(path):
            if origin.epoch_in(name) not in (0, origin.uidvalidity):
                with suppress(OSError, MailImportError):
                    file = "%s/%s/%s" % (folder, part, name)
                    yield digest_of_content(file, self._tree.root), beginning_of(file, self._tree.root, size)

    def _staged(self, origin: Origin) -> Iterator[Tuple[str, str]]:
        directory = "tmp/%s/cur" % stage_name(origin)
        try:
            handle = open_directory(directory, self._tree.root)
        except FileNotFoundError:
            return
        try:
            for name in entries(handle):
                yield directory, name
        finally:
            os.close(handle)
