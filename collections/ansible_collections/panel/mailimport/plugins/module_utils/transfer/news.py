# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the process of one import tells its parent: one class a kind of news, a JSON object each on the way.

The parent has rights that the process does not have, and takes nothing on trust: `decode` lets through what is of a
known kind, with values of the right types and within bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, cast

from ..model.codec import Codec
from ..model.imports import NotImported
from ..state.records import Deliveries, FolderMark, SourceMessages

# So much goes into one piece of news: the pipe takes only so much at once.
_ENTRIES_AT_ONCE = 500
_PACKED_AT_ONCE = 1 << 20
_LONGEST_UID = 12


class News:
    """Something that an importing process tells."""


Emit = Callable[[News], None]


@dataclass(frozen=True)
class Listed(News):
    """The source has so many folders to import, and messages in them."""

    folders: int
    messages: int


@dataclass(frozen=True)
class Replaced(News):
    """The mail that was there is out of the mailbox; `moved`: there was some."""

    moved: bool


@dataclass(frozen=True)
class FolderFilled(News):
    """How many messages a folder of the mailbox had and has now, and how many of them got keywords only.

    `source` is the folder that its messages came from: several may go into one.
    """

    source: str
    name: str
    created: bool
    before: int
    after: int
    keywords: int = 0


@dataclass(frozen=True)
class Committed(News):
    """What is durable: how far folders have come, what is to be remembered of their messages, and which UIDs those
    got, where the host chooses them. All of it is recorded at once, or nothing.
    """

    marks: Tuple[FolderMark, ...]
    messages: Tuple[SourceMessages, ...] = ()
    deliveries: Tuple[Deliveries, ...] = ()


@dataclass(frozen=True)
class Copied(News):
    """Messages and bytes that this run has copied so far, and messages that are there from earlier ones. `linked` of
    the messages were copied from another folder here.
    """

    messages: int
    present: int
    bytes: int
    linked: int = 0


@dataclass(frozen=True)
class Sized(News):
    """What would be copied has so many bytes by the source's word; `estimated` from some of the messages. The source
    gives so many bytes of it within a day, None without a limit. `at_most`: some of it may turn out to be here, which
    only reading it tells.
    """

    bytes: int
    estimated: bool
    daily: Optional[int] = None
    at_most: bool = False


@dataclass(frozen=True)
class Sampled(News):
    """So many bytes of messages came in so many seconds, and were thrown away."""

    bytes: int
    seconds: float


@dataclass(frozen=True)
class Verified(News):
    """A source was compared with its mailbox: so many messages are here, were compared, are not here, are others, have
    other flags, or other dates of arrival.
    """

    present: int
    compared: int
    missing: int
    differing: int
    other_flags: int
    other_dates: int


@dataclass(frozen=True)
class Spent(News):
    """So many bytes more came from a source that gives only so many a day."""

    bytes: int


@dataclass(frozen=True)
class FlagsUpdated(News):
    """So many messages of earlier runs have got other flags by now."""

    messages: int


@dataclass(frozen=True)
class Subscribed(News):
    """So many folders were subscribed to."""

    folders: int


@dataclass(frozen=True)
class LeftBehind(News):
    """What did not arrive, and how many messages that are."""

    entries: Tuple[NotImported, ...]
    messages: int = 0


@dataclass(frozen=True)
class Waiting(News):
    """The source is given time, in seconds, for that reason."""

    seconds: float
    message: str


@dataclass(frozen=True)
class Note(News):
    """Something that people should know."""

    message: str


@dataclass(frozen=True)
class SecretWanted(News):
    """A new secret for the source is waited for; `refused`: in place of the one that was handed over last."""

    refused: bool = False


@dataclass(frozen=True)
class SessionWanted(News):
    """A session of the mailbox on its mail host is waited for."""


@dataclass(frozen=True)
class AllAnswersKnown(News):
    """It is known of every message that was sent to the store whether it is there."""


@dataclass(frozen=True)
class Proved(News):
    """What was asked of a mailbox's files is so."""


@dataclass(frozen=True)
class NothingNew(News):
    """All that the source has was brought by earlier runs, flags too."""


@dataclass(frozen=True)
class Visited(News):
    """The visit to one account is over, whatever came of it."""


@dataclass(frozen=True)
class Failed(News):
    """The import ends here; with `retry_at`, to go on then (seconds since the epoch)."""

    reason: str
    message: str
    retry_at: Optional[float] = None


_CODEC = Codec("news", News.__subclasses__())


def tell_committed(
    emit: Emit,
    marks: Sequence[FolderMark],
    messages: Sequence[SourceMessages] = (),
    deliveries: Sequence[Deliveries] = (),
) -> None:
    """Tell what is durable, in pieces of a size that the pipe takes; what belongs to one folder stays together."""
    by_folder: Dict[bytes, _Piece] = {}
    for mark in marks:
        by_folder.setdefault(mark.raw_name, _Piece()).marks.append(mark)
    for remembered in messages:
        by_folder.setdefault(remembered.raw_name, _Piece()).messages.append(remembered)
    for delivered in deliveries:
        by_folder.setdefault(delivered.raw_name, _Piece()).deliveries.append(delivered)
    piece = _Piece()
    for folder in by_folder.values():
        if piece.is_full_with(folder):
            emit(piece.news())
            piece = _Piece()
        piece.add(folder)
    if by_folder:
        emit(piece.news())


@dataclass
class _Piece:
    """What goes into one piece of `Committed`."""

    marks: List[FolderMark] = field(default_factory=list)
    messages: List[SourceMessages] = field(default_factory=list)
    deliveries: List[Deliveries] = field(default_factory=list)

    def add(self, other: _Piece) -> None:
        self.marks += other.marks
        self.messages += other.messages
        self.deliveries += other.deliveries

    def is_full_with(self, other: _Piece) -> bool:
        count = len(self.marks) + len(self.messages)
        return count > 0 and (count >= _ENTRIES_AT_ONCE or self._size() + other._size() > _PACKED_AT_ONCE)

    def _size(self) -> int:
        runs = sum(len(each.runs) for each in self.deliveries)
        return sum(len(each.packed) for each in self.messages) + runs * _LONGEST_UID

    def news(self) -> Committed:
        return Committed(tuple(self.marks), tuple(self.messages), tuple(self.deliveries))


def tell_left_behind(emit: Emit, entries: Sequence[NotImported], messages: int = 0) -> None:
    """Tell what did not arrive, and how many messages that are, in pieces of a size that the pipe takes."""
    for number, some in enumerate(_pieces(entries)):
        emit(LeftBehind(tuple(some), 0 if number else messages))


def tell_refused_folder(emit: Emit, name: str, text: str, messages: int) -> None:
    """Tell that nothing comes of a folder of the source, and how many messages that are."""
    tell_left_behind(emit, [NotImported(folder=name, reason="folder_refused", message=text)], messages)


def _pieces(values: Sequence[Any]) -> List[Sequence[Any]]:
    return [values[start : start + _ENTRIES_AT_ONCE] for start in range(0, len(values), _ENTRIES_AT_ONCE)]


def encode(news: News) -> bytes:
    """Return news as a line."""
    return _CODEC.encode(news)


def decode(line: bytes) -> News:
    """Return what a line says.

    Raises:
        ValueError: it is nothing that an importing process says.
    """
    return cast(News, _CODEC.decode(line))
