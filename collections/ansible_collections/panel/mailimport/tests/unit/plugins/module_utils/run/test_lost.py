# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A state that was lost makes no mailbox of ours foreign; mail that was removed on the host comes again."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.run.examination import known_outcome
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

ANNA = parse_address("anna@example.org")

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def run(settings):
    """Runs as a task of many does them: with a look first, which concludes what is done already."""

    def perform(request, check_mode=False):
        with (State.open_readonly if check_mode else State)(settings.state_dir) as state:
            known = known_outcome(request, settings, state)
            if not known and not check_mode:
                state.enqueue([(request.key, request.owner)], os.getpid())
        return (known or import_mailbox(request, settings, check_mode)).result

    return perform


@pytest.fixture
def root(host):
    return host.root / str(ANNA) / "Maildir"


def mail(root: Path) -> list[str]:
    """Contents of the mailbox's messages, doubled ones twice."""
    return sorted(path.read_text() for path in root.rglob("*") if path.parent.name in ("cur", "new"))


ALL = ["one", "three", "two"]


def lose_state(settings, how):
    directory = Path(settings.state_dir)
    if how == "directory":
        shutil.rmtree(directory)
    elif how == "moved":
        (directory / "state.db").rename(directory / "state.db.damaged")
    elif how == "emptied":
        (directory / "state.db").write_bytes(b"")
    else:
        with closing(sqlite3.connect(directory / "state.db")) as database:
            database.execute("DELETE FROM imports")
            database.commit()
    for rest in directory.glob("state.db-*"):
        rest.unlink()


@pytest.mark.parametrize("how", ["directory", "moved", "emptied", "rows"])
def test_a11_an_interrupted_import_goes_on_without_its_state(run, request_for, account, settings, root, how):
    bodies = account.folders
    kept = {name: dict(messages) for name, messages in bodies.items()}
    del bodies[b"INBOX"][2]
    assert run(request_for()).messages_copied == 2
    bodies.update(kept)
    lose_state(settings, how)
    result = run(request_for())
    assert (result.state, result.messages_copied, result.messages_present) == ("completed", 1, 2)
    assert mail(root) == ALL
    assert run(request_for()).changed is False


def test_a11_mail_is_not_moved_aside_a_second_time(run, request_for, host, settings, root):
    host.create_mailbox(ANNA, "the former user's", "customer")
    assert run(request_for(ignore_existing=False)).state == "completed"
    lose_state(settings, "directory")
    host.passwords[ANNA] = "somebody may have planted the evidence"
    result = run(request_for(ignore_existing=False))
    assert (result.state, result.replaced_to) == ("completed", None) and mail(root) == ALL
    assert host.passwords[ANNA] == "the mailbox's"


def test_a11_a_mailbox_of_somebody_else_stays_foreign(run, request_for, host, settings, root):
    run(request_for())
    lose_state(settings, "directory")
    assert run(request_for(user="bert")).state == "skipped" and mail(root) == ALL
    other = parse_address("other@example.org")
    host.create_mailbox(other, "somebody's", "customer")
    assert run(request_for(address=other)).state == "skipped"


def test_a11_check_mode_says_the_same(run, request_for, settings, root):
    run(request_for())
    lose_state(settings, "directory")
    result = run(request_for(), check_mode=True)
    assert (result.state, result.created) == ("queued", False)
    assert not os.path.exists(settings.state_dir)


def removed(root):
    shutil.rmtree(root)


def removed_and_made_again_by_a_login(root):
    shutil.rmtree(root)
    for part in ("cur", "new", "tmp"):
        (root / part).mkdir(parents=True)


def emptied(root):
    for path in root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def moved_away(root):
    root.rename(root.with_name("Maildir.old"))


