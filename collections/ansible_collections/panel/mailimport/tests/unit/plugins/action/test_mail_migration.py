# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin returns, which whoever reads the output of a playbook reads too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict

import pytest
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.action.mail_migration import ActionModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult

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


SWITCHED = {
    "domain": "example.org",
    "switched": "yes",
    "records": ["mail.example.net"],
    "ttl": 300,
    "ttl_was_seen": True,
    "seen_at": "2026-01-01T00:00:00Z",
    "switched_at": "2026-01-01T00:00:00Z",
    "last_seen_elsewhere": "2026-01-01T00:00:00Z",
    "old_records_until": "2026-01-01T01:00:00Z",
}
ROW = {"email": "anna@example.org", "password": "x", "source_host": "imap.example.com"}


@pytest.mark.parametrize(
    ("dns", "state"),
    [
        ({"domains": [{"domain": "Example.org", "switched": "yes"}], "problems": []}, "open"),
        ({"domains": [{"domain": "Example.org", "switched": "unknown"}], "problems": []}, "closed"),
        # It could not ask at all, or for other domains.
        ({"failed": True, "msg": "needs dnspython"}, "closed"),
        ({"domains": [], "problems": []}, "closed"),
        ({"domains": [{"domain": "other.example", "switched": "yes"}], "problems": []}, "closed"),
    ],
)
def test_what_was_known_of_dns_is_not_what_is(monkeypatch: Any, dns: Dict[str, Any], state: str) -> None:
    """The records may have been changed back since they were last seen."""
    arguments = {
        "migration": MIGRATION,
        "phase": "switched",
        "mailboxes": [ROW],
        "hosts": {"mail1": {"imports": []}},
        "switches": {"mail1": {"domains": [SWITCHED], "finished_migrations": {}}},
    }
    found = run(monkeypatch, **arguments, checks={"dns": dns})
    (gate,) = [gate for gate in found["gates"] if gate["name"] == "switch"]
    assert gate["state"] == state
    # Who asks for no check goes by what is known.
    assert run(monkeypatch, **arguments)["verdict"] == "open"


def test_a_mail_host_that_cannot_say_how_the_switch_goes_is_told_of(monkeypatch: Any) -> None:
    found = run(
        monkeypatch,
        migration=MIGRATION,
        phase="switched",
        mailboxes=[ROW],
        hosts={"mail1": {"imports": []}},
        switches={"mail1": {"failed": True, "msg": "the clock of this mail host is wrong"}},
    )
    assert "  ! mail1 does not say how the switch goes on: the clock of this mail host is wrong" in found["lines"]


def test_a_mailbox_that_has_left_the_list_is_told_of(monkeypatch: Any) -> None:
    """Suspended in the directory after its import, or taken out of the list: nobody looks into its source any more."""

    def entry(email: str, source: str) -> Dict[str, Any]:
        return {**ImportResult(email, source, state="completed").as_dict(), "bytes_imported": 0}

    known = [
        entry("anna@example.org", "anna@imap.example.com"),
        entry("anna@example.org", "anna@another.example.com"),
        entry("ben@Example.org", "ben@imap.example.com"),
        entry("carl@stays.example", "carl@imap.example.com"),
    ]
    words = "  ! imported here, and not in the list (any more), so that nobody looks into the source: ben@Example.org"
    for phase, told in (("plan", False), ("delta", False), ("ready", True), ("finish", True), ("status", True)):
        found = run(
            monkeypatch,
            migration=MIGRATION,
            phase=phase,
            moment="after",
            mailboxes=[ROW],
            hosts={"mail1": {"imports": known}},
        )
        assert (words in found["lines"]) is told, (phase, found["lines"])
