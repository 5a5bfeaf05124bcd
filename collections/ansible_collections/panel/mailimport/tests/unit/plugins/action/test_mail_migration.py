# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin returns, which whoever reads the output of a playbook reads too."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible_collections.panel.mailimport.plugins.action import mail_migration
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


def test_a_mailbox_for_a_mail_host_that_is_not_there_is_refused(monkeypatch: Any) -> None:
    """No wave would import it, and no gate before the switch would say so."""
    row = {"email": "anna@example.org", "password": "x", "mail_host": "mail2"}
    with pytest.raises(AnsibleActionFail, match=r"mail_host gives in entry 1 \(is mail1 meant"):
        run(monkeypatch, migration=MIGRATION, phase="plan", mailboxes=[row], hosts={"mail1": {"imports": []}})


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
    assert "  ✗ mail1 does not say how the switch goes on: the clock of this mail host is wrong" in found["lines"]


def completed(email: str, **values: Any) -> Dict[str, Any]:
    moments = {"last_run": "2026-01-03T00:00:00Z", "last_success": "2026-01-03T00:00:00Z"}
    source = "%s@imap.example.com" % email.partition("@")[0]
    return {**ImportResult(email, source, state="completed").as_dict(), "bytes_imported": 0, **moments, **values}


@pytest.mark.parametrize(
    ("second", "is_silent"),
    [
        ({"domains": [SWITCHED], "finished_migrations": {}}, False),
        ({"failed": True, "msg": "the clock of this mail host is wrong"}, True),
        ({"unreachable": True, "msg": "no route"}, True),
        # It has left the play before it was asked.
        ({}, True),
    ],
)
@pytest.mark.parametrize(("phase", "moment"), [("switched", "before"), ("finish", "before"), ("finish", "after")])
def test_a_switch_is_that_of_every_mail_host(
    monkeypatch: Any, second: Dict[str, Any], is_silent: bool, phase: str, moment: str
) -> None:
    """One alone does not say for another that mail comes to it, nor for how long it has been quiet."""
    rows = [{**ROW, "mail_host": "mail1"}, {**ROW, "email": "ben@example.org", "mail_host": "mail2"}]
    known = {"mail1": {"imports": [completed(ROW["email"])]}, "mail2": {"imports": [completed("ben@example.org")]}}
    arguments = {"migration": MIGRATION, "phase": phase, "moment": moment, "mailboxes": rows, "hosts": known}
    first = {"domains": [SWITCHED], "finished_migrations": {}}
    found = run(monkeypatch, **arguments, switches={"mail1": first, "mail2": second})
    (gate,) = [gate for gate in found["gates"] if gate["name"] == "switch"]
    assert (found["verdict"], gate["state"]) == (("closed", "closed") if is_silent else ("open", "open"))
    if is_silent:
        words = "mail2 does not say how the switch goes on: %s" % second.get("msg", "no answer")
        assert gate["reasons"] == [words] and len([line for line in found["lines"] if words in line]) == 1


def test_what_one_mail_host_has_finished_is_not_finished_on_the_others(monkeypatch: Any) -> None:
    finished = {"domains": [SWITCHED], "finished_migrations": {"move": "2026-01-04T00:00:00Z"}}
    for second, is_finished in ((finished, True), ({"failed": True, "msg": "no room"}, False), ({}, False)):
        found = run(
            monkeypatch,
            migration=MIGRATION,
            phase="delta",
            mailboxes=[ROW],
            hosts={"mail1": {"imports": [completed(ROW["email"])]}, "mail2": {"imports": []}},
            switches={"mail1": finished, "mail2": second},
        )
        assert (found["verdict"] == "closed", found["waves"]["everybody"] == "finished") == (is_finished, is_finished)


def test_what_is_called_imported_here_was_imported(monkeypatch: Any) -> None:
    nothing = {"last_success": None, "messages_total": 9}
    known = [
        completed("a@example.org", state="failed", reason="auth_failed", message="no", **nothing),
        completed("b@example.org", state="skipped", reason="mailbox_exists", message="was here", **nothing),
        completed("c@example.org", state="failed", reason="network", message="no", messages_copied=3, **nothing),
        completed("d@example.org"),
    ]
    for source, words in (("csv", "source: c@example.org, d@example.org"), ("imap", None)):
        found = run(
            monkeypatch,
            migration={**MIGRATION, "source": source},
            phase="ready",
            moment="after",
            mailboxes=[ROW],
            hosts={"mail1": {"imports": known}},
        )
        told = [line for line in found["lines"] if "imported here" in line]
        assert len(told) == (1 if words else 0), told
        assert not words or told[0].endswith(words)


@pytest.mark.parametrize(
    "text",
    [
        "migration: &m\n  name: move\n  notices: *m\n",
        "migration:\n  name: move\n  waves: &w\n    - {name: pilot, mailboxes: *w}\n",
        "migration: {name: move}\nmailboxes: &l\n  - {email: a@example.org, password: *l}\n",
    ],
)
def test_a_loop_of_aliases_is_told_before_ansible_falls_into_it(monkeypatch: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "migration.yml"
    file.write_text(text)
    variables = yaml.safe_load(text)
    monkeypatch.setattr(mail_migration, "_files_of_variables", lambda: [str(file)])
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    task = SimpleNamespace(args={"check_variables": True, "mailboxes": [], "hosts": {}}, check_mode=False, diff=False)
    action = ActionModule(task, None, None, DataLoader(), Templar(DataLoader(), variables), None)
    with pytest.raises(AnsibleActionFail, match=r"^migration.yml, line \d: this holds an alias"):
        action.run(task_vars=variables)


def test_the_migration_is_an_argument_or_a_variable_that_is_checked(monkeypatch: Any) -> None:
    with pytest.raises(AnsibleActionFail, match="migration is required"):
        run(monkeypatch, mailboxes=[ROW], hosts={})


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
            migration={**MIGRATION, "source": "csv"},
            phase=phase,
            moment="after",
            mailboxes=[ROW],
            hosts={"mail1": {"imports": known}},
        )
        assert (words in found["lines"]) is told, (phase, found["lines"])


def test_the_next_command_is_typed_as_it_is_printed(monkeypatch: Any) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"extra_vars": ["@/etc/it's mine.yml", "x=1", "@/etc/more.yml"]})
    sources = ["/etc/mail hosts.yml", "mx1,mx2"]
    inventories, files = mail_migration._command({"ansible_inventory_sources": sources})
    assert shlex.split("-i %s -e @%s" % (inventories, files)) == [
        *("-i", "/etc/mail hosts.yml", "-i", "mx1,mx2"),
        *("-e", "@/etc/it's mine.yml", "-e", "@/etc/more.yml"),
    ]
