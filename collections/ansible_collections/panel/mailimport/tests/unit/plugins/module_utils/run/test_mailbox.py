# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from dataclasses import asdict, replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run import content as content_module
from ansible_collections.panel.mailimport.plugins.module_utils.run.info import imports_on_host
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.reporter import Reporter
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import flags as flags_module
from ansible_collections.panel.mailimport.plugins.module_utils.transfer.news import Replaced

ANNA = parse_address("anna@example.org")
FETCH = b"UID FETCH"


pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def mail(host):
    """Messages in the mailbox's INBOX and Sent."""

    def count():
        root = host.root / str(ANNA) / "Maildir"
        return [
            len(os.listdir(folder / "cur")) if (folder / "cur").exists() else None for folder in (root, root / ".Sent")
        ]

    return count


def tree(directory):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in directory.rglob("*"))


def test_a_mailbox_is_made_and_filled_and_then_left_alone(run, request_for, source, host, mail, settings):
    result = run(request_for())
    assert (result.state, result.message, result.created, result.changed) == (
        "completed",
        "Import completed successfully",
        True,
        True,
    )
    assert (
        result.folders,
        result.messages_total,
        result.messages_copied,
        result.messages_present,
        result.bytes_copied,
    ) == (2, 3, 3, 0, 11)
    assert (result.email, result.source, result.reason, result.not_imported) == (
        "anna@example.org",
        "anna@127.0.0.1",
        None,
        [],
    )
    assert mail() == [2, 1]
    assert host.passwords == {ANNA: "the mailbox's"} and host.published == {"example.org": "customer"}
    assert (host.root / str(ANNA) / "Maildir" / "subscriptions").read_bytes() == b"V\t2\n\nINBOX\nSent\n"

    heard, before = len(source.heard), tree(host.root)
    again = run(request_for())
    assert (
        again.state,
        again.created,
        again.changed,
        again.messages_total,
        again.messages_copied,
        again.messages_present,
    ) == (
        "completed",
        False,
        False,
        3,
        0,
        3,
    )
    assert len(source.heard) == heard and tree(host.root) == before
    latest = run(request_for(state="latest"))
    assert (latest.state, latest.changed, latest.messages_present) == ("completed", False, 3)
    known = imports_on_host(settings)
    assert [(entry["email"], entry["state"]) for entry in known["imports"]] == [("anna@example.org", "completed")]
    assert known["domains"] == [{"domain": "example.org", "owner": "customer"}] and known["summary"]["completed"] == 1


def test_a_wrong_password_leaves_nothing_the_second_time_neither(run, request_for, source, host):
    source.answers[b"LOGIN"] = b"TAG NO wrong\r\n"
    for _time in range(2):
        result = run(request_for())
        assert (result.state, result.reason, result.created, result.changed) == ("failed", "auth_failed", False, False)
        assert host.passwords == {} and not host.root.exists()
    del source.answers[b"LOGIN"]
    assert run(request_for()).state == "completed"


def test_a_mailbox_that_somebody_makes_after_a_failed_login_existed_before(run, request_for, source, host):
    source.answers[b"LOGIN"] = b"TAG NO wrong\r\n"
    run(request_for())
    host.create_mailbox(ANNA, "somebody's", "customer")
    del source.answers[b"LOGIN"]
    result = run(request_for())
    assert (result.state, result.changed) == ("skipped", False)
    assert host.passwords == {ANNA: "somebody's"} and not host.root.exists()


def test_a_wrong_password_wipes_nothing(run, request_for, source, host):
    host.create_mailbox(ANNA, "somebody's", "customer")
    source.answers[b"LOGIN"] = b"TAG NO wrong\r\n"
    assert run(request_for(ignore_existing=False)).reason == "auth_failed"
    assert host.passwords == {ANNA: "somebody's"} and not host.root.exists()
    del source.answers[b"LOGIN"]
    assert run(request_for(ignore_existing=False)).state == "completed"
    assert host.passwords == {ANNA: "the mailbox's"}


