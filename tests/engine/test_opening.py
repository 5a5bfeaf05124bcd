# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders that do not open, or not as others do."""

from __future__ import annotations

import pytest
from fakes.imap_server import Command, FakeServer, Session, of_folder, says

from .bench import Bench, digests, folders_of, messages, three_folders


def test_q48_a_folder_that_is_listed_only(bench: Bench) -> None:
    with three_folders() as server:
        server.on("EXAMINE", of_folder(b"Middle", says(b"NO [NONEXISTENT] Unknown Mailbox: Middle (Failure)")))
        run = bench.run(server.port)
    assert (run.result.state, run.reasons) == ("failed", [("Middle", "folder_refused", None)])
    assert bench.digests("Sent") == digests(server.folders[2].messages)


@pytest.mark.parametrize("status", [b"NO [NOPERM] not yours", b"NO isn't a valid mbox file", b"NO [CANNOT] corrupt"])
def test_q79_a_folder_that_never_opens_stops_no_other(bench: Bench, status: bytes) -> None:
    with three_folders() as server:
        server.on("EXAMINE", of_folder(b"Middle", says(status)))
        run = bench.run(server.port)
        assert (run.result.state, run.result.reason, run.reasons) == (
            "failed",
            "folder_refused",
            [("Middle", "folder_refused", None)],
        )
        assert status.decode()[3:] in run.result.not_imported[0].message
        assert bench.digests() == digests(server.folders[0].messages)
        assert bench.digests("Sent") == digests(server.folders[2].messages)
        # Once it opens, the next run brings it.
        server.on("EXAMINE", Session.behave)
        assert bench.completed(server).result.messages_copied == 5


def test_q79_a_folder_that_opens_and_gives_nothing(bench: Bench) -> None:
    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Middle", says(b"NO index is corrupt")))
        run = bench.run(server.port)
    assert (run.result.state, run.reasons) == ("failed", [("Middle", "folder_refused", None)])
    assert bench.digests("Sent") == digests(server.folders[2].messages)


def test_q79_a_server_that_goes_on_in_the_folder_before(bench: Bench) -> None:
    """A FETCH that was sent ahead must not bring the mail of another folder when EXAMINE fails."""

    def act(session: Session, command: Command) -> None:
        session.answer(command, b"NO [NOPERM] not yours")  # and the folder that is open stays open

    with three_folders() as server:
        server.on("EXAMINE", of_folder(b"Middle", act))
        run = bench.run(server.port)
    assert (run.result.state, run.reasons) == ("failed", [("Middle", "folder_refused", None)])
    assert ("Middle",) not in bench.account().folders


def test_q36_a_server_without_examine(bench: Bench) -> None:
    with three_folders() as server:
        server.on("EXAMINE", says(b"BAD unknown command"))
        bench.completed(server)
        server.folders[1].messages[0].flags = (b"\\Seen",)
        server.folders[1].messages += messages(1, 150)
        run = bench.completed(server, state="latest")
        assert (run.result.messages_copied, run.result.flags_updated) == (1, 1)


def test_q36_examine_is_preferred(bench: Bench) -> None:
    with three_folders() as server:
        bench.completed(server)
    assert server.received("SELECT") == []


def test_q36_no_uidvalidity_unless_selected(bench: Bench) -> None:
    """Neither STATUS nor EXAMINE tells it."""
    folders = folders_of(b"Sent")
    with FakeServer(folders, capabilities=b"IMAP4rev1") as server:
        server.on("STATUS", says(b"NO no"))

        def examine(session: Session, command: Command) -> None:
            server.rewrite = lambda piece: piece.replace(b"* OK [UIDVALIDITY 1700000001] valid\r\n", b"")
            session.behave(command)
            server.rewrite = bytes

        server.on("EXAMINE", examine)
        bench.completed(server)
        assert {
            content.uidvalidity for path, content in bench.account().folders.items() if path in (("INBOX",), ("Sent",))
        } == {1_700_000_001}
        assert bench.completed(server, state="latest").result.changed is False


def test_q36_uidvalidity_that_is_kept_only_once_selected(bench: Bench) -> None:
    """Courier makes one up for each STATUS and EXAMINE until then: mail comes once, and later runs find nothing new."""
    with FakeServer(folders_of(b"Sent")) as server:
        made_up = [1_600_000_000]
        selected: set[bytes] = set()

        def make_up(session: Session, command: Command) -> None:
            for folder in server.folders:
                if folder.name not in selected:
                    made_up[0] += 1
                    folder.uidvalidity = made_up[0]
            session.behave(command)
            if command.name == "SELECT":
                assert session.folder is not None
                selected.add(session.folder.name)

        for name in ("LIST", "EXAMINE", "SELECT"):
            server.on(name, make_up)
        bench.completed(server)
        for _again in range(2):
            run = bench.completed(server, state="latest")
            assert (run.result.changed, run.result.messages_copied) == (False, 0)
