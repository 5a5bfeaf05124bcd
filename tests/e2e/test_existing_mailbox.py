# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mailbox that existed before: left alone, replaced once, or merged into; and the options that go with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.dovecot import wait_until
from support.imap import Item, Session
from support.mail import small_message
from support.scene import Scene, difference

pytestmark = pytest.mark.both_dovecots

OLD_PASSWORD = "what it was before"  # noqa: S105 - of a mailbox that lives for one test
OLD_MAIL = [small_message(number, "It was here before.") for number in range(1000, 1006)]


@pytest.fixture
def occupied(small_scene: Scene) -> Scene:
    """A scene whose mailbox exists on the host, with another password and mail of its own."""
    small_scene.host.add_user(small_scene.address, OLD_PASSWORD)
    with small_scene.host_session(OLD_PASSWORD) as session:
        session.append("INBOX", [Item(data) for data in OLD_MAIL[:4]])
        session.create("Own")
        session.append("Own", [Item(data) for data in OLD_MAIL[4:]])
    return small_scene


def old_files(directory: Path) -> list[bytes]:
    """Those of the old messages whose files are below a directory, in the order of OLD_MAIL."""
    found = [
        canonical(file.read_bytes())
        for file in directory.rglob("*")
        if file.is_file() and file.parent.name in ("cur", "new")
    ]
    return [data for data in OLD_MAIL for content in found if content == data]


def canonical(data: bytes) -> bytes:
    """Dovecot may keep line ends as LF."""
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def test_existing_mailbox_is_left_alone(occupied: Scene) -> None:
    before = occupied.host_account(OLD_PASSWORD)
    users = occupied.host.users_file.read_bytes()

    outcome = occupied.run()

    assert outcome.returncode == 0
    assert (outcome.entry["state"], outcome.result["changed"], outcome.entry["messages_copied"]) == (
        "skipped",
        False,
        0,
    )
    assert difference(before, occupied.host_account(OLD_PASSWORD)) == []
    assert occupied.host.users_file.read_bytes() == users
    assert occupied.run().entry["state"] == "skipped"


def test_replace_moves_the_old_mail_aside_and_changes_the_password(occupied: Scene) -> None:
    outcome = occupied.run(ignore_existing=False)

    assert (outcome.entry["state"], outcome.result["changed"], outcome.entry["created"]) == (
        "completed",
        True,
        False,
    ), outcome.output
    wait_until(
        lambda: occupied.host.accepts_password(occupied.address, occupied.password), "Dovecot to look at its users file"
    )
    assert difference(occupied.source_account(), occupied.host_account()) == []
    assert not occupied.host.accepts_password(occupied.address, OLD_PASSWORD)
    aside = Path(outcome.entry["replaced_to"])
    assert old_files(aside) == OLD_MAIL
    assert any(folder.stat().st_mode & 0o077 == 0 for folder in (aside, *aside.parents[:3]))
    assert aside.is_relative_to(occupied.state_dir / "replaced" / occupied.address)


def test_replace_empties_the_mailbox_once(occupied: Scene) -> None:
    kept = occupied.run(ignore_existing=False).entry["replaced_to"]
    wait_until(
        lambda: occupied.host.accepts_password(occupied.address, occupied.password), "Dovecot to look at its users file"
    )
    with occupied.host_session() as session:
        session.append("INBOX", [Item(small_message(7, "It came after the import."))])
    before = occupied.host_account()
    for state in ("present", "latest"):
        outcome = occupied.run(ignore_existing=False, state=state)
        assert (outcome.entry["state"], outcome.result["changed"]) == ("completed", False), outcome.output
        assert outcome.entry["replaced_to"] == kept
        assert difference(before, occupied.host_account()) == []


def test_a_password_changes_hands_together_with_the_mail(occupied: Scene) -> None:
    """Not without it, and not once more by the runs that try what is left."""
    occupied.run(ignore_existing=False, import_content=False)
    assert occupied.host.accepts_password(occupied.address, OLD_PASSWORD)
    options = {"ignore_existing": False, "folders": ["INBOX", "Missing"]}
    assert occupied.run(**options).entry["reason"] == "folder_missing"
    occupied.host.wait_for_password(occupied.address, occupied.password)
    users = occupied.host.users_file.read_text()
    occupied.host.users_file.write_text(
        "".join("%s:{PLAIN}of the owner's choice::::::\n" % line.split(":")[0] for line in users.splitlines())
    )
    occupied.host.wait_for_password(occupied.address, "of the owner's choice")
    again = occupied.run(**options)
    assert (again.entry["reason"], again.result["changed"]) == ("folder_missing", False)
    assert occupied.host.accepts_password(occupied.address, "of the owner's choice")


