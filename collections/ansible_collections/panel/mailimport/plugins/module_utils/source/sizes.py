# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How large the messages of folders are, by the source's own word and without fetching them."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence

from ..imap.fetch import FetchRequest
from ..imap.responses import Parts, is_quotable, quote, size_in
from ..model.mail import SourceFolder
from .listing import canonical, status_values
from .session import SourceSession

# Up to so many messages are asked one by one; of more, so many blocks of so many that stand side by side.
_MOST_ASKED = 1000
_BLOCKS, _BLOCK = 20, 50


class FolderSize(NamedTuple):
    """Bytes of all messages of a folder; `estimated` from some of them."""

    bytes: int
    estimated: bool


def folder_sizes(session: SourceSession, folders: Sequence[SourceFolder]) -> Dict[bytes, FolderSize]:
    """Return the sizes of folders by their raw names; one of which the source says nothing is not there.

    One round trip with STATUS=SIZE (RFC 8438), a few without it.
    """
    asked = [folder for folder in folders if folder.messages and is_quotable(folder.raw_name)]
    found = _from_status(session, asked) if b"STATUS=SIZE" in session.capabilities else {}
    for folder in asked:
        if folder.raw_name not in found:
            found.update(_from_messages(session, folder))
    return found


def _from_status(session: SourceSession, folders: Sequence[SourceFolder]) -> Dict[bytes, FolderSize]:
    found: Dict[bytes, FolderSize] = {}

    def take(parts: Parts) -> None:
        values = status_values(parts) if parts[0][:7].upper() == b"STATUS " else []
        if len(values) == 2 and isinstance(values[0], bytes) and isinstance(values[1], list):
            for item, value in zip(values[1][::2], values[1][1::2]):
                if isinstance(value, bytes) and value.isdigit() and bytes(item or b"").upper() == b"SIZE":
                    found[canonical(values[0])] = FolderSize(int(value), False)

    for start in range(0, len(folders), session.pipelined):
        some = folders[start : start + session.pipelined]
        session.reader.collect(session.send(*(b"STATUS %s (SIZE)" % quote(each.raw_name) for each in some)), take)
    return found


def _from_messages(session: SourceSession, folder: SourceFolder) -> Dict[bytes, FolderSize]:
    sizes: List[int] = []

    def take(parts: Parts) -> None:
        size = size_in(parts)
        if size is not None:
            sizes.append(size)

    count = folder.messages or 0
    opening, asking = session.send(session.opening(FetchRequest(folder)), b"FETCH %s (RFC822.SIZE)" % _some_of(count))
    opened = session.reader.collect([opening])
    session.reader.collect([asking], take if opened.ok else None)
    if not sizes:
        return {}
    return {folder.raw_name: FolderSize(sum(sizes) * count // len(sizes), len(sizes) != count)}


def _some_of(count: int) -> bytes:
    """The sequence set of all messages, or of blocks that are spread evenly over them."""
    if count <= _MOST_ASKED:
        return b"1:%d" % count
    starts = [1 + number * (count - _BLOCK) // (_BLOCKS - 1) for number in range(_BLOCKS)]
    return b",".join(b"%d:%d" % (start, start + _BLOCK - 1) for start in starts)
