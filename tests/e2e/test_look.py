# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A look first tells what a run is going to take, and what it would stumble over."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.company import Employee, Run, as_rows, employees
from support.dovecot import Dovecot, wait_until
from support.dovecot_words import words
from support.imap import Item, Session
from support.long_line import Relay
from support.mail import REPOSITORY, small_message
from support.relay import Relay as Doorman
from support.run import PlaybookRun, finish_module, run_playbook

# A source that answers after 40 ms and gives each connection 8 Mbit/s.
DELAY, RATE = 0.02, 1e6
MAILBOXES, MESSAGES, SIZE = 4, 12, 150_000


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(MAILBOXES)


@pytest.fixture(scope="module")
def provider(shelf: Path, people: list[Employee]) -> Iterator[Dovecot]:
    """Mailboxes of almost two megabytes each."""
    with Dovecot(shelf / "source", "source-%s" % shelf.name, users=dict(people)) as server:
        for person in people:
            with Session(server.port, *person) as session:
                session.append("INBOX", [Item(small_message(seed) + b"x" * SIZE + b"\r\n") for seed in range(MESSAGES)])
        yield server


@pytest.fixture
def run(place: Path, provider: Dovecot, host: Dovecot) -> Run:
    return Run(place, provider, host)


def test_the_time_is_what_a_run_takes(run: Run, people: list[Employee]) -> None:
    """Within a factor of two, for one queue and for many, on a line that gives each connection so much."""
    with Relay(run.source.port, DELAY, RATE) as line:
        options: dict[str, Any] = {"mailboxes": as_rows(people), "source_port": line.port, "parallel": True}
        looked = run.module(check_mode=True, queues=MAILBOXES, **options).result
        estimate = looked["estimate"]
        assert run.info() == {} and not any(run.host.home_of(each.address).exists() for each in people)
        took = {}
        for queues in (MAILBOXES, 1):
            began = time.monotonic()
            ran = run.module(queues=queues, **options).result
            took[queues] = time.monotonic() - began
            copied = (ran["summary"]["messages_copied"], ran["summary"]["bytes_copied"])
            assert copied == (estimate["messages"], estimate["bytes"])
            forget(run, people)
    told = {each["queues"]: each["seconds"] for each in estimate["durations"]}
    assert set(told) == {1, 2, 4, 8} and all(took[queues] / 3 < told[queues] < took[queues] * 3 for queues in took), (
        told,
        took,
    )
    assert (estimate["mailboxes"], estimate["bytes_estimated"]) == (MAILBOXES, False)
    assert estimate["connections"] == {"tried": MAILBOXES, "admitted": MAILBOXES}
    (disk,) = estimate["disks"]
    assert disk["enough"] and estimate["bytes"] < disk["bytes_needed"] < disk["bytes_free"]
    lines = looked["msg"].split("\n")
    assert lines[0].startswith("4 mailboxes: 4 to do · 48 messages, 7.")
    assert lines[1].startswith("to import: 48 messages, 7.2 MB; the largest: person")
    assert lines[-1].startswith("time, estimated from a sample of")


def forget(run: Run, people: list[Employee]) -> None:
    """Let the host be as it was before the first run."""
    shutil.rmtree(run.directory / "state")
    run.host.users_file.write_text("")
    for person in people:
        shutil.rmtree(run.host.home_of(person.address))


def test_fewer_connections_than_tried_are_told(run: Run, people: list[Employee]) -> None:
    with Doorman(run.source.port, admits=2) as door:
        looked = run.module(check_mode=True, mailboxes=as_rows(people), source_port=door.port).result
    connections = looked["estimate"]["connections"]
    assert connections == {"tried": 4, "admitted": 2} and door.most_open == 2
    assert "set source_max_connections=2" in looked["msg"]
    bounded = run.module(
        check_mode=True, mailboxes=as_rows(people), source_max_connections=1, source_daily_bytes="1M"
    ).result
    assert {each["days"] for each in bounded["estimate"]["slow"]} == {2} and "%s 2 days" % people[0].address in bounded[
        "msg"
    ]
    assert bounded["estimate"]["connections"] == {"tried": 1, "admitted": 1}


