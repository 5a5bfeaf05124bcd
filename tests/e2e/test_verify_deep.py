# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`verify: deep` and `content` compare source and mailbox, tell what differs by folder and UID, and write nothing."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from support.company import Employee, Run, as_rows, employees
from support.imap import Item
from support.mail import small_message
from support.run import Outcome
from support.scene import Scene

pytestmark = pytest.mark.both_dovecots

DEEP: dict[str, Any] = {"verify": "deep"}


def everything(*places: Path) -> dict[str, Any]:
    """Every file and directory below, with all that writing to it would change."""
    found: dict[str, Any] = {}
    for place in places:
        for path in sorted(place.rglob("*")):
            status = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (status.st_ino, status.st_mtime_ns, status.st_mode, content)
    return found


def differences(outcome: Outcome) -> list[tuple[str, str, int | None]]:
    return [(each["folder"], each["reason"], each["uid"]) for each in outcome.entry["not_imported"]]


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(3)


@pytest.fixture(params=["maildir", "imap"])
def imported(small_scene: Scene, request: pytest.FixtureRequest) -> Scene:
    """A mailbox that was imported; over IMAP, the host's UIDs are not those of the source."""
    small_scene.options["message_store"] = request.param
    outcome = small_scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    return small_scene


def test_what_was_imported_is_there(imported: Scene) -> None:
    outcome = imported.run(**DEEP)
    assert outcome.entry["state"] == "completed", outcome.output
    assert outcome.entry["message"] == "Verified: 40 messages compared, nothing differs"
    assert (outcome.entry["messages_total"], outcome.entry["messages_present"]) == (40, 40)
    assert (outcome.entry["messages_copied"], outcome.entry["not_imported"]) == (0, [])
    assert not outcome.result["changed"]
    # Nor is any of it new to the next run.
    assert not imported.run(state="latest").result["changed"]


def test_everything_that_differs_is_told(imported: Scene) -> None:
    with imported.source_session() as session:
        session.append("Party 🎉", [Item(small_message(900))])
        session.select("Party 🎉")
        new = session.uids()[-1]
        session.select("Sent")
        flagged = session.uids()[1]
        session.store([flagged], "+FLAGS (Novel)")
        session.select("INBOX")
        gone = session.uids()[0]
    with imported.host_session() as session:
        session.select("INBOX")
        session.delete(session.uids()[:1])
    outcome = imported.run(**DEEP)
    assert outcome.result["failed"]
    assert sorted(differences(outcome)) == [
        ("INBOX", "message_missing", gone),
        ("Party 🎉", "message_missing", new),
        ("Sent", "flags_differ", flagged),
    ]
    assert outcome.entry["messages_failed"] == 2
    assert (outcome.entry["messages_total"], outcome.entry["messages_present"]) == (41, 39)
    assert outcome.entry["message"] == "Verified: 39 messages compared, 2 missing here, 1 with other flags"
    texts = {each["folder"]: each["message"] for each in outcome.entry["not_imported"]}
    assert "moved, deleted, or lost here" in texts["INBOX"]
    assert "no run has brought it yet" in texts["Party 🎉"]
    assert "novel" in texts["Sent"]


def test_other_flags_alone_are_no_failure(imported: Scene) -> None:
    with imported.host_session() as session:
        session.select("INBOX")
        session.store(session.uids(), "+FLAGS.SILENT (OfTheOwner)")
        count = len(session.uids())
    outcome = imported.run(**DEEP)
    assert (outcome.entry["state"], outcome.entry["messages_failed"]) == ("completed", 0), outcome.output
    assert {reason for _folder, reason, _uid in differences(outcome)} == {"flags_differ"}
    assert outcome.entry["message"] == "Verified: 40 messages compared, %d with other flags" % count


def test_nothing_is_written(imported: Scene) -> None:
    places = (imported.maildir, imported.state_dir, imported.host.users_file.parent)
    with imported.source_session() as session:
        session.append("INBOX", [Item(small_message(901))])
    before = {path: facts for path, facts in everything(*places).items() if ".db" not in path and "/lock" not in path}
    record = imported.info()["imports"]
    imported.run(**DEEP)
    after = everything(*places)
    if imported.options["message_store"] == "maildir":
        assert {path: after.get(path) for path in before} == before
    else:  # Dovecot's own process may write to its indexes
        mail = [path for path in before if "/cur/" in path or "/new/" in path]
        assert [after.get(path) for path in mail] == [before[path] for path in mail]
    assert imported.info()["imports"] == record


def file_of(scene: Scene, number: int) -> Path:
    return sorted((scene.maildir / "cur").iterdir())[number]


