# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every message store offers: folders to write messages into, durable and exactly once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Container, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ..imap.fetch import Fetched
from ..imap.uids import UidSet
from ..model.imports import ImportKey
from .origin import Origin

FolderPath = Tuple[str, ...]

# What a store knows a message by that `earlier` yields: its UID, or the digest of its content.
EarlierMessage = Union[int, bytes]


class FlagChange(NamedTuple):
    """What is to change about the flags of one message, in the words of its source; all its other flags stay."""

    add: Tuple[bytes, ...] = ()
    remove: Tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """A message that the store did not take; or, when `stored`, that it keeps otherwise than it was sent. `size` in
    bytes.
    """

    uid: int
    reason: str
    message: str
    size: int
    message_id: Optional[str] = None
    stored: bool = False


class Place(NamedTuple):
    """Where a message is that came before: a folder on the host, its origin, and the UID at the source there."""

    path: FolderPath
    origin: Origin
    uid: int


class HeldCopy(NamedTuple):
    """A message of a source folder of which other folders may have copies here: its UID, flags and size at the source,
    and where they are.
    """

    uid: int
    flags: Tuple[bytes, ...]
    size: int
    places: Tuple[Place, ...]


def wanted_in_each_folder(left: Mapping[int, HeldCopy]) -> Iterator[Tuple[FolderPath, Origin, Dict[int, HeldCopy]]]:
    """Yield the folders that hold copies, and which of those that are still left then, by their UIDs there.

    Args:
        left: by UID at the source; whoever takes one removes it from here meanwhile.
    """
    there: Dict[Tuple[FolderPath, Origin], Dict[int, HeldCopy]] = {}
    for held in left.values():
        for place in held.places:
            there.setdefault((place.path, place.origin), {})[place.uid] = held
    for (path, origin), copies in there.items():
        wanted = {uid: held for uid, held in copies.items() if held.uid in left}
        if wanted:
            yield path, origin, wanted


class Subscribed(NamedTuple):
    """How many folders were not subscribed to before, and why others cannot be; one that is not there is neither."""

    new: int
    refused: Dict[FolderPath, str]


class FolderWriter(ABC):
    """One folder of the target while messages of one origin are written into it.

    `path` is the folder's name on the host, `created` tells that it did not exist, `fresh` that no message has ever
    been in it, `held` are the UIDs of the origin that are in it, `before` the number of messages it had, `written` how
    many this run added, `keywords_set` how many messages got keywords when they were in it already. `bytes_staged` are
    of messages that earlier runs have staged: no quota counts them until they are in sight. `remembered` are UIDs of
    messages that an earlier run gave their flags: one of them that is found again keeps what it has.
    """

    path: FolderPath
    created: bool
    fresh: bool
    held: UidSet
    before: int
    written: int = 0
    keywords_set: int = 0
    bytes_staged: int = 0
    last_uid: int = 0
    remembered: Container[int] = ()

    @abstractmethod
    def add(self, fetched: Fetched) -> Optional[int]:
        """Write one message; return its size in bytes, None when the folder has it already.

        It is durable after the store's next `commit`.

        Raises:
            MailImportError: `verification_failed` when it already reads back otherwise.
        """

    def claim(self, earlier: EarlierMessage) -> bool:
        """Let a message that the store's `earlier` yielded stand for one of the source, so that `add` finds it no more;
        False when it stands for another one already.
        """
        return False

    def adopt(self, uid: int, earlier: EarlierMessage) -> None:
        """Take note which message of the source it is that was claimed."""
        self.held.add(uid)
        self.last_uid = max(self.last_uid, uid)

    @abstractmethod
    def mark_complete(self) -> None:
        """Everything there is has been added: let the next `commit` make the folder whole."""

    @property
    def staged(self) -> bool:
        """True when the folder stays out of sight until it is whole, with a journal of its own of what is durable."""
        return False

    def take_refusals(self) -> List[Refusal]:
        """Return, once, what turned out by the last `commit` not to be in the folder as it was added."""
        return []


