# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a mailbox holds of its source, to be compared: by its files, or by an IMAP session. Nothing is written."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from functools import lru_cache, partial
from typing import Callable, Dict, FrozenSet, Iterable, Iterator, List, Sequence, Tuple

from ..imap.flags import split_flags
from ..imap.headers import LONGEST_HEADER
from ..imap.outline import Outline, digest_of_fields
from ..imap.uids import sequence_set
from ..model.mail import MailFiles, StoreLocation
from ..state.records import Deliveries
from ..store.base import FolderPath
from ..store.imap.channel import HostChannel
from ..store.imap.deliveries import DeliveryBook
from ..store.imap.session import HostSession
from ..store.imap.store import ImapStore
from ..store.imap.uid_map import UidMap
from ..store.maildir.control_files import MAX_KEYWORDS, keywords_by_number
from ..store.maildir.files import beginning_of, digest_of_content, open_directory
from ..store.maildir.letters import SYSTEM_LETTERS
from ..store.maildir.tree import MaildirTree
from ..store.origin import Origin

_SYSTEM_FLAGS = {letter: flag for flag, letter in SYSTEM_LETTERS.items()}


@lru_cache(maxsize=4096)
def comparable_flags(flags: Tuple[bytes, ...]) -> FrozenSet[bytes]:
    """Flags as any store may keep them, in lower case."""
    split = split_flags(flags)
    return frozenset(flag.lower() for flag in (*split.system, *split.keywords))


class FolderView(ABC):
    """The messages of one folder of the mailbox, by the UIDs that they have at the source.

    `keeps_all_keywords` is False when it cannot be told whether a message has keywords that are not among its flags.
    """

    keeps_all_keywords = True

    @abstractmethod
    def __contains__(self, uid: int) -> bool: ...

    @abstractmethod
    def outline_of(self, uid: int) -> Outline:
        """What is known of it unread; its size is -1 when what is there is not what was stored."""

    @abstractmethod
    def flags_of(self, uid: int) -> FrozenSet[bytes]:
        """Its flags, as `comparable_flags` has them."""

    @abstractmethod
    def digest_of(self, uid: int) -> bytes:
        """Its canonical digest."""

    @abstractmethod
    def other_digests(self) -> Iterator[bytes]:
        """Canonical digests of messages of which it is not known where they come from."""


class MailboxView(ABC):
    """The mail of one mailbox."""

    @abstractmethod
    def folder(self, path: FolderPath, origin: Origin) -> FolderView:
        """Look into a folder; one that is not there holds nothing."""


class _MaildirFolder(FolderView):
    def __init__(self, tree: MaildirTree, path: FolderPath, origin: Origin) -> None:
        self._tree, self._path = tree, path
        self._files: Dict[int, Tuple[str, str]] = {}
        self._others: List[Tuple[str, str]] = []
        for part, name in tree.message_names(path):
            uid = origin.uid_of(name)
            if uid:
                self._files[uid] = part, name
            else:
                self._others.append((part, name))
        self._keywords = self._read_keywords()
        self.keeps_all_keywords = len(self._keywords) < MAX_KEYWORDS

    def _read_keywords(self) -> Dict[int, bytes]:
        try:
            control = open_directory(self._tree.control_name(self._path), self._tree.control)
        except FileNotFoundError:
            return {}
        try:
            return keywords_by_number(control)
        finally:
            os.close(control)

    def __contains__(self, uid: int) -> bool:
        return uid in self._files

    def outline_of(self, uid: int) -> Outline:
        part, name = self._files[uid]
        sizes = dict(field.partition("=")[::2] for field in name.partition(":")[0].split(",")[1:])
        directory = self._open(part)
        try:
            there = os.stat(name, dir_fd=directory, follow_symlinks=False)
            fields = digest_of_fields(beginning_of(name, directory, LONGEST_HEADER))
        except FileNotFoundError:
            return Outline(-1, None, b"")
        finally:
            os.close(directory)
        whole = sizes.get("S") == str(there.st_size) and sizes.get("W", "").isdecimal()
        return Outline(int(sizes["W"]) if whole else -1, int(there.st_mtime), fields)

    def flags_of(self, uid: int) -> FrozenSet[bytes]:
        letters = self._files[uid][1].partition(":2,")[2]
        keywords = (self._keywords.get(ord(letter) - ord("a"), b"").lower() for letter in letters if letter.islower())
        system = (_SYSTEM_FLAGS.get(letter, b"") for letter in letters)
        return frozenset(flag for flag in (*system, *keywords) if flag)

    def digest_of(self, uid: int) -> bytes:
        return self._digest(self._files[uid])

    def other_digests(self) -> Iterator[bytes]:
        return map(self._digest, self._others)

    def _digest(self, file: Tuple[str, str]) -> bytes:
        part, name = file
        directory = self._open(part)
        try:
            return digest_of_content(name, directory)
        except FileNotFoundError:
            return b""
        finally:
            os.close(directory)

    def _open(self, part: str) -> int:
        name = os.path.join(self._tree.directory_name(self._path), part)
        return open_directory(os.path.normpath(name), self._tree.root)


