# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of one Maildir folder: a directory under ROOT/tmp in which messages wait until they are durable.

For a folder that does not exist yet it has a dovecot-uidlist of its own, with the source's UIDs, that doubles as the
journal of what is durable, and becomes the folder by one rename. Into a folder that exists, messages are moved one by
one, under Dovecot's lock.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import Iterator, List, Optional, Sequence, Tuple

from ...imap.uids import UidSet
from ..base import FolderPath
from ..origin import Origin
from . import control_files
from .control_files import KEYWORDS, UIDLIST, UidlistHeader
from .files import (
    copy_file,
    entries,
    exists,
    make_directory,
    open_directory,
    remove_entries,
    remove_tree,
    while_it_vanishes,
    write_file,
)
from .staged import Staged, size_in
from .tree import MaildirTree

# What a stage's name in ROOT/tmp begins with; the digests of its import and of its origin follow, and the UIDVALIDITY.
_PREFIX = "mailimport-"

# UIDs are kept up to here, so that many are left for mail to come: at the end of them Dovecot 2.3 delivers nothing and
# ends with an assertion.
_HIGHEST_KEPT_UID = 2**32 - 2**28


def import_stages(origin: Origin) -> str:
    """Return what the names in ROOT/tmp of all stages of an origin's import begin with."""
    return "%s%s-" % (_PREFIX, origin.import_digest)


def origin_stages(origin: Origin) -> str:
    """Return what the names of the stages of an origin begin with, whatever its UIDVALIDITY was."""
    return "%s%s-" % (import_stages(origin), origin.digest)


def stage_name(origin: Origin) -> str:
    """Return the name of the stage for an origin."""
    return "%s%010d" % (origin_stages(origin), origin.uidvalidity)


def has_stage(tree: MaildirTree, beginning: str) -> bool:
    """True when there is a stage whose name begins so."""
    try:
        stages = open_directory("tmp", tree.root)
    except FileNotFoundError:
        return False
    try:
        return any(name.startswith(beginning) for name in entries(stages))
    finally:
        os.close(stages)


def staged_epochs(tree: MaildirTree, origin: Origin) -> List[int]:
    """Return the epochs of the stages that there are of a folder."""
    try:
        stages = open_directory("tmp", tree.root)
    except FileNotFoundError:
        return []
    try:
        beginning = origin_stages(origin)
        found = [name[len(beginning) :] for name in entries(stages) if name.startswith(beginning)]
    finally:
        os.close(stages)
    return [int(epoch) for epoch in found if epoch.isdecimal()]


def remove_stages(tree: MaildirTree, beginning: str, keep: Tuple[str, ...]) -> None:
    """Remove the stages whose names begin so, but for those whose names begin as one of `keep`."""
    try:
        stages = open_directory("tmp", tree.root)
    except FileNotFoundError:
        return
    for name in [name for name in entries(stages) if name.startswith(beginning) and not name.startswith(keep)]:
        remove_tree(name, stages)
    os.close(stages)


def staged_uids(tree: MaildirTree, path: FolderPath, origin: Origin) -> Iterator[int]:
    """Yield the UIDs of messages of an origin that wait in its stage, durable, for the folder to be whole, or for a
    killed run to show them.
    """
    try:
        stage = open_directory("tmp/" + stage_name(origin), tree.root)
    except FileNotFoundError:
        return
    try:
        if exists(UIDLIST, stage) and (tree.is_fresh(path) or _has_uidlist_of(stage, tree, path)):
            for uid, _name in control_files.uidlist_entries(stage):
                yield uid
    finally:
        os.close(stage)


def _has_uidlist_of(stage: int, tree: MaildirTree, path: FolderPath) -> bool:
    try:
        control = open_directory(tree.control_name(path), tree.control)
    except FileNotFoundError:
        return False
    try:
        return control_files.lists_the_same(stage, control)
    finally:
        os.close(control)


