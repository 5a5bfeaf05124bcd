# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mailbox's store shows by itself, when the state of earlier runs is lost or may be outdated.

Both are quick looks at directories, and read no message.
"""

from __future__ import annotations

import os

from ..model.imports import ImportKey
from ..model.mail import MailFiles, StoreLocation
from .base import Origin
from .maildir.stage import has_stage, import_stages
from .maildir.tree import MaildirTree


def has_mail(location: StoreLocation) -> bool:
    """True when the mailbox's store is there: its directory, with something in it."""
    if not isinstance(location, MailFiles):
        return True  # Its server alone knows.
    try:
        with os.scandir(location.root) as found:
            return next(found, None) is not None
    except (FileNotFoundError, NotADirectoryError):
        return False


def holds_import(location: StoreLocation, key: ImportKey) -> bool:
    """True when file names of the mailbox tell of messages of an import, be they in sight or staged.

    Only Maildir has such names: False says nothing of mailboxes of other formats.

    Raises:
        OSError: the directories cannot be read.
    """
    if not isinstance(location, MailFiles) or location.driver != "maildir" or not os.path.isdir(location.root):
        return False
    origin = Origin(key, b"", 0)
    tree = MaildirTree(location)
    try:
        return has_stage(tree, import_stages(origin)) or any(
            origin.import_mark in name for name in tree.all_message_names()
        )
    finally:
        tree.close()
