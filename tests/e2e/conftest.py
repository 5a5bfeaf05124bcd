# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scenes with much mail, or with a mail host that keeps mail in formats of Dovecot's own; and runs over lists."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest
from support.company import Employee, Run, old_provider
from support.dovecot import Dovecot
from support.imap import Item
from support.mail import load_mail, small_message
from support.scene import Scene, fill

from .boxes import BOXES, FOLDERS


@pytest.fixture(params=sorted(BOXES))
def box_scene(request: pytest.FixtureRequest, scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose mail host keeps mail in a format of Dovecot's own; its source account is empty."""
    scene.host = new_host(**BOXES[request.param])
    return scene


@pytest.fixture
def sdbox_scene(scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    """A scene whose mail host has sdbox mailboxes; its source account is empty."""
    scene.host = new_host(**BOXES["sdbox"])
    return scene


@pytest.fixture
def big_scene(scene: Scene) -> Scene:
    """A scene with enough mail that a random moment is likely to lie inside the copy."""
    _fill_much(scene)
    return scene


@pytest.fixture
def big_box_scene(box_scene: Scene) -> Scene:
    """The same with a mail host that keeps mail in a format of Dovecot's own."""
    _fill_much(box_scene)
    return box_scene


def _fill_much(scene: Scene) -> None:
    with scene.source_session() as session:
        fill(session, load_mail(300), FOLDERS)
        for name in ("INBOX", "Sent"):
            session.append(
                name, [Item(small_message(number), ("Keyword",) if number % 7 == 0 else ()) for number in range(2000)]
            )


@pytest.fixture(scope="module")
def company(shelf: Path, people: list[Employee]) -> Iterator[Dovecot]:
    """The old provider of the people that the module employs."""
    with old_provider(shelf, people) as server:
        yield server


@pytest.fixture
def run(place: Path, company: Dovecot, host: Dovecot) -> Run:
    """Runs of the list module from that provider."""
    return Run(place, company, host)


@pytest.fixture
def small_disk() -> Iterator[Callable[..., None]]:
    """Mount a small file system over a directory, or give the one that is there another size."""
    mounted: list[Path] = []

    def mount(directory: Path, size: str) -> None:
        remount = "remount," if directory in mounted else ""
        owner = directory.stat()
        options = "%ssize=%s,mode=755,uid=%d,gid=%d" % (remount, size, owner.st_uid, owner.st_gid)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            pytest.skip("cannot mount a small file system here: " + done.stderr.strip())
        if not remount:
            mounted.append(directory)

    yield mount
    for directory in mounted:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
