# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store: any format of the host's Dovecot, written by its own IMAP process in a session without a login."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from operator import methodcaller
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ...imap.folder_names import encode_folder_name
from ...imap.uids import UidSet, sequence_set
from ...model.errors import MailImportError
from ...model.mail import MailSession, StoreLocation
from ..aside import check_movable, move_directories_aside
from ..base import (
    EarlierMessage,
    FlagChange,
    FolderPath,
    FolderWriter,
    HeldCopy,
    MessageStore,
    Subscribed,
    joined_path,
)
from ..marker import place_marker
from ..origin import Origin
from .appender import Appender
from .channel import HostChannel
from .content_search import ContentSearch
from .copies import ShownAgain
from .deliveries import DeliveryBook
from .flags import GivenFlags, carry_flags, messages_that_differ
from .folders import Folders, figures_of
from .held_copies import copy_held
from .lanes import Lanes
from .session import HostSession
from .sessions import HostSessions
from .verification import read_back
from .writer import ImapWriter

_NOT_TOLD_APART = (
    "the files of folder %s are not read, so it is not known which of its messages a run stored that was ended: %s; "
    "mend that, or run the task with force: true"
)

# So many beginnings of messages are in memory at a time.
_BEGINNINGS_AT_ONCE = 500


@contextmanager
def _passing_over_refused() -> Iterator[None]:
    """That a host cannot have a folder is said when it is opened; that there is no session is said at once."""
    try:
        yield
    except MailImportError as error:
        if error.reason != "folder_refused":
            raise


