# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking for messages in folders of the host by what they are, where no record tells of them."""

from __future__ import annotations

from typing import AbstractSet, Dict, List, Optional, Sequence, Tuple, Union

from ...imap.uids import UidSet, sequence_set
from ...model.errors import MailImportError
from .conversation import SessionEndedError
from .copies import ShownAgain
from .deliveries import DeliveryBook
from .digests import Digests, UidsByContent, flagging_of
from .folder_session import Figures
from .folders import all_figures
from .moved import MovedMessages
from .session import HostSession
from .sessions import HostSessions
from .uid_map import UidMap
from .uid_ranges import as_sets, gaps, membership


class ContentSearch:
    """Reads messages of folders and makes them known by content.

    Args:
        copies: takes note of a crash before the host is made to show what it left.
        killed_since: when the first run began of those that may have stored what nobody took note of, if that is known.

    Attributes:
        moved: what their owner has moved of that.
    """

    def __init__(
        self,
        sessions: HostSessions,
        book: DeliveryBook,
        copies: ShownAgain,
        killed_since: Optional[float] = None,
    ) -> None:
        self._sessions = sessions
        self._book = book
        self._copies = copies
        self._killed_since = killed_since
        self._unrecorded: Dict[bytes, UidsByContent] = {}
        self._indexes: Dict[bytes, List[UidsByContent]] = {}
        self._elsewhere: Optional[List[Tuple[bytes, Figures]]] = None
        self.moved = MovedMessages(sessions, book, killed_since, self._read_moved)

    def unrecorded(self, name: bytes, uidvalidity: int, folder: str) -> UidsByContent:
        """Return the messages that were in a folder, and in no record, when this run came to it first.

        The folders of a source that go into one target share them: each message is one of theirs at most.

        Args:
            folder: the name for people.

        Raises:
            MailImportError: `folder_refused` when each process of the host's own ends that reads them, and others do
                not.
        """
        if name not in self._unrecorded:
            self._unrecorded[name] = self._index(name, list(gaps(self._book.runs_in(uidvalidity, folder))))
        return self._unrecorded[name]

    def _index(self, name: bytes, ranges: Sequence[Tuple[int, int]]) -> UidsByContent:
        """Return messages of a folder that are not taken yet; each can be taken once, of whatever index."""
        taken = self.moved.taken_from(name)
        try:
            index = self._find(name, ranges, self._book.may_hold_unrecorded_mail, taken)
        except SessionEndedError as error:
            self._note_unreadable(name, error)
            text = "this host does not read back what it holds: %s" % error.message
            raise MailImportError("folder_refused", text) from None
        self._indexes.setdefault(name, []).append(index)
        return index

    def _note_unreadable(self, name: bytes, error: SessionEndedError) -> None:
        """Take note of a folder that ends each session which reads it; raise the error when it is no matter of that
        folder alone."""
        if error.reason != "host_refused" or not self._sessions.attempt(_serves_others):
            raise error
        self._copies.unreadable.add(name)

    def forget(self, name: bytes) -> None:
        """Messages were stored in a folder that will never be recorded: look anew when asked again."""
        self._unrecorded.pop(name, None)

    def but(self, name: bytes, known: UidMap) -> UidsByContent:
        """Return all messages of a folder that are not known to be of one origin."""
        return self._index(name, list(gaps(known.triples())))

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
            self._elsewhere = list(all_figures(self._sessions))
        for other, figures in self._elsewhere:
            if other not in self._copies.unreadable:
                try:
                    self.moved.look(name, [(other, figures)])
                except SessionEndedError as error:
                    self._note_unreadable(other, error)

    def _read_moved(self, name: bytes, uids: Sequence[int]) -> UidsByContent:
        return self._find(name, [(uid, uid) for uid in uids], after_crash=False)

    def first_since(self, name: bytes, otherwise: int) -> int:
        """Return the first UID of what has come into a folder since that run began, or what is given where that is
        less or nobody knows."""
        since = self._killed_since
        uids = self._sessions.attempt(lambda session: session.saved_since(name, since)) if since is not None else []
        return min([*uids, otherwise])

    def since(self, name: bytes, first: int, taken: AbstractSet[int], after_crash: bool) -> UidsByContent:
        """Return what a folder holds from a UID on, but for messages whose UIDs are known."""
        ranges = gaps((uid, uid, 1) for uid in taken)
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
            self._copies.note_crash()
            self._sessions.reveal(name)
        wanted, is_wanted = as_sets(ranges), membership(ranges)

        def work(session: HostSession) -> UidsByContent:
            index, torn, seen = UidsByContent(), [], UidSet()
            for uids in wanted:
                for uid, kept in session.kept(name, uids):
                    if uid in seen or uid in taken or not is_wanted(uid) or kept.digests is None:
                        continue
                    seen.add(uid)
                    if after_crash and kept.digests.torn and session.is_own_process:
                        torn.append(uid)
                    else:
                        index.add(kept.digests, uid, flagging_of(kept.flags))
            for uids in sequence_set(torn):
                session.remove(name, uids)
            return index

        return self._sessions.attempt(work)


def _serves_others(session: HostSession) -> bool:
    """Whether it is a folder alone that ends each session: a connection may be lost for reasons of its own."""
    return session.is_own_process and bool(session.figures_of([b"INBOX"]))
