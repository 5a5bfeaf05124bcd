# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import select
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store import staged
from ansible_collections.panel.mailimport.plugins.module_utils.store.staged import ReadBack, Staged


@pytest.fixture
def directory(tmp_path):
    handle = os.open(tmp_path, os.O_RDONLY)
    yield handle
    os.close(handle)


def processes():
    """Children of this process that run, or that nobody has waited for."""
    with open("/proc/self/task/%d/children" % os.getpid()) as file:
        return [int(pid) for pid in file.read().split()]


@pytest.fixture
def children():
    """Tells the processes that the test has started and that are still there; others of this process were there before."""
    before = processes()
    return lambda: [pid for pid in processes() if pid not in before]


@pytest.fixture
def read_back(monkeypatch, directory, children):
    """What is read back beside the writing as soon as three messages wait."""
    monkeypatch.setattr(staged, "_MESSAGES_BESIDE", 3)
    reader = ReadBack(directory, "A")
    yield reader
    for pid in children():
        os.kill(pid, signal.SIGKILL)  # a test that failed may have left it waiting for what never comes
    reader.abandon()


@pytest.fixture
def write(tmp_path, read_back):
    """Write messages with these UIDs; those of `damaged` become something else before anybody looks."""

    def write(uids, damaged=()):
        for uid in uids:
            body = b"message %d" % uid
            (tmp_path / str(uid)).write_bytes(body[::-1] if uid in damaged else body)
            read_back.add(Staged(uid, str(uid), len(body), hashlib.sha256(body).digest()))

    return write


def test_what_is_as_it_came_passes(read_back, write, children):
    write(range(1, 12))
    read_back.finish()
    assert children() == []


@pytest.mark.parametrize("uid", range(1, 8))
def test_damage_anywhere_is_found_whoever_reads_it(read_back, write, uid):
    write(range(1, 8), damaged=[uid])
    with pytest.raises(MailImportError, match="message UID %d of A does not read back" % uid) as found:
        read_back.finish()
    assert found.value.reason == "verification_failed"


def test_damage_that_the_process_found_is_not_forgotten_when_the_next_one_finds_none(read_back, write, children):
    write([1, 2, 3], damaged=[2])
    (process,) = children()
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    write(range(4, 8))
    with pytest.raises(MailImportError, match="UID 2 "):
        read_back.finish()


def test_messages_are_read_by_another_process_while_more_are_written(read_back, write, tmp_path, children):
    os.mkfifo(tmp_path / "1")  # reading it takes until somebody writes
    read_back.add(Staged(1, "1", 4, hashlib.sha256(b"mail").digest()))
    write([2, 3])
    (process,) = children()
    write(range(4, 8))
    assert children() == [process]
    (tmp_path / "1").write_bytes(b"mail")
    read_back.finish()
    assert children() == []


def test_a_killed_process_has_read_nothing(read_back, write, tmp_path, children):
    os.mkfifo(tmp_path / "1")
    read_back.add(Staged(1, "1", 9, hashlib.sha256(b"message 1").digest()))
    write([2, 3], damaged=[3])
    (process,) = children()
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    (tmp_path / "1").unlink()
    (tmp_path / "1").write_bytes(b"message 1")
    with pytest.raises(MailImportError, match="UID 3 "):
        read_back.finish()


def test_the_process_ends_with_the_one_that_started_it(read_back, write, tmp_path, children):
    """It would hold the lock of the mailbox."""
    os.mkfifo(tmp_path / "1")
    told, tell = os.pipe()
    writer = os.fork()
    if writer == 0:
        read_back.add(Staged(1, "1", 4, b""))
        write([2, 3])
        os.write(tell, b"%d" % children()[0])
        signal.pause()
    process = int(os.read(told, 20))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    handle = os.pidfd_open(process) if os.path.exists("/proc/%d" % process) else None
    if handle is not None:
        ended = select.select([handle], [], [], 10.0)[0]
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        os.close(handle)
        assert ended


def test_what_is_not_wanted_is_not_looked_at_again(read_back, write, children):
    write([1, 2, 3], damaged=[1])
    read_back.abandon()
    assert children() == []