def test_replace_moves_mail_aside_once_and_a_run_that_was_interrupted_goes_on(
    run, request_for, source, host, mail, settings
):
    host.create_mailbox(ANNA, "somebody's", "customer")
    own = host.root / str(ANNA) / "Maildir" / "cur" / "1700000000.own"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"own")
    wanted = request_for(ignore_existing=False)
    fetch = source.answers[FETCH]
    source.answers[FETCH] = None
    first = run(wanted)
    assert (first.state, first.changed) == ("failed", True)
    kept = first.replaced_to
    assert kept.startswith(os.path.join(settings.state_dir, "replaced", str(ANNA)))
    assert os.listdir(os.path.join(kept, "cur")) == ["1700000000.own"]

    source.answers[FETCH] = fetch
    second = run(wanted)
    assert (second.state, second.replaced_to) == ("completed", kept)
    assert mail() == [2, 1]
    third = run(wanted)
    assert (third.state, third.changed, third.replaced_to) == ("completed", False, kept)
    assert os.listdir(os.path.dirname(kept)) == [os.path.basename(kept)]
    host.passwords[ANNA] = "changed by its owner"
    latest = run(replace(wanted, state="latest"))
    assert (latest.state, latest.changed) == ("completed", False) and mail() == [2, 1]
    assert host.passwords == {ANNA: "changed by its owner"}


@pytest.mark.parametrize(("losses", "state"), [(1, "completed"), (1000, "failed")])
def test_flags_that_a_run_changed_before_its_connection_was_lost_are_counted(
    run, request_for, source, monkeypatch, losses, state
):
    run(request_for())
    monkeypatch.setattr(flags_module, "_WINDOW", 1)
    lost = []

    def flags(_command):
        lost.append(1)
        return b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n" + (b"HANG UP" if len(lost) <= losses else b"TAG OK\r\n")

    source.answers[FETCH] = flags
    result = run(request_for(state="latest"))
    # Message 1 of INBOX, and that of Sent where the run gets that far; the second attempt finds the first of them
    # changed.
    assert (result.state, result.changed, result.flags_updated) == (state, True, 2 if state == "completed" else 1)


def test_what_hands_out_sessions_is_closed_when_the_quota_cannot_be_asked(run, request_for, host, monkeypatch):
    desks = []

    class Broker(content_module.SessionBroker):
        def __init__(self, *args):
            super().__init__(*args)
            desks.append("opened")

        def close(self):
            super().close()
            desks.append("closed")

    def refuse(_address, emptied):
        raise MailImportError("host_refused", "no quota")

    monkeypatch.setattr(content_module, "SessionBroker", Broker)
    monkeypatch.setattr(host, "quota_free", refuse)
    assert run(request_for()).message == "no quota" and desks == ["opened", "closed"]


def test_subscriptions_of_a_run_that_was_interrupted_come_with_the_next(run, request_for, source, host):
    fetch, asked = source.answers[FETCH], []

    def only_the_first(command):
        asked.append(command)
        return fetch(command) if len(asked) == 1 else None

    source.answers[FETCH] = only_the_first
    assert run(request_for()).state == "failed"
    source.answers[FETCH] = fetch
    assert run(request_for()).state == "completed"
    assert (host.root / str(ANNA) / "Maildir" / "subscriptions").read_bytes() == b"V\t2\n\nINBOX\nSent\n"


def test_a_run_that_subscribes_to_folders_only_is_a_change(run, request_for, source, account):
    subscribed = source.answers[b"LSUB"]
    source.answers[b"LSUB"] = b"TAG OK\r\n"
    account.withheld, account.status = {1}, b"NO"
    assert run(request_for()).state == "failed"
    source.answers[b"LSUB"] = subscribed
    # Messages that are left behind keep the import unfinished.
    for changed in (True, False):
        result = run(request_for())
        assert (result.state, result.messages_copied, result.changed) == ("failed", 0, changed)


