# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quirks of UIDs, counts and of what changes while one looks. Numbers: README.md."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules, ImportResult
from fakes.imap_mail import Folder, Message
from fakes.imap_server import Command, FakeServer, Session, of_folder, times
from support.imap import Item
from support.mail import small_message

from .bench import Bench, digests, inbox, messages, three_folders


def after_examine(name: bytes, change) -> object:
    """Let something happen to a folder between EXAMINE and FETCH."""

    def act(session: Session, command: Command) -> None:
        change()
        session.behave(command)

    return of_folder(name, times(1, act))


def figures(result: ImportResult) -> tuple[int, int, int, int]:
    """Messages in total, copied, there before, and left behind; they add up."""
    assert result.messages_total == result.messages_copied + result.messages_present + result.messages_failed, result
    return result.messages_total, result.messages_copied, result.messages_present, result.messages_failed


def test_q61_uidvalidity_changes_between_runs(bench: Bench) -> None:
    """A server that was restored gives its mail new UIDs: nothing comes twice, what is new comes."""
    with three_folders() as server:
        bench.completed(server)
        folder = server.folders[1]
        folder.uidvalidity += 1
        folder.messages = [Message(uid, message.body) for uid, message in zip((9, 4, 7, 1, 2), folder.messages)]
        folder.messages.sort(key=lambda message: message.uid)
        folder.messages.append(Message(10, small_message(999)))

        run = bench.completed(server, state="latest")

        assert run.result.messages_copied == 1
        assert bench.run(server.port, state="latest").result.changed is False


def test_q61_uidvalidity_changes_between_listing_and_opening(bench: Bench) -> None:
    with three_folders() as server:

        def replace() -> None:
            server.folders[1].uidvalidity = 1_800_000_000
            server.folders[1].messages = messages(7, 1)

        server.on("EXAMINE", after_examine(b"Middle", replace))
        bench.completed(server)
        assert bench.account().folders["Middle",].uidvalidity == 1_800_000_000
        assert bench.run(server.port, state="latest").result.changed is False


def test_q61_uidvalidity_changes_while_a_folder_is_read(bench: Bench) -> None:
    """The connection breaks, and behind the same name is another folder then."""
    with three_folders() as server:

        def act(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:3])
            server.folders[1].uidvalidity = 1_800_000_000
            server.folders[1].messages = messages(7, 1)
            session.hang_up()

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        result = bench.completed(server).result
        assert (result.messages_copied, result.bytes_copied) == (
            17,
            sum(len(message.body) for folder in server.folders for message in folder.messages),
        )


def test_what_came_of_a_folder_that_is_refused_then_does_not_count(bench: Bench) -> None:
    with three_folders() as server:

        def act(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:3])
            for name in ("EXAMINE", "SELECT"):
                server.on(
                    name,
                    lambda session, command: (
                        session.answer(command, b"NO [NOPERM] no")
                        if b"Middle" in command.rest
                        else session.behave(command)
                    ),
                )
            session.hang_up()

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        run = bench.run(server.port)
        assert (run.result.messages_copied, run.result.messages_present, run.result.messages_failed) == (10, 0, 5)
        assert run.reasons == [("Middle", "folder_refused", None)]


def test_q61_uidvalidity_changes_while_a_folder_is_read_into_one_that_has_mail(bench: Bench) -> None:
    """The same messages, by other UIDs from then on: those that had arrived do not arrive again."""
    joined = {"mapping": {"Middle": "Joined", "Sent": "Joined"}}
    with three_folders() as server:
        assert (
            bench.run(server.port, rules=FolderRules(include=("INBOX", "Sent"), **joined)).result.state == "completed"
        )

        def act(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:3])
            server.folders[1].uidvalidity = 1_800_000_000
            for message in server.folders[1].messages:
                message.uid += 1000
            session.hang_up()

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        run = bench.run(server.port, state="latest", rules=FolderRules(**joined))
        assert (run.result.state, run.reasons) == ("completed", [])
        assert sorted(bench.digests("Joined")) == sorted(
            digests([*server.folders[1].messages, *server.folders[2].messages])
        )


