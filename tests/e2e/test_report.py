# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks status and report: the list beside what mail hosts know, before, between and after the imports."""

from __future__ import annotations

import json
import sys
from typing import Any

import jsonschema
import pytest
from support.company import Employee, Run, as_rows, employees, encrypt, write_list
from support.mail import REPOSITORY
from support.run import COLLECTION, PlaybookRun, run_playbook, run_task


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(5)


def compare(run: Run, playbook: str, *options: str, hosts: str = "mail1", **variables: Any) -> PlaybookRun:
    """Run a playbook of the repository; mail1 is this machine, and mail2 answers nobody."""
    inventory = run.directory / "hosts.yml"
    if not inventory.exists():
        inventory.write_text(
            json.dumps(
                {
                    "all": {
                        "hosts": {
                            "mail1": {"ansible_connection": "local"},
                            "mail2": {"ansible_host": "127.0.0.1", "ansible_port": 1},
                        }
                    }
                }
            )
        )
    given = {
        "import_hosts": hosts,
        "ansible_python_interpreter": sys.executable,
        "state_dir": run.arguments()["state_dir"],
        "dest": str(run.directory / "report"),
        **variables,
    }
    return run_playbook(
        REPOSITORY / "playbooks" / ("%s.yml" % playbook),
        *options,
        inventory=str(inventory),
        variables=given,
        directory=run.directory,
    )


def files_of(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((run.directory / "report").iterdir())}


def mailboxes_of(run: Run) -> dict[str, tuple[str, str | None, str | None]]:
    whole = json.loads(files_of(run)["report.json"])
    jsonschema.validate(whole, json.loads((COLLECTION / "docs" / "report.schema.json").read_text()))
    return {box["email"]: (box["state"], box["reason"], box["grade"]) for box in whole["mailboxes"]}


def test_d5_the_report_fails_until_everything_of_the_list_is_here(run: Run, people: list[Employee]) -> None:
    staff = people
    path = run.directory / "company.csv"
    write_list(path, staff)
    wrong = [staff[0], Employee(staff[1].address, "not hers")]
    assert run.task(mailboxes=as_rows(wrong)).result["failed"]

    part = compare(run, "report", src=str(path), require_complete=True)
    assert part.returncode != 0 and "not complete: 1 of 5 mailboxes done, 4 left" in part.output
    assert mailboxes_of(run) == {
        staff[0].address: ("completed", None, "perfect"),
        staff[1].address: ("failed", "auth_failed", "poor"),
        **{person.address: ("not_begun", None, None) for person in staff[2:]},
    }

    asked = {"state_dir": run.arguments()["state_dir"], "states": ["failed"], "domains": ["tochter.example"]}
    known = run_task(asked, run.directory, module="mail_import_info").result
    assert [entry["email"] for entry in known["imports"]] == [staff[1].address]

    run.host.add_user(*staff[4])
    run.task(src=str(path))
    whole = compare(run, "report", src=str(path), require_complete=True)
    assert whole.returncode == 0, whole.output
    assert {state for state, _reason, _grade in mailboxes_of(run).values()} == {"completed", "skipped"}

    before = files_of(run)
    again = compare(run, "report", "--diff", src=str(path), require_complete=True)
    assert again.recap["mail1"]["changed"] == 0 and files_of(run) == before
    password = staff[0].password.encode()
    assert not any(password in content for content in before.values()) and password.decode() not in whole.output


def test_check_mode_writes_no_report_and_shows_what_it_would(run: Run, people: list[Employee]) -> None:
    path = run.directory / "company.csv"
    write_list(path, people[:2])
    vault = encrypt(path)
    look = compare(run, "report", "--check", "--diff", "--vault-password-file", str(vault), src=str(path))
    assert look.returncode == 0 and look.recap["mail1"]["changed"] == 1, look.output
    assert "not_begun" in look.output and not (run.directory / "report").exists()


def test_d5_a_mail_host_that_gives_no_answer_is_told_of(run: Run, people: list[Employee]) -> None:
    rows = as_rows(people[:2])
    rows[0]["mail_host"], rows[1]["mail_host"] = "mail1", "mail2"
    status = compare(run, "status", hosts="mail1,mail2", mailboxes=rows)
    assert status.returncode == 0, status.output
    assert "states: 1 not known, 1 not begun" in status.output
    assert "not known: %s: no answer from mail2" % people[1].address in status.output
    assert not (run.directory / "report").exists()


@pytest.mark.parametrize("hosts", [{"mail1": "known"}, {"mail1": {"imports": [{"email": "a@x.example"}]}}])
def test_what_is_no_result_is_named(run: Run, hosts: dict[str, Any]) -> None:
    outcome = run_task({"mailboxes": [], "hosts": hosts}, run.directory, module="mail_import_report")
    assert outcome.result["msg"] == "hosts: what is given for mail1 is no result of mail_import_info"


@pytest.mark.parametrize(("wrong", "meant"), [("require_completed", "require_complete"), ("formts", "formats")])
def test_d9_the_report_looks_at_its_variables(run: Run, people: list[Employee], wrong: str, meant: str) -> None:
    refused = compare(run, "report", mailboxes=as_rows(people[:1]), **{wrong: "csv"})
    assert refused.returncode != 0
    assert "reads no variable %s: is %s meant?" % (wrong, meant) in " ".join(refused.output.split())
