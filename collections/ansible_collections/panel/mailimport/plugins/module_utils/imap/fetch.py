# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The streaming reader: FETCH responses from the socket to whoever writes them, never a whole message in memory."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Iterator, List, Optional, Tuple

from ..model.errors import MailImportError
from ..model.mail import Chunks, Message, SourceFolder
from .dates import parse_internal_date
from .reader import ResponseReader
from .refusals import refusal_error
from .responses import (
    FETCH_RESPONSE,
    LITERAL_TAIL,
    MAX_PARTS,
    Literal,
    Parts,
    Status,
    figure,
    parse_parts,
    parse_status,
    untagged,
)
from .stream import BUFFER_SIZE
from .uids import MAX_UID

# The shape nearly every server answers in, since the items are asked for in this order.
_USUAL = re.compile(
    rb'\* \d+ FETCH \(UID (\d{1,10}) FLAGS \(([^()"{\r\n]*)\) INTERNALDATE "([^"\r\n]{1,40})" BODY\[\] '
    rb"\{(\d{1,15})\}\r\n"
)
_USUAL_FLAGS = re.compile(rb'\* \d+ FETCH \(UID (\d{1,10}) FLAGS \(([^()"{\r\n]*)\)(?: MODSEQ \(\d+\))?\)\r\n')
_BODY_ITEM = re.compile(rb"BODY\[\](?:<0>)?[ \t]*$", re.IGNORECASE)
# What of a response whose parentheses or quotes do not match can be understood nevertheless.
_UID_IN_TEXT = re.compile(rb"\bUID[ \t]+(\d+)", re.IGNORECASE)
_DATE_IN_TEXT = re.compile(rb'\bINTERNALDATE[ \t]+"([^"]{1,40})"', re.IGNORECASE)
_CLOSING = re.compile(rb"[)\s]+")
# Line ends that some servers send behind a literal, before the response goes on.
_EXTRA_LINE_ENDS = 2
# So much of a message that is thrown away is looked through for it.
_LONGEST_BEGINNING = 64 * 1024
_CODE_NUMBER = re.compile(rb"(UIDVALIDITY|UIDNEXT) (\d+)$", re.IGNORECASE)

# What Exchange sends in place of a message that it cannot convert; such a notice is a few lines long.
_SURROGATE = b"\nSubject: Retrieval using the IMAP4 protocol failed for the following message:"
_LONGEST_SURROGATE = 8192
_SURROGATE_HEADER = 2048

# A body up to this size is handed out in one piece; it fits the stream's buffer with room for the line before it.
WHOLE_SIZE = BUFFER_SIZE // 2


class NoUidError(MailImportError):
    """A message came without a valid UID, so it cannot be identified. Its response has been read to the end."""


class Fetched:
    """A message on its way: what is known of it, and its bytes to be taken exactly once.

    `whole` is the complete body if it is small, and then `message` is complete too. Otherwise `chunks` yields the
    body, and `message` is complete when `chunks` is exhausted; NoUidError ends it if no valid UID came. `size` is the
    body's length in bytes. `has_body` is False for a response without a body, or with a body but without a UID.
    """

    __slots__ = ("chunks", "has_body", "message", "size", "whole")

    def __init__(
        self,
        message: Message,
        size: int = 0,
        whole: Optional[memoryview] = None,
        chunks: Optional[Chunks] = None,
        has_body: bool = True,
    ) -> None:
        self.message = message
        self.size = size
        self.whole = whole
        self.chunks = chunks if chunks is not None else iter(() if whole is None else (whole,))
        self.has_body = has_body

    @property
    def is_surrogate(self) -> bool:
        """True if the server sent a notice of its own in place of a message that it cannot convert."""
        if self.whole is None or self.size > _LONGEST_SURROGATE:
            return False
        header, subject, _rest = bytes(self.whole[:_SURROGATE_HEADER]).partition(_SURROGATE)
        return bool(subject) and b"\r\n\r\n" not in header  # not one that somebody forwards

    def skip(self) -> bytes:
        """Read the rest of the body, if any, and throw it away; return the beginning of that rest.

        The first chunk may be any part of it: what had come when it was read.
        """
        beginning = bytearray()
        for chunk in self.chunks:
            beginning += chunk[: _LONGEST_BEGINNING - len(beginning)]
        return bytes(beginning)


