# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs with several imports: their sources are visited first, by one process for many."""

from __future__ import annotations

import collections
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.model.secret import Renewal
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling, import_many
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, Command, FakeServer, Session
from support.mail import small_message
from support.processes import children_of

from .bench import PASSWORD, Bench, digests, messages

CONDSTORE = CAPABILITIES + b" CONDSTORE ENABLE"
# What a run and its processes do that a mailbox in which nothing happened must not cost.
# SQLite flushes the directory of its files for each connection that is the first to write: whether a second one comes
# to that before the first is done is a matter of chance.
_COSTS = re.compile(r"\d+ +(execve|fsync|fdatasync|syncfs|clone|clone3|fork|vfork)\((?!\d+<[^>]*/state>)")


@pytest.fixture
def boxes(bench: Bench, mailbox_numbers: Iterator[int]) -> list[Bench]:
    """Three empty mailboxes of one mail host."""
    return [bench, *(replace(bench, address="box%d@engine.example" % next(mailbox_numbers)) for _box in range(2))]


def source(capabilities: bytes = CONDSTORE) -> FakeServer:
    """All accounts of this source hold the same."""
    return FakeServer([Folder(b"INBOX", messages(3)), Folder(b"Sent", messages(2, 11))], capabilities)


def run(boxes: list[Bench], server: FakeServer, **changes: Any) -> list[ImportResult]:
    return run_requests(boxes, [box.request(server.port, **{"state": "latest", **changes}) for box in boxes])


def run_requests(boxes: list[Bench], requests: list[ImportRequest]) -> list[ImportResult]:
    outcomes = import_many(requests, boxes[0].settings(), Scheduling())
    return [outcome.result for outcome in outcomes]


def ends(results: list[ImportResult]) -> list[tuple[str, str | None, bool]]:
    return [(result.state, result.reason, result.changed) for result in results]


IDLE = ("completed", None, False)


@pytest.mark.parametrize("capabilities", [CONDSTORE, CAPABILITIES], ids=["condstore", "without"])
def test_nothing_new_is_told_as_an_import_tells_it(boxes: list[Bench], capabilities: bytes) -> None:
    with source(capabilities) as server:
        assert ends(run(boxes, server)) == [("completed", None, True)] * 3
        server.commands.clear()
        together = run(boxes, server)
        asked = {command.name for command in server.commands}
        assert len(server.received("LOGIN")) == 3 and not server.received("SELECT")
        assert capabilities == CAPABILITIES or not asked & {"EXAMINE", "UID FETCH"}
        for box, result in zip(boxes, together):
            alone = box.run(server.port, state="latest").result
            assert replace(result, duration=0, queue=None) == replace(alone, duration=0, queue=None)
            assert ends([result]) == [IDLE] and result.queue == 1


def new_message(server: FakeServer) -> None:
    server.folder(b"Sent").messages = [*server.folder(b"Sent").messages, *messages(1, 13)]


def new_flag(server: FakeServer) -> None:
    first, *others = server.folder(b"INBOX").messages
    server.folder(b"INBOX").messages = [replace(first, flags=(b"\\Flagged",), modseq=7), *others]


def another_one_below(server: FakeServer) -> None:
    """As many messages as before, and the same next UID."""
    _gone, last = server.folder(b"Sent").messages[-2:]
    server.folder(b"Sent").messages = [
        Message(5, small_message(5), modseq=8),
        *server.folder(b"Sent").messages[:-2],
        last,
    ]


def new_folder(server: FakeServer) -> None:
    server.folders.append(Folder(b"Later", messages(1, 31)))


def folder_made_anew(server: FakeServer) -> None:
    folder = server.folder(b"INBOX")
    folder.uidvalidity += 1
    folder.messages = [Message(message.uid, small_message(message.uid + 50)) for message in folder.messages]


@pytest.mark.parametrize("capabilities", [CONDSTORE, CAPABILITIES], ids=["condstore", "without"])
def test_what_is_new_comes(boxes: list[Bench], capabilities: bytes) -> None:
    with source(capabilities) as server:
        run(boxes, server)
        for happens in (new_message, another_one_below, new_flag, new_folder, folder_made_anew):
            happens(server)
            assert ends(run(boxes, server)) == [("completed", None, True)] * 3, happens
            assert ends(run(boxes, server)) == [IDLE] * 3, happens
            assert happens is not new_flag or "\\Flagged" in boxes[2].messages()[1].flags
        for box in boxes:
            for folder in server.folders:
                assert set(digests(folder.messages)) <= set(box.digests(folder.name.decode()))


def test_mail_that_was_removed_here_comes_back(boxes: list[Bench]) -> None:
    with source() as server:
        run(boxes, server)
        shutil.rmtree(boxes[1].host.home_of(boxes[1].address) / "Maildir")
        assert ends(run(boxes, server)) == [IDLE, ("completed", None, True), IDLE]
        assert len(boxes[1].messages()) == 3


