# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the messages of a source folder were when they were last seen: which of them came, and what flags they had.

Flags are merged three ways: what the source has now is compared with what it had then, and only the difference is
carried to the mailbox. What its owner does there stays.
"""

from __future__ import annotations

import array
import json
import zlib
from bisect import bisect_left, bisect_right
from operator import sub
from typing import Dict, FrozenSet, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

from ..imap.flags import split_flags
from ..imap.uids import MAX_UID, parse_sequence_set, sequence_set
from ..state.records import SourceMessages
from ..store.base import FlagChange
from .message_numbers import MessageNumbers
from .plan import FolderPlan
from .signs import MessageSigns

Flags = Tuple[bytes, ...]

# What a run of messages is, besides the number of its set of flags.
_ABSENT, _UNTOLD = 0, 1
_FIRST_SET = 2
# A hostile source chooses every flag. Sets beyond these are not remembered; nobody has so many.
_MOST_SETS = 4000
_LONGEST_SET = 1000
# So many messages out of order are collected before they are sorted in.
_MOST_LATE = 20_000
_LONGEST_UNPACKED = 64 << 20


class MessageMemory:
    """Messages of one folder by UID, in runs with equal flags: a million messages take some kilobytes to megabytes.

    `_firsts` are the UIDs with which runs begin, `_kinds` what each run is; the last run is behind all messages.
    `notices` are UIDs of messages in whose place the source sent a notice that it cannot give them. `signs` tell which
    messages a few of the UIDs stood for, `numbers` what the source calls them, where it has names
    that are the same in all folders.

    Args:
        packed: what `pack` returned; what is damaged counts as nothing.
    """

    def __init__(self, packed: bytes = b"") -> None:
        self._forget()
        if packed:
            try:
                self._unpack(packed)
            except (ValueError, zlib.error, TypeError, KeyError, OverflowError):
                self._forget()
        self._kind_of_set = {known: kind for kind, known in enumerate(self._sets) if kind >= _FIRST_SET}
        self._kind_of_flags: Dict[Flags, int] = {}

    def _forget(self) -> None:
        self._firsts = array.array("I", (1,))
        self._kinds = array.array("H", (_ABSENT,))
        self._sets: List[FrozenSet[bytes]] = [frozenset(), frozenset()]
        self._late: Dict[int, int] = {}
        self.signs = MessageSigns()
        self.numbers = MessageNumbers()
        self.notices: Set[int] = set()

    @property
    def last_uid(self) -> int:
        """The highest UID that came, 0 when none did."""
        return self._firsts[-1] - 1

    def count(self) -> int:
        """How many messages came."""
        if self._late:
            self._sort_in()
        runs = zip(self._firsts, self._firsts[1:], self._kinds)
        return sum(end - first for first, end, kind in runs if kind != _ABSENT)

    def __contains__(self, uid: object) -> bool:
        return isinstance(uid, int) and self._kind(uid) != _ABSENT

    def names_of(self, uid: int) -> Optional[FrozenSet[bytes]]:
        """Return the names of a message's flags in small letters; None when they are not known."""
        kind = self._kind(uid)
        return self._sets[kind] if kind >= _FIRST_SET else None

    def with_keywords(self) -> Iterator[Tuple[int, Flags]]:
        """Yield the messages that had keywords, ascending, and these in small letters."""
        if self._late:
            self._sort_in()
        keywords = [tuple(sorted(name for name in names if not name.startswith(b"\\"))) for names in self._sets]
        for first, end, kind in zip(self._firsts, self._firsts[1:], self._kinds):
            if keywords[kind]:
                yield from ((uid, keywords[kind]) for uid in range(first, end))

    def _kind(self, uid: int) -> int:
        if self._late:
            self._sort_in()
        return self._kinds[bisect_right(self._firsts, uid) - 1] if uid >= self._firsts[0] else _ABSENT

    def remember(self, uid: int, flags: Optional[Flags]) -> None:
        """A message came with these flags; None when nothing was said of them."""
        kind = _UNTOLD
        if flags is not None:
            kind = self._kind_of_flags.get(flags) or self._kind_of(flags)
        end = self._firsts[-1]
        if uid == end and len(self._kinds) > 1 and self._kinds[-2] == kind and uid < MAX_UID:
            self._firsts[-1] = uid + 1
        elif uid >= end:
            self._append(uid, kind)
        else:
            self._late[uid] = kind
            if len(self._late) >= _MOST_LATE:
                self._sort_in()

    def _append(self, uid: int, kind: int) -> None:
        if uid >= MAX_UID:
            return  # there is no UID behind it
        if uid == self._firsts[-1]:
            self._kinds[-1] = kind
        else:
            self._firsts.append(uid)
            self._kinds.append(kind)
        self._firsts.append(uid + 1)
        self._kinds.append(_ABSENT)

    def update(self, told: Mapping[int, Flags]) -> None:
        """Messages have these flags now, by UID."""
        for uid in sorted(told):
            self.remember(uid, told[uid])

    def _sort_in(self) -> None:
        """Rebuild the runs between the lowest and the highest of the late messages."""
        late = sorted(self._late.items())
        self._late = {}
        lowest, highest = late[0][0], late[-1][0]
        begin, end = bisect_right(self._firsts, lowest) - 1, bisect_left(self._firsts, highest + 1)
        firsts, kinds = array.array("I"), array.array("H")

        def put(first: int, kind: int) -> None:
            if not kinds or kinds[-1] != kind:
                firsts.append(first)
                kinds.append(kind)

        place = max(begin, 0)
        for uid, kind in late:
            while place < end and self._firsts[place] <= uid:
                put(self._firsts[place], self._kinds[place])
                place += 1
            before = self._kinds[place - 1] if place else _ABSENT
            if firsts and firsts[-1] == uid:  # the run begins with this very message
                firsts.pop()
                kinds.pop()
            put(uid, kind)
            if place >= len(self._firsts) or self._firsts[place] != uid + 1:
                put(uid + 1, before)
        while place < end:
            put(self._firsts[place], self._kinds[place])
            place += 1
        self._firsts[max(begin, 0) : end], self._kinds[max(begin, 0) : end] = firsts, kinds

    def _kind_of(self, flags: Flags) -> int:
        split = split_flags(flags)
        names = frozenset(flag.lower() for flag in split.system + split.keywords)
        kind = self._kind_of_set.get(names)
        if kind is None:
            if len(self._sets) >= _MOST_SETS or sum(map(len, names)) > _LONGEST_SET:
                return _UNTOLD
            kind = self._kind_of_set[names] = len(self._sets)
            self._sets.append(names)
        if len(self._kind_of_flags) < _MOST_SETS and sum(map(len, flags)) <= _LONGEST_SET:
            self._kind_of_flags[flags] = kind
        return kind

    def change(self, uid: int, flags: Flags) -> FlagChange:
        """Return what changed at the source, given the flags that a message has there now.

        Of a message whose flags were not remembered nothing is taken away: it may have been its owner who gave them.
        """
        known = self.names_of(uid)
        split = split_flags(flags)
        now = {flag.lower(): flag for flag in split.system + split.keywords}
        gone = () if known is None else tuple(sorted(known - now.keys()))
        # What no mailbox can hold is handed on, so that it is told.
        return FlagChange(tuple(now[name] for name in sorted(now) if name not in (known or ())) + split.lost, gone)

    def pack(self) -> bytes:
        """Return all of it in few bytes."""
        if self._late:
            self._sort_in()
        used = sorted({kind for kind in self._kinds if kind >= _FIRST_SET})
        renumbered = {_ABSENT: _ABSENT, _UNTOLD: _UNTOLD, **{kind: new for new, kind in enumerate(used, _FIRST_SET)}}
        kinds = array.array("H", map(renumbered.__getitem__, self._kinds))
        steps = array.array("I", self._firsts[:1])
        steps.extend(map(sub, self._firsts[1:], self._firsts))
        sets = [sorted(name.decode("latin-1") for name in self._sets[kind]) for kind in used]
        notices = b",".join(sequence_set(sorted(self.notices))).decode("ascii")
        header = json.dumps([len(kinds), sets, self.signs.as_dict(), len(self.numbers), notices]).encode("ascii")
        return zlib.compress(b"%s\n%s%s%s" % (header, steps.tobytes(), kinds.tobytes(), self.numbers.pack()))

    def _unpack(self, packed: bytes) -> None:
        content = zlib.decompressobj().decompress(packed, _LONGEST_UNPACKED)
        header, _line_end, runs = content.partition(b"\n")
        # An older version remembered no signs, no numbers, and no notices.
        count, sets, *more = json.loads(header)
        steps, kinds = array.array("I"), array.array("H")
        steps.frombytes(runs[: 4 * count])
        kinds.frombytes(runs[4 * count : 6 * count])
        firsts = array.array("I")
        first = 0
        for step in steps:
            first += step
            firsts.append(first)
        self._sets += [frozenset(name.encode("latin-1") for name in names) for names in sets]
        if not len(firsts) == len(kinds) == count or not count or kinds[-1] or max(kinds) >= len(self._sets):
            raise ValueError("runs that do not fit together")
        self._firsts, self._kinds = firsts, kinds
        self.signs = MessageSigns({int(uid): str(sign) for uid, sign in dict(*more[:1]).items()})
        self.numbers = MessageNumbers(more[1], runs[6 * count :]) if more[1:] else MessageNumbers()
        if more[2:] and more[2]:
            self.notices = set(parse_sequence_set(str(more[2]).encode("ascii"), MAX_UID))


