# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap import pipe as imap_pipe
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.pipe import HostPipe


@pytest.fixture
def ends(tmp_path):
    """A HostPipe, and what its process would have: where it writes, where it reads, and its complaints."""
    from_process, output = os.pipe()
    standard_input, to_process = os.pipe()
    complaints = os.open(tmp_path / "complaints", os.O_RDWR | os.O_CREAT)
    yield HostPipe(from_process, to_process, complaints), output, standard_input, complaints


def test_more_than_a_pipe_holds_gets_through(ends):
    pipe, _output, standard_input, _complaints = ends
    data = bytes(range(256)) * 4096
    received = bytearray()

    def read():
        while len(received) < len(data):
            received.extend(os.read(standard_input, 1 << 16))

    reader = threading.Thread(target=read)
    reader.start()
    pipe.sendall(data)
    reader.join()
    assert received == data


def test_a_process_that_is_gone(ends):
    pipe, output, standard_input, _complaints = ends
    os.write(output, b"last")
    os.close(output)
    os.close(standard_input)
    space = bytearray(10)
    assert pipe.recv_into(memoryview(space)) == 4
    assert pipe.recv_into(memoryview(space)) == 0
    with pytest.raises(BrokenPipeError):
        pipe.sendall(b"x")


def test_silence_does_not_last_for_ever(ends, monkeypatch):
    pipe, _output, _standard_input, _complaints = ends
    monkeypatch.setattr(imap_pipe, "_TIMEOUT", 0.01)
    with pytest.raises(TimeoutError):
        pipe.recv_into(memoryview(bytearray(1)))
    with pytest.raises(TimeoutError):
        pipe.sendall(bytes(1 << 22))


@pytest.mark.parametrize(
    ("written", "complaint"),
    [(b"", ""), (b"first\nFatal: no such user\n\n", "Fatal: no such user"), (b"x" * 9000 + b"\nlast", "last")],
)
def test_last_complaint(ends, written, complaint):
    pipe, _output, _standard_input, complaints = ends
    os.write(complaints, written)
    assert pipe.last_complaint() == complaint


def test_a_closed_pipe_never_reads_what_the_next_process_says(ends):
    """The numbers of its descriptors are given away again at once: an answer of the next one would be taken for its
    own."""
    pipe, _output, standard_input, _complaints = ends
    pipe.close()
    taken = [os.pipe() for _number in range(3)]
    for _reading, writing in taken:
        os.write(writing, b"M5 OK\r\n")
    with pytest.raises(OSError, match="closed"):
        pipe.recv_into(memoryview(bytearray(10)))
    with pytest.raises(OSError, match="closed"):
        pipe.sendall(b"M6 NOOP\r\n")
    pipe.close()
    assert os.read(taken[0][0], 10) == b"M5 OK\r\n"
    assert pipe.last_complaint() == ""
    for reading, writing in taken:
        os.close(reading)
        os.close(writing)
