# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.grade import grade_of, worst
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult, NotImported

REFUSED = NotImported("INBOX", "message_refused", "too odd", uid=7)
OTHER = NotImported("INBOX", "message_refused", "too odd", uid=8)
CUT_OFF = NotImported("INBOX", "source_unavailable", "gone", uid=9)
FOLDER = NotImported("Old", "folder_refused", "no such name")
KEYWORD = NotImported("", "keyword_refused", "keyword x could not be kept")
ALTERED = NotImported("INBOX", "message_altered", "a NUL was replaced", uid=7)


@pytest.mark.parametrize(
    ("state", "reason", "total", "failed", "listed", "grade"),
    [
        ("completed", None, 0, 0, [], "perfect"),
        ("completed", None, 500, 0, [], "perfect"),
        ("completed", None, 500, 0, [KEYWORD], "good"),
        ("completed", None, 500, 0, [KEYWORD, ALTERED], "good"),
        ("failed", "message_refused", 1000, 1, [REFUSED], "investigate"),
        ("failed", "message_refused", 2000, 2, [REFUSED, OTHER, KEYWORD], "investigate"),
        ("failed", "message_refused", 1999, 2, [REFUSED, OTHER], "poor"),
        ("failed", "message_refused", 10, 1, [REFUSED], "poor"),
        ("failed", "source_unavailable", 5000, 1, [CUT_OFF], "poor"),
        ("failed", "message_refused", 5000, 2, [REFUSED, CUT_OFF], "poor"),
        ("failed", "folder_refused", 5000, 0, [FOLDER], "poor"),
        # More is missing than is listed.
        ("failed", "message_refused", 5000, 2, [REFUSED], "poor"),
        # It ended early: nobody knows what is missing.
        ("failed", "interrupted", 5000, 1, [REFUSED], "poor"),
        ("failed", "auth_failed", 0, 0, [], "poor"),
        ("failed", "auth_failed", 0, 0, [KEYWORD], "poor"),
        # It must not be called completed, and is not whole because it is.
        ("completed", None, 500, 3, [], "poor"),
        ("queued", None, 0, 0, [], None),
        ("running", None, 500, 0, [], None),
        ("skipped", None, 0, 0, [], None),
    ],
)
def test_how_whole_a_copy_is(state, reason, total, failed, listed, grade):
    result = ImportResult("anna@example.org", "there", state, reason, messages_total=total, messages_failed=failed)
    result.not_imported = list(listed)
    assert grade_of(result.as_dict()) == grade


def test_the_worst_grade_is_that_of_all():
    assert worst(["perfect", None, "investigate", "good"]) == "investigate"
    assert worst([None]) is None and worst([]) is None