def test_a_folder_that_its_user_has_unsubscribed_stays_so(run, request_for, host):
    run(request_for())
    subscriptions = host.root / str(ANNA) / "Maildir" / "subscriptions"
    subscriptions.write_bytes(b"V\t2\n\nINBOX\n")
    assert run(request_for(state="latest")).changed is False
    assert subscriptions.read_bytes() == b"V\t2\n\nINBOX\n"


def test_content_may_follow_later(run, request_for, source, mail):
    result = run(request_for(import_content=False))
    assert (result.state, result.created, result.changed) == ("completed", True, True) and source.heard == []
    assert run(request_for(import_content=False)).changed is False
    result = run(request_for())
    assert (result.state, result.messages_copied, result.changed) == ("completed", 3, True) and mail() == [2, 1]


def test_check_mode_says_what_would_come_and_writes_nothing(settings, request_for, source, host, tmp_path):
    outcome = import_mailbox(request_for(), settings, check_mode=True)
    assert (outcome.result.state, outcome.result.created, outcome.result.changed, outcome.result.messages_copied) == (
        "queued",
        True,
        True,
        3,
    )
    assert asdict(outcome.before) == {"domain": None, "mailbox": None, "folders": {"INBOX": None, "Sent": None}}
    assert asdict(outcome.after) == {
        "domain": "example.org",
        "mailbox": "anna@example.org",
        "folders": {"INBOX": 2, "Sent": 1},
    }
    assert list(tmp_path.iterdir()) == [] and host.passwords == {}

    import_mailbox(request_for(), settings)
    before = tree(tmp_path)
    again = import_mailbox(request_for(state="latest"), settings, check_mode=True).result
    assert (again.changed, again.messages_copied) == (False, 0) and tree(tmp_path) == before
    source.answers[b"LOGIN"] = b"TAG NO wrong\r\n"
    assert import_mailbox(request_for(state="latest"), settings, check_mode=True).result.reason == "auth_failed"


def test_messages_left_behind_make_a_run_fail_and_are_counted(run, request_for, account, mail):
    account.withheld, account.status = {1, 2}, b"NO"
    result = run(request_for())
    assert (result.state, result.reason, result.messages_failed, result.messages_copied) == (
        "failed",
        "source_unavailable",
        3,
        0,
    )
    assert [(entry.folder, entry.uid) for entry in result.not_imported] == [("INBOX", 1), ("INBOX", 2), ("Sent", 1)]
    assert result.message.startswith("3 messages were left behind, see not_imported: ")
    account.withheld = {1}
    result = run(request_for())
    assert (result.messages_total, result.messages_copied, result.messages_present, result.messages_failed) == (
        3,
        1,
        0,
        2,
    )
    result = run(request_for())
    assert (result.messages_total, result.messages_copied, result.messages_present, result.messages_failed) == (
        3,
        0,
        1,
        2,
    )
    account.withheld = set()
    assert run(request_for()).state == "completed" and mail() == [2, 1]