def test_several_connections_of_one_import_count(run: Run, people: list[Employee]) -> None:
    """Four connections for one mailbox give what four mailboxes get over one each."""
    rows = as_rows(people[:3])
    with Relay(run.source.port, DELAY, 2 * RATE) as line:
        looked = [
            run.module(check_mode=True, mailboxes=rows, source_port=line.port, source_connections=number).result
            for number in ("1", "2")
        ]
    one, two = ([each["bytes_per_second"] for each in result["estimate"]["durations"]] for result in looked)
    assert [result["estimate"]["connections"]["tried"] for result in looked] == [2, 4]
    assert one[0] * 1.5 < one[1] == one[3] and two[0] > one[0] * 1.5 and two[1] > one[1] * 1.5


def test_what_a_run_would_stumble_over(run: Run, people: list[Employee], small_disk: Callable[..., None]) -> None:
    """A directory that is not the owner's, and a disk that is too small: said first, and true."""
    rows = as_rows(people[::2])
    above = run.host.home_of(people[0].address).parent
    above.mkdir()
    for check_mode in (True, False):
        for each in run.module(check_mode=check_mode, mailboxes=rows).result["imports"]:
            assert each["reason"] == "host_refused" and "cannot write the mailbox: Permission denied" in each["message"]
    small_disk(above.parent, "2m")
    looked = run.module(check_mode=True, mailboxes=rows).result
    (disk,) = looked["estimate"]["disks"]
    assert not disk["enough"] and disk["place"] == str(above.parent)
    assert "not enough room in %s: about 3.7 MB needed, 2.1 MB free" % above.parent in str(looked["warnings"])
    assert "disk_full" in {each["reason"] for each in run.module(mailboxes=rows).result["imports"]}


def test_a_userdb_without_an_owner(place: Path, provider: Dovecot, new_host: Callable[..., Dovecot]) -> None:
    """Dovecot would refuse the mailbox once it is there: it is not made, and check mode knows it."""
    files = {"masters": place / "host0" / "masters", "users_file": place / "host0" / "users"}
    accounts = words().accounts.format(uid=1, gid=1, mail="/", **files)
    bare = re.sub(r" *default_fields.*\n|  fields \{\n(    .*\n)*  \}\n", "", accounts)
    run = Run(place, provider, new_host(accounts=bare, extra_config="mail_uid =\nmail_gid =\n"))
    for check_mode in (True, False):
        (refused,) = run.module(check_mode=check_mode, mailboxes=as_rows(employees(1)), uid=None, gid=None).result[
            "imports"
        ]
        assert refused["message"].endswith(
            "Dovecot's userdb names no gid for new mailboxes, nor does mail_gid: set the option gid"
        )
    assert run.host.users_file.read_text() == ""


def test_the_playbooks_prepare_and_stop(run: Run, people: list[Employee]) -> None:
    """`prepare` looks, reports and imports nothing; `stop` needs to know which, and ends what runs."""

    def play(name: str, **variables: Any) -> PlaybookRun:
        given = {
            "import_hosts": "localhost",
            "import_setup": False,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            **variables,
        }
        playbook = REPOSITORY / "playbooks" / ("%s.yml" % name)
        return run_playbook(playbook, inventory="localhost,", variables=given, directory=run.directory)

    looked = play("prepare", dest=str(run.directory / "report"), **run.arguments(mailboxes=as_rows(people)))
    assert looked.returncode == 0 and looked.recap["localhost"]["changed"] == 1, looked.output  # the report's files
    assert "4 mailboxes: 4 to do · 48 messages, 7.2 MB" in looked.output and "time, estimated from" in looked.output
    assert run.info() == {}
    whole = json.loads((run.directory / "report" / "report.json").read_text())
    assert (whole["summary"]["states"]["not_begun"], whole["estimates"]["localhost"]["messages"]) == (4, 48)
    assert "<li>to import: 48 messages, 7.2 MB" in (run.directory / "report" / "report.html").read_text()

    assert "-e only=ADDRESS,ADDRESS or -e all=true" in play("stop", onyl="x@y.example").output
    with Relay(run.source.port, DELAY, RATE / 20) as line:
        process = run.start(mailboxes=as_rows(people), source_port=line.port)
        wait_until(lambda: "running" in {each["state"] for each in run.info().values()}, "an import to run")
        stopped = play("stop", all=True, state_dir=run.arguments()["state_dir"])
        outcome = finish_module(process)
    assert stopped.returncode == 0 and "4 imports stopped; the next run" in stopped.output, stopped.output
    assert {each["reason"] for each in outcome.result["imports"]} == {"interrupted"}
