# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file in the root of a store, one for each import that has been at it.

It goes where the mail goes: when the store is removed, or restored from a backup, so is the file. So one look tells
whether the mail of a finished import is still there. Whether a mailbox that the state knows nothing of is ours, its
content tells: the host's proof for this import, which the mailbox's owner cannot make up. That there is such a file, or
that messages have names of the import, proves nothing.

Each run that comes to write gives it a later time of its own. The state knows that of the last one: a marker that is
older belongs to a store that was restored from a backup, and one that is younger shows that the state was.
"""

from __future__ import annotations

import os
import stat
import time
from typing import Optional

from ..files.atomic import sync_directory
from ..model.imports import ImportKey
from ..model.mail import MailFiles, StoreLocation
from .origin import Origin

_NAME = "mailimport-%s"
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def has_marker(root: str, key: ImportKey) -> bool:
    """Whether an import has been at the store with that root, if its owner is to be believed."""
    try:
        return stat.S_ISREG(os.lstat(_path(root, key)).st_mode)
    except OSError:
        return False


def stamp_of(root: str, key: ImportKey) -> Optional[int]:
    """Return when a run of an import last came to write into the store with that root, None when nobody knows."""
    try:
        found = os.lstat(_path(root, key))
    except OSError:
        return None
    return int(found.st_mtime) if stat.S_ISREG(found.st_mode) else None


def is_proved(root: str, key: ImportKey, proof: bytes) -> bool:
    """Whether this host has imported into the store with that root. Call with the rights of the mailbox."""
    try:
        fd = os.open(_path(root, key), _READ)
    except OSError:
        return False
    try:
        return bool(proof) and stat.S_ISREG(os.fstat(fd).st_mode) and os.read(fd, len(proof) + 1) == proof
    finally:
        os.close(fd)


def place_marker(location: StoreLocation, key: ImportKey, proof: bytes, durable: bool = True) -> None:
    """Leave the marker, with the time of this run; nothing happens where there is no such root.

    What the owner has put in its place is replaced, but for a directory: then the store stays without one.

    Call with the rights of the mailbox, before the first message of the import is there.

    Args:
        durable: False where a flush of the filesystem comes before the first message of the import is in sight.
    """
    if not isinstance(location, MailFiles) or not os.path.isabs(location.root):
        return
    path = _path(location.root, key)
    if os.path.isdir(path):
        return
    temporary = path + ".new"
    before = stamp_of(location.root, key)
    durable = durable or before is not None
    try:
        _write(temporary, proof, max(int(time.time()), (before or 0) + 1), durable)
    except FileNotFoundError:
        return
    os.replace(temporary, path)
    if durable:
        sync_directory(location.root)


def _write(path: str, content: bytes, stamp: int, durable: bool) -> None:
    try:
        fd = os.open(path, _WRITE, 0o600)
    except FileExistsError:  # left by a run that was killed here
        os.unlink(path)
        fd = os.open(path, _WRITE, 0o600)
    try:
        os.write(fd, content)
        os.utime(fd, (stamp, stamp))  # whole seconds, as every archive keeps them
        if durable:
            os.fsync(fd)
    finally:
        os.close(fd)


def _path(root: str, key: ImportKey) -> str:
    return os.path.join(root, _NAME % Origin(key, b"", 0).import_digest)
