# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Check mode tells what a run would do, and the run does just that."""

from __future__ import annotations

import os
import shutil
import signal
from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.stage import MaildirStage
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import batch
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.batch import Batch
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.dovecot import MAIL_GID
from support.imap import Item
from support.mail import small_message

from .bench import Bench, inbox, messages, three_folders
from .test_renumbered import renumbered


def told(result: ImportResult) -> tuple[Any, ...]:
    """What check mode and a run have to agree on."""
    return (
        result.changed,
        result.folders,
        result.messages_total,
        result.messages_copied,
        result.messages_present,
        result.flags_updated,
    )


def foretold(bench: Bench, server: FakeServer, **changes: Any) -> ImportResult:
    """Look first, then run: both say the same."""
    looked = bench.look(server.port, **changes)
    ran = bench.run(server.port, **changes)
    assert ran.result.state == "completed", ran
    assert told(looked.result) == told(ran.result)
    assert (looked.before.folders, looked.after.folders) == (ran.before.folders, ran.after.folders)
    there = {"/".join(path): len(folder.messages) for path, folder in bench.account().folders.items()}
    assert ran.after.folders.items() <= there.items()
    return ran.result


def test_a_first_import(bench: Bench) -> None:
    with three_folders() as server:
        assert foretold(bench, server).messages_copied == 15


@pytest.mark.parametrize("store", ["maildir", "imap"])
@pytest.mark.parametrize("changes", [{"force": True}, {"state": "latest"}, {"state": "latest", "force": True}], ids=str)
def test_a_complete_mailbox(bench: Bench, changes: dict[str, Any], store: str) -> None:
    with three_folders() as server:
        server.folders.append(Folder(b"Empty", []))
        bench.completed(server, existing_content="merge", message_store=store)
        result = foretold(bench, server, existing_content="merge", message_store=store, **changes)
        assert (result.changed, result.messages_copied, result.messages_present) == (False, 0, 15)


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_force_brings_what_was_removed_here(bench: Bench, store: str) -> None:
    options = {"existing_content": "merge", "message_store": store}
    with three_folders() as server:
        bench.completed(server, **options)
        with bench.session() as session:
            session.select("INBOX")
            session.delete(session.uids()[:2])
        assert foretold(bench, server, force=True, **options).messages_copied == 2


def test_force_replaces_once_more(bench: Bench) -> None:
    """Within a second, too: each time what was there is kept at a place of its own."""
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(900))])
    with three_folders() as server:
        first = bench.completed(server).result
        second = foretold(bench, server, force=True)
        assert second.messages_copied == 15 and first.replaced_to != second.replaced_to


@pytest.mark.parametrize("there", [True, False])
def test_folders_that_become_one(bench: Bench, there: bool) -> None:
    if there:
        with bench.session() as session:
            session.create("All")
            session.append("All", [Item(small_message(900))])
    rules = FolderRules(mapping={"Middle": "All", "Sent": "All"})
    with three_folders() as server:
        foretold(bench, server, rules=rules, existing_content="merge")
        ran = bench.run(server.port, rules=rules, existing_content="merge", force=True)
        assert ran.after.folders == {} and len(bench.messages("All")) == 10 + there


@pytest.mark.parametrize(("existing", "store"), [("merge", "maildir"), ("replace", "maildir"), ("merge", "imap")])
def test_a_mailbox_with_mail_of_its_own(bench: Bench, existing: str, store: str) -> None:
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(900 + number)) for number in range(4)])
    with inbox() as server:
        assert foretold(bench, server, existing_content=existing, message_store=store).messages_copied == 5
        with bench.session() as session:
            session.append("INBOX", [Item(small_message(990))])
        server.folders[0].messages = messages(7)
        later = {"existing_content": existing, "message_store": store, "state": "latest"}
        assert foretold(bench, server, **later).messages_copied == 2