def test_q61_uidvalidity_changes_before_anything_came_and_what_is_there_twice_comes_twice(bench: Bench) -> None:
    """A message of two folders that are brought together is no copy that this run has made."""
    joined = {"mapping": {"Middle": "Joined", "Sent": "Joined"}}
    with three_folders() as server:
        server.folders[2].messages[0].body = server.folders[1].messages[0].body
        assert (
            bench.run(server.port, rules=FolderRules(include=("INBOX", "Sent"), **joined)).result.state == "completed"
        )

        def replace() -> None:
            server.folders[1].uidvalidity = 1_800_000_000

        server.on("EXAMINE", after_examine(b"Middle", replace))
        run = bench.run(server.port, state="latest", rules=FolderRules(**joined))
        assert (run.result.state, run.reasons, run.result.messages_copied) == ("completed", [], 5)
        assert sorted(bench.digests("Joined")) == sorted(
            digests([*server.folders[1].messages, *server.folders[2].messages])
        )


def test_q61_uidvalidity_changes_while_a_folder_is_read_that_gets_mail_meanwhile(bench: Bench) -> None:
    """What is in the folder by then came another way, so all of the source's comes too."""
    with three_folders() as server:

        def act(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:3])
            with bench.session() as owner:
                owner.create("Middle")
                owner.append("Middle", [Item(server.folders[1].messages[4].body)])
            server.folders[1].uidvalidity = 1_800_000_000
            session.hang_up()

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        run = bench.run(server.port)
        assert (run.result.state, run.reasons, run.result.messages_copied) == ("completed", [], 15)
        assert sorted(bench.digests("Middle")) == sorted(
            digests([*server.folders[1].messages, server.folders[1].messages[4]])
        )


@pytest.mark.parametrize("told", [b"* OK [UIDVALIDITY 0] none\r\n", b""])
def test_q61_uidvalidity_that_is_zero_or_missing_everywhere(bench: Bench, told: bytes) -> None:
    with inbox() as server:
        server.rewrite = lambda piece: piece.replace(b"* OK [UIDVALIDITY 1700000001] valid\r\n", told).replace(
            b"UIDVALIDITY 1700000001", b"UIDVALIDITY 0"
        )
        bench.completed(server)
        server.folders[0].messages += messages(2, 6)
        assert bench.completed(server, state="latest").result.messages_copied == 2


def test_q62_uids_that_do_not_ascend(bench: Bench) -> None:
    with three_folders() as server:
        server.folders[1].messages = [*messages(3, 107), *messages(4, 101), *messages(1, 120)]
        bench.completed(server)
        assert list(bench.messages("Middle")) == [101, 102, 103, 104, 107, 108, 109, 120]


def test_q62_uids_that_do_not_ascend_and_a_connection_that_breaks(bench: Bench) -> None:
    with three_folders() as server:
        server.folders[1].messages = [*messages(3, 107), *messages(4, 101), *messages(1, 120)]

        def act(session: Session, command: Command) -> None:
            session.send_messages(command, list(session.wanted(command))[:4])
            session.hang_up()

        server.on("UID FETCH", of_folder(b"Middle", times(1, act)))
        bench.completed(server)


@pytest.mark.parametrize("position", [3, 9])
def test_q62_a_uid_given_twice_is_told(bench: Bench, position: int) -> None:
    """Only one of the two can be asked for. The import does not count as completed, this time nor the next."""
    with inbox(10) as server:
        server.folders[0].messages[position] = Message(2, small_message(777))
        for _again in range(2):
            run = bench.run(server.port)
            assert (run.result.state, run.reasons, run.result.messages_failed) == (
                "failed",
                [("INBOX", "message_refused", 2)],
                1,
            )
            assert "several messages" in run.result.not_imported[0].message
            assert len(bench.messages()) == 9


