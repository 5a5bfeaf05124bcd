# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a conversation with the IMAP server of a mail host goes over: pipes of a process, or a connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import FrozenSet, Optional, Union

from ...imap.stream import ByteStream


class HostChannel(ABC):
    """One session's way to the server and back.

    Attributes:
        peer: the server, for people.
        stream: what it sends.
        is_own_process: the server is a Dovecot that was started for this import. It takes literals that were announced
            without being asked for as what they are, whatever it answers; MULTIAPPEND is all or nothing; and when it
            is killed, its indexes may have to be repaired.
    """

    peer: str
    stream: ByteStream
    is_own_process: bool

    @abstractmethod
    def begin(self) -> FrozenSet[bytes]:
        """Make sure that the session is that of the mailbox; return what the server said that it offers, in capitals,
        nothing when it did not say.

        Raises:
            MailImportError: `host_refused` when the mailbox is not let in.
        """

    @abstractmethod
    def sendall(self, data: Union[bytes, bytearray]) -> None:
        """Send all of that; raises OSError or MailImportError when the server is gone."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the server, which then ends the session."""

    def seconds_quiet(self) -> float:
        """For how many seconds nothing has come from the server, be it that what has come was not read; 0 when that is
        not known."""
        return 0.0

    @abstractmethod
    def reason_of_end(self) -> str:
        """What to add to a message that the session has ended: what is known of why."""

    @abstractmethod
    def full_reason(self) -> Optional[str]:
        """Return `disk_full` or `over_quota` when the server has complained of that in another way than by an answer,
        None otherwise.
        """

    @abstractmethod
    def last_complaint(self) -> str:
        """What it complained of then."""

    @abstractmethod
    def has_rebuilt(self) -> bool:
        """True when the server has rebuilt indexes in this session, in which flags get lost."""
