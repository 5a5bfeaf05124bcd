# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that are in several folders: one file, with a name in each of them.

Dovecot does the same when it copies a message. A message's file is never written to, and what happens to one of its
names does nothing to the others.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import Dict, Iterator, List, Sequence, Tuple

from ...model.errors import MailImportError
from ..base import FolderPath, HeldCopy, wanted_in_each_folder
from ..origin import Origin
from .files import entries, open_directory
from .tree import MaildirTree
from .writer import MaildirWriter

_SIZES = re.compile(r",S=(\d{1,15}),W=(\d{1,15})(?=[,:]|$)")


def copy_held(
    tree: MaildirTree, writers: Sequence[MaildirWriter], writer: MaildirWriter, copies: Sequence[HeldCopy]
) -> Dict[int, int]:
    """Link messages into the stage of a folder; return their sizes by UID, of those that were found and linked."""
    found: Dict[int, int] = {}
    left = {held.uid: held for held in copies}
    for path, origin, wanted in wanted_in_each_folder(left):
        for directory, name in _files_of(tree, writers, path, origin):
            sizes, held = _SIZES.search(name), wanted.get(origin.uid_of(name))
            if held is None or sizes is None or held.uid not in left:
                continue
            size = int(sizes.group(1))
            if writer.link(directory, name, held, size, int(sizes.group(2))):
                found[held.uid] = size
                del left[held.uid]
    return found


def _files_of(
    tree: MaildirTree, writers: Sequence[MaildirWriter], path: FolderPath, origin: Origin
) -> Iterator[Tuple[int, str]]:
    """Yield the directory and the name of messages of an origin, in its stage and in the folder itself."""
    for writer in writers:
        if (writer.origin.digest, writer.origin.uidvalidity) == (origin.digest, origin.uidvalidity):
            for name in list(entries(writer.stage_directory)):
                yield writer.stage_directory, name
    shown: Dict[str, List[str]] = {}
    for part, name in tree.message_names(path):
        if origin.uid_of(name):
            shown.setdefault(part, []).append(name)
    for part, names in shown.items():
        with suppress(FileNotFoundError, MailImportError):
            directory = open_directory("%s/%s" % (tree.directory_name(path), part), tree.root)
            try:
                for name in names:
                    yield directory, name
            finally:
                os.close(directory)