def test_merge_adds_and_keeps(occupied: Scene) -> None:
    # One message is in both accounts already.
    with occupied.source_session() as session:
        session.append("INBOX", [Item(OLD_MAIL[0])])
    before = occupied.host_account(OLD_PASSWORD)

    outcome = occupied.run(ignore_existing=False, existing_content="merge")

    assert (outcome.entry["state"], outcome.result["changed"], outcome.entry["messages_present"]) == (
        "completed",
        True,
        1,
    ), outcome.output
    after = occupied.host_account(OLD_PASSWORD)
    source = occupied.source_account()
    assert sorted(set(after.contents())) == after.contents()
    assert set(after.contents()) == set(source.contents()) | set(before.contents())
    for path, folder in before.folders.items():
        assert after.folders[path].uidvalidity == folder.uidvalidity
        assert {uid: after.folders[path].messages[uid] for uid in folder.messages} == folder.messages
    assert occupied.run(ignore_existing=False, existing_content="merge").result["changed"] is False
    assert occupied.run(ignore_existing=False, existing_content="merge", state="latest").result["changed"] is False


def test_merge_keeps_both_of_two_messages_with_equal_headers(occupied: Scene) -> None:
    """Only the same bytes make two messages equal."""
    twin = OLD_MAIL[0].replace(b"It was here before.", b"It was there before.")
    with occupied.source_session() as session:
        session.append("INBOX", [Item(twin)])
    occupied.run(ignore_existing=False, existing_content="merge")
    inbox = occupied.host_account(OLD_PASSWORD).folders[("INBOX",)]
    with Session(occupied.host.port, occupied.address, OLD_PASSWORD) as session:
        session.select("INBOX")
        assert len(inbox.messages) == len(occupied.source_account().folders[("INBOX",)].messages) + 4
        matches = session.command(b'UID SEARCH HEADER Message-ID "note-1000@example.net"')
    assert len(matches[0].text.split()) - 2 == 2


def test_merge_of_two_accounts_into_one_mailbox(small_scene: Scene) -> None:
    """The second import of a mailbox is another import key: it meets the first one's mail as existing content."""
    small_scene.run()
    other = small_scene.address.replace("user", "other")
    small_scene.source.add_user(other, "other password")
    with Session(small_scene.source.port, other, "other password") as session:
        session.append("INBOX", [Item(small_message(number, "Of the other account.")) for number in range(5)])
    outcome = small_scene.run(
        email=other,
        password="other password",
        target_email=small_scene.address,
        target_password=small_scene.password,
        ignore_existing=False,
        existing_content="merge",
    )
    assert outcome.entry["messages_copied"] == 5, outcome.output
    assert len(small_scene.host_account().contents()) == len(small_scene.source_account().contents()) + 5


def test_force_begins_again(small_scene: Scene) -> None:
    small_scene.run()
    with small_scene.host_session() as session:
        session.select("INBOX")
        session.delete(session.uids())
    outcome = small_scene.run(force=True, ignore_existing=False)
    assert (outcome.entry["state"], outcome.result["changed"]) == ("completed", True), outcome.output
    assert small_scene.host_account().contents() == small_scene.source_account().contents()


def test_password_is_updated_only_when_asked(small_scene: Scene) -> None:
    small_scene.run()
    assert small_scene.run(target_password="a new one").result["changed"] is False
    assert small_scene.host.accepts_password(small_scene.address, small_scene.password)

    outcome = small_scene.run(target_password="a new one", update_password="always")

    assert outcome.result["changed"] is True, outcome.output
    wait_until(
        lambda: small_scene.host.accepts_password(small_scene.address, "a new one"), "Dovecot to look at its users file"
    )
    assert small_scene.run(target_password="a new one", update_password="always").result["changed"] is False


def test_mailbox_without_content(small_scene: Scene) -> None:
    """The source is not needed for that: nothing listens there."""
    options = {"import_content": False, "source_port": 1}
    outcome = small_scene.run(**options)
    assert (outcome.entry["state"], outcome.entry["created"], outcome.result["changed"]) == ("completed", True, True), (
        outcome.output
    )
    assert small_scene.host_account().contents() == []
    assert small_scene.run(**options).result["changed"] is False


