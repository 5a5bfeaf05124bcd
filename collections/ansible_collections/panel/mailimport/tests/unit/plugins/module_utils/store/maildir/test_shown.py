# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that were shown by a run that did not live to tell the state of it."""

from __future__ import annotations

import errno
import os

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.uids import UidSet
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportKey
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import control_files
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.shown import ShownRecord
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.store import MaildirStore
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.tree import MaildirTree

A = ("A",)
INBOX = ("INBOX",)


class KilledError(BaseException):
    """Ends a run where it is."""


@pytest.fixture(params=["maildir++", "fs", "control"])
def where(location, request):
    return location(control="control") if request.param == "control" else location(layout=request.param)


@pytest.fixture(params=[A, INBOX], ids=["A", "INBOX"])
def path(request):
    return request.param


@pytest.fixture
def folder(where, root, path):
    return root if path == INBOX else root / ("A" if where.layout == "fs" else ".A")


@pytest.fixture
def listed(where, tmp_path, folder, path, uidlist):
    """UIDs that the folder's uidlist gives to messages, in its order."""

    def read():
        control = folder
        if where.control != where.root:
            control = tmp_path / "control" / (".INBOX" if path == INBOX else ".A")
        return [uid for uid, _name in uidlist(control)[1]]

    return read


def complete(store, fill, path, origin, new):
    """A run that gets to its end."""
    writer = fill(store, path, origin, new)
    store.clean_up()
    return writer


def killed_before_the_uidlist(monkeypatch, work):
    """Do something until the uidlist is to be written."""

    def kill(*_arguments):
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(control_files, "append_to_uidlist", kill)
        with pytest.raises(KilledError):
            work()


def test_a21_killed_before_the_uidlist_is_written_messages_keep_their_uids(
    where, path, origin, fill, listed, monkeypatch
):
    complete(MaildirStore(where), fill, path, origin(), [1, 2])
    killed_before_the_uidlist(monkeypatch, lambda: fill(MaildirStore(where), path, origin(), [6, 9]))
    assert listed() == [1, 2]
    complete(MaildirStore(where), fill, path, origin(), [1, 2, 6, 9])
    assert listed() == [1, 2, 6, 9]


@pytest.mark.parametrize("moved", [0, 1, 2, 3])
def test_a21_killed_between_two_messages_none_is_lost_and_none_loses_its_uid(
    where, path, folder, origin, fill, listed, uids, monkeypatch, moved
):
    complete(MaildirStore(where), fill, path, origin(), [1, 2])
    renames, rename = [], os.rename

    def kill(source, target, **handles):
        if source[:10] in ("0000000006", "0000000007", "0000000009"):
            renames.append(source)
            if len(renames) > moved:
                raise KilledError
        rename(source, target, **handles)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", kill)
        patched.setattr(control_files, "append_to_uidlist", lambda *_arguments: 1 / 0)
        with pytest.raises((KilledError, ZeroDivisionError)):
            fill(MaildirStore(where), path, origin(), [6, 7, 9])
    complete(MaildirStore(where), fill, path, origin(), [1, 2, 6, 7, 9])
    assert uids(folder) == listed() == [1, 2, 6, 7, 9]


@pytest.mark.parametrize("first", [True, False], ids=["first run", "later run"])
def test_a21_what_the_owner_moves_or_deletes_after_a_kill_does_not_come_again(
    where, path, folder, root, origin, fill, uids, monkeypatch, first
):
    """The run was killed when all was in sight and nothing committed."""
    if not first:
        complete(MaildirStore(where), fill, path, origin(), [1, 2])
    fill(MaildirStore(where), path, origin(), [6, 7, 9])
    for file in list((folder / "cur").iterdir()):
        if file.name.startswith(("0000000006", "0000000009")):
            file.unlink()
    writer = complete(MaildirStore(where), fill, path, origin(), [6, 7, 9])
    assert uids(folder) == ([7] if first else [1, 2, 7])
    assert [uid in writer.held for uid in (6, 7, 9)] == [True] * 3


