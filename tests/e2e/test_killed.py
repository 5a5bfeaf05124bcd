# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import that is killed at any point is continued by the next run: no message lost, doubled or torn."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.dovecot import wait_until
from support.imap import Item, snapshot
from support.mail import small_message
from support.processes import group_members
from support.run import finish_module
from support.scene import Scene, difference, torn_or_foreign

pytestmark = pytest.mark.both_dovecots

KILLS = 20


def kill_after(scene: Scene, seconds: float, everything: bool, **options: object) -> bool:
    """Start an import and kill it later: its first process, or all of them. Return whether it was still running."""
    process = scene.start(**options)
    time.sleep(seconds)
    if everything:
        return kill_all_of(process)
    running = process.poll() is None
    process.kill()
    process.communicate()
    return running


def kill_all_of(process: subprocess.Popen[str]) -> bool:
    """Kill a module with all its processes; return whether it was still running."""
    running = process.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return running


def kill_at(scene: Scene, messages: int) -> bool:
    """Start an import and kill all of it once so many messages are in files; return whether it was still running."""
    process = scene.start()
    wait_until(lambda: process.poll() is not None or files_written(scene) >= messages, "messages to be written")
    return kill_all_of(process)


def files_written(scene: Scene) -> int:
    """How many files of messages the mailbox has, in sight or not yet."""
    return sum(
        len(files)
        for directory, _directories, files in os.walk(scene.host.home_of(scene.address))
        if directory.endswith("/cur")
    )


def test_killed_at_random_points(big_scene: Scene) -> None:
    scene = big_scene
    source = scene.source_account()
    started = time.monotonic()
    assert scene.run(target_email="whole@target.example").entry["state"] == "completed"
    whole = time.monotonic() - started
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for number in range(KILLS):
        label = "seed %d, kill %d" % (seed, number)
        everything = number % 2 == 0
        address = "box%d@target.example" % number
        for attempt in range(20):
            if kill_after(scene, chance.uniform(0, whole), everything, target_email=address):
                break
            # It was over before: the machine has become faster, and this one does not count.
            whole *= 0.8
            address = "box%d-%d@target.example" % (number, attempt)
        else:
            pytest.fail("%s: no import was still running when it was to be killed" % label)
        # A process that lost its parent may go on for a moment: the next run has to get along with it.
        if everything:
            half = scene.host_glimpse(address)
            assert torn_or_foreign(source, half) == [], label
        outcome = scene.run(target_email=address)
        assert outcome.entry["state"] == "completed", label + outcome.output
        assert difference(source, snapshot(scene.host.port, address, scene.password)) == [], label
        assert scene.run(target_email=address).result["changed"] is False, label


def test_killed_again_and_again(big_scene: Scene) -> None:
    """One import, killed until it gets through by itself: what is there only ever grows."""
    source, seen, kills = big_scene.source_account(), 0, 0
    for kills in range(60):
        if not kill_at(big_scene, 1 + 500 * kills):
            break
        half = big_scene.host_glimpse()
        assert torn_or_foreign(source, half) == []
        assert len(half.contents()) >= seen
        seen = len(half.contents())
    assert kills > 1
    outcome = big_scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert difference(source, big_scene.host_account()) == []


def test_user_reads_mail_between_a_kill_and_the_next_run(big_scene: Scene) -> None:
    """Whatever a login leaves in the half-finished mailbox, nothing gets lost or doubled."""
    source = big_scene.source_account().contents()
    for messages in (1, 1000, 2000):
        assert kill_at(big_scene, messages)
        wait_until(
            lambda: big_scene.host.accepts_password(big_scene.address, big_scene.password),
            "Dovecot to look at its users file",
        )
        assert set(big_scene.host_account().contents()) <= set(source)
    outcome = big_scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert big_scene.host_account().contents() == source


def test_killed_while_replacing_loses_no_old_mail(big_scene: Scene) -> None:
    """Old mail is in the mailbox or moved aside, all of it, once; and the wipe does not happen twice."""
    scene, old = big_scene, [small_message(number, "It was here before.") for number in range(5000, 5040)]
    scene.host.add_user(scene.address, "old password")
    with scene.host_session("old password") as session:
        session.append("INBOX", [Item(data) for data in old])
    started = time.monotonic()
    assert scene.run(target_email="whole@target.example").entry["state"] == "completed"
    whole = time.monotonic() - started
    met = 0
    for number in range(8):
        met += kill_after(scene, (0.1 + 0.1 * number) * whole, everything=True, ignore_existing=False)
        assert len(message_files(scene, b"was here before")) == len(old), "kill %d" % number
    assert met > 3
    outcome = scene.run(ignore_existing=False)
    assert outcome.entry["state"] == "completed", outcome.output
    wait_until(lambda: scene.host.accepts_password(scene.address, scene.password), "Dovecot to look at its users file")
    assert difference(scene.source_account(), scene.host_account()) == []
    aside = Path(outcome.entry["replaced_to"])
    assert len(message_files(scene, b"was here before")) == len(old)
    assert all(path.is_relative_to(aside) for path in message_files(scene, b"was here before"))


def test_two_runs_at_once_deliver_once(big_scene: Scene) -> None:
    """A second run of the same import waits for the first, or gives way to it."""
    processes = [big_scene.start() for _ in range(2)]
    outcomes = [finish_module(process) for process in processes]
    assert any(outcome.entry["state"] == "completed" for outcome in outcomes), outcomes[0].output + outcomes[1].output
    assert difference(big_scene.source_account(), big_scene.host_account()) == []
    assert big_scene.run().result["changed"] is False


def test_no_process_outlives_the_import(small_scene: Scene) -> None:
    process = small_scene.start()
    finish_module(process)
    assert group_members(process.pid) == []


def message_files(scene: Scene, text: bytes) -> list[Path]:
    """Files of messages with the text in them, in the mailbox or moved aside."""
    paths = [path for root in (scene.maildir.parent, scene.state_dir / "replaced") for path in root.rglob("*")]
    return [
        path for path in paths if path.is_file() and path.parent.name in ("cur", "new") and text in path.read_bytes()
    ]
