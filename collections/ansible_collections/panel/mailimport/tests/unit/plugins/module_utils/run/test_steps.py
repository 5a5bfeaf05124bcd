# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What check mode says is what an import does, and what an import records first survives a kill at any step."""

from __future__ import annotations

import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State

ANNA = parse_address("anna@example.org")
WAYS = [
    {},
    {"import_content": False},
    {"ignore_existing": False},
    {"ignore_existing": False, "existing_content": "merge"},
    {"ignore_existing": False, "import_content": False},
    {"update_password": "always"},
    {"ignore_existing": False, "force": True},
    {"state": "latest"},
]

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize(("existing", "first"), [(False, None), (False, {}), (True, None), (True, WAYS[2])])
def test_check_mode_and_import_agree(request_for, settings, host, existing, first, second):
    if existing:
        host.passwords[ANNA] = "the former user's"
    if first is not None:
        import_mailbox(request_for(**first), settings)
    shown = import_mailbox(request_for(**second), settings, check_mode=True).result
    done = import_mailbox(request_for(**second), settings).result
    assert (shown.created, shown.changed) == (done.created, done.changed)
    assert shown.messages_copied == done.messages_copied
    assert (shown.state, done.state) in (("queued", "completed"), ("completed", "completed"), ("skipped", "skipped"))


class KilledError(BaseException):
    """Stands for a kill: nothing is done any more."""


@pytest.mark.parametrize("step", ["create_mailbox", "set_password", "publish_domains"])
@pytest.mark.parametrize("existing", [False, True])
def test_what_is_recorded_first_makes_the_next_run_go_on(request_for, settings, host, monkeypatch, step, existing):
    """`note_contact` comes before the mailbox is touched, and where its mail goes before that is moved."""
    root = host.root / str(ANNA) / "Maildir" / "cur"
    if existing:
        host.passwords[ANNA] = "the former user's"
        root.mkdir(parents=True)
        (root / "1.M1.host:2,S").write_bytes(b"old")
    done = getattr(type(host), step)

    def then_killed(*arguments, **options):
        done(*arguments, **options)
        raise KilledError

    monkeypatch.setattr(type(host), step, then_killed)
    wanted = request_for(ignore_existing=not existing)
    try:
        import_mailbox(wanted, settings)
    except KilledError:
        with State.open_readonly(settings.state_dir) as state:
            (record,) = state.imports()
        assert record.contacted and record.mailbox_existed is existing
    monkeypatch.undo()
    result = import_mailbox(wanted, settings).result
    assert (result.state, result.reason) == ("completed", None)
    assert host.passwords[ANNA] == "the mailbox's" and len(os.listdir(root)) == 2
    assert (result.replaced_to is not None) is existing
    if existing:
        assert os.listdir(os.path.join(result.replaced_to, "cur")) == ["1.M1.host:2,S"]


def killed_at(monkeypatch, host, step, wanted, settings):
    """Run an import that is killed behind a step of its host."""
    done = getattr(type(host), step)

    def then_killed(*arguments, **options):
        done(*arguments, **options)
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(type(host), step, then_killed)
        with pytest.raises(KilledError):
            import_mailbox(wanted, settings)


def test_a_password_that_its_owner_has_changed_stays_whatever_run_is_killed(request_for, settings, host, monkeypatch):
    """The mailbox was made by an earlier one, which came to its end."""
    assert import_mailbox(request_for(import_content=False), settings).result.state == "completed"
    host.passwords[ANNA] = "the owner's"
    killed_at(monkeypatch, host, "store_of", request_for(), settings)
    assert import_mailbox(request_for(), settings).result.state == "completed"
    assert host.passwords[ANNA] == "the owner's"


def test_a_mailbox_without_a_password_gets_it_however_often_runs_are_killed(request_for, settings, host, monkeypatch):
    killed_at(monkeypatch, host, "create_mailbox", request_for(), settings)
    host.passwords[ANNA] = None
    killed_at(monkeypatch, host, "store_of", request_for(), settings)
    with monkeypatch.context() as patched:
        patched.setattr(type(host), "set_password", lambda *_args: os.open("/nowhere/at/all", os.O_RDONLY))
        assert import_mailbox(request_for(), settings).result.state == "failed"
    assert import_mailbox(request_for(), settings).result.state == "completed"
    assert host.passwords[ANNA] == "the mailbox's"
    host.passwords[ANNA] = "the owner's"
    killed_at(monkeypatch, host, "store_of", request_for(state="latest"), settings)
    assert import_mailbox(request_for(state="latest"), settings).result.state == "completed"
    assert host.passwords[ANNA] == "the owner's"
