# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders are imported, when somebody chooses."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import patience
from fakes.imap_server import Command, FakeServer, Session, of_folder
from support.imap import Item
from support.mail import small_message

from .bench import Bench, folders_of, three_folders


def test_folders_that_are_excluded_are_not_opened(bench: Bench) -> None:
    with three_folders() as server:
        run = bench.run(server.port, rules=FolderRules(exclude=("Middle",)))
        assert run.result.state == "completed"
        assert not [command for command in server.received("EXAMINE") if b"Middle" in command.rest]


def test_a_folder_that_the_source_does_not_have_is_told(bench: Bench) -> None:
    """The others are imported; a pattern may match nothing."""
    with FakeServer(folders_of(b"Sent")) as server:
        run = bench.run(server.port, rules=FolderRules(include=("INBOX", "Setn", "Archive*")))
        assert (run.result.state, run.reasons, run.result.messages_copied) == (
            "failed",
            [("Setn", "folder_missing", None)],
            3,
        )
        assert "no folder Setn" in run.result.message


def test_folders_that_match_nothing_replace_nothing(bench: Bench) -> None:
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(1))])
    with FakeServer(folders_of(b"Sent")) as server:
        run = bench.run(server.port, rules=FolderRules(include=("Setn",)))
        assert (run.result.state, run.result.reason) == ("failed", "folder_missing")
        assert "no folder of the source matches Setn (option folders): it has INBOX, Sent" in run.result.message
        assert len(bench.digests()) == 1
        assert (
            bench.run(server.port, check_mode=True, rules=FolderRules(include=("Setn",))).result.reason
            == "folder_missing"
        )
        assert bench.run(server.port, rules=FolderRules(include=("Sent",))).result.state == "completed"
        assert bench.digests() == []


@pytest.mark.parametrize(
    "rules",
    [FolderRules(exclude=("*",)), FolderRules(include=("INBOX",), exclude=("inbox",)), FolderRules(include=("Typo",))],
)
def test_a_choice_of_nothing_replaces_neither_mail_nor_password(bench: Bench, rules: FolderRules) -> None:
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(1))])
    users = bench.host.users_file.read_text()
    with FakeServer(folders_of(b"Sent")) as server:
        for check_mode in (True, False):
            result = bench.run(server.port, check_mode, target_password="another one", rules=rules).result
            assert (result.state, result.reason) == ("failed", "folder_missing")
    assert (len(bench.digests()), bench.host.users_file.read_text()) == (1, users)


def test_inbox_is_one_folder_in_whatever_letters(bench: Bench) -> None:
    with FakeServer(folders_of(b"Sent", b"INBOX/Sub")) as server:
        run = bench.run(
            server.port, rules=FolderRules(include=("Inbox", "Sent"), exclude=("inbox/Sub",), mapping={"inbox": "Old"})
        )
        assert (run.result.state, run.result.messages_copied) == ("completed", 6), run
    assert sorted(path for path, folder in bench.account().folders.items() if folder.messages) == [("Old",), ("Sent",)]


def test_a_folder_stays_where_it_is_and_that_is_told(bench: Bench) -> None:
    with FakeServer(folders_of(b"Sent")) as server:
        bench.completed(server)
        run = bench.run(server.port, state="latest", rules=FolderRules(mapping={"Sent": "Outgoing", "inbox": "INBOX"}))
    assert (
        "%s: folder Sent stays Sent, where an earlier run brought it, whatever folder_map says" % bench.address
        in run.lines
    )
    assert not any("INBOX stays" in line for line in run.lines)


@pytest.mark.parametrize("vanishes", [False, True])
def test_what_was_staged_of_a_folder_is_removed_when_it_is_excluded_or_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, vanishes: bool
) -> None:
    monkeypatch.setattr(patience, "LONGEST_BUSY", 0.3)
    stages = bench.host.home_of(bench.address) / "Maildir" / "tmp"
    with three_folders() as server:

        def stop(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:2])
            session.answer(command, b"NO [LIMIT] enough")

        server.on("UID FETCH", of_folder(b"Middle", stop))
        assert bench.run(server.port).result.reason == "throttled"
        assert [path for path in stages.iterdir() if path.is_dir()]

        if vanishes:
            server.folders = [folder for folder in server.folders if folder.name != b"Middle"]
        run = bench.run(server.port, rules=FolderRules(exclude=() if vanishes else ("Middle",)))
    assert run.result.state == "completed"
    assert list(stages.iterdir()) == []
