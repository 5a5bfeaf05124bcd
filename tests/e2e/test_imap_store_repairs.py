# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that Dovecot's mdbox has lost from its indexes in a crash, and shows again when it repairs them, much later
and for whomever."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from support.dovecot import Dovecot
from support.imap import Item
from support.mail import small_message
from support.scene import Scene

from .boxes import BOXES, loss

pytestmark = pytest.mark.both_dovecots


@pytest.mark.parametrize("late", [False, True], ids=["before a run", "after all runs"])
def test_a14_what_two_killed_runs_have_stored_is_there_once(
    scene: Scene, new_host: Callable[..., Dovecot], late: bool
) -> None:
    """Killed at the worst moment: all is stored and nothing recorded. What the first one stored is in no index, so the
    second one stores it anew, and a repair shows both. After a late one, a run with `force` mends that.
    """
    scene.host = new_host(**BOXES["mdbox"])
    with scene.source_session() as session:
        session.create("Sent")
        session.append("Sent", [Item(small_message(100))])
    assert scene.run().entry["state"] == "completed"
    box = scene.host.home_of(scene.address) / "mdbox"
    indexes, state = contents(box, "dovecot*"), contents(scene.state_dir, "state.db*")
    flags: list[tuple[str, ...]] = [(), ("\\Seen",), ("\\Answered", "Word")]
    with scene.source_session() as session:
        for name in ("INBOX", "Sent"):
            session.append(name, [Item(small_message(number), flags[number % 3]) for number in range(30)])
            session.append(name, [Item(small_message(1), ("\\Flagged",))] * 2)
    source = scene.source_account()
    for number in range(2):
        scene.run(state="latest")
        assert loss(source, scene.host_account()) == []
        put_back(scene.state_dir, "state.db*", state)
        if number == 0:
            put_back(box, "dovecot*", indexes)
    with scene.host.session(scene.address, scene.password) as session:
        session.append("INBOX", [Item(small_message(1), ("\\Draft",)), Item(small_message(99))])

    if late:
        assert scene.run(state="latest").entry["state"] == "completed"
    scene.host.doveadm("force-resync", "-u", scene.address, "*")
    shown = len(scene.host_account().folders["INBOX",].messages)
    outcome = scene.run(state="latest", force=late)

    assert shown == 2 * 32 + 2, "the repair shows what was hidden"
    assert outcome.entry["state"] == "completed", outcome.output
    theirs = loss(source, scene.host_account())
    assert len(theirs) == 2, theirs
    assert all("has in addition" in line for line in theirs)
    assert sum("Draft" in line for line in theirs) == 1
    assert scene.run(state="latest").result["changed"] is False


def contents(directory: Path, pattern: str) -> dict[Path, bytes]:
    """What the files of a name hold, in a directory and below it."""
    return {path: path.read_bytes() for path in directory.rglob(pattern) if path.is_file()}


def put_back(directory: Path, pattern: str, held: dict[Path, bytes]) -> None:
    """Let the files of a name be as they were."""
    for path in contents(directory, pattern).keys() - held.keys():
        path.unlink()
    for path, content in held.items():
        path.write_bytes(content)
