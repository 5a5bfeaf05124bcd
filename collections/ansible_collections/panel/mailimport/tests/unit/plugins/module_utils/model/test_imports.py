# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import (
    ImportRequest,
    ImportResult,
    NotImported,
)
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount, SourceFolder


def request(user="anna@old.example", host="imap.old.example", address="anna@example.org"):
    account = SourceAccount(host=host, user=user, password="source secret")
    return ImportRequest(
        source=account, address=parse_address(address), target_password="host secret", owner="customer"
    )


def test_the_key_does_not_depend_on_the_case_of_letters():
    assert request("Anna@OLD.example", "IMAP.old.EXAMPLE", "Anna@Example.org").key == request().key
    assert request(user="bert@old.example").key != request().key


def test_no_password_shows_when_a_request_is_printed():
    assert "secret" not in repr(request())


def test_a_result_is_plain_values_for_json():
    lost = NotImported(folder="Sent", reason="message_refused", message="too big", uid=7, size=10)
    entry = json.loads(json.dumps(ImportResult("anna@example.org", "x", not_imported=[lost]).as_dict()))
    assert entry["not_imported"] == [
        {"folder": "Sent", "reason": "message_refused", "message": "too big", "uid": 7, "message_id": None, "size": 10}
    ]
    assert entry["state"] == "queued" and entry["changed"] is False


def test_a_folder_is_named_for_people():
    assert SourceFolder(b"A.B", ("A", "B")).name == "A/B"
