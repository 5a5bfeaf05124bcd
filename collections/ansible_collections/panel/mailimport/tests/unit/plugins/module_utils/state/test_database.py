# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from dataclasses import replace

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import (
    ImportKey,
    ImportResult,
    NotImported,
)
from ansible_collections.panel.mailimport.plugins.module_utils.state.database import State
from ansible_collections.panel.mailimport.plugins.module_utils.state.records import FolderMark

KEY = ImportKey("imap.example.net", "anna", "anna@example.org")
OTHER = ImportKey("imap.example.net", "bert", "bert@example.org")
MARK = FolderMark(b"INBOX.Entw&APw-rfe", "Drafts", 2**32 - 1, 70_000, 70_001, 69_000, 2**63 - 1, True, (3, 69_999))
COMPLETED = ImportResult(
    email="anna@example.org",
    source="anna@imap.example.net",
    state="completed",
    changed=True,
    messages_total=7,
    duration=1.5,
    not_imported=[NotImported("Junk", "message_refused", "too large: 日本", 12, "<a@b>", 99)],
)


@pytest.fixture
def state(tmp_path):
    with State(str(tmp_path / "state")) as opened:
        yield opened


def begin(state, key=KEY, mailbox_existed=False, pid=None):
    state.begin(key, "customer", pid or os.getpid())
    state.note_contact(key, mailbox_existed)


def in_dead_process(action):
    """Run `action(pid)` in a child that does not live on; return its pid."""
    child = os.fork()
    if child == 0:
        action(os.getpid())
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    return child


def test_only_the_owner_of_the_process_gets_at_the_files(tmp_path):
    previous = os.umask(0)
    try:
        with State(str(tmp_path / "state")) as state:
            begin(state)
            with state.lock_mailbox(KEY.address):
                modes = {
                    os.path.relpath(os.path.join(folder, name), tmp_path): os.stat(os.path.join(folder, name)).st_mode
                    for folder, folders, files in os.walk(tmp_path)
                    for name in folders + files
                }
    finally:
        os.umask(previous)
    assert {"state", "state/state.db", "state/state.db-wal", "state/locks"} <= set(modes)
    # The mail transfer agent reads the map of domains below the state's directory, and nothing else.
    assert stat.S_IMODE(modes.pop("state")) == 0o711
    for mode in modes.values():
        assert stat.S_IMODE(mode) == (0o700 if stat.S_ISDIR(mode) else 0o600)


def test_loose_modes_are_tightened(tmp_path):
    State(str(tmp_path)).close()
    tmp_path.chmod(0o755)
    (tmp_path / "state.db").chmod(0o644)
    State(str(tmp_path)).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711
    assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600


def test_domains_and_owners(state):
    assert state.owner_of("example.org") is None and state.domains() == {}
    assert state.claim_domain("example.org", "anna") == "anna"
    assert state.claim_domain("example.net", "bert") == "bert"
    assert state.claim_domain("example.org", "carl") == "anna"
    assert state.domains() == {"example.net": "bert", "example.org": "anna"}


def test_everything_is_there_after_opening_again(tmp_path):
    with State(str(tmp_path)) as state:
        begin(state)
        state.folders.commit(KEY, [MARK])
        state.note_replaced(KEY, "/var/replaced/anna", done=True)
        state.record_result(KEY, COMPLETED, to_the_end=True)
    with State(str(tmp_path)) as state:
        record = state.import_record(KEY)
        assert state.imports() == [record]
        assert state.folders.marks(KEY) == [MARK]
    assert record.result == COMPLETED
    assert (record.key, record.owner, record.mailbox_existed) == (KEY, "customer", False)
    assert (record.replaced_to, record.completed_once) == ("/var/replaced/anna", True)


def test_first_contact_stays_what_it_was(state):
    begin(state, mailbox_existed=False)
    state.note_replaced(KEY, "/var/replaced/anna", done=True)
    begin(state, mailbox_existed=True)
    record = state.import_record(KEY)
    assert (record.mailbox_existed, record.replaced_to) == (False, "/var/replaced/anna")


def test_completed_once_outlives_a_later_failure_and_a_failure_alone_is_none(state):
    failed = replace(COMPLETED, state="failed", reason="auth_failed")
    begin(state)
    state.record_result(KEY, failed, to_the_end=False)
    assert not state.import_record(KEY).completed_once
    begin(state)
    state.record_result(KEY, COMPLETED, to_the_end=True)
    begin(state)
    assert state.import_record(KEY).result.state == "running"
    state.record_result(KEY, failed, to_the_end=False)
    record = state.import_record(KEY)
    assert record.completed_once and record.result == failed