def test_folders_that_are_asked_for_no_more_count_no_more(bench: Bench) -> None:
    """One is gone, one is called anew, one is excluded: figures are those of the folders that are imported."""
    with three_folders() as server:
        server.folders.append(Folder(b"Gone", messages(4, 301)))
        bench.completed(server)
        server.folders.pop()
        server.folder(b"Middle").name = b"Anew"
        server.folder(b"INBOX").messages += messages(1, 6)
        rules = FolderRules(exclude=("Sent",))
        result = foretold(bench, server, state="latest", rules=rules)
        assert (result.messages_total, result.messages_copied, result.messages_present) == (11, 6, 5)


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_flags_that_are_here_already_change_nothing(bench: Bench, store: str) -> None:
    """Its owner has read a message in both places, and removed another one here."""
    options = {"existing_content": "merge", "state": "latest", "message_store": store}
    with inbox() as server, bench.session() as session:
        bench.completed(server, **options)
        first, second, third = server.folders[0].messages[:3]
        session.select("INBOX")
        uids = session.uids()
        session.store(uids[:1], "+FLAGS (\\Seen)")
        session.delete(uids[1:2])
        first.flags = second.flags = (b"\\Seen",)
        assert foretold(bench, server, **options).changed is False
        third.flags = (b"\\Flagged",)
        assert foretold(bench, server, **options).flags_updated == 1


@pytest.mark.parametrize(("first", "second"), [("imap", "maildir"), ("maildir", "imap")])
def test_flags_are_counted_where_the_run_looks_for_them(bench: Bench, first: str, second: str) -> None:
    """Part of the mail was written as files, and part by the host's own server."""
    with inbox() as server:
        bench.completed(server, state="latest", message_store=first)
        server.folders[0].messages.append(Message(50, small_message(77)))
        bench.completed(server, state="latest", message_store=second)
        for message in server.folders[0].messages[0], server.folders[0].messages[-1]:
            message.flags = (b"\\Flagged",)
            foretold(bench, server, state="latest", message_store=second)


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_what_is_compared_by_content_is_counted_at_most(bench: Bench, store: str) -> None:
    """Only reading a message tells that the mailbox holds an equal one: here by another program, then by earlier runs
    whose UIDs mean nothing any more."""
    with inbox() as server, bench.session() as session:
        session.append("INBOX", [Item(message.body) for message in server.folders[0].messages[:3]])
        options = {"existing_content": "merge", "message_store": store}
        looked = bench.look(server.port, **options).result
        assert looked.message.startswith("at most 5 messages would be imported")
        assert bench.completed(server, **options).result.messages_copied == 2
        server.folders[0].uidvalidity += 1
        looked = bench.look(server.port, state="latest", **options).result
        assert looked.message.startswith("at most 5 messages would be imported")
        assert not bench.completed(server, state="latest", **options).result.changed
        assert not bench.look(server.port, state="latest", **options).result.message.startswith("at most")


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_what_comes_after_other_numbers_is_counted_as_it_is(bench: Bench, store: str) -> None:
    """Once a folder has been gone through, its new UIDs tell what is here: an equal message comes, too."""
    options = {"state": "latest", "message_store": store}
    with inbox() as server:
        folder = server.folders[0]
        bench.completed(server, **options)
        folder.messages = renumbered([Message(0, small_message(500)), *folder.messages])
        assert bench.look(server.port, **options).result.message.startswith("at most 6 messages would be imported")
        assert bench.completed(server, **options).result.messages_copied == 1
        folder.messages.append(Message(50, small_message(1)))
        assert bench.look(server.port, **options).result.message == "1 message would be imported"
        assert bench.completed(server, **options).result.messages_copied == 1


def test_where_nothing_is_nothing_is_compared(bench: Bench) -> None:
    """Into a mailbox that is to be made, or was never opened, all of it comes."""
    with inbox() as server:
        for address in (bench.address, "new@engine.example"):
            bench.address = address
            looked = bench.look(server.port, existing_content="merge").result
            assert looked.message == "5 messages would be imported"


