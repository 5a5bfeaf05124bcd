# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder as the appender sees it: where messages go, and who is told what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Iterable, Tuple

from ...model.errors import MailImportError
from .appending import Outgoing
from .digests import UidsByContent
from .pending import PendingMessage


class Destination(ABC):
    """A folder of the host; `name` is its name on the wire."""

    name: bytes

    @property
    @abstractmethod
    def may_alter(self) -> bool:
        """Whether the server is none that keeps messages as they are."""

    @abstractmethod
    def usable_keywords(self, message: PendingMessage) -> Tuple[bytes, ...]:
        """Return a message's keywords without those that this folder has refused."""

    def outgoing(self, message: PendingMessage) -> Outgoing:
        """Return what is sent of a message."""
        return message.outgoing(self.usable_keywords(message))

    @abstractmethod
    def give_keywords(self, message: PendingMessage, keywords: Iterable[bytes]) -> None:
        """Give a message that was just stored without them the keywords that the host takes."""

    @abstractmethod
    def stored(self, message: PendingMessage, target: int) -> None:
        """Take note that a message is in the folder under this UID, as the host says."""

    @abstractmethod
    def found(self, message: PendingMessage, target: int) -> None:
        """Take note that a message is in the folder though the host never said so; its flags may be lacking."""

    @abstractmethod
    def acknowledged(self, message: PendingMessage) -> None:
        """Take note that the host says that it has stored a message, which cannot be found in the folder."""

    @abstractmethod
    def ask_again(self, message: PendingMessage) -> None:
        """Take note that a message got lost on its way and the source has to send it again."""

    @abstractmethod
    def refuse(self, message: PendingMessage, reason: str, text: str) -> None:
        """Take note that a message is not in the folder, and why."""

    def refuse_all(self, messages: Iterable[PendingMessage], error: MailImportError) -> None:
        for message in list(messages):
            self.refuse(message, error.reason, error.message)

    @abstractmethod
    def begin_batch(self) -> None:
        """Take note that it is known of all messages that were sent before whether they are in the folder."""

    @abstractmethod
    def arrivals(self) -> UidsByContent:
        """Return what has come into the folder since the last UID that is known."""

    @abstractmethod
    def lost_arrivals(self) -> UidsByContent:
        """Return the same after the IMAP process has ended in the middle of its work."""
