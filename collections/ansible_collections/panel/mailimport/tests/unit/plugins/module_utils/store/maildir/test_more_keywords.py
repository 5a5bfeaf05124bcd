# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keywords that wait for their messages to show."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.imap.uids import UidSet
from ansible_collections.panel.mailimport.plugins.module_utils.store.maildir.more_keywords import WaitingKeywords


@pytest.fixture
def waiting(tmp_path, directory):
    """What waits beside a stage, as the next run reads it."""
    (tmp_path / "tmp").mkdir()

    def make():
        return WaitingKeywords("stage", directory)

    return make


def plain(keywords):
    return {keyword: list(uids) for keyword, uids in keywords.uids.items()}


def test_what_waits_is_there_for_the_next_run_until_it_is_done(waiting, tmp_path):
    run = waiting()
    for uid in (1, 2, 3, 9):
        run.add(b"Work", uid)
    run.save()
    run.add(b"Work", 10)
    run.add(b"$Label1", 2)
    run.save()
    run.add(b"Work", 11)  # and not noted
    assert plain(waiting()) == {b"Work": [1, 2, 3, 9, 10], b"$Label1": [2]}
    # Dovecot removes old files from tmp, and no directories.
    assert [path.is_dir() for path in (tmp_path / "tmp").iterdir()] == [True]
    run.forget()
    assert plain(run) == plain(waiting()) == {} and list((tmp_path / "tmp").iterdir()) == []


def test_messages_that_did_not_stay_are_left_out(waiting):
    run = waiting()
    for uid in (1, 2, 3):
        run.add(b"Work", uid)
    run.add(b"Private", 3)
    run.save()
    held = UidSet()
    held.add(2)
    run = waiting()
    run.keep(held)
    assert plain(run) == {b"Work": [2]}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Work",
        b"Work ",
        b"Work x",
        b"Work 1:",
        b"Work " + b"9" * 5000,
        b"Work 9999999999",
        b"Work 1:9999999999",
        b"a b 1",
        b"(bad 1",
        b"x" * 300 + b" 1",
        b"x" * (1 << 20),
    ],
)
def test_what_the_owner_wrote_instead_is_no_trouble(waiting, tmp_path, line):
    (tmp_path / "tmp" / "stage.keywords").mkdir()
    (tmp_path / "tmp" / "stage.keywords" / "waiting").write_bytes(b"Good 1\n" + line + b"\nGood 2\n")
    assert plain(waiting()) == {b"Good": [1, 2]}


def test_a_line_that_a_full_disk_has_torn_spoils_no_other(waiting, tmp_path):
    run = waiting()
    run.add(b"Work", 1)
    run.save()
    with (tmp_path / "tmp" / "stage.keywords" / "waiting").open("ab") as file:
        file.write(b"Work 2:")
    run.add(b"Work", 7)
    run.save()
    assert plain(waiting()) == {b"Work": [1, 7]}
