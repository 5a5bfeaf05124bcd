# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second run tells the truth: nothing changed, or exactly what did."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from support.dovecot import wait_until
from support.imap import Item
from support.mail import REPOSITORY, small_message
from support.relay import Relay
from support.run import finish_module, run_playbook
from support.scene import OWNER, Scene, difference

pytestmark = pytest.mark.both_dovecots


def files_of(directory: Path) -> dict[Path, tuple[int, int, int]]:
    """Every message file with what would change if it were written again: inode, size and time."""
    status = {path: path.stat() for path in directory.glob("**/cur/*")}
    return {path: (found.st_ino, found.st_size, found.st_mtime_ns) for path, found in status.items()}


@pytest.fixture
def imported(small_scene: Scene) -> Scene:
    """A scene after its first import."""
    outcome = small_scene.run()
    assert (outcome.entry["state"], outcome.entry["changed"], outcome.entry["created"]) == ("completed", True, True), (
        outcome.output
    )
    return small_scene


def through(relay: Relay) -> dict[str, object]:
    """Options that lead to the source through a relay that can read along."""
    return {"source_port": relay.port, "source_tls": "none", "source_ca_cert": None}


def test_playbook_changes_something_once(small_scene: Scene) -> None:
    runs = [
        run_playbook(
            REPOSITORY / "playbooks" / "import_imap.yml",
            inventory=str(REPOSITORY / "inventories" / "demo"),
            variables=small_scene.arguments(),
            directory=small_scene.directory,
        )
        for _ in range(2)
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].output + runs[1].output
    assert [run.recap["localhost"]["changed"] for run in runs] == [1, 0]
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_a_finished_import_does_not_contact_the_source(imported: Scene) -> None:
    before = files_of(imported.maildir)
    with Relay(imported.source.port) as relay:
        outcome = imported.run(**through(relay))
        assert relay.connections == 0
    assert (outcome.entry["state"], outcome.result["changed"], outcome.entry["messages_copied"]) == (
        "completed",
        False,
        0,
    )
    assert outcome.entry["message"] == "Import completed successfully"
    assert files_of(imported.maildir) == before


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_text("elsewhere.example\tmallory\n")], ids=["lost", "altered"]
)
def test_the_map_of_domains_is_restored(imported: Scene, spoil: Callable[[Path], object]) -> None:
    domains = imported.state_dir / "domains"
    before = domains.read_text()
    spoil(domains)
    assert imported.run(check_mode=True).result["changed"] is True
    assert imported.run().result["changed"] is True
    assert domains.read_text() == before
    assert imported.run().result["changed"] is False


def test_a_map_of_domains_that_cannot_be_written_is_told(imported: Scene) -> None:
    domains = imported.state_dir / "domains"
    domains.unlink()
    domains.mkdir()
    outcome = imported.run()
    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "host_refused") and str(
        domains
    ) in outcome.entry["message"]


def test_latest_fetches_nothing_when_nothing_is_new(imported: Scene) -> None:
    before = files_of(imported.maildir)
    with Relay(imported.source.port) as relay:
        outcome = imported.run(state="latest", **through(relay))
        assert relay.connections == 1
        assert b"BODY" not in relay.sent
    assert (outcome.result["changed"], outcome.entry["messages_copied"]) == (False, 0), outcome.output
    assert files_of(imported.maildir) == before


def test_latest_opens_only_folders_that_changed(imported: Scene) -> None:
    with imported.source_session() as session:
        session.append("Sent", [Item(small_message(1))])
    with Relay(imported.source.port) as relay:
        outcome = imported.run(state="latest", **through(relay))
    assert outcome.entry["messages_copied"] == 1
    opened = [line for line in relay.sent.split(b"\r\n") if b"EXAMINE" in line or b"SELECT" in line]
    assert opened
    assert all(b"Sent" in line for line in opened), opened


def test_latest_brings_a_new_message_and_touches_nothing_else(imported: Scene) -> None:
    before = files_of(imported.maildir)
    with imported.source_session() as session:
        session.append("INBOX", [Item(small_message(1), ("\\Flagged", "$Label1"), 1_600_000_000)])

    outcome = imported.run(state="latest")

    assert (outcome.result["changed"], outcome.entry["messages_copied"], outcome.entry["flags_updated"]) == (True, 1, 0)
    assert difference(imported.source_account(), imported.host_account()) == []
    after = files_of(imported.maildir)
    assert {path: facts for path, facts in after.items() if path in before} == before
    assert len(after) == len(before) + 1
    assert imported.run(state="latest").result["changed"] is False


def test_latest_brings_changed_flags_and_touches_nothing_else(imported: Scene) -> None:
    with imported.source_session() as session:
        session.select("Sent")
        first, second = session.uids()[:2]
        session.store([first], "FLAGS (\\Seen \\Flagged NewKeyword)")
        session.store([second], "FLAGS ()")
    before = sorted(files_of(imported.maildir).values())

    outcome = imported.run(state="latest")

    assert (outcome.result["changed"], outcome.entry["messages_copied"], outcome.entry["flags_updated"]) == (True, 0, 2)
    assert difference(imported.source_account(), imported.host_account()) == []
    assert sorted(files_of(imported.maildir).values()) == before
    assert imported.run(state="latest").result["changed"] is False