@dataclass(frozen=True)
class FetchRequest:
    """Ask for messages of one folder.

    `uids` is an IMAP sequence set. `flags_only` leaves the bodies out; `changed_since` (a mod-sequence, RFC 7162)
    narrows that to messages whose flags changed. `beginning` asks for so many bytes of each message only. `select`
    opens the folder with SELECT: a few servers do not know EXAMINE, and Courier keeps a folder's UIDVALIDITY only once
    it was selected; it costs the source no more than \\Recent.
    """

    folder: SourceFolder
    uids: bytes = b"1:*"
    flags_only: bool = False
    changed_since: Optional[int] = None
    select: bool = False
    beginning: Optional[int] = None

    @property
    def lowest(self) -> int:
        """The lowest UID asked for."""
        return int(self.uids.partition(b",")[0].partition(b":")[0])

    def command(self) -> bytes:
        items = b"(UID FLAGS)" if self.flags_only else b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
        if self.beginning is not None:
            items = b"(UID BODY.PEEK[]<0.%d>)" % self.beginning
        modifier = b" (CHANGEDSINCE %d)" % self.changed_since if self.changed_since is not None else b""
        return b"UID FETCH %s %s%s" % (self.uids, items, modifier)


class FolderStream:
    """One opened folder and the answers to one FETCH in it.

    `exists`, `uidvalidity` and `uidnext` are what EXAMINE said; `refusal` is its status when the folder could not be
    opened. After `messages()` is exhausted, `status` is the answer to FETCH, and `expunged` how many messages the
    server has said to be gone meanwhile.

    Args:
        tags: those of the two commands, or of FETCH alone with `before`.
        before: the FETCH before, in the same folder, which is still open then.
    """

    def __init__(
        self, reader: ResponseReader, request: FetchRequest, tags: List[bytes], before: Optional[FolderStream] = None
    ) -> None:
        self.reader = reader
        self.stream = reader.stream
        self.peer = reader.peer
        self.request = request
        self.folder = request.folder
        self.exists: Optional[int] = None
        self.expunged = 0
        self.uidvalidity: Optional[int] = None
        self.uidnext: Optional[int] = None
        self.refusal: Optional[Status] = None
        self.status: Optional[Status] = None
        self._before = before
        self._tags = tags
        self._fetch_tag = tags[-1]

    @property
    def complete(self) -> bool:
        """True if the server says that it has sent everything. Some say NO or BAD if there is nothing to send."""
        if self.refusal is not None or self.status is None:
            return False
        nothing = self.exists == 0 or (self.uidnext is not None and self.request.lowest >= self.uidnext)
        return self.status.ok or nothing

    @property
    def is_as_listed(self) -> bool:
        """False if the folder has another UIDVALIDITY than it was listed with: it was replaced."""
        return not self.uidvalidity or self.folder.uidvalidity in (None, self.uidvalidity)

    @property
    def wants_select(self) -> bool:
        """True if the folder has to be opened with SELECT instead: the server does not know EXAMINE, or EXAMINE gave no
        UIDVALIDITY or another one than was listed.
        """
        if self.request.select:
            return False
        if self.refusal is not None:
            return self.refusal.condition == "BAD" and not refusal_error(self.refusal, self.peer)
        return not self.is_as_listed or not (self.uidvalidity or self.folder.uidvalidity)

    def open(self) -> None:
        """Read the answer to EXAMINE or SELECT."""
        before, self._before = self._before, None
        if before is not None:
            self.exists, self.uidvalidity, self.uidnext = before.exists, before.uidvalidity, before.uidnext
            self.refusal = before.refusal
            return
        status = self.reader.collect(self._tags[:1], self._take_figure)
        if not status.ok:
            self.refusal = status

    def _take_figure(self, parts: Parts) -> None:
        words = parts[0].split()
        if len(words) == 2 and words[1].upper() == b"EXISTS":
            self.exists = figure(words[1], words[0])
            return
        if len(words) == 2 and words[1].upper() == b"EXPUNGE":
            self.expunged += 1
            return
        status = parse_status(parts[0])
        number = _CODE_NUMBER.match(status.code) if status else None
        if number:
            name, value = number.group(1).upper(), figure(number.group(1), number.group(2))
            if name == b"UIDVALIDITY":
                self.uidvalidity = value
            else:
                self.uidnext = value

    def drain(self) -> None:
        """Read on to the end of the FETCH, throwing away what comes."""
        if self.status is None:
            for fetched in self._responses():
                with suppress(NoUidError):
                    fetched.skip()

    def messages(self) -> Iterator[Fetched]:
        """Yield each message once; what is not taken of its body is skipped.

        A server that did not open the folder may still answer FETCH from the folder opened before: nothing of that
        is yielded.
        """
        if self.refusal is not None:
            self.drain()
            return
        for fetched in self._responses():
            yield fetched
            if fetched.whole is None:  # otherwise nothing of it is left in the connection
                with suppress(NoUidError):
                    fetched.skip()

    def _responses(self) -> Iterator[Fetched]:
        stream = self.stream
        flags_only = self.request.flags_only
        usual = _USUAL_FLAGS if flags_only else _USUAL
        while True:
            found = stream.match(usual)
            if not found and not stream.has_line():
                stream.fill()
                continue
            if found:
                stream.start = found.end()
                self.reader.stray_lines = 0
                if flags_only:
                    yield Fetched(Message(_uid_of(found[1]), tuple(found[2].split())), has_body=False)
                else:
                    yield self._usual_message(found)
                continue
            line = stream.read_line()
            response = untagged(line)
            if response is not None and FETCH_RESPONSE.match(response):
                self.reader.stray_lines = 0
                yield self._unusual_message(response)
                continue
            status = self.reader.read_response(line, self._fetch_tag, self._take_figure, beside_bodies=not flags_only)
            if status:
                self.status = status
                return

    def _usual_message(self, found: re.Match[bytes]) -> Fetched:
        stream = self.stream
        size = int(found[4])
        message = Message(_uid_of(found[1]), tuple(found[2].split()), parse_internal_date(found[3]))
        if size > WHOLE_SIZE or message.uid is None:
            return Fetched(message, size, chunks=self._body_chunks(message, size))
        while stream.end - stream.start < size + 3:
            stream.fill()
        closing = stream.start + size
        if stream.buffer[closing : closing + 3] != b")\r\n":
            return Fetched(message, size, chunks=self._body_chunks(message, size))
        whole = stream.take_buffered(size)
        stream.start += 3
        return Fetched(message, size, whole)

    def _body_chunks(
        self, message: Message, size: int, before: Tuple[Any, ...] = (b"(BODY[] ",)
    ) -> Iterator[memoryview]:
        """Yield the body, then read what follows it up to the end of the response and complete the message.

        Raises:
            MailImportError: `protocol_error` if the text behind the body does not close the response: the literal's
                length was wrong, and the body is not whole.
            NoUidError: the response has no valid UID.
        """
        yield from self.stream.chunks(size)
        rest, second_body = self._read_parts(self._line_behind_body())
        if second_body is not None or not _is_end_of_response(rest):
            raise MailImportError(
                "protocol_error", "%s sent a body of another length than it said, or two of them" % self.peer
            )
        self._complete(message, [*before, Literal(b""), *rest])
        if message.uid is None:
            raise NoUidError("protocol_error", "%s sent a message without a UID that one can have" % self.peer)

    def _line_behind_body(self) -> bytes:
        line = self.stream.read_line()
        for _extra in range(_EXTRA_LINE_ENDS):
            if line.strip():
                break
            line = self.stream.read_line()
        return line

    def _read_parts(self, line: bytes) -> Tuple[Parts, Optional[int]]:
        """Read a response up to its end, or up to a body's literal, whose size is returned then."""
        parts: Parts = []
        while True:
            tail = LITERAL_TAIL.search(line)
            if not tail:
                parts.append(line.rstrip(b"\r\n"))
                return parts, None
            if len(parts) > MAX_PARTS:
                raise MailImportError("protocol_error", "%s sent a response of too many parts" % self.peer)
            parts.append(line[: tail.start()])
            size = int(tail.group(1))
            if _BODY_ITEM.search(parts[-1]):
                return parts, size
            parts.append(Literal(self.stream.read_exactly(size)))
            line = self.stream.read_line()

    def _unusual_message(self, line: bytes) -> Fetched:
        """Any other shape a FETCH response may have: other order, NIL or quoted body, UID behind the body."""
        parts, size = self._read_parts(line)
        message = Message(None, flags_told=False)
        if size is not None and size <= WHOLE_SIZE:
            return self._whole_message(message, size, tuple(parts))
        if size is not None:
            return Fetched(message, size, chunks=self._body_chunks(message, size, tuple(parts)))
        body = self._complete(message, parts)
        if body is None or message.uid is None:
            return Fetched(message, has_body=False)
        return Fetched(message, len(body), memoryview(body))

    def _whole_message(self, message: Message, size: int, before: Tuple[Any, ...]) -> Fetched:
        """A short body, and what stands behind it."""
        try:
            body = b"".join(map(bytes, self._body_chunks(message, size, before)))
        except NoUidError:
            return Fetched(message, has_body=False)
        return Fetched(message, size, memoryview(body))

    def _complete(self, message: Message, parts: Parts) -> Optional[bytes]:
        """Fill in UID, flags and date from a whole response; return the body when it came as a short string."""
        try:
            items = next(value for value in parse_parts(parts) if isinstance(value, list))
        except (MailImportError, StopIteration):
            _salvage(message, parts)
            return None
        body = None
        for name, value in zip(items[::2], items[1::2]):
            word = name.upper() if isinstance(name, bytes) else b""
            if word == b"UID":
                message.uid = _uid_of(value)
            elif word == b"FLAGS" and isinstance(value, list) and not any(isinstance(flag, list) for flag in value):
                message.flags = tuple(b"NIL" if flag is None else flag for flag in value)
                message.flags_told = True
            elif word == b"INTERNALDATE" and isinstance(value, bytes):
                message.internal_date = parse_internal_date(value)
            elif word.startswith(b"BODY[]") and isinstance(value, bytes):
                body = bytes(value)
        return body


