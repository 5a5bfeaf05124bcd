# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import flusher
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.flusher import Flusher

_PATIENCE = 30.0


class SlowDisk:
    """Stands for syncfs: each flush lasts until it is told to end."""

    def __init__(self):
        self.flushes = 0
        self.end = threading.Semaphore(0)

    def __call__(self, directory):
        self.flushes += 1
        assert self.end.acquire(timeout=_PATIENCE)


@pytest.fixture
def disk(monkeypatch):
    disk = SlowDisk()
    monkeypatch.setattr(flusher, "syncfs", disk)
    monkeypatch.setattr(flusher, "_MESSAGES", 3)
    monkeypatch.setattr(flusher, "_BYTES", 1000)
    monkeypatch.setattr(flusher, "_FEW_MESSAGES", 0)
    return disk


@pytest.mark.parametrize("sizes", [[1, 1, 1], [1000], [1, 999]])
def test_messages_or_bytes_enough_are_flushed_while_more_come(disk, sizes):
    beside = Flusher(0)
    for size in sizes:
        assert disk.flushes == 0
        beside.count(size)
    for _message in range(7):
        beside.count(1)  # it takes more without waiting, and without another flush beside the first
    assert disk.flushes == 1
    disk.end.release()
    beside.wait()


def test_what_came_during_a_flush_is_in_the_next(disk):
    beside = Flusher(0)
    beside.start()
    beside.count(2000)
    disk.end.release(2)
    beside.wait()
    beside.count(0)
    beside.wait()
    assert disk.flushes == 2


def test_after_a_flush_there_is_none_until_enough_has_come_again(disk):
    beside = Flusher(0)
    disk.end.release()
    beside.count(2000)
    beside.wait()
    beside.count(999)
    assert disk.flushes == 1


def test_a_few_messages_are_flushed_by_who_waits_for_it(monkeypatch):
    flushed_by = []
    monkeypatch.setattr(flusher, "syncfs", lambda _directory: flushed_by.append(threading.current_thread()))
    beside = Flusher(0)
    for _commit in range(2):
        beside.count(1)
        beside.start()
        beside.wait()
        beside.wait()
    assert flushed_by == [threading.current_thread()] * 2


def test_a_flush_that_fails_is_told_to_who_waits_and_only_once():
    beside = Flusher(-1)
    beside.start()
    with pytest.raises(OSError, match="Bad file descriptor"):
        beside.wait()
    beside.wait()


def test_a_flush_that_fails_beside_the_writing_stops_the_writing(monkeypatch):
    monkeypatch.setattr(flusher, "_MESSAGES", 1)
    beside = Flusher(-1)
    with pytest.raises(OSError, match="Bad file descriptor"):
        for _message in range(100_000):
            beside.count(1)


def test_a_real_disk_takes_it(tmp_path):
    directory = os.open(tmp_path, os.O_RDONLY)
    beside = Flusher(directory)
    (tmp_path / "file").write_bytes(b"content")
    beside.start()
    beside.wait()
    os.close(directory)