def test_progress_of_a_running_import_is_seen_by_others(state, tmp_path):
    begin(state)
    running = replace(COMPLETED, state="running", messages_copied=3)
    state.progress(KEY, running)
    with State.open_readonly(str(tmp_path / "state")) as other:
        assert other.import_record(KEY).result == running


def test_import_of_a_killed_process_is_interrupted(tmp_path):
    def run(pid):
        with State(str(tmp_path)) as state:
            begin(state, pid=pid)
            state.progress(KEY, replace(COMPLETED, state="running", messages_copied=3))

    in_dead_process(run)
    with State(str(tmp_path)) as state:
        result = state.import_record(KEY).result
        assert (result.state, result.reason, result.messages_copied) == ("failed", "interrupted", 3)


def test_another_process_with_the_same_number_is_not_the_import(state, tmp_path):
    pid = in_dead_process(lambda _pid: None)
    begin(state, pid=os.getpid())
    database = sqlite3.connect(tmp_path / "state" / "state.db")
    with database:
        database.execute("UPDATE imports SET process_started = process_started - 1")
    database.close()
    assert state.import_record(KEY).result.reason == "interrupted"
    begin(state, pid=pid)
    assert state.import_record(KEY).result.reason == "interrupted"


def test_folder_marks_belong_to_their_import(state):
    begin(state)
    begin(state, OTHER)
    early = FolderMark(b"\xff raw \0 name", "raw", 1)
    state.folders.commit(KEY, [MARK])
    state.folders.commit(KEY, [replace(MARK, last_uid=80_000, missing=())])
    state.folders.commit(KEY, [early])
    state.folders.commit(OTHER, [replace(MARK, uidnext=None, messages=None, highest_modseq=None, copied=False)])
    assert state.folders.marks(KEY) == [replace(MARK, last_uid=80_000, missing=()), early]
    assert [(mark.raw_name, mark.uidnext) for mark in state.folders.marks(OTHER)] == [(MARK.raw_name, None)]
    assert state.folders.marks(ImportKey("x", "y", "z")) == []


def test_a_place_that_mail_may_have_been_moved_to_is_not_forgotten(state):
    begin(state, KEY, mailbox_existed=True)
    state.note_replaced(KEY, "/var/replaced", done=False)
    state.forget(KEY)
    assert state.import_record(KEY).replaced_to == "/var/replaced"


def test_forget_lets_one_import_begin_again(state):
    for key in (KEY, OTHER):
        begin(state, key, mailbox_existed=True)
        state.folders.commit(key, [MARK])
        state.note_replaced(key, "/var/replaced", done=True)
        state.record_result(key, COMPLETED, to_the_end=True)
    state.forget(KEY)
    record = state.import_record(KEY)
    assert (record.completed_once, record.replaced_to, record.mailbox_existed) == (False, None, True)
    assert state.folders.marks(KEY) == []
    assert state.import_record(OTHER).completed_once and state.folders.marks(OTHER) == [MARK]


def test_an_import_that_has_not_begun_takes_nothing(state):
    for record in (
        lambda: state.folders.commit(KEY, [MARK]),
        lambda: state.progress(KEY, COMPLETED),
        lambda: state.record_result(KEY, COMPLETED, to_the_end=True),
        lambda: state.note_replaced(KEY, "/x", done=True),
    ):
        with pytest.raises(LookupError):
            record()
    assert state.import_record(KEY) is None and state.imports() == []


def test_looking_creates_nothing(tmp_path):
    with State.open_readonly(str(tmp_path / "state")) as state:
        assert state.imports() == [] and state.domains() == {} and state.import_record(KEY) is None
        with pytest.raises(MailImportError):
            state.claim_domain("example.org", "anna")
    assert os.listdir(tmp_path) == []


def test_looking_at_a_state_at_rest_changes_no_file(tmp_path):
    with State(str(tmp_path)) as state:
        state.claim_domain("example.org", "anna")
    before = {entry.name: (entry.stat().st_mtime_ns, entry.stat().st_size) for entry in tmp_path.iterdir()}
    with State.open_readonly(str(tmp_path)) as state:
        assert state.owner_of("example.org") == "anna"
    assert {entry.name: (entry.stat().st_mtime_ns, entry.stat().st_size) for entry in tmp_path.iterdir()} == before


