# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task gets back from mail_import_info."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.modules import mail_import_info


def test_what_the_host_knows_is_returned_unchanged(run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {
        "imports": [{"email": "anna@example.org"}],
        "domains": [{"domain": "example.org", "owner": "customer1"}],
        "summary": {"completed": 1},
    }
    asked = []
    monkeypatch.setattr(mail_import_info, "imports_on_host", lambda settings, wanted: asked.append(settings) or known)
    code, answer = run_module(mail_import_info.main, {"state_dir": "/srv/state"})
    assert code == 0
    assert answer["changed"] is False
    assert {key: answer[key] for key in known} == known
    assert asked[0].state_dir == "/srv/state"


def test_a_state_that_cannot_be_read_fails_the_task(run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(settings: object, wanted: object) -> None:
        raise MailImportError("internal_error", "the state was written by a newer version")

    monkeypatch.setattr(mail_import_info, "imports_on_host", fail)
    code, answer = run_module(mail_import_info.main, {})
    assert code == 1
    assert answer["msg"] == "the state was written by a newer version (internal_error)"
