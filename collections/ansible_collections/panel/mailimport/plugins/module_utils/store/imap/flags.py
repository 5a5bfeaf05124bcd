# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags as IMAP commands carry them, and messages that are given those of their source."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Dict, Mapping, NamedTuple, Set, Tuple

from ..maildir.letters import keyword_of
from .session import HostSession, HostSessions
from .uid_map import parse_sequence_set, sequence_set

_SYSTEM_FLAGS = {flag.lower(): flag for flag in (b"\\Answered", b"\\Deleted", b"\\Draft", b"\\Flagged", b"\\Seen")}

# What a server gives by itself: \Recent, and Dovecot's mail_attachment_detection_options.
_OWN_FLAGS = frozenset((b"\\recent", b"$hasattachment", b"$hasnoattachment"))


class SplitFlags(NamedTuple):
    """A message's flags: system flags, keywords, and those that no command can hold."""

    system: Tuple[bytes, ...]
    keywords: Tuple[bytes, ...]
    lost: Tuple[bytes, ...]


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


class Carried(NamedTuple):
    """UIDs of messages whose flags changed, and flags that the host did not take."""

    changed: Set[int]
    refused: Set[bytes]


def carry_flags(sessions: HostSessions, name: bytes, wanted: Mapping[int, Tuple[bytes, ...]], remove: bool) -> Carried:
    """Give messages of a folder the flags of their source, by UID; those that are gone are left out.

    Args:
        remove: take away flags that the source does not have.
    """
    have = sessions.attempt(lambda session: _read_flags(session, name, wanted))
    carried = Carried(set(), set())
    for (sign, flag), uids in _changes(wanted, have).items():
        if sign == b"-" and not remove:
            continue
        for some in sequence_set(uids):
            if sessions.attempt(partial(HostSession.change_flags, name=name, uids=some, sign=sign, flag=flag)).ok:
                carried.changed.update(parse_sequence_set(some, len(uids)))
            else:
                carried.refused.add(flag)
    return carried


def _read_flags(session: HostSession, name: bytes, uids: Mapping[int, object]) -> Dict[int, Tuple[bytes, ...]]:
    found: Dict[int, Tuple[bytes, ...]] = {}
    for some in sequence_set(uids):
        found.update(session.flags(name, some))
    return found


def _changes(
    wanted: Mapping[int, Tuple[bytes, ...]], have: Mapping[int, Tuple[bytes, ...]]
) -> Dict[Tuple[bytes, bytes], Set[int]]:
    """Return which messages need which flag added (`+`) or taken away (`-`)."""
    changes: Dict[Tuple[bytes, bytes], Set[int]] = {}
    for uid in wanted.keys() & have.keys():
        split = split_flags(wanted[uid])
        there = {flag.lower(): flag for flag in split.system + split.keywords}
        here = {flag.lower(): flag for flag in have[uid]}
        for folded in there.keys() - here.keys() - _OWN_FLAGS:
            changes.setdefault((b"+", there[folded]), set()).add(uid)
        for folded in here.keys() - there.keys() - _OWN_FLAGS:
            changes.setdefault((b"-", here[folded]), set()).add(uid)
    return changes
