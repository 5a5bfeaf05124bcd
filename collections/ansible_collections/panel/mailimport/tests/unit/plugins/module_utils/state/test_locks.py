# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import Address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.state.locks import mailbox_lock

ANNA = Address("anna", "example.org")


def hold_in_child(state_dir, meanwhile=lambda: None):
    """Let a child take the lock of ANNA and keep it; return its pid once it has it."""
    ready, taken = os.pipe()
    child = os.fork()
    if child == 0:
        with mailbox_lock(state_dir, ANNA):
            meanwhile()
            os.write(taken, b"!")
            signal.pause()
    os.close(taken)
    assert os.read(ready, 1) == b"!"
    os.close(ready)
    return child


def is_locked(state_dir, address=ANNA):
    class BusyError(Exception):
        pass

    def busy():
        raise BusyError

    try:
        with mailbox_lock(state_dir, address, busy):
            return False
    except BusyError:
        return True


def test_one_run_at_a_time_on_a_mailbox_and_others_are_free(tmp_path):
    with mailbox_lock(str(tmp_path), ANNA):
        assert is_locked(str(tmp_path))
        assert not is_locked(str(tmp_path), Address("bert", "example.org"))
    assert not is_locked(str(tmp_path))


def test_the_next_run_waits_and_says_so_once(tmp_path):
    child = hold_in_child(str(tmp_path))
    said = []

    def waiting():
        said.append("waiting")
        os.kill(child, signal.SIGKILL)

    with mailbox_lock(str(tmp_path), ANNA, waiting):
        assert os.waitpid(child, 0)[0] == child
    assert said == ["waiting"]
    with mailbox_lock(str(tmp_path), ANNA, waiting):
        assert said == ["waiting"]


def test_a_worker_that_outlives_its_killed_parent_keeps_the_lock(tmp_path):
    workers, worker_pid = os.pipe()

    def fork_worker():
        worker = os.fork()
        if worker == 0:
            signal.pause()
        os.write(worker_pid, b"%d\n" % worker)

    parent = hold_in_child(str(tmp_path), fork_worker)
    worker = int(os.read(workers, 20))
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert is_locked(str(tmp_path))
    os.kill(worker, signal.SIGKILL)
    with mailbox_lock(str(tmp_path), ANNA):  # comes back as soon as the kernel has buried the worker
        pass


def test_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MailImportError, match="file/locks") as refused, mailbox_lock(str(tmp_path / "file"), ANNA):
        pass
    assert refused.value.reason == "host_refused"
