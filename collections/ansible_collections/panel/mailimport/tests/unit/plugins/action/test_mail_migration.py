# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin returns, which whoever reads the output of a playbook reads too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.action.mail_migration import ActionModule

MIGRATION = {
    "name": "move",
    "source": "imap",
    "domains": ["example.org"],
    "mx": ["mail.example.net"],
    "waves": [{"name": "everybody"}],
}


def run(monkeypatch: Any, **arguments: Any) -> Dict[str, Any]:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    task = SimpleNamespace(args=arguments, check_mode=False, diff=False)
    return ActionModule(task, None, None, None, None, None).run(task_vars={})


def test_the_mailboxes_of_a_result_have_no_passwords(monkeypatch: Any) -> None:
    row = {
        "email": "anna@example.org",
        "target_email": "anna.new@example.org",
        "mail_host": "mail1",
        "source_host": "imap.example.com",
        "source_user": "anna",
        "password": "geheim",
        "target_password": "geheim too",
        "source_master_password": "geheim as well",
    }
    result = run(monkeypatch, migration=MIGRATION, mailboxes=[row], hosts={"mail1": {"imports": []}})
    assert "geheim" not in repr(result)
    shown = {"email", "target_email", "mail_host", "source_host", "source_user"}
    assert result["mailboxes"] == [{name: row[name] for name in shown}]
