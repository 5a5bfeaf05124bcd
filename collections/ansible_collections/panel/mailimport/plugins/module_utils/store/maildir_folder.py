# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One Maildir folder while it is written.

A folder that does not exist yet is staged under ROOT/tmp, with the source's UIDs in a dovecot-uidlist of its own that
doubles as the journal of what is durable, and becomes visible by one rename. Messages for a folder that exists are
staged the same way and moved into it one by one, under Dovecot's lock.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, List, Optional, Set

from ..model.errors import MailImportError
from ..source.dates import date_from_header
from ..source.fetch import Fetched
from . import control_files
from .base import FolderPath, FolderWriter, Origin, UidSet, joined_path
from .contents import ContentIndex
from .control_files import KEYWORDS, UIDLIST
from .files import (
    CREATE,
    copy_file,
    digest_of_content,
    entries,
    exists,
    make_directory,
    open_directory,
    remove_entries,
    remove_tree,
    replace_file,
    start_writing_back,
)
from .flags import FolderFlags
from .line_ends import BareLineFeeds, bare_line_feeds
from .maildir_keywords import WaitingKeywords
from .staged import Staged, has_its_length, reads_back, renamed_where_known, stage_name, write

if TYPE_CHECKING:
    from .maildir import MaildirStore

# So much of a message is searched for its date.
_LONGEST_HEADER = 65536

# UIDs are kept up to here, so that many are left for mail to come: at the end of them Dovecot 2.3 delivers nothing and ends with an assertion.
_HIGHEST_KEPT_UID = 2**32 - 2**28


