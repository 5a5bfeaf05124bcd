# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flags as IMAP commands carry them, and messages that are given those of their source."""

from __future__ import annotations

from functools import partial
from typing import Dict, Mapping, NamedTuple, Set, Tuple

from ...imap.flags import split_flags
from ...imap.uids import parse_sequence_set, sequence_set
from ..base import FlagChange
from .session import HostSession
from .sessions import HostSessions
from .uid_map import UidMap

# Messages whose flags are looked at in one go.
_WINDOW = 10_000

# What a server gives by itself, and a source that lacks it does not take away: \Recent, and what
# mail_attachment_detection_options of Dovecot finds.
_OWN_FLAGS = frozenset((b"\\recent", b"$hasattachment", b"$hasnoattachment"))


class Carried(NamedTuple):
    """UIDs of messages whose flags changed, and flags that the host did not take."""

    changed: Set[int]
    refused: Set[bytes]


def messages_that_differ(sessions: HostSessions, name: bytes, wanted: Mapping[int, FlagChange]) -> Set[int]:
    """Return which messages of a folder, by UID, would get other flags; nothing is written."""
    have = sessions.attempt(lambda session: _read_flags(session, name, wanted))
    return set().union(*_commands(wanted, have).values())


def carry_flags(sessions: HostSessions, name: bytes, wanted: Mapping[int, FlagChange]) -> Carried:
    """Change the flags of messages of a folder, by UID; those that are gone are left out."""
    have = sessions.attempt(lambda session: _read_flags(session, name, wanted))
    carried = Carried(set(), set())
    for (sign, flag), uids in _commands(wanted, have).items():
        for some in sequence_set(uids):
            if sessions.attempt(partial(HostSession.change_flags, name=name, uids=some, sign=sign, flag=flag)).ok:
                carried.changed.update(parse_sequence_set(some, len(uids)))
            else:
                carried.refused.add(flag)
    return carried


class GivenFlags:
    """Flags that messages of this run were stored with. A host that rebuilds its indexes may lose them."""

    def __init__(self) -> None:
        self._folders: Dict[Tuple[bytes, int], Dict[Tuple[bytes, ...], UidMap]] = {}

    def remember(self, name: bytes, uidvalidity: int, target: int, flags: Tuple[bytes, ...]) -> None:
        if flags:
            folder = self._folders.setdefault((name, uidvalidity), {})
            folder.setdefault(flags, UidMap()).add(target, target)

    def give_again(self, sessions: HostSessions) -> None:
        for (name, uidvalidity), folder in self._folders.items():
            figures = sessions.attempt(lambda session: session.figures_of([name]).get(name))  # noqa: B023 - called at once
            if figures is None or figures.uidvalidity != uidvalidity:
                continue
            for flags, uids in folder.items():
                targets = list(uids.targets())
                for start in range(0, len(targets), _WINDOW):
                    some = targets[start : start + _WINDOW]
                    carry_flags(sessions, name, dict.fromkeys(some, FlagChange(add=flags)))


def _read_flags(session: HostSession, name: bytes, uids: Mapping[int, object]) -> Dict[int, Tuple[bytes, ...]]:
    found: Dict[int, Tuple[bytes, ...]] = {}
    for some in sequence_set(uids):
        found.update(session.flags(name, some))
    return found


def _commands(
    wanted: Mapping[int, FlagChange], have: Mapping[int, Tuple[bytes, ...]]
) -> Dict[Tuple[bytes, bytes], Set[int]]:
    """Return which messages need which flag added (`+`) or taken away (`-`)."""
    commands: Dict[Tuple[bytes, bytes], Set[int]] = {}
    for uid in wanted.keys() & have.keys():
        here = {flag.lower(): flag for flag in have[uid]}
        for folded, flag in _by_folded_name(wanted[uid].add).items():
            if folded not in here:
                commands.setdefault((b"+", flag), set()).add(uid)
        for folded in _by_folded_name(wanted[uid].remove).keys() - _OWN_FLAGS:
            if folded in here:
                commands.setdefault((b"-", here[folded]), set()).add(uid)
    return commands


def _by_folded_name(flags: Tuple[bytes, ...]) -> Dict[bytes, bytes]:
    """Flags that a command can hold."""
    split = split_flags(flags)
    return {flag.lower(): flag for flag in split.system + split.keywords}
