# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An empty file in the root of a store, one for each import that has been at it.

It goes where the mail goes: when the store is removed, or restored from a backup, so is the file. So one look tells
whether the mail of a finished import is still there, and whether a mailbox that the state knows nothing of is ours.
"""

from __future__ import annotations

import os
from contextlib import suppress

from ..model.imports import ImportKey
from ..model.mail import MailFiles, StoreLocation
from .base import Origin

_NAME = "mailimport-%s"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def is_marked(root: str, key: ImportKey) -> bool:
    """Whether an import has been at the store with that root."""
    return os.path.lexists(_path(root, key))


def mark(location: StoreLocation, key: ImportKey) -> None:
    """Leave the marker, durably, unless it is there; nothing happens where there is no such root.

    Call with the rights of the mailbox, before the first message of the import is there.
    """
    if not isinstance(location, MailFiles) or not os.path.isabs(location.root) or is_marked(location.root, key):
        return
    with suppress(FileNotFoundError, FileExistsError):
        os.close(os.open(_path(location.root, key), _FLAGS, 0o600))
        directory = os.open(location.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _path(root: str, key: ImportKey) -> str:
    return os.path.join(root, _NAME % Origin(key, b"", 0).import_digest)
