# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account of a fake server: folders and messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

DATE = b"05-Jan-2026 10:00:00 +0000"


@dataclass
class Message:
    """A message of the account. `date` is the text of its INTERNALDATE without quotes."""

    uid: int
    body: bytes
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
