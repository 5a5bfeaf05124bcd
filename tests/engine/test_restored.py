# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup brings back the mailbox as it was, or the state of the host, and the other one is newer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.imap_mail import Folder
from fakes.imap_server import FakeServer
from support.dovecot import Dovecot

from .bench import PASSWORD, Bench, digests, messages, three_folders


@pytest.fixture
def sdbox(new_host: Callable[..., Dovecot], place: Path) -> Bench:
    host = new_host(mail_location="sdbox:~/sdbox", users={"box@restored.example": PASSWORD})
    return Bench(host, place / "state", "box@restored.example")


@pytest.fixture
def kept(place: Path) -> Path:
    """Where the backup is."""
    return place / "backup"


def back_up(directory: Path, kept: Path) -> None:
    subprocess.run(["cp", "--archive", str(directory), str(kept)], check=True)


def restore(directory: Path, kept: Path) -> None:
    shutil.rmtree(directory)
    back_up(kept, directory)


def more_mail(server: FakeServer) -> None:
    server.folders[0].messages += messages(5, 6)
    server.folders.append(Folder(b"Later", messages(3, 300)))


def assert_each_once(bench: Bench, server: FakeServer) -> None:
    here = [facts.content.sha256 for folder in bench.account().folders.values() for facts in folder.messages.values()]
    assert sorted(here) == sorted(found for folder in server.folders for found in digests(folder.messages))


def check_mailbox(bench: Bench, kept: Path) -> None:
    """What came after the backup comes again, whatever the record says."""
    home = bench.host.home_of(bench.address)
    with three_folders() as server:
        bench.completed(server)
        back_up(home, kept)
        more_mail(server)
        bench.completed(server, state="latest")
        restore(home, kept)
        run = bench.run(server.port)
        assert (run.result.state, run.result.messages_copied) == ("completed", 8)
        assert "had been removed on this host" in run.result.message
        assert_each_once(bench, server)
        assert not bench.run(server.port, state="latest").result.changed


def test_a9_a_maildir_that_was_restored(bench: Bench, kept: Path) -> None:
    check_mailbox(bench, kept)


def test_a9_an_sdbox_that_was_restored(sdbox: Bench, kept: Path) -> None:
    check_mailbox(sdbox, kept)


def test_a16_a_state_that_was_restored(sdbox: Bench, kept: Path) -> None:
    """What came after the backup is known again, also what its owner has filed away since."""
    bench = sdbox
    with three_folders() as server:
        bench.completed(server)
        back_up(bench.state_dir, kept)
        more_mail(server)
        bench.completed(server, state="latest")
        with bench.session() as owner:
            owner.select("INBOX")
            owner.command(b"UID MOVE %d Sent" % owner.uids()[-1])
            owner.select("INBOX")
            owner.delete(owner.uids()[:1])
        server.folders[0].messages = server.folders[0].messages[1:]
        restore(bench.state_dir, kept)
        server.folders[1].messages += messages(1, 150)
        for copied in (1, 0):
            result = bench.run(server.port, state="latest").result
            assert (result.state, result.messages_copied) == ("completed", copied)
            assert_each_once(bench, server)
