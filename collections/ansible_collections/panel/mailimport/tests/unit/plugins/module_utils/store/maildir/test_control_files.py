# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import resource
import signal
import threading
import time

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir import control_files
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.control_files import (
    append_to_uidlist,
    dotlock,
    finish_uidlist,
    read_keywords,
    read_uidlist_header,
    uidlist_entries,
    uidlist_header,
    write_keyword,
)
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.subscriptions import add_subscriptions


@pytest.fixture
def uidlist(tmp_path):
    return tmp_path / "dovecot-uidlist"


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (b"3 V1500000000 N7 G0011\n", (1_500_000_000, 7)),
        (b"3 G0011 V5 X N7\n1 W5 :a\n", (5, 7)),
        (b"3 V5 N2\n1 :a\n2 :b\n17 S5 W6 :c,S=5:2,\n", (5, 18)),
        (b"3 V5 N2\n" + b"".join(b"%d :%s\n" % (uid, b"x" * 90) for uid in range(1, 2000)), (5, 2000)),
        (b"3 V5 N900\n1 :a\n", (5, 900)),
        (b"1 5 7\n", None),  # version 1
        (b"", None),
        (b"garbage", None),
    ],
)
def test_what_a_uidlist_says(directory, uidlist, content, header):
    uidlist.write_bytes(content)
    assert read_uidlist_header(directory) == header


def test_no_uidlist(directory):
    assert read_uidlist_header(directory) is None


def test_entries_of_a_uidlist(directory, uidlist):
    uidlist.write_bytes(b"3 V5 N2 Gx\n1 :a,S=5\n2 W12 S5 :b:c\n\xff :x\n:y\nno colon\n3 :d\xff\n4 :torn")
    assert list(uidlist_entries(directory)) == [(1, "a,S=5"), (2, "b:c"), (3, os.fsdecode(b"d\xff"))]


@pytest.mark.parametrize(
    "uids", [[], [1], [1, 2, 3], [3, 1, 2], [5, 5, 1], list(range(300, 0, -1)), [9, 1, 10, 2, 11, 3]]
)
def test_a_uidlist_of_ours_ends_up_in_order(directory, uidlist, uids):
    uidlist.write_bytes(uidlist_header(77, 1, "ab"))
    append_to_uidlist(directory, [(uid, "name%d" % uid) for uid in uids])
    finish_uidlist(directory, 1000, in_order=uids == sorted(uids))
    assert list(uidlist_entries(directory)) == [(uid, "name%d" % uid) for uid in sorted(uids)]
    assert uidlist.read_bytes().startswith(b"3 V77 N0000001000 Gab\n")
    assert read_uidlist_header(directory) == (77, 1000)


def test_a_lock_is_waited_for_and_taken_away_again(directory, tmp_path):
    lock = tmp_path / "subscriptions.lock"
    lock.touch()
    entered = threading.Event()

    def work():
        with dotlock(directory, "subscriptions"):
            assert lock.exists()
            entered.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not entered.wait(0.1)
    lock.unlink()
    thread.join(30)
    assert entered.is_set() and not lock.exists()


def test_a_lock_that_was_left_behind_is_taken_away(directory, tmp_path):
    lock = tmp_path / "subscriptions.lock"
    lock.touch()
    os.utime(lock, (time.time() - 200,) * 2)
    with dotlock(directory, "subscriptions"):
        pass
    assert not lock.exists()


def test_a_lock_that_stays_held_is_told(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(control_files, "_LOCK_TIMEOUT", 0.01)
    (tmp_path / "subscriptions.lock").touch()
    with (
        pytest.raises(MailImportError, match="subscriptions.lock of the mailbox stays held") as refused,
        dotlock(directory, "subscriptions"),
    ):
        pass
    assert refused.value.reason == "host_refused"
    assert (tmp_path / "subscriptions.lock").exists()


def test_keywords_of_dovecot(directory, tmp_path):
    assert read_keywords(directory) == {}
    (tmp_path / "dovecot-keywords").write_bytes(b"0 $Forwarded\n2 NonJunk\n\nx y\n30 beyond\n-1 z\n3\n")
    assert read_keywords(directory) == {b"$forwarded": 0, b"nonjunk": 2}


@pytest.mark.parametrize("content", [b"0 a\n", b"0 a"])
def test_a_keyword_is_added_to_those_that_are_there(directory, tmp_path, content):
    (tmp_path / "dovecot-keywords").write_bytes(content)
    write_keyword(directory, 1, b"B")
    assert (tmp_path / "dovecot-keywords").read_bytes() == b"0 a\n1 B\n"


NAMES = [(b"A",), (b"A", b"B"), (b"INBOX",)]


@pytest.mark.parametrize(
    ("before", "separator", "after", "count"),
    [
        (None, b".", b"V\t2\n\nA\nA\tB\nINBOX\n", 3),
        (b"V\t2\n\nA\tB\n", b".", b"V\t2\n\nA\tB\nA\nINBOX\n", 2),
        (b"V\t2\n\n", b"/", b"V\t2\n\nA\nA\tB\nINBOX\n", 3),
        (b"A.B\nINBOX\n", b".", b"A.B\nINBOX\nA\n", 1),
        (b"A/B", b"/", b"A/B\nA\nINBOX\n", 2),
        (b"", b".", b"A\nA.B\nINBOX\n", 3),
        (b"V\t2\n\nA\nA\tB\nINBOX\n", b".", b"V\t2\n\nA\nA\tB\nINBOX\n", 0),
    ],
)
def test_subscriptions(directory, tmp_path, before, separator, after, count):
    file = tmp_path / "subscriptions"
    if before is not None:
        file.write_bytes(before)
    assert add_subscriptions(directory, [*NAMES, NAMES[0]], separator) == count
    assert file.read_bytes() == after
    written = file.stat().st_mtime_ns
    assert add_subscriptions(directory, NAMES, separator) == 0
    assert file.stat().st_mtime_ns == written


def test_names_with_what_separates_them_are_escaped(directory, tmp_path):
    assert add_subscriptions(directory, [(b"a\tb\x01c\nd\re",)], b".") == 1
    assert (tmp_path / "subscriptions").read_bytes() == b"V\t2\n\na\x01tb\x011c\x01nd\x01re\n"
    assert add_subscriptions(directory, [(b"a\tb\x01c\nd\re",)], b".") == 0


def test_a_uidlist_for_whose_new_lines_there_is_no_room_stays_as_it_was(uidlist, directory):
    before = uidlist_header(5, 1, "00") + b"1 :a\n"
    uidlist.write_bytes(before)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            append_to_uidlist(directory, [(uid, "m%d" % uid) for uid in range(2, 50)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, previous)
    assert uidlist.read_bytes() == before
