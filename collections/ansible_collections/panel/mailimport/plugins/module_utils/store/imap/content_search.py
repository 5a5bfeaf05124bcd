# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking for messages in folders of the host by what they are, where no record tells of them."""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import AbstractSet, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple, Union

from ...imap.uids import UidSet, sequence_set
from .deliveries import DeliveryBook
from .digests import Digests, UidsByContent
from .moved import MovedMessages
from .session import FOLDERS_AHEAD, Figures, HostSession
from .sessions import HostSessions
from .uid_map import UidMap

# So many ranges a command names; servers limit the length of its line.
_MOST_RANGES = 500
_MAX_UID = 2**32 - 1


class ContentSearch:
    """Reads messages of folders and makes them known by content.

    Args:
        may_show_again: the host's format is one in which messages of a crash may come to light later (mdbox).
        killed_since: when the first run began of those that may have stored what nobody took note of, if that is known.

    Attributes:
        moved: what their owner has moved of that.
    """

    def __init__(
        self,
        sessions: HostSessions,
        book: DeliveryBook,
        may_show_again: bool,
        killed_since: Optional[float] = None,
    ) -> None:
        self._sessions = sessions
        self._book = book
        self._may_show_again = may_show_again
        self._since = time.time() if killed_since is None else killed_since
        self._uidnexts: Optional[Dict[bytes, Tuple[int, int]]] = None
        self._unrecorded: Dict[bytes, UidsByContent] = {}
        self._indexes: Dict[bytes, List[UidsByContent]] = {}
        self._elsewhere: Optional[List[Tuple[bytes, Figures]]] = None
        self.moved = MovedMessages(sessions, book, killed_since, self._read_moved)

    def unrecorded(self, name: bytes, uidvalidity: int) -> UidsByContent:
        """Return the messages that were in a folder, and in no record, when this run came to it first.

        The folders of a source that go into one target share them: each message is one of theirs at most.
        """
        if name not in self._unrecorded:
            gaps = list(_gaps(self._book.runs_in(uidvalidity)))
            self._unrecorded[name] = self._index(name, gaps)
        return self._unrecorded[name]

    def _index(self, name: bytes, ranges: Sequence[Tuple[int, int]]) -> UidsByContent:
        """Return messages of a folder that are not taken yet; each can be taken once, of whatever index."""
        index = self._find(name, ranges, self._book.may_hold_unrecorded_mail, self.moved.taken_from(name))
        self._indexes.setdefault(name, []).append(index)
        return index

    def forget(self, name: bytes) -> None:
        """Messages were stored in a folder that will never be recorded: look anew when asked again."""
        self._unrecorded.pop(name, None)

    def but(self, name: bytes, known: UidMap) -> UidsByContent:
        """Return all messages of a folder that are not known to be of one origin."""
        return self._index(name, list(_gaps(known.triples())))

    def take_moved(self, name: bytes, digests: Digests) -> bool:
        """Whether another folder holds a message of that content which a killed run may have stored in this one, and
        which no other message of the source is; each counts once.
        """
        for other, uid in self.moved.alike(name, digests):
            for index in self._indexes.get(other, ()):
                index.drop(digests, uid)
            return True
        return False

    def look_elsewhere(self, name: bytes) -> None:
        """Read what came into other folders than this one since a run was killed."""
        if self._elsewhere is None:
            self._elsewhere = list(self._all_figures())
        self.moved.look(name, self._elsewhere)

    def _read_moved(self, name: bytes, uids: Sequence[int]) -> UidsByContent:
        return self._find(name, [(uid, uid) for uid in uids], after_crash=False)

    def note_uidnexts(self) -> None:
        """After a crash, take note how far the folders go before the host repairs its indexes."""
        if self._may_show_again and self._uidnexts is None:
            figures = dict(self._all_figures())
            self._uidnexts = {name: (each.uidvalidity, each.uidnext) for name, each in figures.items()}

    def remove_copies(self) -> None:
        """After a crash, remove messages that equal, in bytes and date, a recorded one of their folder, and came to
        light in this run, or have been there since a run began that was killed.

        A host that repairs its indexes may show messages again that were stored before a crash and sent anew since;
        mdbox of Dovecot does so for all folders, whichever the crash was in, and whoever makes it repair them. It gives
        them new UIDs, a later date of saving, and no flags. What was there before, or has flags, is somebody's own copy
        and stays: a double is better than a loss. Pieces of messages that come to light go, too.
        """
        if self._uidnexts is not None:
            for name, figures in list(self._all_figures()):
                self._remove_copies_in(name, figures, self._uidnexts)

    def _all_figures(self) -> Iterator[Tuple[bytes, Figures]]:
        names = self._sessions.attempt(lambda session: [name for _separator, name in session.names(b'LIST "" "*"')])
        for start in range(0, len(names), FOLDERS_AHEAD):
            some = names[start : start + FOLDERS_AHEAD]
            yield from self._sessions.attempt(lambda session: session.figures_of(some)).items()  # noqa: B023 - called at once

    def _remove_copies_in(self, name: bytes, figures: Figures, uidnexts: Mapping[bytes, Tuple[int, int]]) -> None:
        uidvalidity, begin = uidnexts.get(name, (figures.uidvalidity, 1))  # a folder that this run made
        if uidvalidity != figures.uidvalidity:
            return
        runs = [run for run in self._book.runs_in(figures.uidvalidity) if run[1]]
        gaps = [gap for gap in _gaps(iter(runs)) if gap[0] < figures.uidnext]
        others = _as_sets([(max(first, begin), last) for first, last in gaps if last >= begin])
        if runs and figures.messages:
            earlier = self._sessions.attempt(lambda session: session.saved_since(name, self._since))
            others += sequence_set(_within(gaps, (uid for uid in earlier if uid < begin)))
        ours = [(target, target + length - 1) for _source, target, length in runs]
        if others:
            self._sessions.attempt(lambda session: _remove_copies(session, name, others, _as_sets(ours)))

    def since(self, name: bytes, first: int, taken: AbstractSet[int], after_crash: bool) -> UidsByContent:
        """Return what a folder holds from a UID on, but for messages whose UIDs are known."""
        ranges = _gaps((uid, uid, 1) for uid in taken)
        ranges_behind = [(max(begin, first), end) for begin, end in ranges if end >= first]
        return self._find(name, ranges_behind, after_crash, taken)

    def _find(
        self,
        name: bytes,
        ranges: Sequence[Tuple[int, int]],
        after_crash: bool,
        taken: Union[AbstractSet[int], UidSet] = frozenset(),
    ) -> UidsByContent:
        if after_crash:
            self.note_uidnexts()
            self._sessions.reveal(name)
        wanted = _as_sets(ranges)

        def work(session: HostSession) -> UidsByContent:
            index, torn, seen = UidsByContent(), [], UidSet()
            for uids in wanted:
                for uid, kept in session.kept(name, uids):
                    if uid in seen or uid in taken or uid < ranges[0][0] or kept.digests is None:
                        continue  # N:* is the last message even when its UID is less than N
                    seen.add(uid)
                    if after_crash and kept.digests.torn and session.is_own_process:
                        torn.append(uid)
                    else:
                        index.add(kept.digests, uid, kept.is_flagged)
            for uids in sequence_set(torn):
                session.remove(name, uids)
            return index

        return self._sessions.attempt(work)


