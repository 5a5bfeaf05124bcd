# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders and files of a Maildir have the rights and the group that Dovecot itself would give them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.imap import Item
from support.mail import small_message

from .bench import PASSWORD, Bench

IMPORTED, MADE = "imported@rights.example", "made@rights.example"
# A group that the mailbox's user is not in: only a directory with the setgid bit hands it on.
SHARED_GID = 6000

# Rights of the home directory, and of the Maildir in it when that exists.
CASES = {
    "nothing is there": (None, None),
    "home shared": (0o2770, None),
    "home of a group, not shared": (0o770, None),
    "shared": (0o700, 0o2770),
    "shared for reading": (0o700, 0o2750),
    "of a group": (0o700, 0o770),
    "of a group for reading": (0o700, 0o750),
    "for all to read": (0o700, 0o755),
    "private": (0o700, 0o700),
}


def make(directory: Path, mode: int | None) -> None:
    """A directory of the mailbox's, with that mode, or nothing."""
    if mode is not None:
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory.parent, MAIL_UID, MAIL_GID)
        os.chown(directory, MAIL_UID, SHARED_GID if mode & stat.S_ISGID else MAIL_GID)
        directory.chmod(mode)


def rights(maildir: Path) -> dict[str, tuple[str, int]]:
    """Mode and group of all that Dovecot and an import both make; messages go by the directory they are in."""
    found = {}
    for path in [maildir, *maildir.rglob("*")]:
        name = path.relative_to(maildir)
        if path.name.startswith(("dovecot.", "dovecot-uidvalidity", "mailimport")) or name.parts[:1] == ("new",):
            continue
        if path.is_file() and path.parent.name in ("cur", "new"):
            name = name.with_name("message")
        found[str(name)] = stat.filemode(path.stat().st_mode), path.stat().st_gid
    return found


@pytest.mark.parametrize("mail_location", ["maildir:~/Maildir", "maildir:~/Maildir:LAYOUT=fs"])
@pytest.mark.parametrize("case", CASES)
def test_c1_rights_are_those_that_dovecot_gives(
    new_host: Callable[..., Dovecot], place: Path, case: str, mail_location: str
) -> None:
    host = new_host(mail_location=mail_location, separator="/", users={IMPORTED: PASSWORD, MADE: PASSWORD})
    for address in (IMPORTED, MADE):
        for directory, mode in zip((host.home_of(address), host.home_of(address) / "Maildir"), CASES[case]):
            make(directory, mode)
    with host.session(MADE, PASSWORD) as session:
        for name in ("Folder", "Parent/Folder"):
            session.create(name)
            session.append(name, [Item(small_message(1), ("Keyword",))])
        session.subscribe("Folder")

    bench = Bench(host, place / "state", IMPORTED)
    mail = [Message(1, small_message(1), (b"Keyword",))]
    folders = [Folder(b"INBOX"), Folder(b"Folder", mail, subscribed=True), Folder(b"Parent/Folder", mail)]
    with FakeServer(folders) as server:
        bench.completed(server, existing_content="merge")
        folders[1].messages = [*mail, Message(2, small_message(2), (b"Another",))]
        bench.completed(server, existing_content="merge", state="latest")

    made = rights(host.home_of(MADE) / "Maildir")
    imported = rights(host.home_of(IMPORTED) / "Maildir")
    assert {name: imported.get(name) for name in made if name in imported} == {
        name: made[name] for name in made if name in imported
    }
    assert {name for name in made if "message" in name or "dovecot-" in name} <= imported.keys() | {"dovecot-uidlist"}
    with bench.session() as session:
        session.command(b"CREATE Another")
        session.command(b"RENAME Folder Another/Folder")