class MaildirWriter(FolderWriter):
    """See the module. `done` is set once everything is where it belongs."""

    def __init__(self, store: MaildirStore, path: FolderPath, origin: Origin, by_content: bool) -> None:
        self.path = path
        self.origin = origin
        self.held = UidSet()
        self.before = 0
        self.done = False
        self._store = store
        self._directory = store.directory_name(path)
        self._staged: List[Staged] = []
        self._finished = False
        self._journaled = 0
        self._in_order = True
        self._stage_path = "tmp/" + stage_name(origin)
        self._open_stage()
        self.waiting = WaitingKeywords(stage_name(origin), store.root)
        self.created = not store.has_folder(path)
        shown = exists(UIDLIST, self._stage) and self._finish_showing()
        self.fresh = store.is_fresh(path)
        if self.fresh:
            self._resume_stage()
            self._flags = FolderFlags(self._stage, shared=False)
        else:
            # From now on messages come and go here without a journal: what is in one would be taken for whole.
            with suppress(FileNotFoundError):
                os.unlink(UIDLIST, dir_fd=self._stage)
            remove_entries(self._cur)
            self._note_delivered()
            if shown:
                self.before, self.written = 0, self.before
            self._control = self._target_control()
            self._flags = FolderFlags(self._control, shared=True)
        self.waiting.keep(self.held)
        self._contents = self._index_contents() if by_content and not self.fresh else None

    def _open_stage(self) -> None:
        self._stage = make_directory(self._stage_path, self._store.root)
        for part in ("new", "tmp"):
            os.close(make_directory(part, self._stage))
        self._cur = make_directory("cur", self._stage)

    @property
    def staged(self) -> bool:
        return self.fresh

    @property
    def has_work(self) -> bool:
        return not self.done and bool(self._staged or self._finished)

    @property
    def lost_keywords(self) -> Set[bytes]:
        return self._flags.lost

    def _resume_stage(self) -> None:
        """Keep what the journal says is durable; what was being written when an earlier run ended goes."""
        header = control_files.read_uidlist_header(self._stage)
        if header is None or header.uidvalidity != self.origin.uidvalidity:
            content = control_files.uidlist_header(self.origin.uidvalidity, self.origin.uidnext or 1, os.urandom(16).hex())
            replace_file(UIDLIST, self._stage, content)
        control_files.cut_torn_line(self._stage)
        for uid, _name in control_files.uidlist_entries(self._stage):
            self.held.add(uid)
            self._in_order = self._in_order and uid > self._journaled
            self._journaled = self.last_uid = max(self._journaled, uid)
        self._drop_unlisted(self.held)

    def _drop_unlisted(self, listed: UidSet) -> None:
        for name in entries(self._cur):
            if self.origin.uid_of(name) not in listed:
                os.unlink(name, dir_fd=self._cur)

    def _note_delivered(self) -> None:
        for _part, name in self._store.message_names(self.path):
            self.before += 1
            uid = self.origin.uid_of(name)
            if uid:
                self.held.add(uid)
                self.last_uid = max(self.last_uid, uid)

    def _index_contents(self) -> ContentIndex:
        index = ContentIndex()
        folder = make_directory(self._directory, self._store.root)
        renamed = self._add_contents(index, folder, None)
        while renamed:
            renamed = self._add_contents(index, folder, renamed)
        os.close(folder)
        return index

    def _add_contents(self, index: ContentIndex, folder: int, only: Optional[Set[str]]) -> Set[str]:
        """Add digests of the messages that are not of this origin; return which a mail program renamed before they were read."""
        renamed = set()
        for part, name in self._store.message_names(self.path):
            base_name = name.partition(":2,")[0]
            if self.origin.uid_of(name) or (only is not None and base_name not in only):
                continue
            try:
                index.add(digest_of_content("%s/%s" % (part, name), folder))
            except FileNotFoundError:
                renamed.add(base_name)
        return renamed

    def _target_control(self) -> int:
        return make_directory(self._store.control_name(self.path), self._store.control)

    def add(self, fetched: Fetched) -> Optional[int]:
        uid = fetched.message.uid
        if uid is not None and uid in self.held:
            return None
        staged = self._write_whole(fetched, fetched.whole) if fetched.whole is not None else self._write_chunks(fetched)
        if staged is None:
            return None
        known = self._contents is not None and self._contents.take(digest_of_content(staged.name, self._cur))
        self.held.add(staged.uid)
        self.last_uid = max(self.last_uid, staged.uid)
        if known:
            os.unlink(staged.name, dir_fd=self._cur)
            return None
        for keyword in self._flags.beyond_letters(fetched.message.flags):
            self.waiting.add(keyword, staged.uid)
        self._staged.append(staged)
        self._store.flusher.note(staged.size)
        self.written += 1
        return staged.size

    def _write_whole(self, fetched: Fetched, whole: memoryview) -> Staged:
        size = len(whole)
        name = self._name(fetched, size, size + bare_line_feeds(whole))
        fd = os.open(name, CREATE | os.O_EXCL, 0o600, dir_fd=self._cur)
        try:
            self._write(fd, whole, 0, fetched)
            date = fetched.message.internal_date
            if date is None:
                date = self._date_without_internal_date(bytes(whole))
            os.utime(fd, (date, date))
        finally:
            os.close(fd)
        return Staged(self._uid(fetched), name, size)

    def _write_chunks(self, fetched: Fetched) -> Optional[Staged]:
        """Write a long message, or one whose UID comes behind it, under a passing name; None when that UID is there already."""
        line_feeds = BareLineFeeds()
        size = 0
        beginning = b""
        fd = os.open("arriving", CREATE | os.O_TRUNC, 0o600, dir_fd=self._cur)
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
        if self._uid(fetched) in self.held:
            os.unlink("arriving", dir_fd=self._cur)
            return None
        name = self._name(fetched, size, size + line_feeds.count)
        os.rename("arriving", name, src_dir_fd=self._cur, dst_dir_fd=self._cur)
        return Staged(self._uid(fetched), name, size)

    def _write(self, fd: int, chunk: memoryview, offset: int, fetched: Fetched) -> None:
        """Write a piece of a message to the end of its file and read it back."""
        write(fd, chunk)
        if not reads_back(fd, chunk, offset):
            raise self._not_as_received(fetched.message.uid)

    def _not_as_received(self, uid: Optional[int]) -> MailImportError:
        text = "message UID %s of %s does not read back as it was received; check the disk"
        return MailImportError("verification_failed", text % ("unknown" if uid is None else uid, joined_path(self.path)))

    def _uid(self, fetched: Fetched) -> int:
        uid = fetched.message.uid
        if uid is None:
            raise MailImportError("protocol_error", "the source sent a message of %s without its UID" % joined_path(self.path))
        return uid

    def _date_without_internal_date(self, beginning: bytes) -> int:
        date = date_from_header(beginning)
        return int(time.time()) if date is None else date

    def _name(self, fetched: Fetched, size: int, virtual_size: int) -> str:
        # S and W are Maildir++ sizes: bytes in the file, and bytes with every line end as CRLF.
        base_name = self.origin.base_name(self._uid(fetched))
        return "%s,S=%d,W=%d:2,%s" % (base_name, size, virtual_size, self._flags.letters(fetched.message.flags))

    def finish(self) -> None:
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
        if not self.fresh:
            self._move_into_folder(self._staged)
        else:
            self._journal()
            if self._finished:
                self._show_folder()
        if self._finished:
            self.done = True
            self.remove_stage()

    def _journal(self) -> None:
        if not self._staged:
            return
        control_files.append_to_uidlist(self._stage, [(staged.uid, staged.base_name) for staged in self._staged])
        for staged in self._staged:
            self._in_order = self._in_order and staged.uid > self._journaled
            self._journaled = max(self._journaled, staged.uid)
        self._staged = []  # even when the folder cannot be shown now: no UID stands in the list twice

    def _show_folder(self) -> None:
        """Give the folder the source's UIDs and make it visible; if mail came into it meanwhile, move ours there."""
        if self.origin.uidvalidity and self._journaled <= _HIGHEST_KEPT_UID:
            told = self.origin.uidnext or 1
            control_files.finish_uidlist(self._stage, max(told if told <= _HIGHEST_KEPT_UID else 1, self._journaled + 1), self._in_order)
        else:
            with suppress(FileNotFoundError):
                os.unlink(UIDLIST, dir_fd=self._stage)  # the source gives none, or too high ones: Dovecot makes its own
        if not exists(self._directory, self._store.root):
            self._rename_into_place()
        elif not self._fill_empty_folder():
            self._move_into_folder(self._lettered_for_folder())

    def _lettered_for_folder(self) -> List[Staged]:
        """Return all messages of the stage, with the letters that their keywords have in the folder that is there now."""
        keywords = control_files.keywords_by_number(self._stage)
        control = self._target_control()
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

    def _rename_into_place(self) -> None:
        parent, _slash, _name = self._directory.rpartition("/")
        if parent:
            os.close(make_directory(parent, self._store.root))
        if self._store.location.layout != "fs":
            replace_file("maildirfolder", self._stage, b"")
        if self._store.separate_control:
            control = self._target_control()
            self._copy_control_files(control)
            os.close(control)
        self._rename_stage()

    def _rename_stage(self) -> None:
        """Let the stage become the folder, with nothing in it that is kept elsewhere."""
        os.rename(self._stage_path, self._directory, src_dir_fd=self._store.root, dst_dir_fd=self._store.root)
        for name in (KEYWORDS, UIDLIST) if self._store.separate_control else ():
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._stage)

    def _fill_empty_folder(self) -> bool:
        """Take over a folder without mail, INBOX or one that Dovecot made by itself, with its UIDVALIDITY."""
        control = self._target_control()
        try:
            with control_files.dotlock(control, UIDLIST):
                if not self._store.is_fresh(self.path):
                    return False
                self._copy_control_files(control)
                self._hand_over_messages()
                return True
        finally:
            os.close(control)

    def _copy_control_files(self, control: int) -> None:
        # A folder that has the uidlist has the keywords too.
        for name in (KEYWORDS, UIDLIST):
            copy_file(name, self._stage, control)

    def _hand_over_messages(self) -> None:
        folder = make_directory(self._directory, self._store.root)
        for part in ("cur", "new", "tmp"):
            os.close(make_directory(part, folder))
        try:
            os.rename("cur", "cur", src_dir_fd=self._stage, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):  # a file that is no message does not let go of its directory
                raise
            cur = make_directory("cur", folder)
            for name in list(entries(self._cur)):
                os.rename(name, name, src_dir_fd=self._cur, dst_dir_fd=cur)
            os.close(cur)
        finally:
            os.close(folder)

    def _finish_showing(self) -> bool:
        """Show the messages of a folder that has all else: a run was killed, and the uidlist that has come first gives them the source's UIDs."""
        if next(entries(self._cur), None) is None:
            return False
        try:
            control = open_directory(self._store.control_name(self.path), self._store.control)
        except FileNotFoundError:
            return False
        try:
            with control_files.dotlock(control, UIDLIST):
                if not control_files.lists_the_same(self._stage, control):
                    return False
                listed = UidSet()
                for uid, _name in control_files.uidlist_entries(self._stage):
                    listed.add(uid)
                self._drop_unlisted(listed)
                if exists(self._directory, self._store.root):
                    self._hand_over_messages()
                else:
                    self._rename_stage()
        finally:
            os.close(control)
        os.close(self._cur)
        os.close(self._stage)
        self._open_stage()
        return True

    def _move_into_folder(self, arrived: List[Staged]) -> None:
        arrived = sorted(arrived)
        folder = make_directory(self._directory, self._store.root)
        for part in ("new", "tmp"):
            os.close(make_directory(part, folder))
        cur = make_directory("cur", folder)
        control = self._target_control()
        with control_files.dotlock(control, UIDLIST):
            header = control_files.read_uidlist_header(control)
            arrived = renamed_where_known(arrived, control)
            for staged in arrived:
                os.rename(staged.staged_name, staged.name, src_dir_fd=self._cur, dst_dir_fd=cur)
            fits = arrived and header and header.uidvalidity == self.origin.uidvalidity and header.uidnext <= arrived[0].uid
            if fits and arrived[-1].uid <= _HIGHEST_KEPT_UID:
                control_files.append_to_uidlist(control, [(staged.uid, staged.base_name) for staged in arrived])
        for handle in (folder, cur, control):
            os.close(handle)
        self._staged = []

    def remove_stage(self) -> None:
        """Remove the stage with whatever is left in it; a folder that was shown took it along."""
        os.close(self._cur)
        os.close(self._stage)
        if not self.fresh:
            os.close(self._control)
        remove_tree(self._stage_path, self._store.root)
