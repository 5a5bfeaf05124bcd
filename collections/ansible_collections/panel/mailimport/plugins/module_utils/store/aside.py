# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving a mailbox's mail out of the way, whatever format it has."""

from __future__ import annotations

import os
import stat
from typing import List

from ..model.errors import MailImportError
from ..model.mail import MailFiles, MailSession, StoreLocation


def check_movable(location: StoreLocation) -> MailFiles:
    """Return the location as files of which none stays behind when their directories are moved.

    Raises:
        MailImportError: `store_unsupported`.
    """
    if isinstance(location, MailSession) or location.scattered:
        text = "the mailbox's mail cannot be moved aside, %s: use existing_content=merge, or empty the mailbox yourself"
        raise MailImportError("store_unsupported", text % location.scattered)
    return location


def _directories(location: MailFiles) -> List[str]:
    """The directories of a store that are there; the root last, for it says that all is done."""
    others = {location.control, location.index} - {location.root, None}
    return list(filter(os.path.isdir, [*sorted(other for other in others if other), location.root]))


def check_may_be_moved(location: MailFiles) -> None:
    """Make sure that this process, which has the rights of the mailbox's user, may rename the directories of a store.

    Raises:
        MailImportError: `host_refused`.
    """
    for directory in _directories(location):
        around = os.path.dirname(directory.rstrip("/"))
        status = os.stat(around)
        is_of_another = os.geteuid() not in (0, status.st_uid, os.lstat(directory.rstrip("/")).st_uid)
        if not os.access(around, os.W_OK | os.X_OK, effective_ids=True) or (
            status.st_mode & stat.S_ISVTX and is_of_another
        ):
            text = (
                "the mailbox's mail cannot be moved aside: its user (uid %d) may not rename %s; make that user the "
                "owner of %s, or use existing_content=merge"
            )
            raise MailImportError("host_refused", text % (os.geteuid(), directory, around))


def move_directories_aside(location: MailFiles, path: str) -> None:
    """Rename the directories of a store, each to a sibling of its own: they may be on different filesystems.

    Args:
        path: `location.root` and a suffix, which the others get too.

    Raises:
        MailImportError: `host_refused`, before anything is renamed.
    """
    check_may_be_moved(location)
    suffix = path[len(location.root.rstrip("/")) :]
    for directory in _directories(location):
        target = directory.rstrip("/") + suffix
        if not os.path.lexists(target):  # there already: moved by a run that was killed then
            os.rename(directory, target)
