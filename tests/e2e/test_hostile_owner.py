# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The owner of a mailbox plants links in it: what they point to is neither read, written nor moved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.dovecot import MAIL_GID, MAIL_UID
from support.imap import Item
from support.mail import small_message
from support.scene import Scene

OLD_PASSWORD = "hers before"  # noqa: S105 - of a mailbox that lives for one test


@pytest.fixture
def trapped(small_scene: Scene) -> Scene:
    """A scene whose mailbox exists on the host, with a message, and belongs to somebody who can write there."""
    small_scene.host.add_user(small_scene.address, OLD_PASSWORD)
    with small_scene.host_session(OLD_PASSWORD) as session:
        session.create("Sent")
        for name in ("INBOX", "Sent"):
            session.append(name, [Item(small_message(1))])
    return small_scene


def make_victim(scene: Scene, uid: int) -> Path:
    """A Maildir that belongs to another: to root, to another system user, or to another mailbox of the same one."""
    victim = scene.directory / "victim"
    for name in ("cur", "new", "tmp"):
        (victim / name).mkdir(parents=True)
    files = {
        "cur/1.other:2,S": b"Subject: not yours\r\n\r\nsecret\r\n",
        "subscriptions": b"Private\n",
        "dovecot-uidlist": b"3 V1 N9 G0\n",
        "keep": b"keep",
    }
    for name, content in files.items():
        (victim / name).write_bytes(content)
    # A lock that has been there long enough to be nobody's.
    os.utime(victim / "keep", (1, 1))
    for path in (victim, *victim.rglob("*")):
        os.chown(path, uid, MAIL_GID if uid else 0)
        path.chmod(0o700 if path.is_dir() else 0o600)
    return victim


def state_of(victim: Path) -> dict[str, tuple[object, ...]]:
    """Everything below the directory: content, owner, mode and number of names."""
    found = {}
    for path in (victim, *sorted(victim.rglob("*"))):
        status = path.lstat()
        found[str(path)] = (
            path.read_bytes() if path.is_file() else b"",
            status.st_uid,
            status.st_gid,
            status.st_mode,
            status.st_ino,
        )
    return found


def plant(place: Path, target: Path) -> None:
    """Put a link where something was, as the mailbox's owner would."""
    if place.is_symlink() or place.exists():
        place.rename(place.with_name("was-" + place.name.lstrip(".")))
    place.symlink_to(target)
    os.chown(place, MAIL_UID, MAIL_GID, follow_symlinks=False)
    os.utime(place, (1, 1), follow_symlinks=False)


TRAPS = {
    "cur of INBOX": ("cur", "cur"),
    "new of INBOX": ("new", "new"),
    "tmp of INBOX": ("tmp", "tmp"),
    "a folder": (".Sent", ""),
    "cur of a folder": (".Sent/cur", "cur"),
    "tmp of a folder": (".Sent/tmp", "tmp"),
    "uidlist": ("dovecot-uidlist", "dovecot-uidlist"),
    "uidlist lock": ("dovecot-uidlist.lock", "keep"),
    "keywords": ("dovecot-keywords", "keep"),
    "subscriptions": ("subscriptions", "subscriptions"),
    "a message": ("cur/9.mine:2,S", "cur/1.other:2,S"),
}


@pytest.mark.parametrize("content", ["merge", "replace"])
@pytest.mark.parametrize("uid", [0, MAIL_UID], ids=["of root", "of another mailbox"])
@pytest.mark.parametrize("trap", TRAPS)
def test_planted_link(trapped: Scene, trap: str, uid: int, content: str) -> None:
    victim = make_victim(trapped, uid)
    link, target = TRAPS[trap]
    plant(trapped.maildir / link, victim / target)
    before = state_of(victim)

    outcome = trapped.run(ignore_existing=False, existing_content=content)

    assert state_of(victim) == before
    assert "Traceback" not in outcome.output
    assert outcome.entry["state"] in ("completed", "failed") and "\n" not in outcome.entry["message"]


@pytest.mark.parametrize("content", ["merge", "replace"])
@pytest.mark.parametrize("uid", [0, MAIL_UID + 1], ids=["of root", "of another user"])
@pytest.mark.parametrize("link", ["Maildir", "home"])
def test_whole_maildir_is_a_link(trapped: Scene, link: str, uid: int, content: str) -> None:
    victim = make_victim(trapped, uid)
    if link == "Maildir":
        plant(trapped.maildir, victim)
    else:
        (victim / "Maildir").mkdir(mode=0o700)
        os.chown(victim / "Maildir", uid, MAIL_GID if uid else 0)
        plant(trapped.maildir.parent, victim)
    before = state_of(victim)

    outcome = trapped.run(ignore_existing=False, existing_content=content)

    assert state_of(victim) == before
    assert "Traceback" not in outcome.output


def test_home_that_is_not_there_is_made_for_its_owner_alone(small_scene: Scene) -> None:
    outcome = small_scene.run()
    assert outcome.entry["state"] == "completed"
    home = small_scene.maildir.parent
    assert (home.stat().st_uid, home.stat().st_mode & 0o777) == (MAIL_UID, 0o700)
