# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A message between the source and the host: what is sent of it, and digests of what was sent."""

from __future__ import annotations

import re
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Callable, Iterable, Iterator, Optional, Sequence, Union

from ...imap.dates import date_from_header
from ...imap.fetch import Fetched
from ...imap.flags import SplitFlags, split_flags
from ...imap.headers import message_id_in
from ...model.errors import MailImportError
from .appending import Outgoing
from .digests import Digester, Digests, Flagging, digests_of, flagging_of

_BLOCK = 256 * 1024
_BEGINNING = 64 * 1024
# Not the working directory of Ansible, and not a small /tmp in memory: a message may be long.
_SPOOL_DIRECTORY = "/var/tmp"  # noqa: S108 - the file has no name

_LONGEST_PLAIN = 2 << 20
_PLAIN_HEADER = re.compile(rb"(?:[!-9;-~]+:[\t -~]*\r\n(?:[\t ][\t -~]*\r\n)*)+\r\n")

Data = Union[bytes, memoryview]


@dataclass
class PendingMessage:
    """A message to be stored.

    `date` is in seconds since the epoch, and `source_date` what the source told, None when it told none. `size` is in
    bytes. `chunks` gives the bytes, again and again if `replayable`. `digests` are known from the beginning, or when
    all bytes have gone by.
    """

    uid: int
    flags: SplitFlags
    date: int
    source_date: Optional[int]
    size: int
    chunks: Callable[[], Iterable[Data]]
    digests: Optional[Digests] = None
    replayable: bool = True

    @property
    def flagging(self) -> Flagging:
        return flagging_of(self.flags.storable)

    @cached_property
    def is_plain(self) -> bool:
        """Whether no server has any objection to it: it has a header that is one, in ASCII, no NUL, CRLF at the end of
        each line, and is not long."""
        if not self.replayable or self.size > _LONGEST_PLAIN:
            return False
        data = b"".join(self.chunks())
        return bool(_PLAIN_HEADER.match(data)) and b"\0" not in data and data.count(b"\n") == data.count(b"\r\n")

    @property
    def message_id(self) -> Optional[str]:
        """For people; None when there is none, or the bytes have gone by."""
        beginning = bytes(next(iter(self.chunks()), b"")) if self.replayable else b""
        return message_id_in(beginning)

    def outgoing(self, keywords: Sequence[bytes]) -> Outgoing:
        return Outgoing(
            self.flags.system + tuple(keywords),
            self.date,
            self.size,
            self.chunks() if self.digests else self._digested(),
            lambda: self.is_plain,
        )

    def _digested(self) -> Iterator[Data]:
        digester = Digester()
        for chunk in self.chunks():
            digester.update(chunk)
            yield chunk
        self.digests = digester.digests()


def pending_whole(fetched: Fetched, whole: memoryview) -> PendingMessage:
    """Keep a short message in memory."""
    data = bytes(whole)
    return _pending(fetched, data, len(data), lambda: (data,), digests_of(data))


def pending_stream(fetched: Fetched) -> PendingMessage:
    """Let a long message go right through, once; its UID and date are known."""
    return _pending(fetched, b"", fetched.size, lambda: fetched.chunks)


def pending_spooled(fetched: Fetched) -> PendingMessage:
    """Keep a long message in a file: something has to be known of it first, or it may have to be sent twice."""
    digester = Digester()
    spool = tempfile.TemporaryFile(dir=_SPOOL_DIRECTORY)  # noqa: SIM115 - it goes with the message
    for chunk in fetched.chunks:
        digester.update(chunk)
        spool.write(chunk)
    digests = digester.digests()
    spool.seek(0)
    return _pending(fetched, spool.read(_BEGINNING), digests.size, lambda: _blocks(spool), digests)


def _blocks(spool: IO[bytes]) -> Iterator[bytes]:
    spool.seek(0)
    return iter(lambda: spool.read(_BLOCK), b"")


def _pending(
    fetched: Fetched,
    beginning: bytes,
    size: int,
    chunks: Callable[[], Iterable[Data]],
    digests: Optional[Digests] = None,
) -> PendingMessage:
    message = fetched.message
    if message.uid is None:
        raise MailImportError("protocol_error", "a message came without its UID")
    date = message.internal_date
    if date is None:
        date = date_from_header(beginning)
    # IMAP dates before 1970 come out of Dovecot's indexes as ones after 2038.
    date = max(0, int(time.time()) if date is None else date)
    return PendingMessage(
        message.uid,
        split_flags(message.flags),
        date,
        message.internal_date,
        size,
        chunks,
        digests,
        replayable=digests is not None,
    )