def _uid_of(value: Any) -> Optional[int]:
    """Return a UID. Returns None if no message can have it (RFC 3501 section 9)."""
    uid = int(value) if isinstance(value, bytes) and value.isdigit() and len(value) < 20 else 0
    return uid if 0 < uid <= MAX_UID else None


def _is_end_of_response(parts: Parts) -> bool:
    """True when this can stand behind a body: the closing parenthesis, maybe after more items."""
    if len(parts) == 1 and parts[0].startswith(b")"):
        return bool(_CLOSING.fullmatch(parts[0]))
    try:
        return parts[0][:1] in (b" ", b"\t") and len(parse_parts([b"(" + parts[0], *parts[1:]])) == 1
    except MailImportError:
        return False


def _salvage(message: Message, parts: Parts) -> None:
    """Fill in UID and date from a response whose parentheses or quotes do not match. Where its flags end is not known:
    they count as not told.
    """
    text = b" ".join(part for part in parts if not isinstance(part, Literal))
    uids = set(_UID_IN_TEXT.findall(text))
    if message.uid is None and len(uids) == 1:
        message.uid = _uid_of(uids.pop())
    dates = _DATE_IN_TEXT.findall(text)
    if len(dates) == 1:
        message.internal_date = parse_internal_date(dates[0])
