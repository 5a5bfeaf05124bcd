# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task gets back from mail_import_imap, whatever the engine says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import (
    COMPLETED_MESSAGE,
    ImportRequest,
    ImportResult,
)
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import Outcome, ShownMailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcomes import Item
from ansible_collections.panel.mailimport.plugins.module_utils.task import imports as entry
from ansible_collections.panel.mailimport.plugins.modules import mail_import_imap

TASK = {"source_host": "imap.example.net", "email": "Anna@example.org", "owner": "customer1"}


class Engine:
    """Stands in for the engine: notes what it is asked for, answers as told."""

    def __init__(self) -> None:
        self.requests: List[ImportRequest] = []
        self.check_modes: List[bool] = []
        self.answer = ImportResult(
            "anna@example.org",
            "Anna@example.org@imap.example.net",
            "completed",
            message=COMPLETED_MESSAGE,
            changed=True,
        )

    def import_many(
        self, items: List[Item], settings: object, how: Scheduling, check_mode: bool, progress: object, shows: bool
    ) -> List[Outcome]:
        self.requests += [item for item in items if isinstance(item, ImportRequest)]
        self.check_modes.append(check_mode)
        results = [self.answer if isinstance(item, ImportRequest) else item for item in items]
        return [Outcome(result, after=ShownMailbox(folders={"INBOX": 3})) for result in results]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(entry, "import_many", engine.import_many)
    monkeypatch.setattr(mail_import_imap, "prepare_interpreter", lambda module, *libraries: None)
    return engine


def secrets_file(folder: Path, **secrets: str) -> Path:
    path = folder / "secrets.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(secrets))
    return path


def test_the_password_comes_from_the_file_and_the_file_is_gone(engine: Engine, run_module: Any, tmp_path: Path) -> None:
    path = secrets_file(tmp_path, password="12")
    engine.answer.messages_copied = 120
    code, answer = run_module(mail_import_imap.main, {**TASK, "secrets_file": str(path)})
    assert code == 0
    assert not path.exists()
    assert engine.requests[0].source.password == engine.requests[0].target_password == "12"
    # As an argument of the module, the password would have made text of this number.
    assert answer["imports"][0]["messages_copied"] == 120


def test_the_mailbox_may_have_a_password_of_its_own(engine: Engine, run_module: Any, tmp_path: Path) -> None:
    path = secrets_file(tmp_path, password="old", target_password="new")
    run_module(mail_import_imap.main, {**TASK, "secrets_file": str(path)})
    assert engine.requests[0].source.password == "old"
    assert engine.requests[0].target_password == "new"


def test_a_finished_import_says_so_in_one_line(engine: Engine, run_module: Any) -> None:
    code, answer = run_module(mail_import_imap.main, {**TASK, "password": "geheim"})
    assert code == 0
    assert answer["changed"] is True
    assert answer["msg"] == "anna@example.org: Import completed successfully"
    assert [found["state"] for found in answer["imports"]] == ["completed"]
    assert "diff" not in answer


def test_a_failed_import_fails_the_task_and_keeps_its_entry(engine: Engine, run_module: Any) -> None:
    engine.answer = ImportResult(
        "anna@example.org", "there", "failed", "auth_failed", "the source refused the password"
    )
    code, answer = run_module(mail_import_imap.main, {**TASK, "password": "geheim"})
    assert code == 1
    assert answer["failed"] is True
    assert answer["msg"] == "anna@example.org: the source refused the password (auth_failed)"
    assert answer["imports"][0]["reason"] == "auth_failed"
    assert answer["summary"]


@pytest.mark.parametrize("address", ["anna", "an:na@example.org", "anna@example.org\nroot::0:0", "../anna@example.org"])
def test_an_impossible_address_is_refused_before_the_engine_sees_it(
    engine: Engine, run_module: Any, address: str
) -> None:
    code, answer = run_module(mail_import_imap.main, {**TASK, "email": address, "password": "geheim"})
    assert code == 1
    assert engine.requests == []
    assert answer["imports"][0]["reason"] == "invalid_row"
    assert "\n" not in answer["msg"]


def test_a_state_that_cannot_be_kept_fails_the_import(
    run_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(mail_import_imap, "prepare_interpreter", lambda module, *libraries: None)
    (tmp_path / "file").touch()
    code, answer = run_module(
        mail_import_imap.main, {**TASK, "password": "geheim", "state_dir": str(tmp_path / "file" / "state")}
    )
    assert code == 1
    assert answer["msg"].endswith("Not a directory (host_refused)")
    assert answer["imports"][0]["state"] == "failed"


def test_check_mode_reaches_the_engine(engine: Engine, run_module: Any) -> None:
    run_module(mail_import_imap.main, {**TASK, "password": "geheim", "_ansible_check_mode": True})
    assert engine.check_modes == [True]


def test_diff_mode_shows_before_and_after(engine: Engine, run_module: Any) -> None:
    code, answer = run_module(mail_import_imap.main, {**TASK, "password": "geheim", "_ansible_diff": True})
    assert code == 0
    assert json.loads(answer["diff"]["before"]) == {"domain": None, "mailbox": None, "folders": {}}
    assert json.loads(answer["diff"]["after"]) == {"domain": None, "mailbox": None, "folders": {"INBOX": 3}}


@pytest.mark.parametrize(
    ("given", "lacking"),
    [
        ({}, "password is required"),
        ({"source_master_user": "admin", "password": "geheim"}, "target_password is required"),
        ({"import_content": False}, "one of password and target_password"),
        ({"owner": "", "password": "geheim"}, "owner is required"),
    ],
)
def test_what_is_lacking_is_named(engine: Engine, run_module: Any, given: Dict[str, Any], lacking: str) -> None:
    code, answer = run_module(mail_import_imap.main, {**TASK, **given})
    assert code == 1
    assert lacking in answer["msg"]
    assert engine.requests == []
