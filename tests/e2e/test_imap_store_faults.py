# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mailboxes that are no Maildir: faults by kind, see the table in ../engine/README.md."""

from __future__ import annotations

import os
import time
from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.imap import Item
from support.mail import load_mail, small_message
from support.run import finish_module
from support.scene import Scene, fill
from support.tls import Certificate

from .boxes import BOXES, FOLDERS, in_order, loss, messages, surplus, write_maildir

MONTH = 30 * 86_400


def test_a15_what_its_owner_moves_and_deletes_meanwhile_is_delivered(box_scene: Scene) -> None:
    """A mail program's filter moves every 50th message and deletes every 75th while the import runs."""
    scene = box_scene
    scene.host.add_user(scene.address, scene.password)
    with scene.host_session() as owner:
        owner.create("Filed")
    with scene.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in range(4000)])
    process = scene.start(ignore_existing=False, existing_content="merge")
    moved = deleted = 0
    done = set()
    with scene.host_session() as owner:
        while process.poll() is None:
            owner.select("INBOX")
            new = [uid for uid in owner.uids() if uid not in done]
            done.update(new)
            away, gone = [uid for uid in new if uid % 50 == 0], [uid for uid in new if uid % 75 == 1]
            if away:
                owner.move(away, "Filed")
            if gone:
                owner.delete(gone)
            moved, deleted = moved + len(away), deleted + len(gone)
    outcome = finish_module(process)

    assert moved and deleted
    assert (outcome.entry["state"], outcome.entry["not_imported"]) == ("completed", []), outcome.output
    assert outcome.entry["messages_copied"] == 4000
    there, here = scene.source_account(), scene.host_account()
    kept = messages(here, ("INBOX",)) + messages(here, ("Filed",))
    assert surplus(kept, messages(there, ("INBOX",))) == []
    assert len(kept) == 4000 - deleted
    again = scene.run(ignore_existing=False, existing_content="merge", state="latest")
    assert (again.entry["state"], again.result["changed"]) == ("completed", False), again.output


def test_a16_mailbox_that_is_made_again_around_its_mail(box_scene: Scene) -> None:
    """Its line was lost from the users file; Dovecot's files are all there."""
    scene = box_scene
    with scene.source_session() as session:
        fill(session, load_mail(60), FOLDERS)
    source = scene.source_account()
    assert scene.run().entry["state"] == "completed"
    scene.host.users_file.write_text("")

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(source, scene.host_account()) == []
    assert scene.run(state="latest").result["changed"] is False


def test_a18_a_subscribed_folder_that_does_not_open_costs_no_subscription(box_scene: Scene) -> None:
    scene = box_scene
    with scene.source_session() as session:
        for name in ("Alpha", "Broken", "Omega"):
            session.create(name)
            session.subscribe(name)
            session.append(name, [Item(small_message(1))])
    broken = scene.source.home_of(scene.source_user or scene.address) / "Maildir" / ".Broken"
    broken.rename(broken.with_name(".Hidden"))
    broken.symlink_to("/nonexistent/folder")
    (broken.with_name(".Hidden")).chmod(0)

    outcome = scene.run()

    assert {("Alpha",), ("Omega",)} <= scene.host_account().subscriptions, outcome.output
    assert "host_refused" not in [entry["reason"] for entry in outcome.entry["not_imported"]], outcome.output


def test_a19_a_date_in_the_future_is_told(
    box_scene: Scene, certificate: Certificate, new_host: Callable[..., Dovecot]
) -> None:
    """Dovecot takes such a date for a mistake and puts the present in its place."""
    scene = box_scene
    scene.source = new_host(certificate=certificate, users={scene.address: scene.password})
    write_maildir(scene.source, scene.address, [small_message(number) for number in range(3)])
    files = sorted((scene.source.home_of(scene.address) / "Maildir" / "new").iterdir())
    os.utime(files[1], (time.time() + MONTH,) * 2)

    outcome = scene.run()

    assert outcome.entry["state"] == "completed", outcome.output
    assert [(entry["reason"], entry["uid"]) for entry in outcome.entry["not_imported"]] == [("message_altered", 2)]
    assert " with the date " in outcome.entry["not_imported"][0]["message"]
    assert in_order(scene.host_account(), ("INBOX",)) == in_order(scene.source_account(), ("INBOX",))
    assert scene.run(state="latest").result["changed"] is False


def test_c10_a_full_disk_is_told_and_room_lets_it_go_on(box_scene: Scene, small_disk: Callable[..., None]) -> None:
    """Dovecot says SERVERBUG to the session and "No space left on device" in its log."""
    scene = box_scene
    with scene.source_session() as session:
        session.append("INBOX", [Item(message.data) for message in load_mail(20)])
        session.append("INBOX", [Item(small_message(number, "x" * 100_000)) for number in range(60)])
        session.create("Later")
        session.append("Later", [Item(small_message(number)) for number in range(20)])
    source = scene.source_account()
    disk = scene.host.directory / "mail"
    small_disk(disk, "4m")

    outcome = scene.run()

    assert (outcome.entry["state"], outcome.entry["reason"]) == ("failed", "disk_full"), outcome.output
    assert "No space left" in outcome.entry["message"]
    again = scene.run()
    assert (again.entry["state"], again.entry["reason"]) == ("failed", "disk_full"), again.output
    small_disk(disk, "64m")
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(source, scene.host_account()) == []


def test_c11_many_folders_arrive(sdbox_scene: Scene) -> None:
    scene = sdbox_scene
    with scene.source_session() as session:
        for number in range(700):
            session.create("Folder %d" % number)
        session.append("Folder 3", [Item(small_message(1))])
        session.append("Folder 690", [Item(small_message(2))])
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []
    assert scene.run(state="latest").result["changed"] is False


@pytest.mark.parametrize("setting", ["", "mailbox_list_index_very_dirty_syncs = yes\n"], ids=["usual", "very dirty"])
@pytest.mark.parametrize("format_name", sorted(BOXES))
def test_c11_a_session_that_looked_before_lists_all_new_folders(
    scene: Scene, new_host: Callable[..., Dovecot], format_name: str, setting: str
) -> None:
    """A mail program stays connected while folders come, in the middle of those that it knows too."""
    scene.host = new_host(**BOXES[format_name], extra_config=setting)
    scene.host.add_user(scene.address, scene.password)
    with scene.source_session() as session:
        for number in range(150):
            session.create("Folder %d.Inner" % number)
        session.append("Folder 7.Inner", [Item(small_message(1))])
    with scene.host_session() as owner:
        owner.create("Own")
        owner.create("Folder 7/Own")
        before = set(owner.folders())

        outcome = scene.run(ignore_existing=False, existing_content="merge")

        assert outcome.entry["state"] == "completed", outcome.output
        wanted = before | set(scene.source_account().folders)
        assert len(wanted) > 150
        assert wanted <= set(owner.folders())
    assert wanted <= set(scene.host_account().folders)
    assert scene.run(ignore_existing=False, existing_content="merge", state="latest").result["changed"] is False
