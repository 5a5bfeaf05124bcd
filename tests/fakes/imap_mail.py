# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account of a fake server: folders and messages, in memory or made up as they are sent.

So a folder of a million messages takes no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional, Union

DATE = b"05-Jan-2026 10:00:00 +0000"


class LazyBody(NamedTuple):
    """A message of `size` bytes that exists only while it is sent: a head, then one block over and over."""

    head: bytes
    size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in pieces."""
        yield self.head
        block = (b"x" * 76 + b"\r\n") * 840
        left = self.size - len(self.head)
        while left:
            yield block[:left]
            left -= min(left, len(block))


@dataclass
class Message:
    """A message of the account. `date` is the text of its INTERNALDATE without quotes."""

    uid: int
    body: Union[bytes, LazyBody]
    flags: tuple[bytes, ...] = ()
    date: bytes = DATE
    modseq: int = 1


@dataclass
class Folder:
    """A folder by its name on the wire. `attributes` are those of LIST; `separator` is None for NIL."""

    name: bytes
    messages: Sequence[Message] = ()
    uidvalidity: int = 1_700_000_001
    attributes: tuple[bytes, ...] = ()
    separator: Optional[bytes] = b"/"
    subscribed: bool = False

    @property
    def uidnext(self) -> int:
        """One more than the highest UID."""
        if isinstance(self.messages, ManyMessages):
            return len(self.messages) + 1
        return max((message.uid for message in self.messages), default=0) + 1

    @property
    def highest_modseq(self) -> int:
        """The highest mod-sequence of its messages (RFC 7162)."""
        return max((message.modseq for message in self.messages), default=1)

    def figures(self, items: bytes) -> bytes:
        """The values of a STATUS response for the items asked for."""
        values = {b"MESSAGES": len(self.messages), b"UIDNEXT": self.uidnext, b"UIDVALIDITY": self.uidvalidity}
        if b"HIGHESTMODSEQ" in items.split():
            values[b"HIGHESTMODSEQ"] = self.highest_modseq
        return b" ".join(b"%s %d" % (item, values[item]) for item in items.split())


class ManyMessages(Sequence):
    """So many messages, each made up when it is looked at; UIDs are 1, 2, 3 and so on."""

    def __init__(self, count: int, make: Callable[[int], Message]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index):  # noqa: ANN001, ANN204 - a sequence of Message
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError(index)
        return self._make(index + 1)
