# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import socket
import zlib

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import stream as stream_module
from ansible_collections.panel.mailimport.plugins.module_utils.imap.stream import (
    BUFFER_SIZE,
    MAX_LINE,
    MAX_SMALL_LITERAL,
    ByteStream,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError


def pattern(size):
    """Bytes in which a shifted or repeated piece shows."""
    return b"".join(b"%08x" % number for number in range(size // 8 + 1))[:size]


def body(stream, size):
    return b"".join(bytes(chunk) for chunk in stream.chunks(size))


@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_lines_and_literals_come_as_sent_however_they_are_cut(stream_of, step):
    stream = stream_of(b"* OK hello\r\n* 1 FETCH {5}\r\na\r\nb\n)\r\nend\r\n", step)
    assert stream.read_line() == b"* OK hello\r\n"
    assert stream.read_line() == b"* 1 FETCH {5}\r\n"
    assert body(stream, 5) == b"a\r\nb\n"
    assert stream.read_line() == b")\r\n"
    assert stream.read_exactly(3) == b"end"


@pytest.mark.parametrize("size", [0, 1, BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1, 3 * BUFFER_SIZE + 7])
def test_a_literal_of_any_size_comes_in_pieces_no_larger_than_the_buffer(stream_of, size):
    data = pattern(size)
    stream = stream_of(b"{%d}\r\n" % size + data + b")\r\n")
    stream.read_line()
    pieces = [bytes(chunk) for chunk in stream.chunks(size)]
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= BUFFER_SIZE for piece in pieces)
    assert stream.read_line() == b")\r\n"


def test_lines_across_the_end_of_the_buffer(stream_of):
    lines = [b"* %d " % number + pattern(number) + b"\r\n" for number in range(0, 4000, 7)]
    assert sum(map(len, lines)) > 3 * BUFFER_SIZE
    stream = stream_of(b"".join(lines))
    assert [stream.read_line() for _line in lines] == lines


def test_the_longest_line_and_one_that_is_longer(stream_of):
    longest = b"x" * (MAX_LINE - 2) + b"\r\n"
    stream = stream_of(b"first\r\n" + longest + b"y" * (MAX_LINE + 2), close=False)
    stream.read_line()
    assert stream.read_line() == longest
    with pytest.raises(MailImportError, match="imap.example:993 sent a line of more than") as refused:
        stream.read_line()
    assert refused.value.reason == "protocol_error"


def test_a_line_without_end_is_refused_before_it_fills_the_memory(stream_of):
    stream = stream_of(b"x" * BUFFER_SIZE * 4, step=1000)
    with pytest.raises(MailImportError):
        stream.read_line()
    assert len(stream.buffer) == BUFFER_SIZE


def test_a_small_literal_that_is_not_small(stream_of):
    stream = stream_of(pattern(MAX_SMALL_LITERAL + 1))
    with pytest.raises(MailImportError, match="%d bytes where none of that size belongs" % (MAX_SMALL_LITERAL + 1)):
        stream.read_exactly(MAX_SMALL_LITERAL + 1)
    assert stream.read_exactly(MAX_SMALL_LITERAL) == pattern(MAX_SMALL_LITERAL)


def test_take_buffered_gives_all_or_nothing(stream_of):
    stream = stream_of(b"abcdef", close=False)
    while stream.end < 6:
        stream.fill()
    assert stream.take_buffered(7) is None
    assert bytes(stream.take_buffered(4)) == b"abcd"
    assert stream.read_exactly(2) == b"ef"


def test_matching_sees_only_what_has_come(stream_of):
    stream = stream_of(b"one\r\ntwo\r\n", close=False)
    assert stream.match(re.compile(b"one")) is None and not stream.has_line()
    stream.fill()
    assert stream.match(re.compile(b"one\r\n")) and stream.has_line()
    stream.read_line()
    assert stream.match(re.compile(b"one")) is None
    assert stream.match(re.compile(b"two"))


@pytest.mark.parametrize("said", [b"", b"* OK half a li"])
def test_a_connection_that_ends(stream_of, said):
    with pytest.raises(MailImportError, match="imap.example:993 closed the connection") as lost:
        stream_of(said).read_line()
    assert lost.value.reason == "connection_failed"


def test_a_literal_that_ends_too_early(stream_of):
    with pytest.raises(MailImportError) as lost:
        body(stream_of(b"abc"), 4)
    assert lost.value.reason == "connection_failed"


def test_a_server_that_says_nothing(stream_of):
    with pytest.raises(MailImportError, match="sent nothing for 0.05 seconds") as lost:
        stream_of(b"* OK", close=False, timeout=0.05).read_line()
    assert lost.value.reason == "connection_failed"


def test_a_connection_that_is_reset():
    listener = socket.create_server(("127.0.0.1", 0))
    ours = socket.create_connection(listener.getsockname())
    theirs, _address = listener.accept()
    # Closed with this, a connection is reset instead of finished.
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    theirs.close()
    with pytest.raises(MailImportError, match="connection to x:1 broke") as lost:
        ByteStream(ours, "x:1").read_line()
    assert lost.value.reason == "connection_failed"
    ours.close()
    listener.close()


def deflate(data):
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize("step", [1, 100, 1 << 20])
def test_compressed_data_comes_out_as_it_went_in(stream_of, step):
    data = pattern(200_000)
    stream = stream_of(b"M1 OK compressed from here\r\n" + deflate(b"* OK\r\n" + data), step)
    assert stream.read_line() == b"M1 OK compressed from here\r\n"
    stream.start_inflating()
    assert stream.read_line() == b"* OK\r\n"
    assert body(stream, len(data)) == data


def test_compressed_data_that_grows_beyond_the_buffer_is_not_waited_for_twice(stream_of):
    """The last of it comes out of the decompressor after the last of it came in."""
    data = b"x" * (BUFFER_SIZE * 3 + 5)
    stream = stream_of(deflate(data), close=False, timeout=5)
    stream.start_inflating()
    assert body(stream, len(data)) == data


def test_compressed_data_that_is_garbage(stream_of):
    stream = stream_of(b"\xff\xfe\xfd" * 10)
    stream.start_inflating()
    with pytest.raises(MailImportError, match="does not decompress") as refused:
        stream.read_line()
    assert refused.value.reason == "protocol_error"


def test_c9_data_behind_the_end_of_a_compressed_stream_is_an_error(stream_of):
    deflater = zlib.compressobj(1, zlib.DEFLATED, -15)
    ended = deflater.compress(b"* OK\r\n") + deflater.flush(zlib.Z_FINISH)
    for more in (b"x", b"* OK more\r\n" * 10_000, ended):
        stream = stream_of(ended + more, close=False, timeout=5)
        stream.start_inflating()
        assert stream.read_line() == b"* OK\r\n"
        with pytest.raises(MailImportError, match="behind the end of its compressed stream") as refused:
            stream.read_line()
        assert refused.value.reason == "protocol_error"


def test_c9_compressed_data_that_never_becomes_text_is_an_error(stream_of):
    empty_blocks = b"\0\0\0\xff\xff" * (1 << 19)
    stream = stream_of(empty_blocks, step=1 << 16, close=False, timeout=5)
    stream.start_inflating()
    with pytest.raises(MailImportError, match="compressed") as refused:
        stream.read_line()
    assert refused.value.reason == "protocol_error"


class SlowSocket:
    """Gives each piece after a wait, by a clock of its own."""

    def __init__(self, monkeypatch, pieces, timeout=60.0):
        self.now = 0.0
        self._pieces = iter(pieces)
        self._timeout = timeout
        monkeypatch.setattr(stream_module.time, "monotonic", lambda: self.now)

    def gettimeout(self):
        return self._timeout

    def recv_into(self, space):
        wait, piece = next(self._pieces)
        self.now += wait
        space[: len(piece)] = piece
        return len(piece)


def read_all(stream, sizes=()):
    for size in sizes:
        body(stream, size)
    while True:
        stream.read_line()


@pytest.mark.parametrize(
    ("pieces", "literal", "seconds"),
    [
        ([(50, b"x")] * 1000, 1000, 351),
        ([(50, b"x")] * 1000, 0, 351),
        ([(10, b"x" * 500)] * 1000, 500_000, 611),
        ([(59, b"* OK still here\r\n")] * 1000, 0, 3780),
    ],
)
def test_a_drip_ends_within_minutes_and_between_responses_within_an_hour(monkeypatch, pieces, literal, seconds):
    sock = SlowSocket(monkeypatch, pieces)
    stream = ByteStream(sock, "imap.example:993")
    stream.min_rate = 100.0
    with pytest.raises(MailImportError, match="less than 100 bytes per second") as dead:
        read_all(stream, [literal] if literal else [])
    assert dead.value.reason == "connection_failed"
    assert sock.now <= seconds


@pytest.mark.parametrize(
    ("pieces", "min_rate"),
    [
        ([(59, b"")], 0.0),
        ([(10, b"x" * 2000)] * 1000, 100.0),  # slow, but not too slow
        ([(55, b"x" * 6000), (0.1, b"x" * 6000)] * 500, 100.0),  # in gusts
        ([(50, b"x")] * 1000, 0.0),
    ],
)
def test_a_slow_line_is_no_drip(monkeypatch, pieces, min_rate):
    stream = ByteStream(SlowSocket(monkeypatch, pieces), "imap.example:993")
    stream.min_rate = min_rate
    size = sum(len(piece) for _wait, piece in pieces)
    assert len(body(stream, size)) == size


def test_answers_that_take_long_are_no_drip(monkeypatch):
    """A server at work, answer after answer, each as late as the timeout lets it."""
    stream = ByteStream(SlowSocket(monkeypatch, [(59, b"M1 OK done\r\n")] * 2000), "imap.example:993")
    stream.min_rate = 100.0
    for _answer in range(2000):
        assert stream.read_line() == b"M1 OK done\r\n"
        stream.answered()