def test_what_left_messages_behind_is_not_passed_over(boxes: list[Bench]) -> None:
    with source() as server:
        server.folder(b"INBOX").messages = [*messages(3), Message(4, b"x" * 2000)]
        first = run(boxes, server, max_message_size=1000)
        again = run(boxes, server, max_message_size=1000)
        assert {(result.state, result.reason) for result in first + again} == {("failed", "message_refused")}
        assert {result.state for result in run(boxes, server)} == {"completed"}


def test_a_folder_map_that_comes_too_late_is_told(boxes: list[Bench]) -> None:
    with source() as server:
        run(boxes, server)
        rules = replace(boxes[0].request(server.port).rules, mapping={"Sent": "Elsewhere"})
        server.commands.clear()
        assert ends(run(boxes, server, rules=rules)) == [IDLE] * 3
        assert len(server.received("LOGIN")) == 6  # the imports themselves, whose lines say so


def test_an_account_that_does_not_open_stops_no_other(boxes: list[Bench]) -> None:
    users = {box.address.encode(): PASSWORD.encode() for box in boxes}
    with source() as server:
        server.users = dict(users)
        run(boxes, server)
        server.users[boxes[1].address.encode()] = b"another"
        assert ends(run(boxes, server)) == [IDLE, ("failed", "auth_failed", False), IDLE]
        with State.open_readonly(str(boxes[0].state_dir)) as state:
            known = {record.key.address: (record.result.state, record.waiting) for record in state.imports()}
        assert [known[box.address] for box in boxes] == [("completed", False), ("failed", False), ("completed", False)]
        server.users = dict(users)
        assert ends(run(boxes, server)) == [IDLE] * 3


def test_secrets_are_renewed_during_visits(boxes: list[Bench]) -> None:
    with source() as server:
        server.users = {box.address.encode(): PASSWORD.encode() for box in boxes}
        requests = [
            box.request(server.port, state="latest", source_password="", renew=Renewal(lambda: PASSWORD))
            for box in boxes
        ]
        assert ends(run_requests(boxes, requests)) == [("completed", None, True)] * 3
        assert ends(run_requests(boxes, requests)) == [IDLE] * 3


def visitors() -> list[int]:
    """The processes that visit accounts, as `ps` shows them: those of this test, others may run beside it."""
    found, parents = [], [os.getpid()]
    while parents:
        children = children_of(parents.pop())
        parents += children
        found += [pid for pid in children if b"look at the source of box" in _command_line(Path("/proc/%d" % pid))]
    return found


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_visitor_that_dies_takes_one_visit_along(boxes: list[Bench]) -> None:
    with source() as server:
        run(boxes, server)

        def kill(session: Session, command: Command) -> None:
            if session.number == second:
                for pid in visitors():
                    os.kill(pid, signal.SIGKILL)
            session.behave(command)

        second = server.commands[-1].connection + 2
        server.on("LIST", kill)
        results = run(boxes, server)
        assert ends(results) == [IDLE, ("failed", "interrupted", False), IDLE]
        assert ends(run(boxes, server)) == [IDLE] * 3


def test_a_visit_is_stopped_on_request(boxes: list[Bench]) -> None:
    with source() as server:
        run(boxes, server)

        def stall(session: Session, command: Command) -> None:
            if session.number == second:
                with State(str(boxes[0].state_dir)) as state:
                    state.request_stop(boxes[1].request(server.port).key)
                session.read_on()
            session.behave(command)

        second = server.commands[-1].connection + 2
        server.on("LIST", stall)
        assert ends(run(boxes, server)) == [IDLE, ("failed", "interrupted", False), IDLE]


def costs(boxes: list[Bench], server: FakeServer, log: Path) -> collections.Counter[str]:
    """Which costly calls a run and all its processes make."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            tracer = ["strace", "-f", "-qq", "-y", "-o", str(log), "-p", str(os.getpid())]
            subprocess.Popen([*tracer, "-e", "trace=process,fsync,fdatasync,syncfs"], stderr=subprocess.DEVNULL)
            while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
                pass
            status = int(ends(run(boxes, server)) != [IDLE] * len(boxes))
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    return collections.Counter(match[1] for match in map(_COSTS.match, log.read_text().splitlines()) if match)


def test_a_mailbox_in_which_nothing_happened_costs_no_process_and_no_flush(
    boxes: list[Bench], place: Path, mailbox_numbers: Iterator[int]
) -> None:
    more = [replace(boxes[0], address="box%d@engine.example" % next(mailbox_numbers)) for _box in range(9)]
    with source() as server:
        run(boxes + more, server)
        few, many = costs(boxes, server, place / "few"), costs(boxes + more, server, place / "many")
    assert few == many and few["fdatasync"] > 0