@pytest.mark.parametrize("loss", [removed, removed_and_made_again_by_a_login, emptied, moved_away])
@pytest.mark.parametrize("state", ["present", "latest"])
def test_a09_a_store_that_was_removed_is_filled_again(run, request_for, root, loss, state):
    run(request_for())
    loss(root)
    expected = run(request_for(state=state), check_mode=True)
    assert (expected.changed, expected.messages_copied) == (True, 3)
    result = run(request_for(state=state))
    assert (result.state, result.changed, result.messages_copied) == ("completed", True, 3)
    assert "removed" in result.message and mail(root) == ALL
    again = run(request_for(state=state))
    assert (again.state, again.changed, again.message) == ("completed", False, "Import completed successfully")


def test_a09_mail_of_an_interrupted_import_that_was_removed_comes_again(run, request_for, source, root):
    source.answers[b"LSUB"] = b""  # ends the session behind the mail
    assert run(request_for()).state == "failed"
    del source.answers[b"LSUB"]
    if root.exists():
        shutil.rmtree(root)
    assert run(request_for()).state == "completed" and mail(root) == ALL


def test_a09_a_replaced_mailbox_is_not_replaced_again(run, request_for, host, root):
    host.create_mailbox(ANNA, "the former user's", "customer")
    first = run(request_for(ignore_existing=False))
    host.passwords[ANNA] = "the user's own choice"
    shutil.rmtree(root)
    result = run(request_for(ignore_existing=False))
    assert (result.state, result.replaced_to) == ("completed", first.replaced_to) and mail(root) == ALL
    assert host.passwords[ANNA] == "the user's own choice"
    assert run(request_for(ignore_existing=False)).changed is False


def test_a09_what_its_owner_did_is_no_removal(run, request_for, root):
    run(request_for())
    for path in [*root.glob("cur/*"), *root.glob(".Sent/cur/*")]:
        path.unlink()
    assert run(request_for()).changed is False
    assert run(request_for(state="latest")).changed is False and mail(root) == []


def test_a09_a_finished_import_is_known_at_one_look(request_for, settings, host, monkeypatch):
    import_mailbox(request_for(), settings)
    monkeypatch.setattr(type(host), "store_of", None)
    assert import_mailbox(request_for(), settings).result.changed is False


BROKEN = ["{", "[]", "null", '{"email": 1}', '{"state": "completed"}', '"text"', ""]


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("field", ["result", "missing"])
def test_c10_a_broken_field_of_the_state_is_one_line(run, request_for, settings, field, text):
    run(request_for())
    with closing(sqlite3.connect(Path(settings.state_dir) / "state.db")) as database:
        database.execute("UPDATE %s SET %s = ?" % ("imports" if field == "result" else "folders", field), (text,))
        database.commit()
    result = run(request_for(state="latest"))
    if (field, text) == ("missing", "[]"):
        assert result.state == "completed"
        return
    assert (result.state, result.reason) == ("failed", "host_refused")
    assert "damaged" in result.message and "move it away" in result.message
    lose_state(settings, "moved")
    assert run(request_for()).state == "completed"


def test_a16_since_when_a_restored_state_knows_nothing_is_kept_when_a_run_fails(run, request_for, account, settings):
    """Whatever its owner has moved since is looked for by the run after it, too."""
    wanted = request_for(state="latest")
    run(wanted)
    with closing(sqlite3.connect(os.path.join(settings.state_dir, "state.db"))) as database:
        database.execute("UPDATE imports SET store_stamp = store_stamp - 86400")
        database.commit()
    with State.open_readonly(settings.state_dir) as state:
        stamp = state.import_record(wanted.key).store_stamp
    shown = run(wanted, check_mode=True)
    assert "fewer if" in shown.message
    account.server.answers[b"LOGIN"] = b"TAG NO wrong\r\n"
    assert run(wanted).state == "failed"
    with State.open_readonly(settings.state_dir) as state:
        record = state.import_record(wanted.key)
    assert (record.may_hold_unrecorded_mail, record.killed_since) == (True, stamp)
    del account.server.answers[b"LOGIN"]
    assert run(wanted).state == "completed"
    assert "fewer if" not in run(wanted, check_mode=True).message