def test_damage_on_the_disk_is_found(small_scene: Scene) -> None:
    small_scene.run()
    with small_scene.source_session() as session:
        session.select("INBOX")
        uids = session.uids()
    os.truncate(file_of(small_scene, 0), 100)
    whole = file_of(small_scene, 1)
    # A figure that is wrong is no damage: then the messages themselves count.
    whole.rename(str(whole).replace(",W=", ",W=1"))
    outcome = small_scene.run(**DEEP)
    assert differences(outcome) == [("INBOX", "message_differs", uids[0])]
    assert outcome.entry["message"] == "Verified: 40 messages compared, 1 differ"


def change(path: Path, old: bytes, new: bytes) -> None:
    """Replace bytes of a file by as many others, and leave its time as it is."""
    times, data = path.stat(), path.read_bytes()
    assert old in data and len(old) == len(new)
    path.write_bytes(data.replace(old, new, 1))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_other_messages_of_the_same_size_are_found(small_scene: Scene) -> None:
    numbers = range(800, 804)
    with small_scene.source_session() as session:
        session.append("Sent", [Item(small_message(number)) for number in numbers])
        session.select("Sent")
        uids = session.uids()[-4:]
    small_scene.run()
    kept = {path: path.read_bytes() for path in (small_scene.maildir / ".Sent" / "cur").iterdir()}
    files = [path for number in numbers for path, data in kept.items() if b"Note %d\r" % number in data]
    change(files[0], b"Subject: Note", b"Subject: Nota")
    change(files[2], b"Note number", b"Nota number")
    os.utime(files[3], (1_000_000_000, 1_000_000_000))
    deep = small_scene.run(**DEEP)
    assert differences(deep) == [("Sent", "message_differs", uids[0]), ("Sent", "date_differs", uids[3])]
    assert deep.entry["message"] == "Verified: 44 messages compared, 1 differ, 1 with other dates"
    assert "here: 09-Sep-2001 01:46:40 +0000" in deep.entry["not_imported"][1]["message"]
    content = small_scene.run(verify="content")
    assert [each for each in differences(content) if each[1] == "message_differs"] == [
        ("Sent", "message_differs", uids[0]),
        ("Sent", "message_differs", uids[2]),
    ]
    assert content.result["failed"] and not content.result["changed"]
    # In a sample, the first and the last.
    assert ("Sent", "message_differs", uids[2]) not in differences(small_scene.run(verify="content", verify_sample=2))


def test_each_mailbox_of_a_list_is_compared(run: Run, people: list[Employee]) -> None:
    rows = as_rows(people)
    run.module(mailboxes=rows)
    home = run.host.directory / "mail"
    damaged = sorted(home.rglob("cur/*"))[0]
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    outcome = run.module(mailboxes=rows, verify="content")
    states = {entry["email"]: entry["state"] for entry in outcome.result["imports"]}
    assert sorted(states.values()) == ["completed", "completed", "failed"], outcome.output
    (failed,) = (entry for entry in outcome.result["imports"] if entry["state"] == "failed")
    assert failed["email"].partition("@")[0] in str(damaged)
    assert [(each["reason"], each["uid"] > 0) for each in failed["not_imported"]][:1] == [("message_differs", True)]


def test_a_sample_counts_all_and_compares_some(small_scene: Scene) -> None:
    small_scene.run()
    os.truncate(file_of(small_scene, 0), 100)
    os.truncate(file_of(small_scene, 1), 100)
    file_of(small_scene, 2).unlink()
    outcome = small_scene.run(**DEEP, verify_sample=2)
    # The first and the last of each folder, and what is missing of all.
    assert [reason for _folder, reason, _uid in differences(outcome)] == ["message_missing", "message_differs"]
    assert outcome.entry["message"] == "Verified: 8 messages compared, 1 missing here, 1 differ"


def test_what_the_mailbox_had_before_counts(small_scene: Scene) -> None:
    other = small_scene.run(import_content=False, password=small_scene.password)
    assert other.entry["state"] == "completed", other.output
    with small_scene.source_session() as source, small_scene.host_session() as host:
        first = small_message(77)
        source.append("INBOX", [Item(first)])
        host.append("INBOX", [Item(first)])
    merging = {"ignore_existing": False, "existing_content": "merge"}
    assert small_scene.run(**merging).entry["state"] == "completed"
    outcome = small_scene.run(**merging, **DEEP)
    assert differences(outcome) == []
    assert outcome.entry["message"] == "Verified: 41 messages compared, nothing differs"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "it has not been imported from this source"),
        ({"import_content": False}, "verify=deep compares mail"),
        ({"force": True}, "nothing to force"),
        ({"verify": "copied", "verify_sample": 5}, "verify_sample is for verify=deep"),
    ],
)
def test_what_cannot_be_compared_is_refused(small_scene: Scene, options: dict[str, Any], words: str) -> None:
    outcome = small_scene.run(**{**DEEP, **options})
    assert outcome.result["failed"]
    assert words in outcome.result["msg"]
    assert not small_scene.maildir.exists()
