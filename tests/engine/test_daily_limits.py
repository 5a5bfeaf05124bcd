# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources that give so much a day, and folders that hold no mail: what the profile of a kind of server is for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules
from ansible_collections.panel.mailimport.plugins.module_utils.run import status as status_of
from ansible_collections.panel.mailimport.plugins.module_utils.source import profiles
from ansible_collections.panel.mailimport.plugins.module_utils.state import budgets
from fakes.imap_mail import Folder
from fakes.imap_server import FakeServer

from .bench import Bench, Run, folders_of, messages

EXCHANGE = b"* OK The Microsoft Exchange IMAP4 service is ready. [QQBNADAAUABSAA==]\r\n"
GMAIL = b"* OK Gimap ready for requests from 192.0.2.1 a1mb2\r\n"


def two_folders() -> FakeServer:
    return FakeServer([Folder(b"INBOX", messages(12)), Folder(b"Work", messages(12, 101))])


def size_of(server: FakeServer, count: int) -> int:
    """Bytes of the first messages, with what is counted beside each."""
    return sum(len(message.body) + 200 for message in server.folders[0].messages[:count])


def the_next_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a day pass, for this host."""
    monkeypatch.setattr(status_of, "is_past", lambda _moment: True)
    monkeypatch.setattr(budgets, "DAY", 0.0)


def left_out(run: Run) -> list[str]:
    return [line.partition("on purpose: ")[2] for line in run.lines if "left out" in line]


@pytest.mark.parametrize("store", ["maildir", "imap"])
def test_b11_three_budgets_take_three_days(bench: Bench, monkeypatch: pytest.MonkeyPatch, store: str) -> None:
    with two_folders() as server:
        limit = size_of(server, 10)
        run = bench.run(server.port, source_daily_bytes=limit, message_store=store)
        assert (run.result.state, run.result.reason, run.result.messages_copied) == ("paused", "throttled", 10)
        assert "10 of 24 messages are here, and the rest takes about 2 days more" in run.result.message
        assert run.result.changed and run.result.retry_at

        logins = len(server.received("LOGIN"))
        assert bench.run(server.port, source_daily_bytes=limit).result.state == "paused"
        assert len(server.received("LOGIN")) == logins, "the source is left alone until then"
        for state in ("paused", "completed"):
            the_next_day(monkeypatch)
            run = bench.run(server.port, source_daily_bytes=limit, message_store=store)
            assert (run.result.state, run.result.not_imported) == (state, []), run
            assert run.result.messages_copied == (10 if state == "paused" else 4)
        bench.completed(server)


def test_b11_the_budget_is_the_accounts_and_not_the_mailboxes(
    bench: Bench, mailbox_numbers: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    with two_folders() as server:
        assert bench.run(server.port, source_daily_bytes=size_of(server, 12), source_user="anna").result.reason
        other = replace(bench, address="box%d@engine.example" % next(mailbox_numbers))  # type: ignore[call-overload]
        second = other.run(server.port, source_daily_bytes=size_of(server, 12), source_user="anna").result
        assert (second.state, second.messages_copied) == ("paused", 0)
        third = replace(bench, address="box%d@engine.example" % next(mailbox_numbers))  # type: ignore[call-overload]
        assert third.run(server.port, source_daily_bytes=0, source_user="anna").result.state == "completed"


def test_b11_gmails_limit_is_known_without_being_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with two_folders() as server:
        server.greeting = GMAIL
        monkeypatch.setattr(profiles, "_PROFILES", (replace(profiles.GMAIL, daily_bytes=size_of(server, 5)),))
        assert bench.run(server.port).result.messages_copied == 5
        assert bench.run(server.port, force=True, source_daily_bytes=0).result.state == "completed"


@pytest.mark.parametrize("check_mode", [True, False])
def test_b12_folders_of_other_things_are_left_out_and_told(bench: Bench, check_mode: bool) -> None:
    names = (b"Calendar", b"Contacts/Recipient Cache", b"Tasks", b"Notes", b"Journal", b"Sent Items", b"My Calendar")
    with FakeServer(folders_of(*names), greeting=EXCHANGE) as server:
        server.folder(b"Sent Items").attributes = (b"\\Sent",)
        run = bench.run(server.port, check_mode=check_mode)
        assert left_out(run) == ["5 without mail (Calendar, Contacts/Recipient Cache, Tasks, Notes, Journal)"]
        assert (run.result.folders, run.result.messages_copied, run.reasons) == (3, 9, [])


def test_b12_a_folder_that_is_asked_for_by_name_comes(bench: Bench) -> None:
    with FakeServer(folders_of(b"Calendar", b"Notes", b"Sent Items"), greeting=EXCHANGE) as server:
        server.folder(b"Sent Items").attributes = (b"\\Sent",)
        run = bench.run(server.port, rules=FolderRules(include=("INBOX", "Notes", "Cal*", "Sent*")))
        assert left_out(run) == ["1 without mail (Calendar)"]
        assert (run.result.state, run.result.folders) == ("completed", 3)


def test_b12_elsewhere_they_are_folders_like_others(bench: Bench) -> None:
    with FakeServer(folders_of(b"Calendar", b"Notes")) as server:
        assert left_out(bench.completed(server)) == []