def test_q64_a6_exists_counts_more_than_there_is(bench: Bench) -> None:
    """Hidden items, a limit on what IMAP shows (Gmail's is a user setting): what there is has arrived, and the rest is
    told each time until the source counts right."""
    with inbox() as server:
        server.rewrite = lambda piece: piece.replace(b"5 EXISTS", b"12 EXISTS").replace(b"MESSAGES 5", b"MESSAGES 12")
        for copied in (5, 0, 0):
            result = bench.run(server.port, state="latest").result
            assert (result.state, result.reason) == ("failed", "source_unavailable")
            assert "counts 12 messages in this folder and does not give 7 of them" in result.not_imported[0].message
            assert figures(result) == (12, copied, 5 - copied, 7)
        server.rewrite = bytes
        assert figures(bench.completed(server, state="latest").result) == (5, 0, 5, 0)


def test_q64_exists_counts_less_than_there_is(bench: Bench) -> None:
    with inbox() as server:
        server.rewrite = lambda piece: piece.replace(b"5 EXISTS", b"2 EXISTS").replace(b"MESSAGES 5", b"MESSAGES 2")
        bench.completed(server)


def test_q64_nothing_comes_although_something_is_counted(bench: Bench) -> None:
    with three_folders() as server:
        server.on("UID FETCH", of_folder(b"Middle", lambda session, command: session.answer(command)))
        run = bench.run(server.port)
        assert run.reasons == [("Middle", "source_unavailable", None)]
        assert figures(run.result) == (15, 10, 0, 5)


def test_q66_commands_are_short_and_sets_ascend(bench: Bench) -> None:
    """Some servers refuse a line of more than 8,192 octets, or a set that descends."""
    with inbox(3000) as server:
        uids = [message.uid for message in server.folders[0].messages]
        for message, uid in zip(server.folders[0].messages, uids):
            message.uid = 4_000_000_000 + 3 * uid
        withheld = {message.uid for message in server.folders[0].messages[::2]}

        def fetch(session: Session, command: Command) -> None:
            uids = command.rest.split(b" ")[0]
            if b":*" in uids and b"BODY" in command.rest:
                session.send_messages(
                    command, [pair for pair in session.wanted(command) if pair[1].uid not in withheld]
                )
                session.answer(command)
            elif len(command.rest) > 8192 or (
                b":" not in uids
                and [int(uid) for uid in uids.split(b",")] != sorted(int(uid) for uid in uids.split(b","))
            ):
                session.answer(command, b"BAD too long")
            else:
                session.behave(command)

        server.on("UID FETCH", fetch)
        bench.completed(server)


def test_new_mail_after_nothing_matches(bench: Bench) -> None:
    """Mail was removed, so the folder changed; a server may call the empty set of new UIDs an error."""
    with inbox() as server:
        bench.completed(server)
        del server.folders[0].messages[1]

        def fetch(session: Session, command: Command) -> None:
            session.answer(command, b"NO no matching messages") if command.rest.startswith(b"6:*") else session.behave(
                command
            )

        server.on("UID FETCH", fetch)
        run = bench.run(server.port, state="latest")
    assert (run.result.state, run.result.changed, run.reasons) == ("completed", False, [])


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """As many as a process may open by default, so that a few hundred folders are many; tests before may have left
    some open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024 + len(os.listdir("/proc/self/fd")), hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_many_folders_with_new_mail_each(bench: Bench, few_descriptors: None) -> None:
    with FakeServer([Folder(b"Folder %d" % number, messages(1)) for number in range(400)]) as server:
        assert bench.run(server.port).result.messages_copied == 400
        for folder in server.folders:
            folder.messages += messages(1, 2)
        run = bench.run(server.port, state="latest")
    assert (run.result.state, run.result.messages_copied) == ("completed", 400), run
