# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.run.events import ImportEvents
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import new_outcome
from ansible_collections.panel.mailimport.plugins.module_utils.run.reporter import Reporter
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

ENTRY = {"folder": "Sent", "reason": "message_refused", "message": "too large", "uid": 1, "message_id": None, "size": 2}


@pytest.mark.parametrize(
    "event",
    [
        {"event": "note", "message": "folder hunter2 is called hunter2_ on this host"},
        {"event": "waiting", "seconds": 1.0, "message": "busy with hunter2"},
        {"event": "folder", "source": "at", "name": "at hunter2", "created": False, "before": 1, "after": 2, "keywords": 0},
        *({"event": "not_imported", "messages": 1, "entries": [{**ENTRY, name: "<hunter2@example.net>"}]} for name in ("folder", "message", "message_id")),
    ],
)
def test_a_password_that_the_source_echoes_is_masked_wherever_it_is(tmp_path, event):
    request = ImportRequest(SourceAccount("imap.example.net", "anna", "hunter2"), parse_address("anna@example.org"), "the mailbox's", "customer")
    said, outcome = [], new_outcome(request)
    with State(str(tmp_path)) as state:
        ImportEvents(request, state, outcome, Reporter(note=said.append)).take(event)
    shown = json.dumps([said, outcome.as_dict()])
    assert "hunter2" not in shown and "********" in shown
