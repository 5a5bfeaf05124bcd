# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that hold secrets: read and written only when nobody else can read them."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

from ..model.errors import MailImportError, file_errors
from .atomic import NewFile, exclusive, replace_file


def read_private(path: str) -> Optional[bytes]:
    """Return the content of a file, None when there is none.

    Raises:
        MailImportError: `host_refused` when others can read it, or it is no file of this process's user.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MailImportError("host_refused", "%s: %s" % (path, error.strerror)) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
            raise MailImportError("host_refused", "%s must be a file that its owner alone can read (chmod 600)" % path)
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(descriptor)


def write_private(path: str, content: bytes) -> None:
    """Write a file of mode 0600 in one step, durably; its directory must be there.

    Raises:
        MailImportError: `host_refused` or `disk_full`.
    """
    edit_private(path, lambda _before: content)


def edit_private(path: str, edit: Callable[[Optional[bytes]], bytes]) -> None:
    """Write a file as `write_private` does, with what `edit` makes of its content (None for no file). No other run
    changes it meanwhile.
    """
    path = os.path.abspath(path)
    with file_errors(path), exclusive(path):
        replace_file(path, edit(read_private(path)), NewFile(0o600))


@contextmanager
def held_private(path: str) -> Iterator[None]:
    """Hold off every other process that wants to hold this file, however long that takes; the holder may replace it.

    Raises:
        MailImportError: `host_refused` when it is not there, or may not be opened.
    """
    is_held = False
    while not is_held:
        with file_errors(path):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Whoever held it before may have put another file in its place.
            is_held = os.path.lexists(path) and os.path.samestat(os.fstat(descriptor), os.lstat(path))
            if is_held:
                yield
        finally:
            os.close(descriptor)
