# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Maildir folder while it is written: messages as they come, each into a file of the folder's stage."""

from __future__ import annotations

import os
from typing import List, Optional, Set, Tuple

from ...imap.fetch import Fetched
from ...imap.uids import UidSet
from ..base import EarlierMessage, FolderPath, FolderWriter, HeldCopy
from ..origin import Origin
from .control_files import keywords_by_number
from .files import digest_of_content, entries
from .flusher import Flusher
from .letters import FolderFlags
from .message_files import MessageFiles
from .more_keywords import WaitingKeywords
from .others import index_contents
from .shown import ShownRecord
from .stage import MaildirStage, stage_name
from .staged import Staged, has_its_length
from .tree import MaildirTree


class MaildirWriter(FolderWriter):
    """See the module. `done` is set once everything is where it belongs."""

    def __init__(
        self,
        tree: MaildirTree,
        flusher: Flusher,
        record: ShownRecord,
        path: FolderPath,
        origin: Origin,
        by_content: bool,
    ) -> None:
        self.path = path
        self.origin = origin
        self.held = UidSet()
        self.before = 0
        self.done = False
        self._tree = tree
        self._flusher = flusher
        self._staged: List[Staged] = []
        self._finished = False
        self._stage = MaildirStage(tree, path, origin)
        self.waiting = WaitingKeywords(stage_name(origin), tree.root)
        self.created = not tree.has_folder(path)
        shown = self._stage.finish_showing()
        self._cur = self._stage.cur
        delivered = self._shown_by_killed_run(record)
        self.fresh = tree.is_fresh(path)
        self._flags = self._resume_stage() if self.fresh else self._add_to_folder(delivered, shown)
        self._files = MessageFiles(self._cur, origin, path, self._flags)
        for uid in delivered:
            self.held.add(uid)
            self.last_uid = max(self.last_uid, uid)
        self.waiting.keep(self.held)
        self._contents = index_contents(tree, path, origin) if by_content and not self.fresh else None

    def _resume_stage(self) -> FolderFlags:
        """Go on with a folder that is shown when it is complete."""
        self.held = self._stage.resume()
        self.last_uid = self._stage.last_uid
        self.bytes_staged = self._stage.size
        return FolderFlags(self._stage.handle, shared=False)

    def _add_to_folder(self, delivered: UidSet, shown: bool) -> FolderFlags:
        """Go on with a folder that its owner sees.

        Args:
            delivered: what a killed run has shown, by UID.
            shown: the folder itself was brought into sight just now, as that run was about to.
        """
        self._stage.clear()
        if len(delivered):
            self._stage.complete_uidlist(delivered)
        self._note_delivered()
        if shown:
            self.before, self.written = 0, self.before
        self._control = self._tree.make_control(self.path)
        return FolderFlags(self._control, shared=True)

    @property
    def staged(self) -> bool:
        return self.fresh

    @property
    def has_work(self) -> bool:
        return not self.done and bool(self._staged or self._finished)

    @property
    def lost_keywords(self) -> Set[bytes]:
        return self._flags.lost

    def _shown_by_killed_run(self, record: ShownRecord) -> UidSet:
        """Return the UIDs of messages that a killed run has shown, wherever their owner has moved them since.

        Those that it was about to show are still in the stage, and come once more if that is cleared.
        """
        shown, staged = record.left_by_killed_run(self.origin), UidSet()
        for name in entries(self._cur) if len(shown) else ():
            uid = self.origin.uid_of(name)
            if uid in shown:
                shown.discard(uid)
                staged.add(uid)
        record.take_back(self.origin, staged)
        return shown

    @property
    def to_be_shown(self) -> UidSet:
        """UIDs of the messages that `publish` brings into sight."""
        if self.fresh:
            return self.held if self._finished else UidSet()
        uids = UidSet()
        for staged in self._staged:
            uids.add(staged.uid)
        return uids

    def _note_delivered(self) -> None:
        for _part, name in self._tree.message_names(self.path):
            self.before += 1
            uid = self.origin.uid_of(name)
            if uid:
                self.held.add(uid)
                self.last_uid = max(self.last_uid, uid)

    def add(self, fetched: Fetched) -> Optional[int]:
        uid = fetched.message.uid
        if uid is not None and uid in self.held:
            return None
        staged = self._files.write(fetched, self.held)
        if staged is None or not self._keep(staged, fetched.message.flags):
            return None
        self._flusher.count(staged.size)
        return staged.size

    def _keep(self, staged: Staged, flags: Tuple[bytes, ...]) -> bool:
        """Let a message stay in the stage, unless it is known by its content."""
        known = self._contents is not None and self._contents.pop(digest_of_content(staged.name, self._cur))
        self.held.add(staged.uid)
        self.last_uid = max(self.last_uid, staged.uid)
        if known:
            os.unlink(staged.name, dir_fd=self._cur)
            return False
        for keyword in self._flags.beyond_letters(flags):
            self.waiting.add(keyword, staged.uid)
        self._staged.append(staged)
        self.written += 1
        return True

    def claim(self, earlier: EarlierMessage) -> bool:
        return self._contents is not None and self._contents.pop(bytes(earlier))

    @property
    def stage_directory(self) -> int:
        """Where the messages are that wait to be shown."""
        return self._cur

    def link(self, directory: int, name: str, held: HeldCopy, size: int, virtual_size: int) -> bool:
        """Give the folder a message that has a file already; return whether that is there, in all its length.

        Args:
            size, virtual_size: as its name tells them.
        """
        if held.uid in self.held:
            return False
        staged = Staged(held.uid, self._files.name_of(held.uid, held.flags, size, virtual_size), size)
        try:
            os.link(name, staged.name, src_dir_fd=directory, dst_dir_fd=self._cur, follow_symlinks=False)
        except OSError:
            return False  # its owner has moved it, or a file has as many names as it can
        if not has_its_length(staged, self._cur):
            os.unlink(staged.name, dir_fd=self._cur)
            return False
        return self._keep(staged, held.flags)

    def mark_complete(self) -> None:
        self._finished = True

    def verify(self) -> None:
        """Make sure that every staged message, each of whose bytes has been compared, is there.

        Raises:
            MailImportError: `verification_failed`.
        """
        for staged in self._staged:
            if not has_its_length(staged, self._cur):
                raise self._files.not_as_received(staged.uid)

    def publish(self) -> None:
        """Enter what is durable into the journal, or show it."""
        if self.fresh:
            self._stage.journal(self._staged)
        else:
            self._stage.move_into_folder(self._staged)
        self._staged = []  # even when the folder cannot be shown now: no UID stands in the list twice
        if self._finished:
            if self.fresh and not self._stage.show():
                self._stage.move_into_folder(self._lettered_for_folder())
            self.done = True
            self.remove_stage()

    def _lettered_for_folder(self) -> List[Staged]:
        """Return all messages of the stage, with the letters that their keywords have in the folder that is there
        now."""
        keywords = keywords_by_number(self._stage.handle)
        control = self._tree.make_control(self.path)
        flags = FolderFlags(control, shared=True)
        found = []
        for name in list(entries(self._cur)):
            uid = self.origin.uid_of(name)
            if not uid:
                continue
            base_name, _colon, letters = name.partition(":2,")
            own = tuple(keywords[ord(letter) - ord("a")] for letter in letters if letter.islower())
            new = "".join(letter for letter in letters if letter.isupper()) + flags.letters(own)
            for keyword in flags.beyond_letters(own):
                self.waiting.add(keyword, uid)
            found.append(Staged(uid, "%s:2,%s" % (base_name, new), 0, arrived_as=name))
        os.close(control)
        return found

    def remove_stage(self) -> None:
        if not self.fresh:
            os.close(self._control)
        self._stage.remove()
