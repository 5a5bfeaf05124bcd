# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Import queues on a real mail host: shared by all runs, freed at once by a run that dies, and bounded by what the
source admits.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable

import pytest
import yaml
from support.company import LIST_MODULE, Employee, Run, as_rows, employees, most_at_a_time, write_list
from support.dovecot import wait_until
from support.mail import REPOSITORY
from support.processes import group_members
from support.relay import Relay
from support.run import environment, finish_module, run_at_a_terminal

# Bytes of an answer after which a relay can hold a session back: it is logged in, and in the middle of its mail.
_IN_THE_MAIL = 1500


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(12)


def states(run: Run, people: list[Employee]) -> list[str]:
    known = run.info()
    return [known[person.address]["state"] if person.address in known else "unknown" for person in people]


def reaches(run: Run, people: list[Employee], *wanted: str) -> Callable[[], bool]:
    return lambda: states(run, people) == list(wanted)


def test_two_runs_share_the_queues_and_a_dead_one_frees_its_own(run: Run, people: list[Employee]) -> None:
    """Never more than two at a time, and each mailbox is imported once."""
    first_two, others = people[:2], people[2:6]
    with Relay(run.source.port, hold_after=_IN_THE_MAIL) as relay:
        first = run.start(
            mailboxes=as_rows(first_two), parallel=True, queues=2, source_port=relay.port, preflight=False
        )
        wait_until(reaches(run, first_two, "running", "running"), "both queues to be taken")
        second = run.start(mailboxes=as_rows(others), parallel=True, queues=2)
        wait_until(reaches(run, others, *["queued"] * 4), "the second run to stand in line")
        assert most_at_a_time(run.periods()[:2]) == 2 and states(run, first_two) == ["running", "running"]
        os.kill(first.pid, signal.SIGKILL)
        outcome = finish_module(second)
        first.communicate()
    assert [entry["state"] for entry in outcome.result["imports"]] == ["completed"] * 4, outcome.output
    assert states(run, first_two) == ["failed", "failed"] and group_members(first.pid) == []
    assert {entry["reason"] for entry in run.info().values() if entry["state"] == "failed"} == {"interrupted"}
    assert most_at_a_time([period for period in run.periods() if period[0] in dict(others)]) <= 2
    assert run.differing(others) == []
    again = run.module(mailboxes=as_rows(first_two + others), parallel=True)
    assert [entry["changed"] for entry in again.result["imports"]] == [True, True] + [False] * 4
    assert run.differing(first_two) == []


def test_an_import_goes_to_the_queue_with_the_least_to_do(run: Run, people: list[Employee]) -> None:
    with Relay(run.source.port, hold_after=_IN_THE_MAIL) as relay:
        single = run.start(mailboxes=as_rows(people[:1]), source_port=relay.port)
        wait_until(reaches(run, people[:1], "running"), "the single import to take queue 1")
        many = run.module(mailboxes=as_rows(people[1:5]), parallel=True, queues=2)
        assert [entry["queue"] for entry in many.result["imports"]] == [2] * 4
        relay.let_go()
        assert [entry["queue"] for entry in finish_module(single).result["imports"]] == [1]
    assert run.differing(people[:5]) == []


def test_without_parallel_everything_goes_through_queue_one(run: Run, people: list[Employee]) -> None:
    outcome = run.module(mailboxes=as_rows(people[:3]), queues=4)
    assert [entry["queue"] for entry in outcome.result["imports"]] == [1, 1, 1]
    assert most_at_a_time(run.periods()) == 1


def test_a_source_that_admits_few_connections_gets_few(run: Run, people: list[Employee]) -> None:
    with Relay(run.source.port, admits=2) as relay:
        outcome = run.module(mailboxes=as_rows(people), parallel=True, queues=6, source_port=relay.port)
        assert outcome.result["summary"]["completed"] == len(people) and outcome.returncode == 0, outcome.output
        assert relay.turned_away > 0 and relay.most_open == 2
    assert run.differing(people) == []


def test_a_limit_that_is_known_is_kept(run: Run, people: list[Employee]) -> None:
    run.module(mailboxes=as_rows(people), parallel=True, queues=6, source_max_connections=2)
    assert most_at_a_time(run.periods()) == 2
    assert run.differing(people) == []


def play(run: Run, path: Path, keywords: dict[str, int] | None = None, **changes: Any) -> Path:
    """A play of one task that imports the list, on this machine."""
    arguments = run.arguments(src=str(path), parallel=True, queues=2, **changes)
    task = {"name": "Import the list", "panel.mailimport." + LIST_MODULE: arguments, **(keywords or {})}
    file = run.directory / "play.yml"
    file.write_text(
        yaml.safe_dump(
            [{"name": "Import", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]
        )
    )
    return file


def ansible_playbook(file: Path, *options: str) -> list[str]:
    return [
        "ansible-playbook",
        "-i",
        "localhost,",
        "-e",
        "ansible_python_interpreter=%s" % sys.executable,
        *options,
        str(file),
    ]


def test_a_terminal_shows_each_mailbox_as_it_ends(run: Run, people: list[Employee]) -> None:
    path = run.directory / "list.csv"
    write_list(path, [*people[:3], Employee(people[3].address, "a wrong password")])
    remote_tmp = run.directory / "remote-tmp"
    settings = {**environment(), "ANSIBLE_REMOTE_TMP": str(remote_tmp)}
    returncode, text = run_at_a_terminal(ansible_playbook(play(run, path)), cwd=REPOSITORY, env=settings)
    for person in people[:3]:
        assert "[localhost] %s: Import completed successfully, 3 messages copied" % person.address in text
    assert "[localhost] %s: failed: " % people[3].address in text and "(auth_failed)" in text
    assert text.index(people[3].address) < text.index("Import completed successfully") < text.index("PLAY RECAP")
    assert not any(person.password in text for person in people) and "a wrong password" not in text
    assert "4 mailboxes: 3 completed, 1 failed · 9 messages" in text and returncode != 0
    assert remote_tmp.is_dir() and [name for name in os.listdir(remote_tmp) if name.startswith("mail-import-")] == []


def test_output_that_is_no_terminal_stays_quiet(run: Run, people: list[Employee]) -> None:
    path = run.directory / "list.csv"
    write_list(path, people[:2])
    command = ansible_playbook(play(run, path))
    quiet = subprocess.run(
        command, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout
    assert people[0].address not in quiet
    verbose = subprocess.run(
        [*command, "-v"], env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stderr
    assert "[localhost] %s: Import completed successfully\n" % people[0].address in verbose


def test_a_background_import_outlives_its_controller(run: Run, people: list[Employee]) -> None:
    path = run.directory / "list.csv"
    write_list(path, people[:3])
    with Relay(run.source.port, hold_after=_IN_THE_MAIL) as relay:
        file = play(run, path, {"async": 600, "poll": 1}, source_port=relay.port, preflight=False)
        controller = subprocess.Popen(
            ansible_playbook(file),
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_until(reaches(run, people[:3], "running", "running", "queued"), "the imports to be shown at once")
        os.killpg(controller.pid, signal.SIGKILL)
        controller.communicate()
        assert states(run, people[:3]) == ["running", "running", "queued"]
        relay.let_go()
        wait_until(reaches(run, people[:3], "completed", "completed", "completed"), "the imports to end by themselves")
    assert {entry["message"] for entry in run.info().values()} == {"Import completed successfully"}
    assert run.differing(people[:3]) == []
