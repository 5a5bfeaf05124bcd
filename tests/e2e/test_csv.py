# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A list of mailboxes: every row is checked before anything is made, one that is bad stops no other, and a second run
finds nothing to do.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import Ended, Finished, decode
from support.company import Employee, Run, as_rows, employees, encrypt, write_list
from support.dovecot import Dovecot, wait_until
from support.imap import Item, Session, snapshot
from support.mail import small_message
from support.relay import Relay

GOOD, WRONG = 175, 20
MALFORMED = (
    "no address at all,secret1",
    "two@@firma.example,secret2",
    "nopassword@firma.example",
    "../up@firma.example,secret4",
    '"line\tbreak"@firma.example,secret5',
)


# How Ansible reaches a host that is this machine.
LOCAL = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(GOOD + WRONG)


def mailing_list(place: Path, people: list[Employee]) -> Path:
    path = place / "mailboxes.csv"
    write_list(path, people)
    return path


@pytest.mark.both_dovecots
def test_two_hundred_rows_of_which_some_are_bad(run: Run, people: list[Employee]) -> None:
    good, wrong = people[:GOOD], [Employee(person.address, "not %s" % person.password) for person in people[GOOD:]]
    path = mailing_list(run.directory, good + wrong)
    with path.open("a", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in MALFORMED))
    outcome = run.task(src=str(path), parallel=True, queues=4)

    entries = outcome.result["imports"]
    assert len(entries) == 200 and outcome.result["failed"] and outcome.result["changed"]
    assert {
        name: outcome.result["summary"][name] for name in ("completed", "failed", "skipped", "queued", "running")
    } == {
        "completed": GOOD,
        "failed": 25,
        "skipped": 0,
        "queued": 0,
        "running": 0,
    }
    assert [entry["reason"] for entry in entries] == [None] * GOOD + ["auth_failed"] * WRONG + ["invalid_row"] * len(
        MALFORMED
    )
    for number, entry in enumerate(entries, start=1):
        assert entry["state"] == "completed" or entry["message"].startswith("line %d: " % number)
    assert [entry["email"] for entry in entries[: GOOD + WRONG]] == [person.address for person in people]
    assert outcome.result["msg"].startswith("200 mailboxes: 175 completed, 25 failed · ")
    assert run.differing(good) == []
    # Nothing was made for the others.
    assert not any(person.address in run.host.users_file.read_text() for person in wrong)
    assert not any(person.password in outcome.output for person in wrong + good) and "secret" not in outcome.output
    assert {entry["queue"] for entry in entries[:GOOD]} == {1, 2, 3, 4}

    with Relay(run.source.port) as relay:
        again = run.module(mailboxes=as_rows(good), source_port=relay.port, parallel=True)
        assert relay.connections == 0
        assert (
            again.result["changed"],
            again.result["summary"]["completed"],
            again.result["summary"]["messages_copied"],
        ) == (False, GOOD, 0)
        with Session(run.source.port, *good[7]) as session:
            session.append("INBOX", [Item(small_message(7))])
        latest = run.module(
            src=str(path),
            only=[person.address for person in good],
            state="latest",
            source_port=relay.port,
            parallel=True,
        )
        assert [entry["email"] for entry in latest.result["imports"] if entry["changed"]] == [good[7].address]
        # One login each, and one round trip more: LIST, with the figures of all folders. Only where something is new
        # more is asked, by the import that comes then.
        commands = [line.split(b" ", 2)[1] for line in relay.sent.splitlines() if b" " in line]
        assert relay.connections == commands.count(b"LOGIN") == commands.count(b"LIST") == GOOD + 1
        assert 0 < commands.count(b"EXAMINE") <= 4 and set(commands) == {
            b"LOGIN",
            b"ID",
            b"NAMESPACE",
            b"LIST",
            b"EXAMINE",
            b"UID",
            b"LOGOUT",
        }
    assert run.differing(good) == []


def test_what_is_wrong_is_named_before_anything_is_made(run: Run, people: list[Employee]) -> None:
    progress = run.directory / "progress"
    rows = [people[0], Employee(people[1].address, "wrong"), Employee("nobody", "x"), people[2], people[2]]
    run.module(mailboxes=as_rows(rows), progress_file=str(progress))
    told = [decode(line) for line in progress.read_text().splitlines()]
    ended = [event for event in told if isinstance(event, Ended)]
    assert [event.reason for event in ended] == ["invalid_row", "invalid_row", "auth_failed", None, None]
    assert told[-1] == Finished()
    assert "%s is listed twice" % people[2].address in ended[1].message


@pytest.mark.parametrize("before", ["nothing", "a mailbox that was removed"])
def test_without_preflight_nothing_is_made_for_a_login_that_fails(
    run: Run, people: list[Employee], before: str
) -> None:
    """The password would be the mailbox's from then on."""
    if before != "nothing":
        run.module(mailboxes=as_rows(people[:3]))
        run.host.users_file.write_text("")
    wrong = [Employee(person.address, "mistyped") for person in people[:2]]
    outcome = run.module(mailboxes=as_rows([*wrong, people[2]]), preflight=before != "nothing", parallel=True)
    assert [(entry["reason"], entry["created"]) for entry in outcome.result["imports"]] == [
        ("auth_failed", False)
    ] * 2 + [(None, True)], outcome.output
    assert run.host.users_file.read_text().count("\n") == 1
    assert run.module(mailboxes=as_rows(people[:3]), preflight=False, parallel=True).result["summary"]["completed"] == 3
    assert run.differing(people[:3]) == []