class ImapStore(MessageStore):
    """The mail of one mailbox, through APPEND (RFC 3501, 3502, 4315, 7888). Messages get UIDs of the host's own.

    Args:
        location: as `MailHost.store_of` reports it.
        open_channel: opens a session of the mailbox.
        book: what earlier runs delivered; it takes what this one does, before it is recorded otherwise.
        proof: the host's, for the marker of the import.
        open_more: opens another session beside those that are open, or returns None when there can be no more.
        pause: waits so many seconds, for that reason.
        killed_since: see ContentSearch.
        crashed_since: when the first of all runs began that were killed, if what they left is to be looked for again.
    """

    def __init__(
        self,
        location: StoreLocation,
        open_channel: Callable[[], HostChannel],
        book: DeliveryBook,
        proof: bytes = b"",
        open_more: Callable[[], Optional[HostChannel]] = lambda: None,
        pause: Callable[[float, str], None] = lambda seconds, why: time.sleep(seconds),
        killed_since: Optional[float] = None,
        crashed_since: Optional[float] = None,
    ) -> None:
        self._location = location
        self._proof = proof
        self._book = book
        elsewhere = location if isinstance(location, MailSession) else None
        self.sessions = HostSessions(open_channel, book.may_hold_unrecorded_mail, is_elsewhere=elsewhere is not None)
        self._verify = elsewhere.verify if elsewhere else "digests"
        self._views = elsewhere.views if elsewhere else frozenset()
        self._lanes = Lanes(open_more, elsewhere.connections if elsewhere else 1)
        self.appender = Appender(self.sessions, self._lanes, pause)
        self._folders = Folders(self.sessions)
        self._copies = ShownAgain(self.sessions, book, location.driver == "mdbox", killed_since, crashed_since)
        self._search = ContentSearch(self.sessions, book, self._copies, killed_since)
        self._given = GivenFlags()
        self._writers: List[ImapWriter] = []
        self._targets: Sequence[FolderPath] = ()
        self._all_answers_known = True
        self._is_marked = False
        self._lost_keywords: Set[bytes] = set()
        self._namespace: Optional[Tuple[bytes, bytes]] = None

    def name_of(self, path: FolderPath) -> bytes:
        """Return a folder's name on the wire.

        Raises:
            MailImportError: `folder_refused` when the host cannot have such a name.
        """
        if path == ("INBOX",):
            return b"INBOX"
        if self._namespace is None:
            self._namespace = self.sessions.attempt(self._ask_namespace)
        prefix, separator = self._namespace
        parts = [encode_folder_name(part) for part in path]
        if separator and any(separator in part for part in parts):
            raise MailImportError(
                "folder_refused", "a folder's name on this host cannot hold %r" % separator.decode("latin-1")
            )
        return prefix + separator.join(parts)

    def _ask_namespace(self, session: HostSession) -> Tuple[bytes, bytes]:
        """Return prefix and separator of the user's own folders: where the host says INBOX is, or the first."""
        found = session.namespaces()
        own = self._location.prefix.encode("utf-8")
        if found:
            prefix = own if own in found else next(iter(found))
            return prefix, found[prefix]
        return own, self._location.separator.encode("utf-8")

    def expect_folders(self, paths: Sequence[FolderPath]) -> None:
        self._folders.expect(self._names_of(paths))

    def note_targets(self, paths: Sequence[FolderPath]) -> None:
        self._targets = paths

    def _names_of(self, paths: Sequence[FolderPath]) -> List[bytes]:
        names = []
        for path in paths:
            with _passing_over_refused():
                names.append(self.name_of(path))
        return names

    def note_uses(self, uses: Mapping[FolderPath, str]) -> None:
        for path, use in uses.items():
            with _passing_over_refused():
                self._folders.uses[self.name_of(path)] = use.encode("ascii")

    def open_folder(self, path: FolderPath, origin: Origin, by_content: bool) -> FolderWriter:
        if path in self._views:
            text = "is a view of this host, which shows what other folders hold: exclude_folders or folder_map helps"
            raise MailImportError("folder_refused", "%s %s" % (joined_path(path), text))
        name = self.name_of(path)
        if self._targets:  # not before: to be asked for the names, the host has to be logged into
            self._folders.claim(self._names_of(self._targets))
            self._targets = ()
        self._book.note_folder(origin.raw_name, joined_path(path))
        record = self._book.record_of(origin)
        if record.may_hold_unrecorded_mail:
            if record.unreadable is not None:
                raise MailImportError("folder_refused", _NOT_TOLD_APART % (joined_path(path), record.unreadable))
            self._copies.note_crash()
        opened = self._folders.open(name)
        if not self._is_marked:
            place_marker(self._location, origin.key, self._proof)  # the host has made the root by now
            self._is_marked = True
        writer = ImapWriter(
            self.appender,
            self._search,
            path,
            name,
            origin,
            opened,
            record,
            self._given,
            by_content,
            self._verify == "none",
        )
        self._writers.append(writer)
        return writer

    def held_uids(self, path: FolderPath, origin: Origin) -> UidSet:
        uids = UidSet()
        for uid in self._book.record_of(origin).delivered.sources():
            uids.add(uid)
        return uids

    def messages_in(self, paths: Sequence[FolderPath]) -> Dict[FolderPath, int]:
        """Return how many messages folders hold, of those that are there."""
        names: Dict[FolderPath, bytes] = {}
        for path in paths:
            with _passing_over_refused():
                names[path] = self.name_of(path)
        figures = figures_of(self.sessions, list(names.values()))
        return {path: figures[name].messages for path, name in names.items() if name in figures}

    def beginnings(self, path: FolderPath, origin: Origin, uids: UidSet, size: int) -> Iterator[Tuple[int, bytes]]:
        name, record = self.name_of(path), self._book.record_of(origin)
        sources = {target: uid for uid, target in record.delivered.targets_of(uids).items()}
        for target, beginning in self._beginnings(name, record.target_uidvalidity, sorted(sources), size):
            if target in sources:
                yield sources[target], beginning

    def earlier(self, path: FolderPath, origin: Origin, size: int) -> Iterator[Tuple[EarlierMessage, bytes]]:
        for target_uidvalidity, targets in self._book.earlier(origin):
            yield from self._beginnings(self.name_of(path), target_uidvalidity, targets, size)

    def _beginnings(
        self, name: bytes, uidvalidity: int, targets: Sequence[int], size: int
    ) -> Iterator[Tuple[int, bytes]]:
        """Yield UIDs of the host's, of those that are given ascending, and the first `size` bytes of their messages."""
        for start in range(0, len(targets), _BEGINNINGS_AT_ONCE):
            wanted = b",".join(sequence_set(targets[start : start + _BEGINNINGS_AT_ONCE]))
            read = methodcaller("beginnings", name, uidvalidity, wanted, size)
            found: Dict[int, bytes] = self.sessions.attempt(read)
            yield from found.items()

    def copy_held(self, writer: FolderWriter, copies: Sequence[HeldCopy]) -> Dict[int, int]:
        mine = next(known for known in self._writers if known is writer)
        return copy_held(self.sessions, self._book, self.name_of, mine, copies)

    def commit(self) -> None:
        self.appender.drain()
        writers = [writer for writer in self._writers if writer.has_work]
        try:
            for writer in writers:
                writer.settle()
            if self._verify != "none":
                stored = [(writer, writer.to_read_back()) for writer in writers]
                read_back(self.sessions, [back for _writer, back in stored], bodies=self._verify == "digests")
                for writer, back in stored:
                    writer.compare(back)
        except MailImportError as error:
            for writer in writers:
                writer.tell_uncompared(error)
            raise
        finally:  # the host has acknowledged them, whatever else it fails at
            for writer in writers:
                new = writer.take_delivered()
                if new:
                    self._book.add(writer.origin, writer.target_uidvalidity, new)
                self._lost_keywords |= writer.keywords.lost
                self._all_answers_known = self._all_answers_known and writer.all_answers_known
        self._writers = [writer for writer in self._writers if not writer.finished]

    def discard(self, writer: FolderWriter) -> None:
        mine = next(known for known in self._writers if known is writer)
        self.appender.drain()
        self._writers.remove(mine)
        if mine.written:
            self._search.forget(mine.name)
        elif mine.fresh:
            self.sessions.attempt(lambda session: session.remove_if_empty(mine.name))

    def subscribe(self, paths: Sequence[FolderPath]) -> Subscribed:
        names: Dict[FolderPath, bytes] = {}
        refused: Dict[FolderPath, str] = {}
        for path in paths:
            try:
                names[path] = self.name_of(path)
            except MailImportError as error:
                if error.reason != "folder_refused":
                    raise
                refused[path] = error.message
        new, errors = self.sessions.attempt(lambda session: session.subscribe(list(names.values())))
        refused.update((path, errors[name].message) for path, name in names.items() if name in errors)
        return Subscribed(new, refused)

    def change_flags(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> int:
        targets = self._targets_of(path, origin, changes)
        wanted = {target: changes[uid] for uid, target in targets.items()}
        carried = carry_flags(self.sessions, self.name_of(path), wanted)
        self._lost_keywords |= carried.refused
        return len(carried.changed)

    def messages_that_differ(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> Set[int]:
        targets = self._targets_of(path, origin, changes)
        wanted = {target: changes[uid] for uid, target in targets.items()}
        differing = messages_that_differ(self.sessions, self.name_of(path), wanted)
        return {uid for uid, target in targets.items() if target in differing}

    def _targets_of(self, path: FolderPath, origin: Origin, uids: Iterable[int]) -> Dict[int, int]:
        """Return which messages here those of an origin are; none, when it is another folder than the one they were
        delivered into.
        """
        name, record = self.name_of(path), self._book.record_of(origin)
        figures = self.sessions.attempt(lambda session: session.figures_of([name]).get(name))
        same = figures is not None and figures.uidvalidity == record.target_uidvalidity
        return record.delivered.targets_of(uids) if same else {}

    def move_aside(self, path: str) -> Optional[str]:
        if not os.path.lexists(path):
            self.sessions.close()
            move_directories_aside(check_movable(self._location), path)
        return path if os.path.lexists(path) else None

    @property
    def all_answers_known(self) -> bool:
        return (
            self.appender.idle
            and self._all_answers_known
            and not self._copies.may_be_left
            and not any(writer.has_work for writer in self._writers)
        )

    @property
    def has_lost_keywords(self) -> bool:
        return self.sessions.has_rebuilt()

    def clean_up(self) -> None:
        """After a crash the host may rebuild its indexes, for whomever: remove copies that this has brought to light.
        Where it has done so for this run, give flags again that it has lost."""
        self._lanes.close()
        self._copies.remove()
        if self.sessions.has_rebuilt():
            self._given.give_again(self.sessions)

    def lost_keywords(self) -> List[str]:
        return sorted(keyword.decode("ascii", "replace") for keyword in self._lost_keywords)