def test_latest_brings_new_folders_and_subscriptions(imported: Scene) -> None:
    with imported.source_session() as session:
        session.create("Later.Still later")
        session.subscribe("Later.Still later")
        session.append("Later.Still later", [Item(small_message(1))])
    outcome = imported.run(state="latest")
    assert (outcome.result["changed"], outcome.entry["messages_copied"]) == (True, 1)
    assert difference(imported.source_account(), imported.host_account()) == []


def test_what_the_user_moved_or_deleted_here_does_not_come_back(imported: Scene) -> None:
    with imported.host_session() as session:
        session.create("Mine")
        session.select("INBOX")
        moved, deleted, *_rest = session.uids()
        session.move([moved], "Mine")
        session.delete([deleted])
    kept = imported.host_account().contents()
    with imported.source_session() as session:
        session.append("INBOX", [Item(small_message(1))])

    outcome = imported.run(state="latest")

    assert outcome.entry["messages_copied"] == 1
    after = imported.host_account().contents()
    assert len(after) == len(kept) + 1
    assert set(kept) < set(after)


def test_what_was_deleted_at_the_source_stays_here(imported: Scene) -> None:
    before = imported.host_account()
    with imported.source_session() as session:
        session.select("INBOX")
        session.delete(session.uids()[:3])
    outcome = imported.run(state="latest")
    assert (outcome.entry["state"], outcome.result["changed"]) == ("completed", False), outcome.output
    assert difference(before, imported.host_account()) == []


def test_mail_the_user_got_here_stays(imported: Scene) -> None:
    """New mail on the host takes UIDs of its own; messages of the source that come later find others."""
    with imported.host_session() as session:
        session.append("INBOX", [Item(small_message(7, "Delivered here."))])
    with imported.source_session() as session:
        session.append("INBOX", [Item(small_message(8, "Delivered there."))])
    before = imported.host_account()

    outcome = imported.run(state="latest")

    assert outcome.entry["messages_copied"] == 1, outcome.output
    after = imported.host_account()
    assert len(after.contents()) == len(before.contents()) + 1
    assert set(imported.source_account().contents()) < set(after.contents())
    old, new = before.folders[("INBOX",)], after.folders[("INBOX",)]
    assert old.uidvalidity == new.uidvalidity
    assert {uid: new.messages[uid] for uid in old.messages} == old.messages


def test_a_source_that_was_rebuilt_brings_no_message_twice(imported: Scene) -> None:
    """UIDVALIDITY of a folder changes, its messages are the same."""
    path = ("Sent",)
    with imported.source_session() as session:
        session.command(b'RENAME "Sent" "Old"')
        session.create("Sent")
        session.select("Old")
        session.move(session.uids(), "Sent")
        session.append("Sent", [Item(small_message(1))])
        session.command(b"UNSELECT")
        session.command(b'DELETE "Old"')
        session.subscribe("Sent")
    before = imported.host_account().contents()

    outcome = imported.run(state="latest")

    assert outcome.entry["state"] == "completed", outcome.output
    after = imported.host_account()
    assert len(after.contents()) == len(before) + 1
    assert {facts.content for facts in after.folders[path].messages.values()} == {
        facts.content for facts in imported.source_account().folders[path].messages.values()
    }


def test_info_tells_what_was_imported(imported: Scene) -> None:
    known = imported.info()
    assert known["changed"] is False
    assert known["domains"] == [{"domain": "source.example", "owner": OWNER}]
    (entry,) = known["imports"]
    assert (entry["email"], entry["state"], entry["messages_total"]) == (
        imported.address,
        "completed",
        len(imported.host_account().contents()),
    )


def test_info_shows_an_import_that_is_running(small_scene: Scene) -> None:
    """The source stalls in the middle of the mail: meanwhile the host knows of the import."""
    with Relay(small_scene.source.port, hold_after=20_000) as relay:
        process = small_scene.start(**through(relay))
        running = {"state": "running", "messages_total": 40}
        wait_until(
            lambda: any(running.items() <= entry.items() for entry in small_scene.info()["imports"]),
            "the import to be known as running",
        )
        assert process.poll() is None
        relay.let_go()
        assert finish_module(process).entry["state"] == "completed"
    assert [entry["state"] for entry in small_scene.info()["imports"]] == ["completed"]
    assert difference(small_scene.source_account(), small_scene.host_account()) == []


def test_info_tells_a_failed_import(imported: Scene) -> None:
    imported.run(state="latest", password="wrong", target_password=imported.password)
    (entry,) = imported.info()["imports"]
    assert (entry["state"], entry["reason"]) == ("failed", "auth_failed")
