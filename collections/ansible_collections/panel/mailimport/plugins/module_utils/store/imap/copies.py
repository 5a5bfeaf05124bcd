# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that a host shows again: they were stored before a crash, and sent anew since.

A host that repairs its indexes may do that; mdbox of Dovecot does so for all folders, whichever the crash was in, and
whoever makes it repair them. It gives such messages new UIDs, a later date of saving, and no flags.
"""

from __future__ import annotations

import time
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ...imap.uids import sequence_set
from .deliveries import DeliveryBook
from .digests import Flagging, flagging_of
from .folder_session import Figures
from .folders import all_figures
from .session import HostSession, Kept
from .sessions import HostSessions
from .uid_ranges import as_sets, gaps, membership


class ShownAgain:
    """Removes copies of what was delivered.

    Args:
        may_be: the host's format is one in which messages may be shown again (mdbox).
        killed_since: when the first run began of those that may have stored what nobody took note of, if that is known.
        crashed_since: the same of all that were ever killed, if copies that came since then are to be removed.

    Attributes:
        unreadable: folders that the host does not read back, as is known by now: the next run looks there.
    """

    def __init__(
        self,
        sessions: HostSessions,
        book: DeliveryBook,
        may_be: bool,
        killed_since: Optional[float] = None,
        crashed_since: Optional[float] = None,
    ) -> None:
        self._sessions = sessions
        self._book = book
        self._may_be = may_be
        self._begun = int(time.time() if killed_since is None else killed_since)
        # What came in the second in which this run began may have been there before.
        self._since = self._begun + 1 if killed_since is None else self._begun
        if crashed_since is not None:
            self._since = int(crashed_since)
        self._uidnexts: Optional[Dict[bytes, Tuple[int, int]]] = None
        self.unreadable: Set[bytes] = set()

    def note_crash(self) -> None:
        """Take note how far the folders go before the host repairs its indexes."""
        if self._may_be and self._uidnexts is None:
            figures = dict(all_figures(self._sessions))
            self._uidnexts = {name: (each.uidvalidity, each.uidnext) for name, each in figures.items()}

    @property
    def may_be_left(self) -> bool:
        """True from a crash on, until copies are removed."""
        return self._uidnexts is not None

    def remove(self) -> None:
        """After a crash, remove messages that equal, in bytes and date, a recorded one of their folder, and came to
        light in this run, or have been there since a run began that was killed.

        What was there before, or has flags, is somebody's own copy and stays: a double is better than a loss. So does
        what any record tells of, as that of another import. Pieces of messages that come to light go, too.
        """
        if self._book.may_hold_unrecorded_mail:
            self.note_crash()
        if self._uidnexts is not None:
            for name, figures in list(all_figures(self._sessions)):
                if name not in self.unreadable:
                    self._remove_from(name, figures, self._uidnexts)
            if not self.unreadable:
                self._uidnexts = None

    def _remove_from(self, name: bytes, figures: Figures, uidnexts: Mapping[bytes, Tuple[int, int]]) -> None:
        # Of one that this run made, or that did not open then, only the dates of saving tell what came since.
        uidvalidity, begin = uidnexts.get(name, (figures.uidvalidity, figures.uidnext))
        if uidvalidity != figures.uidvalidity:
            return
        runs = [run for run in self._book.runs_in(figures.uidvalidity) if run[1]]
        recorded = self._book.all_runs_in(figures.uidvalidity)
        free = [gap for gap in gaps(run for run in recorded if run[1]) if gap[0] < figures.uidnext]
        late = [(max(first, begin), last) for first, last in free if last >= begin] if begin < figures.uidnext else []
        recent: List[int] = []
        if figures.messages and (runs or name not in uidnexts):
            saved = self._sessions.attempt(lambda session: session.saved_since(name, self._since))
            recent = [uid for uid in filter(membership(free), saved) if uid < begin]
        others = as_sets(late) + list(sequence_set(recent))
        is_other = membership(late + [(uid, uid) for uid in recent])
        ours = as_sets([(target, target + length - 1) for _source, target, length in runs])
        if others:
            self._sessions.attempt(lambda session: self._remove_alike(session, name, others, is_other, ours))

    def _remove_alike(
        self,
        session: HostSession,
        name: bytes,
        others: Sequence[bytes],
        is_other: Callable[[int], bool],
        ours: Sequence[bytes],
    ) -> None:
        strangers: Dict[Tuple[bytes, Optional[int]], Set[int]] = {}
        sizes: Set[int] = set()
        unwanted: Set[int] = set()
        for uids in others:
            for uid, kept in session.kept(name, uids):
                # A run may have died while it removed them.
                if not is_other(uid) or kept.digests is None or flagging_of(kept.flags) == Flagging.SOME:
                    continue
                if kept.digests.torn and session.is_own_process:
                    unwanted.add(uid)
                strangers.setdefault((kept.digests.exact, self._date_of(kept)), set()).add(uid)
                sizes.add(kept.digests.size)
        alike = [uid for uids in ours if sizes for uid, size in session.sizes(name, uids) if size in sizes]
        for uids in sequence_set(alike):
            for _uid, kept in session.kept(name, uids):
                if kept.digests is not None:
                    unwanted |= strangers.get((kept.digests.exact, self._date_of(kept)), set())
        for uids in sequence_set(unwanted.difference(alike)):
            session.remove(name, uids)

    def _date_of(self, kept: Kept) -> Optional[int]:
        """The date of a message; all that the host may have chosen itself, at different times, count as one: since
        the first of the killed runs began of which nothing is known. Since an older crash, others have had theirs.
        """
        return None if kept.date is None else min(kept.date, self._begun)