def test_a21_dovecot_has_given_other_uids_meanwhile(where, path, folder, origin, fill, listed, monkeypatch):
    complete(MaildirStore(where), fill, path, origin(), [1, 2])
    killed_before_the_uidlist(monkeypatch, lambda: fill(MaildirStore(where), path, origin(), [6, 9]))
    names = sorted(file.name.partition(":2,")[0] for file in (folder / "cur").iterdir())
    tree = MaildirTree(where)
    control = tree.make_control(path)
    control_files.append_to_uidlist(control, [(3, names[2]), (4, names[3])])
    os.close(control)
    tree.close()
    complete(MaildirStore(where), fill, path, origin(), [6, 9, 12])
    assert listed() == [1, 2, 3, 4, 12]


def test_a21_a_run_that_fails_between_showing_and_writing_is_as_one_that_was_killed(
    where, path, origin, fill, monkeypatch
):
    """The next run has to look for what this one has shown: the state knows nothing of it."""
    complete(MaildirStore(where), fill, path, origin(), [1, 2])
    store = MaildirStore(where)

    def fail(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(control_files, "append_to_uidlist", fail)
        with pytest.raises(OSError, match="No space left"):
            fill(store, path, origin(), [6, 9])
    assert not store.all_answers_known
    store = MaildirStore(where)
    complete(store, fill, path, origin(), [1, 2, 6, 9])
    assert store.all_answers_known


def test_a_run_that_is_through_leaves_no_record(where, path, root, origin, fill):
    complete(MaildirStore(where), fill, path, origin(), [1, 2])
    complete(MaildirStore(where), fill, path, origin(), [3])
    assert [name for name in os.listdir(root / "tmp") if "mailimport" in name] == []


def test_a_record_is_of_one_import_and_one_folder(directory, tmp_path, origin):
    (tmp_path / "tmp").mkdir()
    uids = UidSet()
    for uid in (1, 2, 3, 7, 500, 501, 4294967295):
        uids.add(uid)
    ShownRecord(origin(), directory, after_kill=True).record([(origin(), uids), (origin(b"B"), UidSet())])
    left = ShownRecord(origin(b"C"), directory, after_kill=True)
    assert list(left.left_by_killed_run(origin())) == [1, 2, 3, 7, 500, 501, 4294967295]
    for other in (origin(b"B"), origin(uidvalidity=78)):
        assert list(left.left_by_killed_run(other)) == []
    other = ImportKey("imap.old.example", "bert", "anna@example.org")
    assert list(ShownRecord(origin(key=other), directory, after_kill=True).left_by_killed_run(origin(key=other))) == []


def test_what_was_not_shown_is_taken_back_for_good(directory, tmp_path, origin):
    (tmp_path / "tmp").mkdir()
    uids, some = UidSet(), UidSet()
    for uid in range(1, 1000):
        uids.add(uid)
    some.add(5)
    record = ShownRecord(origin(), directory, after_kill=True)
    record.record([(origin(), uids)])
    record.take_back(origin(), some)
    assert 5 not in ShownRecord(origin(), directory, after_kill=True).left_by_killed_run(origin())
    record.record([(origin(), some)])
    assert len(ShownRecord(origin(), directory, after_kill=True).left_by_killed_run(origin())) == 999


@pytest.mark.parametrize("torn", [b"+0123", b"\0" * 100, b"+%s 77 1:4294967295\n", b"+%s 77 1:99999999999\n"])
def test_a_torn_or_hostile_record_costs_nothing(directory, tmp_path, origin, torn):
    (tmp_path / "tmp").mkdir()
    some = UidSet()
    some.add(5)
    ShownRecord(origin(), directory, after_kill=True).record([(origin(), some)])
    (file,) = tmp_path.rglob("shown")
    text = torn.replace(b"%s", origin().digest.encode())
    file.write_bytes(text + file.read_bytes())
    ShownRecord(origin(), directory, after_kill=True).record([(origin(), some)])
    assert list(ShownRecord(origin(), directory, after_kill=True).left_by_killed_run(origin())) == [5]
