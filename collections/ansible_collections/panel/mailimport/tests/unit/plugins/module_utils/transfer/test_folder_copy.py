# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceFolder
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import FolderMark
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.folder_copy import has_nothing_new, mark_of

SOURCE = SourceFolder(b"A", ("A",), messages=3, uidvalidity=77, uidnext=9)
MARK = FolderMark(b"A", "A", 77, last_uid=8, uidnext=9, messages=3, copied=True)


@pytest.mark.parametrize(("uidvalidity", "same"), [(77, True), (None, True), (78, False)])
def test_a_mark_counts_for_its_own_folder_only(uidvalidity, same):
    assert mark_of(replace(SOURCE, uidvalidity=uidvalidity), MARK) == (MARK if same else None)
    assert mark_of(SOURCE, None) is None


@pytest.mark.parametrize(
    ("source", "mark", "nothing"),
    [
        ({}, {}, True),
        ({"uidnext": 10}, {}, False),
        ({"messages": 2}, {}, False),  # what was removed may stand against what is new
        ({"uidnext": None}, {"uidnext": None}, False),
        ({}, {"copied": False}, False),
    ],
)
def test_where_nothing_is_new(source, mark, nothing):
    assert has_nothing_new(replace(SOURCE, **source), replace(MARK, **mark)) is nothing