def test_what_a_run_would_fail_at_is_told(bench: Bench) -> None:
    bench.address = "new@engine.example"
    file = bench.state_dir.with_name("file")
    file.touch()
    with inbox() as server:
        for run in (bench.look, bench.run):
            told = run(server.port, target_password="x" * 600).result
            assert (told.state, told.reason, told.created) == ("failed", "invalid_row", False), told
            assert "no login to Dovecot can carry this password" in told.message
        bench.state_dir = file / "below"
        for run in (bench.look, bench.run):
            told = run(server.port).result
            assert (told.state, told.reason) == ("failed", "host_refused"), told
            assert "the state cannot be kept in %s: Not a directory" % bench.state_dir in told.message


@pytest.mark.parametrize("mode", [0o755, 0o1777], ids=oct)
def test_mail_that_its_user_may_not_move_aside_is_told(bench: Bench, mode: int) -> None:
    home = bench.host.home_of(bench.address)
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(900))])
    os.chown(home, 0, 0)
    home.chmod(mode)
    os.chown(home / "Maildir", 0, MAIL_GID)
    (home / "Maildir").chmod(0o770)
    with inbox() as server:
        looked, ran = bench.look(server.port), bench.run(server.port)
        assert looked.result.message == ran.result.message
        assert "existing_content=merge" in ran.result.message and ran.result.replaced_to is None
        assert foretold(bench, server, existing_content="merge").messages_copied == 5


def test_mail_that_nobody_may_add_to_is_moved_aside(bench: Bench) -> None:
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(900))])
    (bench.host.home_of(bench.address) / "Maildir").chmod(0o500)
    with inbox() as server:
        assert foretold(bench, server).messages_copied == 5


def test_later_mail_comes_to_what_is_there(bench: Bench) -> None:
    with inbox() as server:
        bench.completed(server)
        with bench.session() as session:
            session.append("INBOX", [Item(small_message(900 + number)) for number in range(4)])
        server.folder(b"INBOX").messages += messages(1, 6)
        assert foretold(bench, server, state="latest").messages_present == 5


@pytest.mark.parametrize("where", ["in the middle of a folder", "while it shows a folder"])
def test_what_a_killed_run_has_staged_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    with bench.session() as session:
        session.select("INBOX")  # Dovecot makes it
    with inbox(20) as server:
        if where == "in the middle of a folder":
            monkeypatch.setattr(batch, "BATCH_MESSAGES", 5)
            monkeypatch.setattr(Batch, "finish_folder", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL))
        else:
            monkeypatch.setattr(
                MaildirStage, "_hand_over_messages", lambda *_arguments: os.kill(os.getpid(), signal.SIGKILL)
            )
        assert bench.run(server.port, existing_content="merge").result.reason == "interrupted"
        monkeypatch.undo()
        result = foretold(bench, server, existing_content="merge")
    assert (result.messages_copied, result.messages_present, len(bench.messages())) == (0, 20, 20)


def test_an_import_that_has_replaced_replaces_no_more(bench: Bench) -> None:
    with bench.session() as session:
        session.append("INBOX", [Item(small_message(900))])
    rules = FolderRules(include=("INBOX", "Missing"))
    with inbox() as server:
        assert bench.run(server.port, rules=rules).result.reason == "folder_missing"
        for run in (bench.look, bench.run):
            result = run(server.port, rules=rules).result
            assert (result.changed, result.messages_copied, result.messages_present) == (False, 0, 5)


def test_a_mailbox_that_was_removed_is_filled_anew(bench: Bench) -> None:
    users = bench.host.users_file.read_text()
    with inbox() as server:
        bench.completed(server)
        line = next(line for line in users.splitlines(keepends=True) if line.startswith(bench.address + ":"))
        bench.host.users_file.write_text(users.replace(line, ""))
        shutil.rmtree(bench.host.home_of(bench.address))
        looked = bench.look(server.port)
        assert (looked.result.created, looked.result.messages_copied) == (True, 5)
        bench.completed(server)