class Memories:
    """The memories of all folders of an import, packed but for those that are being worked with.

    Args:
        known: what earlier runs remembered.
    """

    def __init__(self, known: Iterable[SourceMessages] = ()) -> None:
        self._known = {messages.raw_name: messages for messages in known}
        self._changed: Dict[bytes, SourceMessages] = {}

    def __bool__(self) -> bool:
        return bool(self._known)

    def load(self, raw_name: bytes, uidvalidity: int) -> MessageMemory:
        """Return what is remembered of a folder; of another one that had its name, nothing."""
        known = self._known.get(raw_name)
        return MessageMemory(known.packed if known and known.uidvalidity == uidvalidity else b"")

    def epoch_of(self, raw_name: bytes) -> Optional[int]:
        """Return what the UIDs that are remembered of a folder belong to; None when none are."""
        known = self._known.get(raw_name)
        return known.uidvalidity if known else None

    def count(self, plan: FolderPlan) -> int:
        """Return how many messages of a folder came."""
        return self.load(plan.source.raw_name, plan.source.epoch or self.epoch_of(plan.source.raw_name) or 0).count()

    def store(self, raw_name: bytes, uidvalidity: int, memory: MessageMemory) -> None:
        messages = SourceMessages(raw_name, uidvalidity, memory.pack())
        if self._known.get(raw_name) != messages:
            self._known[raw_name] = self._changed[raw_name] = messages

    def take_changed(self) -> List[SourceMessages]:
        """Return, once, what has yet to be recorded."""
        changed, self._changed = list(self._changed.values()), {}
        return changed
