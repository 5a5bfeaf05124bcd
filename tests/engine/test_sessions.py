# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks of greetings, logins and what servers say they can do. Numbers: README.md."""

from __future__ import annotations

import pytest
from fakes.imap_server import Command, Session, says, times

from .bench import Bench, inbox, three_folders


def test_q71_servers_that_want_to_know_who_is_there(bench: Bench) -> None:
    """163.com opens no folder to a client that has not sent ID since its login."""
    known: set[int] = set()
    with inbox() as server:

        def identify(session: Session, command: Command) -> None:
            known.add(session.number)
            session.behave(command)

        def examine(session: Session, command: Command) -> None:
            if session.number in known and b"(" not in command.rest:
                session.behave(command)
            else:
                session.answer(command, b"NO EXAMINE Unsafe Login. Please contact kefu@188.com for help")

        server.on("ID", identify)
        server.on("EXAMINE", examine)
        bench.completed(server)
    assert all(command.rest.startswith(b'("name" ') for command in server.received("ID"))


@pytest.mark.parametrize("name", ["ID", "NAMESPACE", "CAPABILITY"])
def test_q71_commands_that_are_only_announced(bench: Bench, name: str) -> None:
    with three_folders() as server:
        if name == "CAPABILITY":
            server.greeting = b"* OK [CAPABILITY IMAP4rev1 ID] ready\r\n"
            server.on("LOGIN", says(b"OK [CAPABILITY IMAP4rev1 ID] welcome"))
        server.on(name, says(b"BAD unknown command"))
        bench.completed(server)


def test_q71_capabilities_after_login_count(bench: Bench) -> None:
    """Before it the server offers LIST-STATUS, then no more."""
    with three_folders() as server:
        server.greeting = b"* OK [CAPABILITY IMAP4rev1 LIST-STATUS NAMESPACE] ready\r\n"
        server.capabilities = b"IMAP4rev1"
        bench.completed(server)
    assert not [command for command in server.received("LIST") if b"RETURN" in command.rest]


def test_q74_preauth(bench: Bench) -> None:
    with inbox() as server:
        server.greeting = b"* PREAUTH welcome back\r\n"
        server.on("LOGIN", says(b"BAD you are logged in"))
        bench.completed(server)


def test_q74_greeting_in_pieces_and_late(bench: Bench) -> None:
    def greet(session: Session, command: Command) -> None:
        for byte in b"* OK [CAPABILITY IMAP4rev1] ready\r\n":
            session.write(bytes([byte]))
            session.flush()

    with inbox() as server:
        server.on("GREETING", greet)
        bench.completed(server)


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_q74_lines_without_cr(bench: Bench, line_end: bytes) -> None:
    with three_folders() as server:
        server.greeting = b"* OK ready" + line_end
        server.rewrite = lambda piece: piece.replace(b"\r\n", line_end)
        bench.completed(server)


def test_bye_in_place_of_a_greeting(bench: Bench) -> None:
    with inbox() as server:
        server.greeting = b"* BYE closed for maintenance\r\n"
        run = bench.run(server.port)
    assert (run.result.state, run.result.reason) == ("failed", "source_unavailable")
    assert "closed for maintenance" in run.result.message


def test_passwords_of_all_characters(bench: Bench) -> None:
    """LOGIN cannot carry them: AUTHENTICATE PLAIN is used."""
    with inbox() as server:
        run = bench.run(server.port, source_password='pass "wörd" \\ %')
    assert run.result.state == "completed"
    assert [command.rest for command in server.received("AUTHENTICATE")] == [b"PLAIN"] * 2


def test_times_is_not_forever(bench: Bench) -> None:
    """A listing that fails once is asked for again."""
    with inbox() as server:
        server.on("LIST", times(1, lambda session, command: session.hang_up()))
        bench.completed(server)
