# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Digests of the messages of a Maildir folder that are of another origin."""

from __future__ import annotations

import os
from typing import Iterable, Iterator, Set, Tuple

from ..base import FolderPath
from ..contents import ContentIndex
from ..origin import Origin
from .files import digest_of_content, make_directory
from .tree import MaildirTree


def index_contents(tree: MaildirTree, path: FolderPath, origin: Origin) -> ContentIndex:
    """Index the messages of a folder that are not of this origin, while mail programs may rename them."""
    index = ContentIndex()
    folder = make_directory(tree.directory_name(path), tree.root)
    renamed = _add_contents(index, folder, _names_of_others(tree, path, origin))
    while renamed:
        names = _names_of_others(tree, path, origin)
        renamed = _add_contents(index, folder, [each for each in names if _base_name(each[1]) in renamed])
    os.close(folder)
    return index


def _names_of_others(tree: MaildirTree, path: FolderPath, origin: Origin) -> Iterator[Tuple[str, str]]:
    return ((part, name) for part, name in tree.message_names(path) if not origin.uid_of(name))


def _add_contents(index: ContentIndex, folder: int, names: Iterable[Tuple[str, str]]) -> Set[str]:
    """Add digests of messages; return which a mail program renamed before they were read."""
    renamed = set()
    for part, name in names:
        try:
            index.add(digest_of_content("%s/%s" % (part, name), folder))
        except FileNotFoundError:
            renamed.add(_base_name(name))
    return renamed


def _base_name(name: str) -> str:
    return name.partition(":2,")[0]
