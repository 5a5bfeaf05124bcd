# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A quota of the mail host holds for what an import writes past Dovecot, however many runs it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.dovecot import Dovecot
from support.dovecot_words import words
from support.imap import Item
from support.mail import small_message

from .bench import PASSWORD, Bench, digests

ADDRESS = "box@quota.example"
QUOTA = 700 * 1024


def long_messages(count: int, first: int) -> list[Message]:
    return [Message(uid, small_message(uid, "x" * 20_000)) for uid in range(first, first + count)]


@pytest.fixture
def limited(new_host: Callable[..., Dovecot], place: Path) -> Bench:
    """An empty mailbox that may hold 700 KB."""
    host = new_host(extra_config=words().quota_settings("700K"), users={ADDRESS: PASSWORD})
    return Bench(host, place / "state", ADDRESS)


@pytest.mark.parametrize("folders", [1, 3, 80])
def test_a17_what_earlier_runs_have_staged_counts(limited: Bench, folders: int) -> None:
    """The source holds more than twice the quota: no number of runs brings it in, and none shows more than fits."""
    count = 80 // folders
    source = [
        Folder(b"INBOX" if number == 0 else b"F%d" % number, long_messages(count, 1 + number * count))
        for number in range(folders)
    ]
    with FakeServer(source) as server:
        for _run in range(4):
            run = limited.run(server.port, existing_content="merge")
            assert (run.result.state, run.result.reason) == ("failed", "over_quota"), run
            assert sum(facts.content.size for facts in all_messages(limited)) <= QUOTA
        set_quota(limited, "700K", "1G")
        run = limited.run(server.port, existing_content="merge")
    assert run.result.state == "completed", run
    sent = sorted(digest for folder in source for digest in digests(folder.messages))
    assert sorted(facts.content.sha256 for facts in all_messages(limited)) == sent


def test_a17_what_is_staged_counts_once(limited: Bench) -> None:
    """A quota that was too small for one folder is raised to what both need, and a little more."""
    set_quota(limited, "700K", "200K")
    source = [Folder(b"INBOX", long_messages(16, 1)), Folder(b"Sent", long_messages(16, 101))]
    with FakeServer(source) as server:
        first = limited.run(server.port, existing_content="merge")
        assert first.result.reason == "over_quota", first
        set_quota(limited, "200K", "700K")
        run = limited.run(server.port, existing_content="merge")
    assert run.result.state == "completed", run
    assert len(all_messages(limited)) == 32


def test_a17_a_full_mailbox_to_which_nothing_is_added_is_completed(limited: Bench) -> None:
    """Its owner has filled it up himself; an empty folder of the source needs no room."""
    with FakeServer([Folder(b"INBOX", long_messages(30, 1))]) as server:
        assert limited.run(server.port, existing_content="merge").result.state == "completed"
        set_quota(limited, "700K", "100K")
        server.folders.append(Folder(b"Empty", []))
        run = limited.run(server.port, existing_content="merge", state="latest")
    assert run.result.state == "completed", run


@pytest.mark.parametrize(("count", "reason"), [(80, "over_quota"), (30, None)])
def test_a17_what_is_moved_aside_makes_room_and_no_more(limited: Bench, count: int, reason: str | None) -> None:
    with limited.session() as session:
        session.append("INBOX", [Item(small_message(9000 + number, "y" * 20_000)) for number in range(20)])
    with FakeServer([Folder(b"INBOX", long_messages(count, 1))]) as server:
        for _run in range(3):
            assert limited.run(server.port).result.reason == reason
    assert sum(facts.content.size for facts in all_messages(limited)) <= QUOTA
    assert len(all_messages(limited)) == (0 if reason else count)


def set_quota(bench: Bench, old: str, new: str) -> None:
    """Give mailboxes another quota; an import asks for it when it begins."""
    config = bench.host.config
    config.write_text(config.read_text().replace(old, new))


def all_messages(bench: Bench) -> list:
    """Everything that a login shows."""
    return [facts for folder in bench.account().folders.values() for facts in folder.messages.values()]
