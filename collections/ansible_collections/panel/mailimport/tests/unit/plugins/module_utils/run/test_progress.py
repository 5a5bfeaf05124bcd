# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a run is, as it tells it."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import Counts, decode
from ansible_collections.panel.mailimport.plugins.module_utils.run import progress as module
from ansible_collections.panel.mailimport.plugins.module_utils.run.progress import Progress

MB = 1_000_000


@pytest.fixture
def progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Progress:
    monkeypatch.setattr(module, "_INTERVAL", 0.0)
    return Progress(str(tmp_path / "progress"))


def share(tmp_path: Path) -> float:
    """The share that was told last."""
    events = map(decode, (tmp_path / "progress").read_text().splitlines())
    return [event.share for event in events if isinstance(event, Counts)][-1]


def done(copied: int, size: int) -> ImportResult:
    figures = {"messages_copied": copied, "bytes_copied": size}
    return ImportResult("a@b.example", "x", state="completed", message_store="maildir", **figures)


def test_d8_a_last_large_mailbox_is_most_of_the_work(progress: Progress, tmp_path: Path) -> None:
    progress.begin(41)
    for _mailbox in range(40):
        progress.ended(done(10, MB))
    progress.moved(40, total=10_000, copied=100, size=10 * MB)
    # 40 MB of small ones and 10 of 1,000 MB.
    assert share(tmp_path) == pytest.approx(50 / 1040, abs=1e-3)
    progress.moved(40, total=10_000, copied=9_000, size=900 * MB)
    assert share(tmp_path) == pytest.approx(940 / 1040, abs=1e-3)


def test_mailboxes_that_nobody_has_looked_into_count_as_average(progress: Progress, tmp_path: Path) -> None:
    progress.begin(4)
    progress.ended(done(10, 3 * MB))
    progress.moved(1, total=2, copied=1, size=MB)
    assert share(tmp_path) == pytest.approx(4 / 10, abs=1e-3)


def test_without_bytes_mailboxes_count(progress: Progress, tmp_path: Path) -> None:
    progress.begin(4)
    progress.ended(done(0, 0))
    assert share(tmp_path) == 0.25
    for _mailbox in range(3):
        progress.ended(done(0, 0))
    assert share(tmp_path) == 1.0


@pytest.mark.parametrize(
    "nothing",
    [
        ImportResult("a@b.example", "x", state="failed", reason="auth_failed"),
        ImportResult("a@b.example", "x", state="failed", reason="auth_failed", message_store="maildir", changed=True),
        ImportResult("a@b.example", "x", state="skipped"),
        ImportResult("a@b.example", "x", state="completed", messages_total=7),
    ],
    ids=["failed", "failed later", "skipped", "done earlier"],
)
def test_what_ends_at_once_and_brings_nothing_says_nothing_of_the_rest(
    nothing: ImportResult, progress: Progress, tmp_path: Path
) -> None:
    progress.begin(100)
    for _mailbox in range(90):
        progress.ended(nothing)
    assert share(tmp_path) == 0.0
    progress.moved(90, total=10, copied=5, size=MB)
    assert share(tmp_path) == pytest.approx(1 / 20, abs=1e-3)
    for _mailbox in range(9):
        progress.ended(nothing)
    progress.ended(done(10, 2 * MB), 90)
    assert share(tmp_path) == 1.0


@contextmanager
def no_file_grows_beyond(size: int) -> Iterator[None]:
    """What a full disk does, for this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_that_cannot_be_written_to_ends_the_progress_and_not_the_run(tmp_path: Path) -> None:
    notes: List[str] = []
    progress = Progress(str(tmp_path / "progress"), notes.append)
    progress.begin(2)
    with no_file_grows_beyond(30):
        progress.ended(done(10, MB))
        progress.note("a word to people")
    progress.ended(done(10, MB))
    progress.finish()
    assert len(notes) == 2 and "progress: File too large" in notes[0] and notes[1] == "a word to people"
    assert not progress.is_abandoned()


def test_a_file_that_cannot_be_made_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(MailImportError, match="progress: No such file") as error:
        Progress(str(tmp_path / "missing" / "progress"))
    assert error.value.reason == "host_refused"