def test_looking_sees_what_a_killed_process_committed(tmp_path):
    def run(pid):
        State(str(tmp_path)).claim_domain("example.org", "anna")

    in_dead_process(run)
    with State.open_readonly(str(tmp_path)) as state:
        assert state.owner_of("example.org") == "anna"


@pytest.mark.parametrize("opened", [State, State.open_readonly])
def test_database_of_a_newer_version_is_refused_and_kept(tmp_path, opened):
    State(str(tmp_path)).close()
    database = sqlite3.connect(tmp_path / "state.db")
    database.execute("PRAGMA user_version = 1000")
    database.close()
    with pytest.raises(MailImportError, match="newer version") as refused:
        opened(str(tmp_path))
    assert refused.value.reason == "host_refused"
    database = sqlite3.connect(tmp_path / "state.db")
    assert database.execute("PRAGMA user_version").fetchone() == (1000,)
    database.close()


@pytest.mark.parametrize("opened", [State, State.open_readonly])
def test_damaged_database_is_named(tmp_path, opened):
    (tmp_path / "state.db").write_bytes(b"not a database, " * 1000)
    with pytest.raises(MailImportError, match=r"state\.db is damaged") as refused:
        opened(str(tmp_path))
    assert refused.value.reason == "host_refused"


def test_damage_within_the_database_is_named(tmp_path):
    with State(str(tmp_path)) as state:
        for number in range(2000):
            state.claim_domain("domain%d.example" % number, "owner")
    with open(tmp_path / "state.db", "r+b") as stream:
        stream.seek(4096)
        stream.write(b"\xff" * (os.path.getsize(tmp_path / "state.db") - 4096))
    with pytest.raises(MailImportError, match="damaged"), State(str(tmp_path)) as state:
        state.domains()


def test_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MailImportError, match="file/state") as refused:
        State(str(tmp_path / "file" / "state"))
    assert refused.value.reason == "host_refused"


def _claim_domains(path, worker):
    with State(path) as state:
        for number in range(20):
            state.claim_domain("d%d-%d.example" % (worker, number), "owner")


def test_runs_at_the_same_time_share_a_new_state(tmp_path):
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_claim_domains, args=(str(tmp_path / "state"), worker)) for worker in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with State(str(tmp_path / "state")) as state:
        assert len(state.domains()) == 120


LOOK_AND_CLOSE = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("SELECT * FROM imports").fetchall()
database.close()
"""


def test_a_second_connection_of_a_process_costs_the_first_none_of_its_locks(tmp_path):
    """Otherwise the next process that closes the state takes its log away, and what the first one writes is lost or
    damages it.
    """
    directory = str(tmp_path / "state")
    with State(directory) as first:
        State(directory).close()
        # A process of its own: a forked one would believe that it had the locks too.
        subprocess.run([sys.executable, "-c", LOOK_AND_CLOSE, os.path.join(directory, "state.db")], check=True)
        assert (tmp_path / "state" / "state.db-wal").exists(), "its log is gone"
        first.claim_domain("example.org", "customer")
    with State(directory) as reopened:
        assert reopened.owner_of("example.org") == "customer"


def test_a_link_in_the_place_of_the_database_is_not_followed(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MailImportError) as refused:
        State(str(tmp_path / "state"))
    assert refused.value.reason == "host_refused"
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
@pytest.mark.parametrize("planted", ["directory", "link"])
def test_a_directory_that_somebody_else_made_is_refused(tmp_path, planted):
    """Where others may write, they can be there first: with a directory of theirs, or with a link to one of ours."""
    ours, place = tmp_path / "ours", tmp_path / "state"
    ours.mkdir(mode=0o755)
    if planted == "link":
        place.symlink_to(ours)
    else:
        place.mkdir(mode=0o700)
    os.chown(place, 65534, 65534, follow_symlinks=False)
    with pytest.raises(MailImportError, match="belongs to another user") as refused:
        State(str(place))
    assert refused.value.reason == "host_refused"
    assert (list(ours.iterdir()), ours.stat().st_mode & 0o777) == ([], 0o755)
    assert not (place / "state.db").exists()


def test_a_link_of_ours_to_the_directory_is_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to("elsewhere")
    with State(str(tmp_path / "state")):
        assert (tmp_path / "elsewhere" / "state.db").exists()


def test_a_state_that_only_root_can_open_is_told_with_what_to_do(tmp_path, monkeypatch):
    (tmp_path / "state.db").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(
        MailImportError, match=r"unable to open database file, for the task does not run as root: set become"
    ) as refused:
        State.open_readonly(str(tmp_path))
    assert refused.value.reason == "host_refused"
