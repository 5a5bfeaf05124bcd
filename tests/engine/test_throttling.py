# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources that ask for patience: words for it, locks of a day, too many connections."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap import refusals as throttle
from ansible_collections.panel.mailimport.plugins.module_utils.run import status as status_of
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from fakes.imap_server import Command, FakeServer, Session, of_folder, says, times

from .bench import Bench, digests, inbox, three_folders

BACKOFF = b"Request is throttled. Suggested Backoff Time: 700 milliseconds"


def pause_after(server: FakeServer, command: Command) -> float:
    """Seconds from a command until the server heard anything again, seen by the server."""
    later = [other.at for other in server.commands if other.at > command.at]
    return min(later) - command.at


def then_hangs_up(status: bytes):
    """Answer with a status and end the connection."""

    def act(session: Session, command: Command) -> None:
        session.answer(command, status)
        session.hang_up()

    return act


@pytest.mark.parametrize("name", ["LIST", "EXAMINE", "UID FETCH"])
@pytest.mark.parametrize("status", [b"NO ", b"BAD "])
@pytest.mark.parametrize("hook", [says, then_hangs_up])
def test_q30_the_named_time_is_waited(bench: Bench, name: str, status: bytes, hook) -> None:
    """Exchange and Microsoft 365 name it; often they hang up as well."""
    with inbox() as server:
        server.on(name, times(1, hook(status + BACKOFF)))
        run = bench.completed(server)

    refused = [command for command in server.commands if command.name == name][0]
    again = [command for command in server.commands if command.name == name][1]
    assert again.at - refused.at >= 0.7
    assert len(run.waits) == 1
    assert "waiting 0.7 seconds" in run.waits[0]
    assert "throttled" in run.waits[0]


def test_q30_login_of_a_running_import(bench: Bench) -> None:
    with inbox() as server:
        server.on("UID FETCH", times(1, lambda session, command: session.hang_up()))
        logins = iter([None, None, BACKOFF])

        def login(session: Session, command: Command) -> None:
            refusal = next(logins, None)
            session.answer(command, b"NO " + refusal) if refusal else session.behave(command)

        server.on("LOGIN", login)
        run = bench.completed(server)

    refused, again = server.received("LOGIN")[2:]
    assert again.at - refused.at >= 0.7
    assert "throttled" in run.waits[-1]


def test_q31_throttled_in_an_ok(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gmail says so and has still answered: nothing is fetched twice, but the pace goes down."""
    monkeypatch.setattr(throttle, "DEFAULT_WAIT", 0.5)
    with three_folders() as server:

        def fetch(session: Session, command: Command) -> None:
            session.send_messages(command, session.wanted(command))
            session.answer(command, b"OK [THROTTLED] Success (throttled)")

        server.on("UID FETCH", fetch)
        run = bench.completed(server)

    assert len(run.waits) == 3
    assert "THROTTLED" in run.waits[0]
    assert len(server.received("UID FETCH")) == 3
    assert server.received("LOGOUT")[-1].at - server.received("UID FETCH")[0].at >= 3 * 0.5


@pytest.mark.parametrize(
    "status",
    [
        b"NO [OVERQUOTA] Account exceeded command or bandwidth limits",
        b"NO Request is throttled. Suggested Backoff Time: 7200000",
    ],
)
def test_q32_b11_a_lock_of_the_day_pauses_the_import(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: bytes
) -> None:
    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Sent", says(status)))
        run = bench.run(server.port)
        assert (run.result.state, run.result.reason) == ("paused", "throttled")
        assert status[-15:].decode() in run.result.message and "run the task again after" in run.result.message
        assert not run.waits
        assert bench.digests() == digests(server.folders[0].messages)

        server.on("UID FETCH", Session.behave)
        asked = len(server.commands)
        left_alone = bench.run(server.port).result
        assert len(server.commands) == asked, "a locked account is asked before its time"
        told = left_alone.state, left_alone.retry_at, left_alone.message, left_alone.messages_present
        assert told == ("paused", run.result.retry_at, run.result.message, 10) and not left_alone.changed
        assert bench.look(server.port).result.state == "paused"

        monkeypatch.setattr(status_of, "is_past", lambda _moment: True)
        again = bench.completed(server)
        assert (again.result.messages_copied, again.result.retry_at) == (5, None)


def test_b11_throttled_at_the_end_of_an_ok(bench: Bench) -> None:
    with three_folders() as server:

        def fetch(session: Session, command: Command) -> None:
            session.send_messages(command, session.wanted(command))
            session.answer(command, b"OK Success [THROTTLED]")

        server.on("UID FETCH", fetch)
        run = bench.completed(server)
    assert len(run.waits) == 3 and "THROTTLED" in run.waits[0]


def test_q33_rate_limit_and_bye(bench: Bench) -> None:
    with three_folders() as server:

        def limit(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:2])
            session.answer(command, b"NO [LIMIT] UID FETCH Rate limit hit.")
            session.write(b"* BYE [LIMIT] come back later\r\n")
            session.hang_up()

        server.on("UID FETCH", times(4, limit))
        run = bench.completed(server)
    assert "LIMIT" in run.waits[0]
    assert all(pause_after(server, refused) >= throttle.DEFAULT_WAIT for refused in server.received("UID FETCH")[:4])


def test_q35_too_many_connections(bench: Bench) -> None:
    with inbox() as server:
        server.on("UID FETCH", times(1, lambda session, command: session.hang_up()))
        logins = iter(
            [
                None,
                None,
                b"NO [ALERT] Too many simultaneous connections. (Failure)",
                b"NO [UNAVAILABLE] Maximum number of connections",
            ]
        )

        def login(session: Session, command: Command) -> None:
            refusal = next(logins, None)
            session.answer(command, refusal) if refusal else session.behave(command)

        server.on("LOGIN", login)
        run = bench.completed(server)
    assert "simultaneous connections" in run.waits[1]


NOT_CONNECTED = b"NO User is authenticated but not connected."


@pytest.mark.parametrize("name", ["LOGIN", "LIST", "EXAMINE", "UID FETCH"])
def test_q37_b11_authenticated_but_not_connected_passes(bench: Bench, name: str) -> None:
    """Exchange says so when it is busy."""
    with three_folders() as server:
        server.on("GREETING", Session.behave)
        server.on(name, times(2, says(NOT_CONNECTED)))
        run = bench.completed(server)
    assert any("authenticated but not connected" in line for line in run.waits)


@pytest.mark.parametrize("names", [("LIST",), ("EXAMINE", "SELECT")])
def test_q37_authenticated_but_not_connected_for_good(
    bench: Bench, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when there is no mailbox behind a login: one clear failure, not one for each folder."""
    monkeypatch.setattr(patience, "LONGEST_OUTAGE", 0.1)
    with three_folders() as server:
        for name in names:
            server.on(name, says(NOT_CONNECTED))
        run = bench.run(server.port)
    assert (run.result.state, run.result.reason, run.reasons) == ("failed", "permission_denied", [])
    assert "authenticated but not connected" in run.result.message