class MaildirView(MailboxView):
    """By the names of files, which say where a message comes from, and by the files."""

    def __init__(self, location: MailFiles) -> None:
        self._tree = MaildirTree(location)

    def folder(self, path: FolderPath, origin: Origin) -> FolderView:
        return _MaildirFolder(self._tree, path, origin)


class _ImapFolder(FolderView):
    """`targets` are UIDs on the host, by those at the source."""

    def __init__(self, store: ImapStore, name: bytes, targets: Dict[int, int], exists: bool) -> None:
        self._sessions, self._name = store.sessions, name
        told = self._sessions.attempt(lambda session: session.outlines(name, b"1:*")) if exists else []
        self._outlines = {each.uid: each.outline for each in told}
        self._flags = {each.uid: comparable_flags(each.flags) for each in told}
        self._targets = {source: target for source, target in targets.items() if target in self._flags}

    def __contains__(self, uid: int) -> bool:
        return uid in self._targets

    def outline_of(self, uid: int) -> Outline:
        return self._outlines[self._targets[uid]]

    def flags_of(self, uid: int) -> FrozenSet[bytes]:
        return self._flags[self._targets[uid]]

    def digest_of(self, uid: int) -> bytes:
        return next(iter(self._digests([self._targets[uid]])), b"")

    def other_digests(self) -> Iterator[bytes]:
        yield from self._digests(set(self._flags).difference(self._targets.values()))

    def _digests(self, targets: Iterable[int]) -> List[bytes]:
        found: List[bytes] = []
        for uids in sequence_set(targets):
            found += self._sessions.attempt(partial(self._read_digests, uids))
        return found

    def _read_digests(self, uids: bytes, session: HostSession) -> List[bytes]:
        return [kept.digests.folded for _uid, kept in session.kept(self._name, uids) if kept.digests]


class ImapView(MailboxView):
    """By what the host's IMAP server says, and what earlier runs noted of which message is which."""

    def __init__(
        self, location: StoreLocation, open_channel: Callable[[], HostChannel], deliveries: Sequence[Deliveries]
    ) -> None:
        self._store = ImapStore(location, open_channel, DeliveryBook(False, lambda *_noted: None))
        self._deliveries = deliveries

    def folder(self, path: FolderPath, origin: Origin) -> FolderView:
        name = self._store.name_of(path)
        figures = self._store.sessions.attempt(lambda session: session.figures_of([name])).get(name)
        targets: Dict[int, int] = {}
        for each in self._deliveries:
            of_folder = figures is not None and each.target_uidvalidity == figures.uidvalidity
            if of_folder and (each.raw_name, each.uidvalidity) == (origin.raw_name, origin.uidvalidity):
                for source, target, length in UidMap(each.runs).triples():
                    targets.update((source + step, target + step) for step in range(length) if target)
        return _ImapFolder(self._store, name, targets, figures is not None and figures.messages > 0)
