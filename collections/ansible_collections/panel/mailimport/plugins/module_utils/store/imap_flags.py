# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags as IMAP commands carry them."""

from __future__ import annotations

from functools import lru_cache
from typing import Dict, NamedTuple, Tuple

from .flags import keyword_of

_SYSTEM_FLAGS = {flag.lower(): flag for flag in (b"\\Answered", b"\\Deleted", b"\\Draft", b"\\Flagged", b"\\Seen")}

# What a server gives by itself: \Recent, and Dovecot's mail_attachment_detection_options.
OWN_FLAGS = frozenset((b"\\recent", b"$hasattachment", b"$hasnoattachment"))


class SplitFlags(NamedTuple):
    """A message's flags: system flags, keywords, and those that no command can hold."""

    system: Tuple[bytes, ...]
    keywords: Tuple[bytes, ...]
    lost: Tuple[bytes, ...]


@lru_cache(maxsize=1024)
def split_flags(flags: Tuple[bytes, ...]) -> SplitFlags:
    """Sort out what a source calls flags; \\Recent belongs to no message, and a keyword counts once in any case of letters."""
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