class MaildirStage:
    """The stage for the messages of an origin, made unless an earlier run has left it.

    `handle` is its directory, `cur` the one in it that messages are written into, `last_uid` the highest UID in its
    journal, `size` the bytes of the messages that were in the journal when it was resumed.
    """

    def __init__(self, tree: MaildirTree, path: FolderPath, origin: Origin) -> None:
        self._tree = tree
        self._folder_path = path
        self._origin = origin
        self._folder_name = tree.directory_name(path)
        self._name = "tmp/" + stage_name(origin)
        self._open()

    def _open(self) -> None:
        self.handle = make_directory(self._name, self._tree.root)
        self.cur = make_directory("cur", self.handle)
        self.last_uid = 0
        self.size = 0
        self._in_order = True

    def _close(self) -> None:
        os.close(self.cur)
        os.close(self.handle)

    def resume(self) -> UidSet:
        """Keep what the journal says is durable, and return its UIDs; what was being written when an earlier run ended
        goes.
        """
        header = control_files.read_uidlist_header(self.handle)
        if header is None or header.uidvalidity != self._origin.source_uidvalidity:
            content = control_files.uidlist_header(
                self._origin.source_uidvalidity, self._origin.uidnext or 1, os.urandom(16).hex()
            )
            write_file(UIDLIST, self.handle, content)
        control_files.cut_torn_line(self.handle)
        return self._keep_listed()

    def _keep_listed(self) -> UidSet:
        listed = UidSet()
        for uid, name in control_files.uidlist_entries(self.handle):
            listed.add(uid)
            self._note_listed(uid)
            self.size += size_in(name)
        for name in entries(self.cur):
            if self._origin.uid_of(name) not in listed:
                os.unlink(name, dir_fd=self.cur)
        return listed

    def _note_listed(self, uid: int) -> None:
        self._in_order = self._in_order and uid > self.last_uid
        self.last_uid = max(self.last_uid, uid)

    def clear(self) -> None:
        """Begin anew without a journal, as messages come to a folder that exists: what is in a journal would be taken
        for whole.
        """
        with suppress(FileNotFoundError):
            os.unlink(UIDLIST, dir_fd=self.handle)
        remove_entries(self.cur)

    def journal(self, durable: Sequence[Staged]) -> None:
        """Enter messages that are durable into the journal."""
        if not durable:
            return
        control_files.append_to_uidlist(self.handle, [(staged.uid, staged.base_name) for staged in durable])
        for staged in durable:
            self._note_listed(staged.uid)

    def show(self) -> bool:
        """Give the folder the source's UIDs and make it visible.

        Returns:
            False when mail came into the folder meanwhile: then ours are for `move_into_folder`.
        """
        if self._origin.source_uidvalidity and self.last_uid <= _HIGHEST_KEPT_UID:
            told = self._origin.uidnext or 1
            control_files.finish_uidlist(
                self.handle, max(told if told <= _HIGHEST_KEPT_UID else 1, self.last_uid + 1), self._in_order
            )
        else:
            with suppress(FileNotFoundError):
                os.unlink(UIDLIST, dir_fd=self.handle)  # the source gives none, or too high ones: Dovecot makes its own
        if exists(self._folder_name, self._tree.root):
            return self._fill_empty_folder()
        self._rename_into_place()
        return True

    def _rename_into_place(self) -> None:
        for part in ("new", "tmp"):
            os.close(make_directory(part, self.handle))
        if self._tree.location.layout != "fs":
            write_file("maildirfolder", self.handle, b"")
        if self._tree.separate_control:
            control = self._tree.make_control(self._folder_path)
            self._copy_control_files(control)
            os.close(control)
        self._rename()

    def _rename(self) -> None:
        """Let the stage become the folder, with nothing in it that is kept elsewhere."""
        while_it_vanishes(self._rename_below_parent)
        for name in (KEYWORDS, UIDLIST) if self._tree.separate_control else ():
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.handle)

    def _rename_below_parent(self) -> None:
        parent, _slash, _name = self._folder_name.rpartition("/")
        if parent:
            os.close(make_directory(parent, self._tree.root))
        os.rename(self._name, self._folder_name, src_dir_fd=self._tree.root, dst_dir_fd=self._tree.root)

    def _fill_empty_folder(self) -> bool:
        """Take over a folder without mail, INBOX or one that Dovecot made by itself, with its UIDVALIDITY."""
        control = self._tree.make_control(self._folder_path)
        try:
            with control_files.dotlock(control, UIDLIST):
                if not self._tree.is_fresh(self._folder_path):
                    return False
                self._copy_control_files(control)
                self._hand_over_messages()
                return True
        finally:
            os.close(control)

    def _copy_control_files(self, control: int) -> None:
        # A folder that has the uidlist has the keywords too.
        for name in (KEYWORDS, UIDLIST):
            copy_file(name, self.handle, control)

    def _hand_over_messages(self) -> None:
        folder = make_directory(self._folder_name, self._tree.root)
        for part in ("cur", "new", "tmp"):
            os.close(make_directory(part, folder))
        try:
            os.rename("cur", "cur", src_dir_fd=self.handle, dst_dir_fd=folder)
        except OSError as error:
            if error.errno not in (
                errno.ENOTEMPTY,
                errno.EEXIST,
            ):  # a file that is no message does not let go of its directory
                raise
            cur = make_directory("cur", folder)
            for name in list(entries(self.cur)):
                os.rename(name, name, src_dir_fd=self.cur, dst_dir_fd=cur)
            os.close(cur)
        finally:
            os.close(folder)

    def finish_showing(self) -> bool:
        """Show the messages of a folder that has all else: a run was killed, and the uidlist that has come first gives
        them the source's UIDs.

        Returns:
            False when no run was killed there.
        """
        if not exists(UIDLIST, self.handle) or next(entries(self.cur), None) is None:
            return False
        try:
            control = open_directory(self._tree.control_name(self._folder_path), self._tree.control)
        except FileNotFoundError:
            return False
        try:
            with control_files.dotlock(control, UIDLIST):
                if not control_files.lists_the_same(self.handle, control):
                    return False
                self._keep_listed()
                if exists(self._folder_name, self._tree.root):
                    self._hand_over_messages()
                else:
                    self._rename()
        finally:
            os.close(control)
        self._close()
        self._open()
        return True

    def move_into_folder(self, arrived: Sequence[Staged]) -> None:
        """Move messages one by one into a folder that exists."""
        arrived = sorted(arrived)
        folder = make_directory(self._folder_name, self._tree.root)
        for part in ("new", "tmp"):
            os.close(make_directory(part, folder))
        cur = make_directory("cur", folder)
        control = self._tree.make_control(self._folder_path)
        with control_files.dotlock(control, UIDLIST):
            header = control_files.read_uidlist_header(control)
            arrived = _renamed_where_known(arrived, control)
            for staged in arrived:
                os.rename(staged.staged_name, staged.name, src_dir_fd=self.cur, dst_dir_fd=cur)
            self._enter_into_uidlist(control, header, [(staged.uid, staged.base_name) for staged in arrived])
        for handle in (folder, cur, control):
            os.close(handle)

    def _enter_into_uidlist(
        self, control: int, header: Optional[UidlistHeader], messages: Sequence[Tuple[int, str]]
    ) -> None:
        """Give messages, ascending, the UIDs of the source, where they can have them. The caller holds the lock."""
        if not messages or header is None or header.uidvalidity != self._origin.source_uidvalidity:
            return
        if header.uidnext <= messages[0][0] and messages[-1][0] <= _HIGHEST_KEPT_UID:
            control_files.append_to_uidlist(control, messages)

    def complete_uidlist(self, shown: UidSet) -> None:
        """Give messages that a killed run has shown their UIDs, which it did not live to enter into the folder's
        uidlist, unless Dovecot has given them others.
        """
        control = self._tree.make_control(self._folder_path)
        try:
            with control_files.dotlock(control, UIDLIST):
                if not exists(UIDLIST, control):
                    return
                control_files.cut_torn_line(control)
                listed = UidSet()
                for _uid, name in control_files.uidlist_entries(control):
                    listed.add(self._origin.uid_of(name))
                names = (name.partition(":2,")[0] for _part, name in self._tree.message_names(self._folder_path))
                messages = [(self._origin.uid_of(name), name) for name in names]
                missing = sorted((uid, name) for uid, name in messages if uid in shown and uid not in listed)
                self._enter_into_uidlist(control, control_files.read_uidlist_header(control), missing)
        finally:
            os.close(control)

    def remove(self) -> None:
        """Remove the stage with whatever is left in it; a folder that was shown took it along."""
        self._close()
        remove_tree(self._name, self._tree.root)


def _renamed_where_known(arrived: Sequence[Staged], control: int) -> List[Staged]:
    """Give new names to messages that were here before and were expunged: Dovecot still knows their names, and is slow
    to take them back.
    """
    names = {staged.base_name for staged in arrived}
    known = (
        {name for _uid, name in control_files.uidlist_entries(control) if name in names}
        if exists(UIDLIST, control)
        else set()
    )
    suffix = ".mailimport-%d," % time.time()
    return [
        staged._replace(name=staged.name.replace(".mailimport,", suffix, 1), arrived_as=staged.staged_name)
        if staged.base_name in known
        else staged
        for staged in arrived
    ]
