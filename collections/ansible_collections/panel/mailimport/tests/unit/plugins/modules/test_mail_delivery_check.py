# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which password opens a mailbox that a test message goes to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.action.mail_delivery_check import ActionModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.modules import mail_delivery_check


@pytest.mark.parametrize("typed", ["Anna@Example.org", " anna@example.org", "anna@EXAMPLE.ORG ", "anna@example.org"])
def test_a_password_is_found_however_the_address_is_typed(typed: str) -> None:
    params = {
        "addresses": [typed],
        "host_backend": "imap",
        "passwords": {"ANNA@example.org": "geheim"},
        "generated_passwords": None,
    }
    assert mail_delivery_check._passwords(params) == {str(parse_address(typed)): "geheim"}


def test_a_list_is_searched_the_same_way() -> None:
    task: Any = SimpleNamespace(args={"mailboxes": [{"email": "Anna@example.org", "password": "geheim"}]})
    action = ActionModule(task, None, None, None, None, None)
    params = {"addresses": [" Anna@EXAMPLE.org"], "passwords_src": None, "mailboxes": task.args["mailboxes"]}
    assert action._listed(params) == {"anna@example.org": "geheim"}
