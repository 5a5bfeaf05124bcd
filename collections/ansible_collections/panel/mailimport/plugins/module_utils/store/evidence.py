# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mailbox's store shows by itself, when the state of earlier runs may be outdated."""

from __future__ import annotations

import os

from ..model.imports import ImportKey
from ..model.mail import MailFiles, StoreLocation
from .maildir.stage import has_stage, import_stages
from .maildir.tree import MaildirTree
from .marker import has_marker
from .origin import Origin


def holds_import(location: StoreLocation, key: ImportKey) -> bool:
    """Whether the store holds, or held, messages of an import: it has the import's marker, or file names of a Maildir
    tell it, be they in sight or staged. No message is read.

    The mailbox's owner could have made all that up, so it serves to find mail that is gone, and not to find out whose
    the mailbox is: see `marker.is_proved` for that. Call with the rights of the mailbox.

    Raises:
        OSError: the directories cannot be read.
    """
    if not isinstance(location, MailFiles):
        return False
    if has_marker(location.root, key):
        return True
    if location.driver != "maildir" or not os.path.isdir(location.root):
        return False
    origin = Origin(key, b"", 0)
    tree = MaildirTree(location)
    try:
        return has_stage(tree, import_stages(origin)) or any(
            origin.import_suffix in name for name in tree.all_message_names()
        )
    finally:
        tree.close()
