# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.files import copy_file, write_file


def killed(work):
    """Have `work` done in a process of its own that is killed where it would give the file its name."""
    child = os.fork()
    if child == 0:
        os.rename = lambda *names, **handles: os.kill(os.getpid(), signal.SIGKILL)
        try:
            work()
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.fixture
def other(tmp_path):
    (tmp_path / "other").mkdir()
    handle = os.open(tmp_path / "other", os.O_RDONLY)
    yield handle
    os.close(handle)


def test_what_a_killed_run_leaves_of_a_file_is_written_over(directory, tmp_path):
    for _run in range(3):
        killed(lambda: write_file("subscriptions", directory, b"long and never finished"))
    write_file("subscriptions", directory, b"whole")
    assert [file.name for file in tmp_path.iterdir()] == ["subscriptions"]
    assert (tmp_path / "subscriptions").read_bytes() == b"whole"


def test_what_a_killed_run_leaves_of_a_copied_file_is_written_over(directory, tmp_path, other):
    (tmp_path / "dovecot-uidlist").write_bytes(b"whole")
    for _run in range(3):
        killed(lambda: copy_file("dovecot-uidlist", directory, other))
    copy_file("dovecot-uidlist", directory, other)
    assert [file.name for file in (tmp_path / "other").iterdir()] == ["dovecot-uidlist"]
    assert (tmp_path / "other" / "dovecot-uidlist").read_bytes() == b"whole"
    assert (tmp_path / "dovecot-uidlist").read_bytes() == b"whole"