def test_check_mode_looks_at_all_and_writes_nothing(run: Run, people: list[Employee]) -> None:
    rows = as_rows(people[:3])
    outcome = run.module(
        check_mode=True, mailboxes=[*rows, {"email": people[3].address, "password": "wrong"}], parallel=True
    )
    assert [entry["state"] for entry in outcome.result["imports"]] == ["queued", "queued", "queued", "failed"]
    assert outcome.result["changed"] and outcome.result["failed"]
    assert [json.loads(change["after"])["mailbox"] for change in outcome.result["diff"]] == [
        person.address for person in people[:3]
    ]
    assert not (run.directory / "state").exists() and run.host.users_file.read_text() == ""


@pytest.mark.parametrize("encrypted", [False, True])
def test_the_list_is_read_where_it_is(run: Run, people: list[Employee], encrypted: bool) -> None:
    """On the controller, encrypted too; and a mail host gets its own rows only."""
    path = run.directory / "list.csv"
    lines = [
        "email;password;mail_host",
        *('%s;"%s";%s' % (*person, where) for person, where in zip(people[:3], ("localhost", "elsewhere", ""))),
    ]
    path.write_text("\r\n".join(lines), encoding="utf-8-sig")
    options = ["--vault-password-file", str(encrypt(path))] if encrypted else []
    refused = run.task(*options, src=str(path)).result
    assert refused["failed"] and "imports" not in refused and not (run.directory / "state").exists()
    assert "%s: no host of the inventory has the name that mail_host gives in line 3." % path in refused["msg"]
    # A host that is not in the play.
    options += ["-i", "elsewhere,"]
    outcome = run.task(*options, src=str(path))
    assert [entry["email"] for entry in outcome.result["imports"]] == [people[0].address, people[2].address], (
        outcome.output
    )
    assert outcome.result["summary"]["completed"] == 2
    assert outcome.result["warnings"] == ["not imported by this play: mailboxes of the list for elsewhere (1)"]
    # The rows are those of the host that the task runs on.
    delegated = run.task(
        *options, src=str(path), keywords={"delegate_to": "elsewhere", "delegate_facts": False, "vars": LOCAL}
    )
    assert [entry["email"] for entry in delegated.result["imports"]] == [people[1].address, people[2].address], (
        delegated.output
    )


def test_a_list_on_the_mail_host(run: Run, people: list[Employee]) -> None:
    path = mailing_list(run.directory, people[:2])
    outcome = run.task(src=str(path), remote_src=True, only=[people[1].address.upper()])
    assert [entry["email"] for entry in outcome.result["imports"]] == [people[1].address], outcome.output


def test_rows_have_their_own_options(run: Run, people: list[Employee], company: Dovecot) -> None:
    rows = [
        {
            "email": people[0].address,
            "source_password": people[0].password,
            "password": "new one",
            "target_email": "anna@new.example",
            "owner": "anna",
        },
        {
            "email": people[1].address,
            "password": people[1].password,
            "source_host": "127.0.0.1",
            "import_content": "no",
        },
    ]
    outcome = run.module(mailboxes=rows)
    assert [entry["state"] for entry in outcome.result["imports"]] == ["completed", "completed"], outcome.output
    assert run.host.accepts_password("anna@new.example", "new one")
    assert (
        snapshot(run.host.port, "anna@new.example", "new one").contents()
        == snapshot(company.port, *people[0]).contents()
    )
    assert outcome.result["imports"][1]["messages_total"] == 0
    owners = {
        line.split("\t")[0]: line.split("\t")[1]
        for line in (run.directory / "state" / "domains").read_text().splitlines()
    }
    assert owners == {"new.example": "anna", "tochter.example": "customer1"}


def test_a_list_nobody_can_read_is_one_clear_line(run: Run) -> None:
    for arguments, words in (
        ({"src": str(run.directory / "nowhere.csv")}, "nowhere.csv"),
        ({}, "one of src and mailboxes is required"),
        ({"mailboxes": [], "src": "x"}, "one of src and mailboxes is required"),
        ({"mailboxes": [], "remote_src": True}, "remote_src is for src"),
        ({"src": "list.yml", "remote_src": True}, "remote_src is for CSV files"),
    ):
        outcome = run.task(**arguments)
        assert outcome.result["failed"] and words in outcome.result["msg"]


@pytest.mark.both_dovecots
def test_existing_mailboxes_are_skipped_and_replaced_as_in_the_panel(run: Run, people: list[Employee]) -> None:
    run.host.add_user(people[0].address, "of old")
    rows = as_rows(people[:2])
    assert [entry["state"] for entry in run.module(mailboxes=rows).result["imports"]] == ["skipped", "completed"]
    assert run.host.accepts_password(people[0].address, "of old")
    outcome = run.module(mailboxes=rows, ignore_existing=False)
    assert [(entry["state"], entry["changed"]) for entry in outcome.result["imports"]] == [
        ("completed", True),
        ("completed", False),
    ]
    wait_until(lambda: run.host.accepts_password(*people[0]), "Dovecot to look at its users file")
    assert run.differing(people[:1]) == []


def test_progress_is_private(run: Run, people: list[Employee]) -> None:
    progress = run.directory / "progress"
    run.module(mailboxes=as_rows(people[:1]), progress_file=str(progress))
    assert os.stat(progress).st_mode & 0o077 == 0 and people[0].password not in progress.read_text()
