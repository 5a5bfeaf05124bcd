# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a mailbox's folders are below its root, and what is in them."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Iterator, Mapping, Optional, Sequence, Tuple

from ...imap.folder_names import encode_folder_name
from ...model.errors import MailImportError, os_failure
from ...model.mail import MailFiles
from ..base import FolderPath
from .control_files import KEYWORDS, UIDLIST, read_uidlist_header
from .files import entries, exists, make_directory, open_directory, open_file


def _make_root(path: str, shared: bool) -> None:
    """Create a mailbox's root with what is missing above it.

    As Dovecot does: for the owner alone, unless the directory above has the setgid bit and so shares its rights, and
    this Dovecot goes by that (`shared`).
    """
    above = os.path.dirname(path)
    if os.path.isdir(path) or above == path:
        return
    _make_root(above, shared)
    mode = os.stat(above).st_mode
    with suppress(FileExistsError):
        os.mkdir(path, mode & 0o777 if shared and mode & stat.S_ISGID else 0o700)


class MaildirTree:
    """The directories of one mailbox's Maildir; they exist.

    `root` is a handle of the mailbox's root, `control` one of the root of its control files, often the same directory;
    asking for it raises FileNotFoundError where it is missing.
    """

    def __init__(self, location: MailFiles) -> None:
        self.location = location
        self.root = os.open(location.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._control: Optional[int] = None

    @property
    def control(self) -> int:
        if self._control is None:
            self._control = os.open(self.location.control, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._control

    @classmethod
    def make(cls, location: MailFiles) -> MaildirTree:
        """Open the directories, making them unless they are there."""
        for path in (location.root, location.control):
            _make_root(path, location.shares_home)
        return cls(location)

    def close(self) -> None:
        os.close(self.root)
        if self._control is not None:
            os.close(self._control)
            self._control = None

    @property
    def separate_control(self) -> bool:
        return self.location.control != self.location.root

    def directory_name(self, path: FolderPath) -> str:
        """Return a folder's directory below the root, "." for INBOX."""
        if path == ("INBOX",):
            return "."
        parts = [os.fsdecode(encode_folder_name(part)) for part in path]
        return "/".join(parts) if self.location.layout == "fs" else "." + ".".join(parts)

    def control_name(self, path: FolderPath) -> str:
        """Return a folder's directory below the control directory: INBOX has one of its own only when that is
        elsewhere.
        """
        name = self.directory_name(path)
        if name != "." or not self.separate_control:
            return name
        return "INBOX" if self.location.layout == "fs" else ".INBOX"

    def make_control(self, path: FolderPath) -> int:
        """Create a folder's control directory unless it is there, and open it."""
        return make_directory(self.control_name(path), self.control)

    def has_folder(self, path: FolderPath) -> bool:
        """True when there is such a folder, be it empty."""
        return exists("%s/cur" % self.directory_name(path), self.root)

    def refused_folders(self, paths: Sequence[FolderPath]) -> Mapping[FolderPath, str]:
        """As MessageStore says."""
        troubles = {path: self._trouble_with(path) for path in paths if path != ("INBOX",)}
        return {path: text for path, text in troubles.items() if text}

    def _trouble_with(self, path: FolderPath) -> Optional[str]:
        """Say what keeps messages from being written into a folder that is there; None when nothing does."""
        folder, control = self.directory_name(path), self.control_name(path)
        try:
            for name in (folder, "%s/cur" % folder, "%s/new" % folder, "%s/tmp" % folder):
                with suppress(FileNotFoundError):
                    os.close(_open_to_write(name, self.root))
            with suppress(FileNotFoundError):
                handle = _open_to_write(control, self.control)
                try:
                    for name in (UIDLIST, KEYWORDS):
                        with suppress(FileNotFoundError):
                            os.close(open_file(name, handle))
                finally:
                    os.close(handle)
        except (MailImportError, OSError) as error:
            return error.message if isinstance(error, MailImportError) else os_failure(error).message
        return None

    def is_fresh(self, path: FolderPath) -> bool:
        """True when no message has ever been in this folder: it may get the UIDs of its source."""
        if next(self.message_names(path), None) is not None:
            return False
        try:
            control = open_directory(self.control_name(path), self.control)
        except FileNotFoundError:
            return True
        try:
            header = read_uidlist_header(control)
            return header is None or header.uidnext == 1
        finally:
            os.close(control)

    def message_names(self, path: FolderPath) -> Iterator[Tuple[str, str]]:
        """Yield (`cur` or `new`, file name) of every message in a folder."""
        return self._message_names_in(self.directory_name(path))

    def _message_names_in(self, folder: str) -> Iterator[Tuple[str, str]]:
        for part in ("cur", "new"):
            try:
                directory = open_directory(os.path.normpath(os.path.join(folder, part)), self.root)
            except FileNotFoundError:
                continue
            try:
                for name in entries(directory):
                    if not name.startswith("."):
                        yield part, name
            finally:
                os.close(directory)

    def all_message_names(self) -> Iterator[str]:
        """Yield the file names of all messages, folder after folder, INBOX first."""
        for folder in self._folders():
            for _part, name in self._message_names_in(folder):
                yield name

    def _folders(self) -> Iterator[str]:
        """Yield the directories below the root, and itself, that the layout has for folders."""
        for directory, inner, _files, _handle in os.fwalk(".", dir_fd=self.root):
            yield directory
            if self.location.layout == "fs":
                inner[:] = [name for name in inner if name not in ("cur", "new", "tmp")]
            else:
                inner[:] = [name for name in inner if name.startswith(".") and directory == "."]


def _open_to_write(name: str, parent: int) -> int:
    """Open a directory that this process may make and remove files in."""
    directory = open_directory(name, parent)
    if not os.access(".", os.W_OK | os.X_OK, dir_fd=directory, effective_ids=True):
        os.close(directory)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    return directory
