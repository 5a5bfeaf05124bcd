# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import FolderMark
from ansible_collections.panel.mailimport.plugins.module_utils.store.imap.deliveries import UnreadableError
from ansible_collections.panel.mailimport.plugins.module_utils.store.origin import Origin
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.stores import _written


@pytest.mark.parametrize("trouble", ["ELOOP", "ENOTDIR", "EACCES", "EIO", "EMFILE"])
def test_only_what_is_in_the_place_of_files_keeps_a_folder_unread(location, monkeypatch, trouble):
    """A disk that fails, or too many open files, says nothing of what came as files."""
    os.makedirs(os.path.join(location.root, ".Work", "cur"))
    number, opened = getattr(errno, trouble), os.open

    def failing(name, *args, **options):
        if ".Work" in str(name):
            raise OSError(number, os.strerror(number), name)
        return opened(name, *args, **options)

    monkeypatch.setattr(os, "open", failing)
    notes = []
    marks = {b"Work": FolderMark(b"Work", "Work", 7, last_uid=3)}
    with pytest.raises((OSError, UnreadableError)) as caught:
        _written(
            location, marks, notes.append, Origin(ImportKey("old.example", "anna", "anna@example.org"), b"Work", 7)
        )
    is_fault = trouble in ("EIO", "EMFILE")
    assert (caught.type is OSError, len(notes)) == (is_fault, not is_fault)
    assert "write" not in "".join(note.message for note in notes)
