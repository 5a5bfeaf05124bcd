# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags of messages: the system flags (RFC 3501 section 2.3.2), keywords, and what is neither."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, NamedTuple, Optional, Tuple

_SYSTEM_FLAGS = {flag.lower(): flag for flag in (b"\\Answered", b"\\Deleted", b"\\Draft", b"\\Flagged", b"\\Seen")}

# System flags of some servers' own that other programs know as keywords.
_ALIASES = {b"\\forwarded": b"$Forwarded", b"\\notjunk": b"$NotJunk", b"\\junk": b"$Junk", b"\\mdnsent": b"$MDNSent"}

_KEYWORD = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]{1,255}")

# A hostile source chooses every flag. More keywords than these make a folder slow for everybody, and nobody has them.
MOST_KEYWORDS = 1000


def keyword_of(flag: bytes) -> Optional[bytes]:
    """Return the keyword that a flag, not one of the five system flags, is to other programs; None when it is none."""
    keyword = _ALIASES.get(flag.lower(), flag)
    return keyword if _KEYWORD.fullmatch(keyword) else None


class SplitFlags(NamedTuple):
    """A message's flags: system flags, keywords, and those that no command can hold."""

    system: Tuple[bytes, ...]
    keywords: Tuple[bytes, ...]
    lost: Tuple[bytes, ...]

    @property
    def storable(self) -> Tuple[bytes, ...]:
        return self.system + self.keywords


@lru_cache(maxsize=1024)
def split_flags(flags: Tuple[bytes, ...]) -> SplitFlags:
    """Sort out what a source calls flags; \\Recent belongs to no message, and a keyword counts once in any case of
    letters.
    """
    system, lost = [], []
    keywords: Dict[bytes, bytes] = {}
    for flag in flags:
        folded = flag.lower()
        keyword = keyword_of(flag)
        if folded in _SYSTEM_FLAGS:
            system.append(_SYSTEM_FLAGS[folded])
        elif keyword is not None:
            keywords.setdefault(keyword.lower(), keyword)
        elif folded != b"\\recent":
            lost.append(flag)
    return SplitFlags(tuple(sorted(set(system))), tuple(sorted(keywords.values())), tuple(lost))
