# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files and directories of a mailbox: relative to directory handles, and never through a link its owner planted."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import stat
from contextlib import suppress
from typing import Callable, Iterator, Optional, TypeVar

from ...model.errors import MailImportError
from ..contents import CanonicalDigest

CREATE = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOCK = 1 << 20
_SYNC_FILE_RANGE_WRITE = 2

# Whoever removes what is made must be as fast each time.
_MOST_ATTEMPTS = 100

# What says nothing of the place that is opened
_OF_THE_MACHINE = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM)

_Result = TypeVar("_Result")

_libc = ctypes.CDLL(None, use_errno=True)


def open_directory(name: str, parent: Optional[int] = None) -> int:
    """Open a directory, never through a link.

    Raises:
        FileNotFoundError: nothing is there.
        MailImportError: `host_refused` when a link or a file is in its place.
    """
    try:
        return os.open(name, _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _OF_THE_MACHINE:
            raise
        raise MailImportError(
            "host_refused",
            "%s in the mailbox is not a directory (%s)" % (name, error.strerror),
        ) from None


def open_file(name: str, directory: int) -> int:
    """Open a file for reading, never through a link, and no pipe: whoever opens one waits for somebody to write into
    it.

    Raises:
        FileNotFoundError: nothing is there.
        MailImportError: `host_refused` when something else is in its place.
    """
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise MailImportError(
            "host_refused", "%s in the mailbox is not a file: remove it and run the task again" % name
        )
    return fd


def make_directory(name: str, parent: int) -> int:
    """Create a directory unless it is there, and open it. Components of `name` are taken one by one."""
    return while_it_vanishes(lambda: _make_directory(name, parent))


def while_it_vanishes(work: Callable[[], _Result]) -> _Result:
    """Do something again when a directory is gone that was just made: Dovecot 2.4 with LAYOUT=fs removes empty ones
    when somebody lists the folders.

    Raises:
        FileNotFoundError: it vanishes every time.
    """
    for _attempt in range(_MOST_ATTEMPTS):
        with suppress(FileNotFoundError):
            return work()
    return work()


def _make_directory(name: str, parent: int) -> int:
    handle = os.dup(parent)
    for part in name.split("/"):
        try:
            inner = _open_or_make(part, handle)
        finally:
            os.close(handle)
        handle = inner
    return handle


def _open_or_make(name: str, parent: int) -> int:
    """Open a directory; a new one has the rights of its parent, as Dovecot gives them (and from a parent with the
    setgid bit its group).
    """
    try:
        return open_directory(name, parent)
    except FileNotFoundError:
        with suppress(FileExistsError):
            os.mkdir(name, os.fstat(parent).st_mode & 0o777, dir_fd=parent)
        return open_directory(name, parent)


def mode_of_files(directory: int) -> int:
    """Return the rights of files in a directory, which Dovecot gives them too: the directory's own."""
    return os.fstat(directory).st_mode & 0o666


def exists(name: str, parent: int) -> bool:
    try:
        os.stat(name, dir_fd=parent, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def entries(directory: int) -> Iterator[str]:
    """Yield the names in a directory, none of them all at once in memory."""
    with os.scandir(directory) as found:
        for entry in found:
            yield entry.name


def remove_entries(directory: int) -> None:
    """Remove every file of a directory of ours. Reading goes on past what is removed meanwhile (readdir(3p))."""
    for name in entries(directory):
        os.unlink(name, dir_fd=directory)


def remove_tree(name: str, parent: int) -> None:
    """Remove a directory with all that is in it; links in it are removed, not followed."""
    try:
        directory = open_directory(name, parent)
    except FileNotFoundError:
        return
    with os.scandir(directory) as found:
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.name, directory)
            else:
                os.unlink(entry.name, dir_fd=directory)
    os.close(directory)
    os.rmdir(name, dir_fd=parent)


def read_file(name: str, directory: int) -> Optional[bytes]:
    """Return a small file's content, None when it does not exist."""
    try:
        fd = open_file(name, directory)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as handle:
        return handle.read()


def temporary_name(name: str) -> str:
    """Return what a file is called while it is written: always the same, so that what a killed run leaves is written
    over.
    """
    return name + ".new"


def write_file(name: str, directory: int, content: bytes) -> None:
    """Write a file beside itself and rename it into place. Nobody else writes it: the caller holds the lock, or the
    directory is its own.
    """
    temporary = temporary_name(name)
    fd = os.open(temporary, CREATE | os.O_TRUNC, mode_of_files(directory), dir_fd=directory)
    with os.fdopen(fd, "wb") as handle:
        handle.write(content)
    os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)


def copy_file(name: str, source: int, target: int) -> None:
    """Copy a file, of any length, to another directory; it appears there whole. Nothing happens when there is none.

    Nobody else writes it there, as with `write_file`.
    """
    try:
        reading = open_file(name, source)
    except FileNotFoundError:
        return
    temporary = temporary_name(name)
    with (
        os.fdopen(reading, "rb") as content,
        os.fdopen(os.open(temporary, CREATE | os.O_TRUNC, mode_of_files(target), dir_fd=target), "wb") as copy,
    ):
        shutil.copyfileobj(content, copy)
    os.rename(temporary, name, src_dir_fd=target, dst_dir_fd=target)


def digest_of_content(name: str, directory: int) -> bytes:
    """Return the canonical digest of the message in a file."""
    digest = CanonicalDigest()
    with os.fdopen(open_file(name, directory), "rb") as handle:
        for block in iter(lambda: handle.read(_BLOCK), b""):
            digest.update(block)
    return digest.digest()


def beginning_of(name: str, directory: int, size: int) -> bytes:
    """Return the first `size` bytes of a file, fewer if it has no more."""
    with os.fdopen(open_file(name, directory), "rb") as handle:
        return handle.read(size)


def start_writing_back(fd: int) -> None:
    """Let the kernel begin to write a long file to disk (sync_file_range(2)), so that the flush of the batch finds less
    to do.

    What it says does not matter: durable is only what `syncfs` has written.
    """
    _libc.sync_file_range(fd, ctypes.c_int64(0), ctypes.c_int64(0), _SYNC_FILE_RANGE_WRITE)


def syncfs(directory: int) -> None:
    """Write everything of the directory's filesystem to disk (syncfs(2)).

    Raises:
        OSError: with the errno of the failed write-back.
    """
    if _libc.syncfs(directory) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
