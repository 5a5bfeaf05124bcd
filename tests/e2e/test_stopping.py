# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports that are stopped: by a signal, by a task, by whoever waits for them; and ones that do nothing any more."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.company import Employee, Run, as_rows, employees
from support.dovecot import wait_until
from support.processes import group_members
from support.relay import Relay
from support.run import environment, finish_module, run_module, run_task
from support.scene import Scene

from .test_queues import ansible_playbook, play, reaches, states

IN_THE_MAIL = 1500
CONTROL = "mail_import_control"


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(6)


@pytest.fixture
def relay(run: Run) -> Iterator[Relay]:
    """A line to the source on which all sessions hang in the middle of their mail."""
    with Relay(run.source.port, hold_after=IN_THE_MAIL) as relay:
        yield relay


def shown(group: int) -> list[str]:
    """What `ps` shows of the processes of a group."""
    command = ["ps", "-ww", "-o", "args=", "-p", ",".join(map(str, [group, *group_members(group)]))]
    return sorted(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())


def host_options(run: Run) -> dict[str, Any]:
    return Scene(run.directory, run.source, "", "", run.host, Path()).host_options()


def control(run: Run, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    arguments = {**host_options(run), "state": "stopped", **options}
    return run_module(arguments, run.directory, CONTROL, check_mode).result


def test_d01_sigterm_to_the_run_ends_all_of_it(run: Run, people: list[Employee], relay: Relay) -> None:
    chosen = people[:4]
    process = run.start(mailboxes=as_rows(chosen), parallel=True, queues=2, source_port=relay.port, preflight=False)
    wait_until(reaches(run, chosen, "running", "running", "queued", "queued"), "both queues to be taken")
    os.kill(process.pid, signal.SIGTERM)
    outcome = finish_module(process)
    assert [(entry["state"], entry["reason"]) for entry in outcome.result["imports"]] == [("failed", "interrupted")] * 4
    assert all("next one continues" in entry["message"] for entry in outcome.result["imports"])
    assert group_members(process.pid) == []
    relay.let_go()
    again = run.module(mailboxes=as_rows(chosen), parallel=True)
    assert again.result["summary"]["completed"] == 4, again.output
    assert run.differing(chosen) == []


def test_d01_processes_are_named_for_what_they_do(run: Run, people: list[Employee], relay: Relay) -> None:
    person = people[0]
    process = run.start(mailboxes=as_rows([person]), source_port=relay.port, preflight=False)
    names = [
        "panel.mailimport: import %s, queue 1" % person.address,
        "panel.mailimport: queue 1: %s" % person.address,
        "panel.mailimport: run of 1 imports",
    ]
    wait_until(lambda: shown(process.pid) == names, "processes called %s" % ", ".join(names))
    os.kill(process.pid, signal.SIGTERM)
    finish_module(process)


def test_d01_a_task_stops_one_import_and_others_go_on(run: Run, people: list[Employee], relay: Relay) -> None:
    chosen = people[:3]
    process = run.start(mailboxes=as_rows(chosen), parallel=True, queues=2, source_port=relay.port, preflight=False)
    wait_until(reaches(run, chosen, "running", "running", "queued"), "both queues to be taken")
    would = control(run, check_mode=True, email=[chosen[0].address, "nobody@example.org"])
    assert would["changed"] is True and [entry["state"] for entry in would["imports"]] == ["running"]
    assert states(run, chosen) == ["running", "running", "queued"]
    told = control(run, email=[chosen[0].address.upper(), chosen[2].address])
    assert told["changed"] is True and len(told["imports"]) == 2
    relay.let_go()
    outcome = finish_module(process)
    assert [entry["reason"] for entry in outcome.result["imports"]] == ["interrupted", None, "interrupted"]
    assert "mail_import_control" in outcome.result["imports"][0]["message"]
    for options in ({"email": [chosen[0].address]}, {"all": True}):
        idle = control(run, **options)
        assert (idle["changed"], idle["imports"], idle["msg"]) == (False, [], "0 imports stopped")
    again = run.module(mailboxes=as_rows(chosen))
    assert again.result["summary"]["completed"] == 3, again.output
    assert run.differing(chosen) == []


def test_d01_a_task_stops_all_imports_of_all_runs(run: Run, people: list[Employee], relay: Relay) -> None:
    processes = [
        run.start(mailboxes=as_rows([person]), source_port=relay.port, preflight=False, parallel=True)
        for person in people[:2]
    ]
    wait_until(reaches(run, people[:2], "running", "running"), "both queues to be taken")
    outcome = run_task({**host_options(run), "state": "stopped", "all": True}, run.directory, module=CONTROL)
    assert outcome.result["changed"] is True and outcome.result["summary"]["failed"] == 2, outcome.output
    assert [finish_module(process).entry["reason"] for process in processes] == ["interrupted"] * 2


@pytest.mark.parametrize("options", [{}, {"all": True, "email": ["a@b.example"]}, {"all": False}, {"email": ["@"]}])
def test_d01_what_is_to_stop_has_to_be_said(run: Run, options: dict[str, Any]) -> None:
    assert control(run, **options)["failed"] is True


def test_d01_a_run_nobody_waits_for_stops(run: Run, people: list[Employee], relay: Relay) -> None:
    process = run.start(mailboxes=as_rows(people[:1]), source_port=relay.port, preflight=False)
    wait_until(reaches(run, people[:1], "running"), "the import to run")
    assert process.stdout is not None
    process.stdout.close()
    process.wait()
    assert states(run, people[:1]) == ["failed"] and group_members(process.pid) == []


def test_d01_ctrl_c_stops_the_import_at_a_terminal(run: Run, people: list[Employee], relay: Relay) -> None:
    """The module runs in the background of the mail host there."""
    path = run.directory / "list.csv"
    path.write_text("".join("%s,%s\n" % person for person in people[:1]))
    file = play(run, path, source_port=relay.port, preflight=False)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ansible_playbook(file), stdin=theirs, stdout=theirs, stderr=theirs, env=environment(), start_new_session=True
    )
    os.close(theirs)
    try:
        wait_until(reaches(run, people[:1], "running"), "the import to run")
        os.kill(process.pid, signal.SIGINT)
        process.wait()
    finally:
        os.close(ours)
    wait_until(reaches(run, people[:1], "failed"), "the import to stop")


