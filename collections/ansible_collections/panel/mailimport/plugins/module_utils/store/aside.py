# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moving a mailbox's mail out of the way, whatever format it has."""

from __future__ import annotations

import os

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


def move_directories_aside(location: MailFiles, path: str) -> None:
    """Rename the directories of a store, each to a sibling of its own: they may be on different filesystems.

    Args:
        path: `location.root` and a suffix, which the others get too.
    """
    suffix = path[len(location.root.rstrip("/")) :]
    # The root last: it says that all is done.
    others = {location.control, location.index} - {location.root, None}
    for directory in sorted(other for other in others if other) + [location.root]:
        target = directory.rstrip("/") + suffix
        if os.path.isdir(directory) and not os.path.lexists(
            target
        ):  # there already: moved by a run that was killed then
            os.rename(directory, target)
