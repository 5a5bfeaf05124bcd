# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An outcome on its way from a worker to the run."""

from __future__ import annotations

import json

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult, NotImported
from ansible_collections.panel.mailimport.plugins.module_utils.model.look import Look
from ansible_collections.panel.mailimport.plugins.module_utils.queue.messages import new_codec
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import Outcome, ShownMailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcomes import MailboxesMade

LOST = NotImported("Sent", "message_refused", "too large", 12, None, 99)
OUTCOME = Outcome(
    ImportResult("anna@example.org", "anna@old.example", "failed", "over_quota", duration=1.5, not_imported=[LOST]),
    ShownMailbox("example.org"),
    ShownMailbox("example.org", "anna@example.org", {"INBOX": 3, "Entw\u00fcrfe": None}),
    Look(True, 2**31, "/srv/mail", 7),
)


@pytest.mark.parametrize("message", [OUTCOME, MailboxesMade((OUTCOME, Outcome(ImportResult("", ""))))])
def test_it_arrives_as_it_was(message):
    codec = new_codec()
    assert codec.decode(codec.encode(message)) == message


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("after", "folders", {"INBOX": "3"}),
        ("after", "folders", {"INBOX": -1}),
        ("after", "folders", []),
        ("before", "domain", 7),
        ("result", "reason", "made_up"),
        ("result", "not_imported", {}),
        ("look", "device", "sda1"),
    ],
)
def test_what_is_no_outcome_is_refused(part, name, value):
    codec = new_codec()
    line = json.loads(codec.encode(OUTCOME))
    line[part][name] = value
    with pytest.raises(ValueError):
        codec.decode(json.dumps(line))
