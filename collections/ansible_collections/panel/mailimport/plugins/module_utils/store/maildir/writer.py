# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Maildir folder while it is written: messages as they come, each into a file of the folder's stage."""

from __future__ import annotations

import os
import time
from typing import List, Optional, Set

from ...imap.dates import date_from_header
from ...imap.fetch import Fetched
from ...imap.uids import UidSet
from ...model.errors import MailImportError
from ..base import EarlierMessage, FolderPath, FolderWriter, HeldCopy, joined_path
from ..origin import Origin
from .control_files import keywords_by_number
from .files import CREATE, digest_of_content, entries, mode_of_files, start_writing_back
from .flusher import Flusher
from .letters import FolderFlags
from .line_ends import BareLineFeeds, bare_line_feeds
from .more_keywords import WaitingKeywords
from .others import index_contents
from .shown import ShownRecord
from .stage import MaildirStage, stage_name
from .staged import Staged, has_its_length, reads_back, write
from .tree import MaildirTree

# So much of a message is searched for its date.
_LONGEST_HEADER = 65536


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
        self._mode = mode_of_files(self._cur)
        delivered = self._shown_by_killed_run(record)
        self.fresh = tree.is_fresh(path)
        self._flags = self._resume_stage() if self.fresh else self._add_to_folder(delivered, shown)
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
        staged = self._write_whole(fetched, fetched.whole) if fetched.whole is not None else self._write_chunks(fetched)
        if staged is None:
            return None
        known = self._contents is not None and self._contents.pop(digest_of_content(staged.name, self._cur))
        self.held.add(staged.uid)
        self.last_uid = max(self.last_uid, staged.uid)
        if known:
            os.unlink(staged.name, dir_fd=self._cur)
            return None
        for keyword in self._flags.beyond_letters(fetched.message.flags):
            self.waiting.add(keyword, staged.uid)
        self._staged.append(staged)
        self._flusher.count(staged.size)
        self.written += 1
        return staged.size

    def claim(self, earlier: EarlierMessage) -> bool:
        return self._contents is not None and self._contents.pop(bytes(earlier))

    def _write_whole(self, fetched: Fetched, whole: memoryview) -> Staged:
        uid, size = self._uid(fetched), len(whole)
        name = self._name(uid, fetched, size, size + bare_line_feeds(whole))
        fd = os.open(name, CREATE | os.O_EXCL, self._mode, dir_fd=self._cur)
        try:
            self._write(fd, whole, 0, fetched)
            date = fetched.message.internal_date
            if date is None:
                date = self._date_without_internal_date(bytes(whole))
            os.utime(fd, (date, date))
        finally:
            os.close(fd)
        return Staged(uid, name, size)

    def _write_chunks(self, fetched: Fetched) -> Optional[Staged]:
        """Write a long message, or one whose UID comes behind it, under a passing name; None when that UID is there
        already.
        """
        line_feeds = BareLineFeeds()
        size = 0
        beginning = b""
        fd = os.open("arriving", CREATE | os.O_TRUNC, self._mode, dir_fd=self._cur)
        try:
            for chunk in fetched.chunks:
                self._write(fd, chunk, size, fetched)
                line_feeds.add(chunk)
                beginning += chunk[: _LONGEST_HEADER - len(beginning)]
                size += len(chunk)
            start_writing_back(fd)
            date = fetched.message.internal_date
            if date is None:
                date = self._date_without_internal_date(beginning)
            os.utime(fd, (date, date))
        except BaseException:
            os.unlink("arriving", dir_fd=self._cur)  # the folder may become visible without this message
            raise
        finally:
            os.close(fd)
        uid = self._uid(fetched)
        if uid in self.held:
            os.unlink("arriving", dir_fd=self._cur)
            return None
        name = self._name(uid, fetched, size, size + line_feeds.count)
        os.rename("arriving", name, src_dir_fd=self._cur, dst_dir_fd=self._cur)
        return Staged(uid, name, size)

    def _write(self, fd: int, chunk: memoryview, offset: int, fetched: Fetched) -> None:
        """Write a piece of a message to the end of its file and read it back."""
        write(fd, chunk)
        if not reads_back(fd, chunk, offset):
            raise self._not_as_received(fetched.message.uid)

    def _not_as_received(self, uid: Optional[int]) -> MailImportError:
        text = "message UID %s of %s does not read back as it was received; check the disk"
        return MailImportError(
            "verification_failed", text % ("unknown" if uid is None else uid, joined_path(self.path))
        )

    def _uid(self, fetched: Fetched) -> int:
        uid = fetched.message.uid
        if uid is None:
            raise MailImportError(
                "protocol_error", "the source sent a message of %s without its UID" % joined_path(self.path)
            )
        return uid

    def _date_without_internal_date(self, beginning: bytes) -> int:
        date = date_from_header(beginning)
        return int(time.time()) if date is None else date

    def _name(self, uid: int, fetched: Fetched, size: int, virtual_size: int) -> str:
        # S and W are Maildir++ sizes: bytes in the file, and bytes with every line end as CRLF.
        letters = self._flags.letters(fetched.message.flags)
        return "%s,S=%d,W=%d:2,%s" % (self.origin.base_name(uid), size, virtual_size, letters)

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
        letters = self._flags.letters(held.flags)
        new = "%s,S=%d,W=%d:2,%s" % (self.origin.base_name(held.uid), size, virtual_size, letters)
        staged = Staged(held.uid, new, size)
        try:
            os.link(name, new, src_dir_fd=directory, dst_dir_fd=self._cur, follow_symlinks=False)
        except OSError:
            return False  # its owner has moved it, or a file has as many names as it can
        if not has_its_length(staged, self._cur):
            os.unlink(new, dir_fd=self._cur)
            return False
        known = self._contents is not None and self._contents.pop(digest_of_content(new, self._cur))
        self.held.add(held.uid)
        self.last_uid = max(self.last_uid, held.uid)
        if known:
            os.unlink(new, dir_fd=self._cur)
            return False
        for keyword in self._flags.beyond_letters(held.flags):
            self.waiting.add(keyword, held.uid)
        self._staged.append(staged)
        self.written += 1
        return True

    def mark_complete(self) -> None:
        self._finished = True

    def verify(self) -> None:
        """Make sure that every staged message, each of whose bytes has been compared, is there.

        Raises:
            MailImportError: `verification_failed`.
        """
        for staged in self._staged:
            if not has_its_length(staged, self._cur):
                raise self._not_as_received(staged.uid)

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