def test_d07_who_is_before_is_said(run: Run, people: list[Employee], relay: Relay) -> None:
    first = run.start(mailboxes=as_rows(people[:1]), source_port=relay.port, preflight=False)
    wait_until(reaches(run, people[:1], "running"), "queue 1 to be taken")
    progress = run.directory / "second.progress"
    second = run.start(mailboxes=as_rows(people[1:2]), progress_file=str(progress))
    wait_until(lambda: progress.exists() and "waiting in queue 1" in progress.read_text(), "a word on who is before")
    assert "waiting in queue 1 behind %s" % people[0].address in progress.read_text()
    relay.let_go()
    finish_module(first)
    finish_module(second)


def test_c10_no_process_that_holds_a_password_leaves_a_core(run: Run, people: list[Employee], relay: Relay) -> None:
    process = run.start(mailboxes=as_rows(people[:1]), source_port=relay.port, preflight=False)
    wait_until(reaches(run, people[:1], "running"), "the import to run")
    wait_until(lambda: len(group_members(process.pid)) >= 3, "the processes of run, queue and mailbox")
    pids = group_members(process.pid)
    for pid in pids:
        limits = Path("/proc/%d/limits" % pid).read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M), pid
        assert Path("/proc/%d/environ" % pid).stat().st_uid == 0, "its user may not look into it"
    os.kill(process.pid, signal.SIGTERM)
    finish_module(process)
