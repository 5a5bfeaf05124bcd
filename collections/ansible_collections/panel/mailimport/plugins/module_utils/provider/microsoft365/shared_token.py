# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One token for all processes of a run: whoever gets a new one leaves it for the others."""

from __future__ import annotations

import hashlib
import json
import mmap
import time
from typing import NamedTuple, Optional

_SIZE = 64 << 10
_DIGEST = hashlib.sha256().digest_size
_LENGTH = 4


class Found(NamedTuple):
    """A token, and until when (on the machine's clock) it is known to be the newest there is."""

    token: str
    newest_until: float


class SharedToken:
    """A place in memory that processes share which are forked from this one; no file holds the token.

    There is no lock, which a killed process would hold for ever: what is torn by two that write at a time has not its
    digest, and counts as nothing. Two that ask at the same time get a token each, which is no harm.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def put(self, token: str, good_for: float, newest_for: float = 0.0) -> None:
        """Leave a token that is good for so many seconds, and for so many the newest."""
        # The clock of the machine, which all processes have.
        now = time.monotonic()
        content = json.dumps([token, now + good_for, now + newest_for]).encode("utf-8")
        head = hashlib.sha256(content).digest() + len(content).to_bytes(_LENGTH, "big")
        if len(head) + len(content) <= _SIZE:
            self._memory[: len(head) + len(content)] = head + content

    def get(self) -> Optional[str]:
        """Return the token that is there, as long as it is good."""
        found = self.find()
        return found.token if found else None

    def find(self) -> Optional[Found]:
        """Return what `get` does, with how new it is."""
        size = int.from_bytes(self._memory[_DIGEST : _DIGEST + _LENGTH], "big")
        content = self._memory[_DIGEST + _LENGTH : _DIGEST + _LENGTH + size]
        if not size or hashlib.sha256(content).digest() != self._memory[:_DIGEST]:
            return None
        token, ends, newest_until = json.loads(content)
        return Found(str(token), float(newest_until)) if ends > time.monotonic() else None
