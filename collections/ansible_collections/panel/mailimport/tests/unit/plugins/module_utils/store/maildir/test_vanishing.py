# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A LIST of Dovecot 2.4 removes directories of LAYOUT=fs that have no folder in them, at any moment."""

from __future__ import annotations

import contextlib
import os
import threading

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore


@pytest.fixture
def listing(root):
    """Somebody lists the folders, and again, as long as the test runs."""
    stop = threading.Event()

    def remove_empty_directories():
        while not stop.is_set():
            for directory, _inner, _files in os.walk(root, topdown=False):
                if os.path.basename(directory).startswith("Parent"):
                    with contextlib.suppress(OSError):
                        os.rmdir(directory)

    thread = threading.Thread(target=remove_empty_directories)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.mark.parametrize("control", [None, "control"])
def test_folders_below_parents_that_vanish(location, root, origin, fill, uids, listing, control):
    store = MaildirStore(location(layout="fs", control=control))
    for number in range(100):
        path = ("Parent%d" % number, "Parent", "Folder")
        fill(store, path, origin("/".join(path).encode()), [1])
    assert all(uids(root / ("Parent%d" % number) / "Parent" / "Folder") == [1] for number in range(100))
