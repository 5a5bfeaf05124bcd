# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail that a killed run has stored and nobody took note of, and that its owner files away before the next run."""

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import batch
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.imap import Item, Session
from support.mail import small_message

from .bench import Bench, digest, messages

# In both folders of the source; in the second as large as what goes right through the engine.
SHARED, LONG = 7, 300_000


def source() -> FakeServer:
    sent = [Message(1, small_message(SHARED)), *messages(3, 101), Message(200, small_message(200, "x" * LONG))]
    return FakeServer([Folder(b"INBOX", messages(9)), Folder(b"Sent", sent)])


def kill_before_it_is_recorded(bench: Bench, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_news: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(batch, "tell_committed", killed)
        run = bench.run(server.port, existing_content="merge", message_store="imap")
    assert run.result.reason == "interrupted", run


def move(session: Session, folder: str, numbers: list[int], target: str) -> None:
    """Move messages, by their places in a folder."""
    session.select(folder)
    uids = session.uids()
    for number in numbers:
        session.command(b"UID MOVE %d %s" % (uids[number], target.encode()))


def numbers(bench: Bench) -> dict[str, list[int]]:
    """Which of the small messages each folder holds."""
    known = {digest(small_message(number)): number for number in (*range(1, 10), *range(101, 104))}
    known[digest(small_message(200, "x" * LONG))] = 200
    return {
        "/".join(path): sorted(known[facts.content.sha256] for facts in folder.messages.values())
        for path, folder in bench.account().folders.items()
        if folder.messages
    }


@pytest.mark.parametrize("has_mail", [False, True], ids=["empty", "with mail"])
def test_a15_what_its_owner_moves_between_a_kill_and_the_next_run_stays_there_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, has_mail: bool
) -> None:
    with source() as server, bench.session() as owner:
        for name in ("Filed", "Sent"):
            owner.create(name)
        if has_mail:
            owner.append("Filed", [Item(small_message(1)), Item(small_message(9))])
        kill_before_it_is_recorded(bench, server, monkeypatch)
        move(owner, "INBOX", [1, 2], "Filed")
        move(owner, "INBOX", [1], "Sent")  # the fourth
        move(owner, "Sent", [4], "Filed")  # the long one
        there = numbers(bench)
        run = bench.run(server.port, existing_content="merge", message_store="imap")
        assert (run.result.state, run.reasons) == ("completed", []), run
        assert (
            numbers(bench)
            == there
            == {
                "INBOX": [1, 5, 6, 7, 8, 9],
                "Sent": [4, 7, 101, 102, 103],
                "Filed": sorted([2, 3, 200, *([1, 9] if has_mail else [])]),
            }
        )
        assert not bench.run(server.port, existing_content="merge", message_store="imap", state="latest").result.changed
