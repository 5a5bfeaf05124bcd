# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.staged import (
    Staged,
    has_its_length,
    reads_back,
    write,
)

# What is read back comes in pieces of 64 KiB.
PIECE = 64 * 1024
BODY = os.urandom(2 * PIECE + 100)


@pytest.fixture
def file(tmp_path):
    fd = os.open(tmp_path / "message", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, len(BODY)])
@pytest.mark.parametrize("before", [0, 7, PIECE])
def test_what_was_written_reads_back(file, before, size):
    write(file, memoryview(BODY[:before]))
    write(file, memoryview(BODY[:size]))
    assert os.fstat(file).st_size == before + size
    assert reads_back(file, memoryview(BODY[:size]), before)


@pytest.mark.parametrize("place", [0, 1, PIECE - 1, PIECE, 2 * PIECE, len(BODY) - 1])
def test_one_byte_anywhere_makes_a_difference(file, place):
    damaged = bytearray(BODY)
    damaged[place] ^= 1
    write(file, memoryview(b"before"))
    write(file, memoryview(damaged))
    assert not reads_back(file, memoryview(BODY), len(b"before"))


@pytest.mark.parametrize("length", [0, PIECE, len(BODY) - 1])
def test_less_than_was_written_makes_a_difference(file, length):
    write(file, memoryview(BODY[:length]))
    assert not reads_back(file, memoryview(BODY), 0)


def test_a_kernel_that_takes_less_at_a_time_gets_all(file, monkeypatch):
    whole_write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole_write(fd, data[:1000]))
    write(file, memoryview(BODY))
    monkeypatch.undo()
    assert os.pread(file, len(BODY) + 1, 0) == BODY


@pytest.mark.parametrize(("size", "holds"), [(5, True), (4, False), (6, False)])
def test_a_message_has_the_length_that_was_written(tmp_path, size, holds):
    (tmp_path / "name").write_bytes(b"12345")
    directory = os.open(tmp_path, os.O_RDONLY)
    assert has_its_length(Staged(1, "name", size), directory) is holds
    assert not has_its_length(Staged(1, "another", size), directory)
    os.close(directory)