def test_content_follows_a_mailbox_made_without(small_scene: Scene) -> None:
    small_scene.run(import_content=False)
    outcome = small_scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_users_file_keeps_its_other_lines(small_scene: Scene) -> None:
    lines = "# keep me\nsomebody@example.com:{PLAIN}x::::::\n\n#end\n"
    small_scene.host.users_file.write_text(lines)
    owner = small_scene.host.users_file.stat()
    small_scene.run()
    written = small_scene.host.users_file.read_text()
    assert written.startswith(lines)
    assert len(written.splitlines()) == len(lines.splitlines()) + 1
    status = small_scene.host.users_file.stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (0o640, owner.st_uid, owner.st_gid)


def tree(directory: Path) -> dict[str, object]:
    """Every path below a directory with its time and size."""
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in directory.rglob("*")}


@pytest.mark.parametrize(
    ("there", "existing"), [("no mailbox", "replace"), ("a mailbox", "replace"), ("a mailbox", "merge")]
)
def test_check_mode_writes_nothing(small_scene: Scene, there: str, existing: str) -> None:
    if there == "a mailbox":
        small_scene.host.add_user(small_scene.address, OLD_PASSWORD)
    users, mail = small_scene.host.users_file.read_bytes(), tree(small_scene.host.directory / "mail")

    outcome = small_scene.run(check_mode=True, ignore_existing=False, existing_content=existing)

    assert (outcome.returncode, outcome.result["changed"]) == (0, True), outcome.output
    assert outcome.entry["messages_total"] == len(small_scene.source_account().contents())
    assert small_scene.host.users_file.read_bytes() == users
    assert tree(small_scene.host.directory / "mail") == mail
    assert not small_scene.state_dir.exists()


def test_check_mode_finds_a_wrong_password(small_scene: Scene) -> None:
    outcome = small_scene.run(check_mode=True, password="wrong")
    assert outcome.returncode != 0
    assert outcome.entry["reason"] == "auth_failed"


def test_check_mode_after_the_import_changes_nothing(small_scene: Scene) -> None:
    small_scene.run()
    for state in ("present", "latest"):
        assert small_scene.run(check_mode=True, state=state).result["changed"] is False
    with small_scene.source_session() as session:
        session.append("INBOX", [Item(small_message(1))])
    before = small_scene.host_account()
    assert small_scene.run(check_mode=True, state="latest").result["changed"] is True
    assert difference(before, small_scene.host_account()) == []


def test_diff_shows_folders_before_and_after(small_scene: Scene) -> None:
    outcome = small_scene.run()
    source = small_scene.source_account()
    before, after = (json.loads(outcome.result["diff"][when]) for when in ("before", "after"))
    assert before != after
    text = str(after)
    for path in source.folders:
        assert path[-1] in text
    assert small_scene.address in text


def test_d2_a_mailbox_that_is_left_alone_says_how_to_add_to_it(occupied: Scene) -> None:
    outcome = occupied.task()
    assert "existing_content=merge adds" in outcome.entry["message"]
    assert "existing_content=replace moves its mail aside and changes its password" in outcome.entry["message"]
    (warning,) = outcome.result["warnings"]
    assert warning.startswith("%s: skipped: " % occupied.address)


def test_d2_a_move_stands_in_message_diff_and_summary(occupied: Scene) -> None:
    outcome = occupied.task("--diff", ignore_existing=False)
    kept = outcome.entry["replaced_to"]
    assert outcome.result["msg"].endswith("\n%s: the mail that was there before is in %s" % (occupied.address, kept))
    assert "[localhost] %s: the mail that was there before is in %s" % (occupied.address, kept) in outcome.output
    before, after = (json.loads(outcome.result["diff"][when]) for when in ("before", "after"))
    assert (before["earlier_mail"], after["earlier_mail"]) == ("in the mailbox", kept)
    assert outcome.result["summary"]["replaced"] == 1
    # Of a run that leaves all as it is, nothing is said again.
    assert "there before" not in occupied.task(ignore_existing=False).result["msg"]


def test_d2_mail_that_was_moved_aside_comes_back_as_the_guide_says(occupied: Scene) -> None:
    kept = Path(occupied.run(ignore_existing=False).entry["replaced_to"])
    earlier = occupied.host.home_of(occupied.address) / "earlier"
    kept.rename(earlier)
    occupied.host.doveadm("import", "-u", occupied.address, "maildir:%s" % earlier, "Earlier", "all")
    occupied.host.wait_for_password(occupied.address, occupied.password)
    with occupied.host_session() as session:
        account = session.account()
    back = {path: len(folder.messages) for path, folder in account.folders.items() if path[0] == "Earlier"}
    assert back.get(("Earlier", "INBOX")) == 4 and back.get(("Earlier", "Own")) == 2, back
    imported = {path: folder for path, folder in account.folders.items() if path[0] != "Earlier"}
    assert imported.keys() == occupied.source_account().folders.keys()