class HeldMail(ABC):
    """What earlier runs brought into a mailbox, to be looked at."""

    @abstractmethod
    def held_uids(self, path: FolderPath, origin: Origin) -> UidSet:
        """Return the UIDs of the messages of an origin that are in the folder, or wait to be shown there."""

    @abstractmethod
    def beginnings(self, path: FolderPath, origin: Origin, uids: UidSet, size: int) -> Iterator[Tuple[int, bytes]]:
        """Yield the UID and the first `size` bytes of such messages; one that is gone meanwhile is left out."""

    def messages_that_differ(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> Set[int]:
        """Return the UIDs of messages of an origin that these changes of flags would change."""
        return set(changes)

    def renumbered(self, path: FolderPath, origin: Origin) -> int:
        """Return how often earlier runs found that the source had given other UIDs to the messages of an origin, as far
        as the messages themselves tell."""
        return 0


class MessageStore(HeldMail):
    """The mail of one mailbox, written as the mailbox's own user."""

    def expect_folders(self, paths: Sequence[FolderPath]) -> None:  # noqa: B027 - not every store gains from it
        """Take note which folders are going to be opened, in this order: a store may prepare many at once."""

    def note_targets(self, paths: Sequence[FolderPath]) -> None:  # noqa: B027 - a store of files keeps all names apart
        """Take note of all folders that the import fills, whether they are to be opened or not, in the order in which
        they claim their names.
        """

    def note_uses(self, uses: Mapping[FolderPath, str]) -> None:  # noqa: B027 - a store of files has no use for it
        """Take note what folders are for (RFC 6154, `\\Sent`), of those that the host has no folder of its own for."""

    def refused_folders(self, paths: Sequence[FolderPath]) -> Mapping[FolderPath, str]:
        """Return the folders of those that are there and cannot be written into, and why; INBOX is none of them. Where
        opening a folder tells it, nothing is looked for here.
        """
        return {}

    @abstractmethod
    def open_folder(self, path: FolderPath, origin: Origin, by_content: bool) -> FolderWriter:
        """Begin or continue to write the messages of an origin into a folder, creating it.

        Args:
            by_content: leave out messages of which the folder has an equal one of another origin: the same bytes but
                for notes of mbox files.
        """

    def earlier(self, path: FolderPath, origin: Origin, size: int) -> Iterator[Tuple[EarlierMessage, bytes]]:
        """Yield the first `size` bytes of messages in the folder that came from the same one when its UIDs meant
        something else; with each, what `claim` and `adopt` take.
        """
        return iter(())

    @abstractmethod
    def copy_held(self, writer: FolderWriter, copies: Sequence[HeldCopy]) -> Dict[int, int]:
        """Give a folder messages that are in other folders here; everything that was added is committed.

        Returns:
            Sizes in bytes by UID, of those that the folder has got: the others are not here any more, or cannot be
            copied.
        """

    @abstractmethod
    def commit(self) -> None:
        """Make everything added so far durable, make sure that it is there as it was received, and show finished
        folders.

        Raises:
            MailImportError: `verification_failed` when the store does not hold what was received.
        """

    @abstractmethod
    def discard(self, writer: FolderWriter) -> None:
        """Forget a writer whose source folder turned out to be another one; nothing of it becomes visible."""

    def forget(self, key: ImportKey, keep: Iterable[bytes]) -> None:  # noqa: B027 - a store that stages nothing has nothing to do
        """Remove what interrupted runs of an import have staged of all but these folders, named as the source does."""

    @abstractmethod
    def subscribe(self, paths: Sequence[FolderPath]) -> Subscribed:
        """Subscribe to folders; one that cannot be subscribed to costs the others nothing."""

    @abstractmethod
    def change_flags(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> int:
        """Change flags of messages of an origin, by UID at the source; return how many messages changed."""

    @abstractmethod
    def move_aside(self, path: str) -> Optional[str]:
        """Take all mail out of the mailbox, keeping it at `path` unless something is there already.

        Returns:
            `path` when mail is there now, None when there was none.
        """

    @property
    def all_answers_known(self) -> bool:
        """True when it is known of every message that was added whether it is there."""
        return True

    @property
    def has_lost_keywords(self) -> bool:
        """True when the mailbox's server has repaired its indexes in this run: earlier messages may lack keywords."""
        return False

    @abstractmethod
    def clean_up(self) -> None:
        """Remove what helped to write, and what the host has to count or index anew. Called after the last commit."""

    @abstractmethod
    def lost_keywords(self) -> List[str]:
        """Names of keywords that this store could not give to messages."""


def joined_path(path: Iterable[str]) -> str:
    """Return a folder path for people and for the state."""
    return "/".join(path)