def _gaps(runs: Iterator[Tuple[int, int, int]]) -> Iterator[Tuple[int, int]]:
    """Yield the ranges of target UIDs that runs leave free."""
    following = 1
    for first, length in sorted((target, length) for _source, target, length in runs):
        if first > following:
            yield following, first - 1
        following = max(following, first + length)
    yield following, _MAX_UID


def _within(ranges: Sequence[Tuple[int, int]], uids: Iterable[int]) -> List[int]:
    """Return those UIDs that are in one of some ascending ranges."""
    firsts = [first for first, _last in ranges]
    found = []
    for uid in uids:
        place = bisect_right(firsts, uid) - 1
        if place >= 0 and uid <= ranges[place][1]:
            found.append(uid)
    return found


def _as_sets(ranges: Sequence[Tuple[int, int]]) -> List[bytes]:
    return [_as_set(sorted(ranges)[start : start + _MOST_RANGES]) for start in range(0, len(ranges), _MOST_RANGES)]


def _as_set(ranges: Sequence[Tuple[int, int]]) -> bytes:
    return b",".join(
        b"%d:*" % first if last == _MAX_UID else b"%d" % first if first == last else b"%d:%d" % (first, last)
        for first, last in ranges
    )


def _remove_copies(session: HostSession, name: bytes, others: Sequence[bytes], ours: Sequence[bytes]) -> None:
    strangers: Dict[Tuple[bytes, Optional[int]], Set[int]] = {}
    sizes: Set[int] = set()
    unwanted: Set[int] = set()
    for uids in others:
        for uid, kept in session.kept(name, uids):
            if kept.is_flagged or kept.digests is None:
                continue
            if kept.digests.torn and session.is_own_process:
                unwanted.add(uid)
            strangers.setdefault((kept.digests.exact, kept.date), set()).add(uid)
            sizes.add(kept.digests.size)
    alike = [uid for uids in ours if sizes for uid, size in session.sizes(name, uids) if size in sizes]
    for uids in sequence_set(alike):
        for _uid, kept in session.kept(name, uids):
            if kept.digests is not None:
                unwanted |= strangers.get((kept.digests.exact, kept.date), set())
    for uids in sequence_set(unwanted.difference(alike)):
        session.remove(name, uids)
