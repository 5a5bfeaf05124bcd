# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A bounded, buffered reader of the bytes a server sends: lines, and literals in chunks."""

from __future__ import annotations

import re
import socket
import ssl
import time
import zlib
from typing import Callable, Iterator, Optional, Pattern, Union

from ..model.errors import MailImportError

BUFFER_SIZE = 256 * 1024
MAX_LINE = 128 * 1024

# A hostile server chooses every length; nothing but a message's body is taken beyond this many bytes.
MAX_SMALL_LITERAL = 64 * 1024

# A server that sends too slowly is put up with for so many timeouts; for so many times that while it may be at work.
_ALLOWED_TIMEOUTS = 5
_AT_WORK = 12

# Compressed data that is no text once it is decompressed: a few bytes are, at the end of each piece.
_MOST_WITHOUT_TEXT = 1 << 20

Socket = Union[socket.socket, ssl.SSLSocket]


class ByteStream:
    """What arrives on a socket, in one fixed buffer.

    A memoryview handed out is valid until the next call: write it away before reading on.

    Args:
        sock: connected socket; its timeout is the longest silence allowed, in seconds.
        peer: name of the server for messages, `host:port`.

    Attributes:
        login_ends: when the login must be over (time.monotonic()), None when it is.
        min_rate: bytes per second that are expected while something is owed, 0 when any rate will do. What comes more
            slowly for some timeouts counts as dead.
        receive_into: waits for bytes, puts them into a buffer, and returns how many there are, 0 at the end.
    """

    def __init__(self, sock: Socket, peer: str) -> None:
        self.sock = sock
        self.peer = peer
        self.receive_into: Callable[[memoryview], int] = sock.recv_into
        self.login_ends: Optional[float] = None
        self.min_rate = 0.0
        self._slack: Optional[float] = None
        self._is_in_literal = False
        self.buffer = bytearray(BUFFER_SIZE)
        self._view = memoryview(self.buffer)
        self.start = 0
        self.end = 0
        self._inflate: Optional[zlib._Decompress] = None
        self._deflated = b""
        self._without_text = 0

    def start_inflating(self) -> None:
        """Take everything from here on as a raw DEFLATE stream (RFC 4978)."""
        self._inflate = zlib.decompressobj(-15)
        self._deflated = bytes(self._view[self.start : self.end])
        self.start = self.end = 0

    def match(self, pattern: Pattern[bytes]) -> Optional[re.Match[bytes]]:
        """Match a pattern at the read position against what is already buffered."""
        return pattern.match(self.buffer, self.start, self.end)

    def has_line(self) -> bool:
        """True when a whole line is buffered; or so much without a line end that reading it will raise."""
        return self.buffer.find(b"\n", self.start, self.end) >= 0 or self.end - self.start > MAX_LINE

    def fill(self) -> None:
        """Wait for more bytes.

        Raises:
            MailImportError: `connection_failed` when the server closes, resets or stays silent for too long.
        """
        if self.start == self.end:
            self.start = self.end = 0
        elif self.end == BUFFER_SIZE:
            rest = self.buffer[self.start : self.end]
            self.end -= self.start
            self.start = 0
            self._view[: self.end] = rest
            if self.end == BUFFER_SIZE:
                raise MailImportError(
                    "protocol_error", "%s sent a line of more than %d bytes" % (self.peer, BUFFER_SIZE)
                )
        if self.login_ends is not None and time.monotonic() > self.login_ends:
            raise MailImportError(
                "connection_failed", "%s answers, but did not come to an end of the login in time" % self.peer
            )
        count = self._receive(self._view[self.end :])
        if not count:
            raise MailImportError("connection_failed", "%s closed the connection" % self.peer)
        self.end += count

    def _receive(self, space: memoryview) -> int:
        if self._inflate is None:
            return self._receive_raw(space)
        while True:
            if self._inflate.unused_data or self._without_text > _MOST_WITHOUT_TEXT:
                raise MailImportError(
                    "protocol_error", "%s sent data behind the end of its compressed stream" % self.peer
                )
            if self._deflated:
                try:
                    plain = self._inflate.decompress(self._deflated, len(space))
                except zlib.error as error:
                    raise MailImportError(
                        "protocol_error", "%s sent data that does not decompress: %s" % (self.peer, error)
                    ) from None
                self._deflated = self._inflate.unconsumed_tail
                if plain:
                    self._without_text = 0
                    space[: len(plain)] = plain
                    return len(plain)
                continue
            block = bytearray(32 * 1024)
            count = self._receive_raw(memoryview(block))
            if not count:
                return 0
            self._deflated += bytes(block[:count])
            self._without_text += count

    def _receive_raw(self, space: memoryview) -> int:
        began = time.monotonic()
        try:
            count = self.receive_into(space)
            self._check_rate(count, time.monotonic() - began)
            return count
        except socket.timeout:
            raise MailImportError(
                "connection_failed", "%s sent nothing for %g seconds" % (self.peer, self.sock.gettimeout() or 0)
            ) from None
        except OSError as error:
            raise MailImportError("connection_failed", "connection to %s broke: %s" % (self.peer, error)) from None

    def _check_rate(self, count: int, waited: float) -> None:
        """Take note of what came after how long a wait.

        Bytes are owed in the middle of a line or literal. Between two responses a server may be at work, and a wait
        counts for much less there.
        """
        if not self.min_rate:
            return
        allowed = _ALLOWED_TIMEOUTS * (self.sock.gettimeout() or 0.0)
        is_owed = self._is_in_literal or self.start != self.end
        slack = allowed if self._slack is None else self._slack
        self._slack = min(allowed, slack - (waited if is_owed else waited / _AT_WORK) + count / self.min_rate)
        if self._slack < 0:
            raise MailImportError(
                "connection_failed",
                "%s sends less than %g bytes per second (source_min_rate): the connection counts as dead"
                % (self.peer, self.min_rate),
            )

    def answered(self) -> None:
        """The server has done what it was asked: what it takes for the next answer counts anew."""
        self._slack = None

    def read_line(self) -> bytes:
        """Return the next line with its line end.

        Raises:
            MailImportError: `protocol_error` for a line longer than MAX_LINE.
        """
        scanned = 0
        while True:
            newline = self.buffer.find(b"\n", self.start + scanned, self.end)
            if newline >= 0:
                line = bytes(self._view[self.start : newline + 1])
                self.start = newline + 1
                return line
            scanned = self.end - self.start
            if scanned > MAX_LINE:
                raise MailImportError("protocol_error", "%s sent a line of more than %d bytes" % (self.peer, MAX_LINE))
            self.fill()

    def read_exactly(self, size: int) -> bytes:
        """Return `size` bytes.

        Raises:
            MailImportError: `protocol_error` when that is more than MAX_SMALL_LITERAL: only bodies are that long.
        """
        if size > MAX_SMALL_LITERAL:
            raise MailImportError(
                "protocol_error", "%s sent a literal of %d bytes where none of that size belongs" % (self.peer, size)
            )
        while self.end - self.start < size:
            self.fill()
        data = bytes(self._view[self.start : self.start + size])
        self.start += size
        return data

    def take_buffered(self, size: int) -> Optional[memoryview]:
        """Return the next `size` bytes when all of them are buffered already, else None."""
        begin = self.start
        if self.end - begin < size:
            return None
        self.start = begin + size
        return self._view[begin : begin + size]

    def chunks(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes as they come, in pieces of at most the buffer's size."""
        left = size
        while left:
            if self.start == self.end:
                self._is_in_literal = True
                self.fill()
                self._is_in_literal = False
            count = min(left, self.end - self.start)
            begin = self.start
            self.start += count
            left -= count
            yield self._view[begin : begin + count]
