# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import read_ahead as read_ahead_module
from ansible_collections.panel.mailimport.plugins.module_utils.imap.read_ahead import ReadAhead
from ansible_collections.panel.mailimport.plugins.module_utils.imap.stream import ByteStream
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError


@pytest.fixture
def connections():
    """Make so many connections that are read together; return their streams, and the servers' ends."""
    opened = []

    def make(count, timeout=30.0):
        ahead = ReadAhead()
        pairs = [socket.socketpair() for _number in range(count)]
        opened.extend(end for pair in pairs for end in pair)
        streams = []
        for ours, _theirs in pairs:
            ours.settimeout(timeout)
            streams.append(ByteStream(ours, "imap.example:993"))
            ahead.join(streams[-1])
        return ahead, streams, [theirs for _ours, theirs in pairs]

    yield make
    for end in opened:
        end.close()


def body(stream, size):
    return b"".join(bytes(chunk) for chunk in stream.chunks(size))


def test_who_waits_for_one_takes_what_the_others_send(connections):
    """More than any kernel keeps comes on the second connection, before the first says a word."""
    _ahead, (first, second), (one, other) = connections(2)
    data = b"%08d" % 7 * (2 << 17)

    def send():
        other.sendall(data)
        one.sendall(b"first\r\n")

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    assert first.read_line() == b"first\r\n"
    sender.join()
    assert body(second, len(data)) == data


def test_no_more_is_kept_than_the_bound(connections, monkeypatch):
    monkeypatch.setattr(read_ahead_module, "MOST_AHEAD", 1 << 16)
    ahead, (first, second), (one, other) = connections(2)
    data = b"x" * (4 << 20)
    sender = threading.Thread(target=other.sendall, args=(data,), daemon=True)
    sender.start()
    for number in range(20):
        one.sendall(b"line %d\r\n" % number)
        assert first.read_line() == b"line %d\r\n" % number
    assert ahead.received < len(data) // 2
    assert body(second, len(data)) == data
    sender.join()


def test_a_connection_that_ends_gives_first_what_came_before(connections):
    _ahead, (first, second), (one, other) = connections(2)
    other.sendall(b"the last line\r\n")
    other.close()
    one.sendall(b"a\r\n")
    assert first.read_line() == b"a\r\n"
    assert second.read_line() == b"the last line\r\n"
    with pytest.raises(MailImportError, match="closed the connection"):
        second.read_line()
    one.sendall(b"b\r\n")
    assert first.read_line() == b"b\r\n"


def test_silence_of_the_one_that_is_waited_for_has_an_end_whatever_the_others_say(connections):
    _ahead, (first, _second), (_one, other) = connections(2, timeout=0.2)
    stop = threading.Event()

    def chatter():
        while not stop.wait(0.01):
            other.sendall(b"* OK still here\r\n")

    talker = threading.Thread(target=chatter, daemon=True)
    talker.start()
    with pytest.raises(MailImportError, match="sent nothing for 0.2 seconds"):
        first.read_line()
    stop.set()
    talker.join()


def test_one_that_has_left_is_looked_at_no_more(connections):
    ahead, (first, second), (one, _other) = connections(2)
    ahead.leave(second)
    second.sock.close()
    one.sendall(b"a\r\n")
    assert first.read_line() == b"a\r\n"
