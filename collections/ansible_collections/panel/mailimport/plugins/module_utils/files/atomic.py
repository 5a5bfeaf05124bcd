# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replacing a file so that a reader, a crash or a second writer never sees half of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import contextmanager
from typing import Iterator, NamedTuple, Optional

from ..model.errors import MailImportError

_TEMPORARY = ".%s.panel-mailimport"
_SECOND = 10**9
# Seconds. Other runs hold the lock for some milliseconds each.
LONGEST_WAIT = 60.0
_LOOK_AGAIN = 0.01


class NewFile(NamedTuple):
    """Mode, and owner and group (-1: those of this process), of a file that was not there before."""

    mode: int
    uid: int = -1
    gid: int = -1


@contextmanager
def exclusive(path: str) -> Iterator[None]:
    """Hold off every other run that edits a file in the same directory; blocks until they are done.

    The directory itself is locked: `path` is replaced under the lock and leaves no lock file behind.

    Raises:
        MailImportError: `host_refused` when somebody holds it for a minute, which whoever can read the directory may
            do.
    """
    directory = os.path.dirname(path)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(descriptor, directory)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, directory: str) -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise MailImportError(
                    "host_refused", "another process holds the lock of directory %s: find it with lslocks" % directory
                ) from None
        time.sleep(_LOOK_AGAIN)


def replace_file(path: str, content: bytes, new: NewFile) -> None:
    """Write `content` to `path` in one step, durably; call it inside `exclusive(path)`.

    Mode, owner, group and extended attributes (ACLs, SELinux) of an existing file are kept.
    """
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, _TEMPORARY % name)
    before = _stat(path)
    if _stat(temporary):  # left by a run that was killed here
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(content)
            _take_over(path, before, descriptor, temporary, new)
            stream.flush()
            if before:
                _set_distinct_time(descriptor, before, len(content))
            os.fsync(descriptor)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(directory)


def _stat(path: str) -> Optional[os.stat_result]:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _take_over(path: str, before: Optional[os.stat_result], descriptor: int, temporary: str, new: NewFile) -> None:
    if before:
        os.fchown(descriptor, before.st_uid, before.st_gid)
        shutil.copystat(path, temporary)
    else:
        os.fchown(descriptor, new.uid, new.gid)
        os.fchmod(descriptor, new.mode)


def _set_distinct_time(descriptor: int, before: os.stat_result, size: int) -> None:
    """Dovecot knows a new version by size and whole seconds of mtime, so no two versions may share both."""
    now = time.time_ns()
    earliest = (before.st_mtime_ns // _SECOND + (size <= before.st_size)) * _SECOND
    os.utime(descriptor, ns=(now, max(now, earliest)))


def sync_directory(directory: str) -> None:
    """Make durable which files a directory has."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