@pytest.mark.parametrize(
    "answers",
    [
        {b"LOGIN": b"TAG NO wrong: hunter2\r\n"},
        {b"LSUB": b"* BYE hunter2\r\n"},
        {b"LSUB": b"hunter2 is no IMAP\r\n"},
        {b"LSUB": b"TAG OK\r\n", b'LIST "" "*"': b"TAG NO hunter2\r\n"},
        {b"EXAMINE": b"TAG NO you are hunter2\r\n"},
        {FETCH: b"* 1 FETCH (UID hunter2 FLAGS ())\r\nTAG OK done\r\n"},
        {FETCH: b"TAG NO hunter2\r\n"},
    ],
)
def test_a_password_that_the_source_echoes_gets_nowhere(run, request_for, source, settings, tmp_path, answers):
    said = []
    source.answers = {
        **answers,
        **{beginning: answer for beginning, answer in source.answers.items() if beginning not in answers},
    }
    result = run(request_for(password="hunter2"), reporter=Reporter(note=said.append))
    assert result.state == "failed" and "hunter2" not in repr((result, said, imports_on_host(settings)))
    assert not any(b"hunter2" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_process_that_was_taken_over_cannot_have_directories_moved(run, request_for, host, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()

    def taken_over(request, context, target, emit):
        emit(Replaced(True))

    monkeypatch.setattr(content_module, "import_account", taken_over)
    assert run(request_for()).reason == "internal_error"
    host.root.joinpath(str(ANNA)).mkdir(parents=True)
    monkeypatch.setattr(host, "passwords", {parse_address("bert@example.org"): ""})
    host.passwords[ANNA] = ""
    run(replace(request_for(ignore_existing=False), source=replace(request_for().source, user="bert")))
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("work", "options", "check_mode"),
    [
        ("import_account", {}, False),
        ("preview_account", {}, True),
        ("verify_account", {"verify": "deep"}, False),
    ],
)
def test_who_talks_to_the_source_is_not_handed_the_password_of_the_mailbox(
    request_for, settings, tmp_path, monkeypatch, work, options, check_mode
):
    if options:
        import_mailbox(request_for(), settings)
    seen = tmp_path / "seen"
    monkeypatch.setattr(
        content_module, work, lambda request, *_: seen.write_text(repr((request.target_password, request.diagnose)))
    )
    request = replace(request_for(**options), diagnose=lambda error: None)
    import_mailbox(request, settings, check_mode=check_mode)
    assert request.target_password and seen.read_text() == repr(("", None))


def test_a_run_that_dies_is_known_as_interrupted_and_goes_on(run, request_for, settings, mail, monkeypatch):
    monkeypatch.setattr(
        content_module, "import_account", lambda request, context, target, emit: os.kill(os.getpid(), 9)
    )
    result = run(request_for())
    assert (result.state, result.reason, result.created) == ("failed", "interrupted", True)
    monkeypatch.undo()
    assert run(request_for()).state == "completed" and mail() == [2, 1]


def test_an_import_that_runs_shows_how_far_it_is(request_for, settings):
    seen = []

    def look(_result):
        with State.open_readonly(settings.state_dir) as state:
            seen.append([(record.result.state, record.result.messages_total) for record in state.imports()])

    import_mailbox(request_for(), settings, reporter=Reporter(progress=look))
    assert seen and all(entries == [("running", 3)] for entries in seen)


def test_force_begins_again(run, request_for, source, host, mail):
    run(request_for())
    heard = len(source.heard)
    result = run(request_for(force=True))
    assert (result.state, result.changed) == ("completed", False) and len(source.heard) > heard
    for file in (host.root / str(ANNA) / "Maildir" / "cur").iterdir():
        file.unlink()
    assert run(request_for()).changed is False
    assert run(request_for(force=True)).messages_copied == 2 and mail() == [2, 1]


def test_a_mailbox_that_was_removed_is_made_anew(run, request_for, host, mail):
    run(request_for())
    host.passwords.clear()
    result = run(request_for())
    assert (result.state, result.created) == ("completed", True) and host.passwords and mail() == [2, 1]


def test_two_sources_into_one_mailbox_are_two_imports(run, request_for, mail, settings):
    run(request_for())
    other = request_for(user="bert")
    assert run(other).state == "skipped"
    result = run(replace(other, ignore_existing=False, existing_content="merge"))
    # Equal, byte for byte: there are as many as the larger of the two accounts has.
    assert (result.state, result.messages_copied, result.messages_present) == ("completed", 0, 3) and mail() == [2, 1]
    assert len(imports_on_host(settings)["imports"]) == 2


def test_why_a_mailbox_is_of_no_use_is_told_first_when_it_cannot_be_taken_back(run, request_for, host, monkeypatch):
    def refuse(what):
        def method(_address):
            raise MailImportError("host_refused", what)

        return method

    monkeypatch.setattr(host, "store_of", refuse("the server does not know it"))
    monkeypatch.setattr(host, "remove_mailbox", refuse("sql_statements has no remove_mailbox"))
    result = run(request_for())
    assert (result.state, result.reason, result.created) == ("failed", "host_refused", True)
    assert result.message == (
        "the server does not know it; anna@example.org could not be taken back: sql_statements has no remove_mailbox"
    )
