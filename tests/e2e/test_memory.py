# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Memory of an import stays flat, for a large message and for a large folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable

import pytest
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.dovecot_words import words
from support.imap import Item
from support.mail import small_message
from support.processes import group_members, peak_memory_mib, repeatedly
from support.run import Outcome, finish_module
from support.scene import Scene, difference
from support.tls import Certificate

LIMIT_MIB = 64
LARGE_MESSAGE = 300_000_000
LARGE_FOLDER = 100_000


@pytest.fixture
def roomy_scene(scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose servers may use the memory they like, and whose source takes many messages fast."""
    settings = words().no_memory_limit
    users = {scene.address: scene.password}
    scene.source = new_host(
        certificate=certificate, users=users, mail_location="mdbox:~/mdbox", separator="/", extra_config=settings
    )
    scene.host = new_host(extra_config=settings)
    return scene


def measured_run(scene: Scene, **changes: object) -> tuple[Outcome, float]:
    """Run the module; return its result and the most memory any of its processes had, in MiB."""
    process = scene.start(**changes)
    peaks = [0.0]
    with repeatedly(lambda: peaks.extend(map(peak_memory_mib, group_members(process.pid)))):
        outcome = finish_module(process)
    return outcome, max(peaks)


def test_one_large_message(roomy_scene: Scene, new_host: Callable[..., Dovecot], certificate: Certificate) -> None:
    roomy_scene.source = new_host(
        certificate=certificate,
        users={roomy_scene.address: roomy_scene.password},
        extra_config=words().no_memory_limit,
    )
    write_large_message(roomy_scene.source.home_of(roomy_scene.address) / "Maildir" / "new")

    outcome, peak = measured_run(roomy_scene)

    assert outcome.entry["state"] == "completed", outcome.output
    assert outcome.entry["bytes_copied"] > LARGE_MESSAGE
    assert difference(roomy_scene.source_account(), roomy_scene.host_account()) == []
    assert peak < LIMIT_MIB


def write_large_message(directory: Path) -> None:
    """Put a message into a Maildir's folder new, without ever having it in memory."""
    directory.mkdir(parents=True)
    line = b"A line like all the others, seventy-eight characters long with its line end.\r\n"
    with (directory / "1700000000.large.source").open("wb") as file:
        file.write(b"Subject: Large\r\nMessage-ID: <large@example.net>\r\n\r\n")
        for _ in range(LARGE_MESSAGE // (len(line) * 1000) + 1):
            file.write(line * 1000)
    for path in (
        directory / "1700000000.large.source",
        directory,
        directory.parent,
        directory.parent.parent,
        directory.parent.parent.parent,
    ):
        os.chown(path, MAIL_UID, MAIL_GID)


def test_one_large_folder(roomy_scene: Scene) -> None:
    with roomy_scene.source_session() as session:
        session.append(
            "INBOX", (Item(small_message(number), ("\\Seen",) if number % 3 else ()) for number in range(LARGE_FOLDER))
        )

    outcome, peak = measured_run(roomy_scene)

    assert outcome.entry["messages_copied"] == LARGE_FOLDER, outcome.output
    assert difference(roomy_scene.source_account(), roomy_scene.host_account()) == []
    assert peak < LIMIT_MIB

    outcome, peak = measured_run(roomy_scene, state="latest")
    assert outcome.result["changed"] is False
    assert peak < LIMIT_MIB
