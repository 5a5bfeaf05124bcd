# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run tells whoever watches it, by way of a file: one class a kind of event, a line of JSON each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union, cast

from .codec import Codec
from .errors import REASONS, SKIP_REASONS


class ProgressEvent:
    """Something that a run tells."""


@dataclass(frozen=True)
class Begun(ProgressEvent):
    """So many mailboxes there are."""

    mailboxes: int


@dataclass(frozen=True)
class Ended(ProgressEvent):
    """One mailbox has this result; `email` is empty for a row that names none. `copied` are messages."""

    email: str
    state: str
    reason: Optional[str]
    message: str
    copied: int


@dataclass(frozen=True)
class Counts(ProgressEvent):
    """So many mailboxes of all are done, and messages and bytes copied; `share` of the whole, from 0 to 1."""

    done: int
    mailboxes: int
    messages: int
    bytes: int
    share: float


@dataclass(frozen=True)
class Noted(ProgressEvent):
    """Something that people should know."""

    text: str


@dataclass(frozen=True)
class Finished(ProgressEvent):
    """All is done."""


_CODEC = Codec("event", ProgressEvent.__subclasses__(), REASONS | SKIP_REASONS)


def encode(event: ProgressEvent) -> str:
    """Return an event as a line."""
    return _CODEC.encode(event).decode("ascii")


def decode(line: Union[str, bytes]) -> ProgressEvent:
    """Return what a line says.

    Raises:
        ValueError: it is nothing that a run tells.
    """
    return cast(ProgressEvent, _CODEC.decode(line))
