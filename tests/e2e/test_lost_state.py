# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A state that was lost makes no mailbox of ours foreign, and mail that was removed comes again, in every store."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import Any, Callable

import pytest
from support.dovecot import Dovecot, wait_until
from support.dovecot_words import words
from support.imap import snapshot
from support.scene import Scene

from .boxes import BOXES, in_order, loss
from .test_killed import kill_all_of, kill_at

STORES: dict[str, dict[str, Any]] = {
    **BOXES,
    "maildir": {},
    "maildir, layout fs": {"mail_location": "maildir:~/Maildir:LAYOUT=fs", "separator": "/"},
    "maildir, control elsewhere": {"mail_location": "maildir:~/Maildir:CONTROL=~/control:INDEX=~/index"},
}


@pytest.fixture(params=sorted(STORES))
def store_scene(request: pytest.FixtureRequest, small_scene: Scene, new_host: Callable[..., Dovecot]) -> Scene:
    small_scene.host = new_host(**STORES[request.param])
    return small_scene


def test_a11_a_lost_state_makes_no_mailbox_foreign(store_scene: Scene) -> None:
    scene = store_scene
    with_one_folder = scene.run(folders=["INBOX"])
    assert with_one_folder.entry["state"] == "completed", with_one_folder.output
    shutil.rmtree(scene.state_dir)
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    source, host = scene.source_account(), scene.host_account()
    assert loss(source, host) == []
    assert in_order(source, ("INBOX",)) == in_order(host, ("INBOX",))
    assert scene.run().result["changed"] is False


def test_a09_mail_that_was_removed_comes_again(store_scene: Scene) -> None:
    scene = store_scene
    scene.run()
    home = scene.host.home_of(scene.address)
    for entry in home.iterdir():
        shutil.rmtree(entry)
    snapshot(scene.host.port, scene.address, scene.password)  # a login makes an empty mailbox
    outcome = scene.run()
    assert (outcome.entry["state"], outcome.entry["changed"]) == ("completed", True), outcome.output
    assert "removed" in outcome.entry["message"]
    assert loss(scene.source_account(), scene.host_account()) == []
    assert scene.run().result["changed"] is False


def test_a11_a_killed_import_goes_on_without_its_state(big_scene: Scene) -> None:
    """Whatever was in the mailbox by then: nothing, a stage, or folders."""
    for messages in (1, 700, 2500):
        assert kill_at(big_scene, messages)
        shutil.rmtree(big_scene.state_dir)
    outcome = big_scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(big_scene.source_account(), big_scene.host_account()) == []


def test_a11_a_killed_import_into_a_box_goes_on_without_its_state(big_box_scene: Scene) -> None:
    scene = big_box_scene
    for size in (1, 200_000, 600_000):
        process = scene.start()
        wait_until(lambda wanted=size: bytes_stored(scene) > wanted, "messages to arrive")
        assert kill_all_of(process)
        shutil.rmtree(scene.state_dir, ignore_errors=True)
    outcome = scene.run()
    assert outcome.entry["state"] == "completed", outcome.output
    assert loss(scene.source_account(), scene.host_account()) == []


def bytes_stored(scene: Scene) -> int:
    """Size of the files that hold the mailbox's messages in Dovecot's own formats."""
    total = 0
    for path in scene.host.home_of(scene.address).rglob("[um].*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_a09_a_mailbox_that_was_converted_is_not_imported_again(
    small_scene: Scene, new_host: Callable[..., Dovecot]
) -> None:
    """Mail that is kept in another format now has no marker, and is there all the same."""
    scene = small_scene
    scene.run()
    config = scene.host.config
    scene.host.doveadm("backup", "-u", scene.address, "sdbox:~/sdbox")
    before, after = (words().mail_location(place) for place in ("maildir:~/Maildir", "sdbox:~/sdbox"))
    assert before in config.read_text()
    config.write_text(config.read_text().replace(before, after))
    scene.host.stop()
    scene.host.start()
    shutil.rmtree(scene.maildir)
    again = scene.run()
    assert (again.entry["state"], again.entry["changed"]) == ("completed", False), again.output
    assert loss(scene.source_account(), scene.host_account()) == []
