# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task gets back from mail_import_csv, whatever the engine says, and what the engine is asked for."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any, Dict, List

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import Outcome, ShownMailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcomes import Item
from ansible_collections.panel.mailimport.plugins.module_utils.task import imports as entry
from ansible_collections.panel.mailimport.plugins.modules import mail_import_csv

TASK = {"source_host": "imap.example.net", "owner": "customer1"}


class Engine:
    """Stands in for the engine: notes what it is asked for, and completes everything."""

    def __init__(self) -> None:
        self.items: List[Item] = []
        self.told: List[str] = []
        self.how = Scheduling()

    def import_many(
        self, items: List[Item], settings: object, how: Scheduling, check_mode: bool, progress: object, shows: bool
    ) -> List[Outcome]:
        self.items, self.how = items, how
        self.told = [item.message for item in items if isinstance(item, ImportResult)]
        return [Outcome(self._result(item), after=ShownMailbox(mailbox="there")) for item in items]

    @staticmethod
    def _result(item: Item) -> ImportResult:
        return (
            item
            if isinstance(item, ImportResult)
            else ImportResult(str(item.address), item.source.user, "completed", message="done", changed=True)
        )

    @property
    def requests(self) -> List[ImportRequest]:
        return [item for item in self.items if isinstance(item, ImportRequest)]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(entry, "import_many", engine.import_many)
    monkeypatch.setattr(mail_import_csv, "prepare_interpreter", lambda module, *libraries: None)
    return engine


@pytest.fixture
def run_list(run_module: Any, tmp_path: Path) -> Any:
    def run(rows: List[Dict[str, Any]], secrets: Any = (), **options: Any) -> Any:
        path = tmp_path / "secrets.json"
        path.touch(mode=0o600)
        numbered = [{"place": "line %d" % line, "values": values} for line, values in enumerate(rows, start=2)]
        path.write_text(json.dumps({"rows": numbered, **dict(secrets)}))
        return run_module(mail_import_csv.main, {**TASK, **options, "secrets_file": str(path)})

    return run


def test_what_was_asked_for_is_gone_before_ansible_copies_the_result(
    run_list: Any, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: List[weakref.ref[Any]] = []

    def imported(items: List[Item], *_how: object, **_options: object) -> List[Outcome]:
        asked.extend(map(weakref.ref, items))
        return [Outcome(ImportResult("anna@example.org", "there", "completed")) for _item in items]

    def exit_with(module: AnsibleModule, ran: entry.Ran, _again: str, none: str) -> None:
        gc.collect()
        module.exit_json(imports=len(ran.outcomes), kept=sum(item() is not None for item in asked))

    monkeypatch.setattr(entry, "import_many", imported)
    monkeypatch.setattr(entry, "exit_with", exit_with)
    code, answer = run_list([{"email": "box%d@example.org" % number, "password": "secret"} for number in range(5)])
    assert (code, answer["imports"], answer["kept"]) == (0, 5, 0)


def test_rows_take_what_they_lack_from_the_task(engine: Engine, run_list: Any) -> None:
    ben = {"email": "ben@example.com", "password": "x", "owner": "ben", "source_host": "b"}
    code, answer = run_list([{"email": "anna@example.org", "password": "12"}, ben])
    assert code == 0 and answer["msg"] == "2 mailboxes: 2 completed" and answer["changed"] is True
    assert [(request.source.host, request.owner) for request in engine.requests] == [
        ("imap.example.net", "customer1"),
        ("b", "ben"),
    ]
    assert (
        [request.target_password for request in engine.requests]
        == [request.source.password for request in engine.requests]
        == ["12", "x"]
    )


def test_the_password_at_the_source_may_be_another(engine: Engine, run_list: Any) -> None:
    run_list(
        [
            {"email": "a@example.org", "password": "new", "source_password": "old"},
            {"email": "b@example.org", "source_password": "old"},
        ]
    )
    assert [(request.source.password, request.target_password) for request in engine.requests] == [
        ("old", "new"),
        ("old", "old"),
    ]


def test_an_administrator_logs_in_for_all(engine: Engine, run_list: Any) -> None:
    run_list(
        [{"email": "a@example.org", "password": "new"}],
        {"source_password": "the master's"},
        source_master_user="%u*master",
    )
    assert [(request.source.password, request.target_password) for request in engine.requests] == [
        ("the master's", "new")
    ]
    code, answer = run_list([{"email": "a@example.org", "password": "new"}], source_master_user="%u*master")
    assert code == 1 and "source_password is required with source_master_user" in answer["msg"]


def test_bad_rows_are_results_with_their_line_in_their_place(engine: Engine, run_list: Any) -> None:
    misread = {"email": "no address", "source_port": 70000, "password": "geheim"}
    code, answer = run_list([{"password": "geheim"}, {"email": "ben@example.org", "password": "x"}, misread])
    assert code == 1
    assert [(found["state"], found["reason"], found["email"]) for found in answer["imports"]] == [
        ("failed", "invalid_row", ""),
        ("completed", None, "ben@example.org"),
        ("failed", "invalid_row", ""),
    ]
    assert answer["imports"][0]["message"] == "line 2: email is missing"
    # The progress names the line too, for the row may have no address.
    assert engine.told == [entry["message"] for entry in answer["imports"] if entry["state"] == "failed"]
    assert (
        answer["imports"][2]["message"].startswith("line 4: ")
        and "source_port must be" in answer["imports"][2]["message"]
    )
    headline, first, second = answer["msg"].split("\n")
    assert (headline, first) == (
        "3 mailboxes: 1 completed, 2 failed",
        "failed: line 2: email is missing (invalid_row)",
    )
    assert second.startswith("failed: line 4: ")
    assert "geheim" not in json.dumps(answer)


def test_d3_the_last_screen_names_each_problem_and_how_to_go_on(engine: Engine, run_list: Any) -> None:
    wrong = [{"email": "u%d@example.org" % number, "password": "x", "source_port": 0} for number in range(12)]
    code, answer = run_list([{"email": "ben@example.org", "password": "x"}, *wrong])
    headline, *problems, again = answer["msg"].split("\n")
    assert code == 1 and headline == "13 mailboxes: 1 completed, 12 failed"
    assert [line.partition(": failed: line ")[0] for line in problems] == [row["email"] for row in wrong]
    assert again.endswith(": only=%s" % ",".join(row["email"] for row in wrong))


@pytest.mark.parametrize(
    ("row", "lacking"),
    [
        ({"email": "a@example.org"}, "password is required"),
        ({"email": "a@example.org", "password": "x"}, "source_host is required"),
    ],
)
def test_what_a_row_and_the_task_both_lack_is_named(
    engine: Engine, run_list: Any, row: Dict[str, Any], lacking: str
) -> None:
    code, answer = run_list([row], **({"source_host": ""} if "host" in lacking else {}))
    assert code == 1 and lacking in answer["imports"][0]["message"] and engine.requests == []


def test_the_queues_are_the_task_s(engine: Engine, run_list: Any) -> None:
    run_list([], parallel=True, queues=7, source_max_connections=3, preflight=False)
    assert engine.how == Scheduling(True, 7, 3, False)
    for wrong in ({"queues": 0}, {"source_max_connections": 0}):
        code, answer = run_list([], **wrong)
        assert code == 1 and answer["msg"] == "%s must be 1 or more" % next(iter(wrong))


def test_a_host_without_rows_of_its_own_has_nothing_to_do(engine: Engine, run_list: Any) -> None:
    code, answer = run_list([])
    assert (code, answer["changed"], answer["imports"]) == (0, False, []) and "no mailbox" in answer["msg"]


def test_diff_shows_what_changed(engine: Engine, run_list: Any) -> None:
    _code, answer = run_list(
        [{"email": "a@example.org", "password": "x"}, {"email": "", "password": "x"}], _ansible_diff=True
    )
    assert [json.loads(change["after"]) for change in answer["diff"]] == [
        {"domain": None, "mailbox": "there", "folders": {}}
    ]


def test_a_file_on_the_mail_host_is_read_there(engine: Engine, run_module: Any, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("email,password,mail_host\na@example.org,x,mx1\nb@example.org,x,mx2\nc@example.org,x,\n")
    run_module(mail_import_csv.main, {**TASK, "src": str(path), "remote_src": True, "mail_host": "mx1"})
    assert [str(request.address) for request in engine.requests] == ["a@example.org", "c@example.org"]
    code, answer = run_module(mail_import_csv.main, {**TASK, "src": str(tmp_path / "nowhere")})
    assert code == 1 and "nowhere cannot be read: No such file or directory" in answer["msg"]


def test_one_login_name_is_not_used_for_several_mailboxes(engine: Engine, run_list: Any) -> None:
    rows = [{"email": "a@example.org", "password": "x"}, {"email": "b@example.org", "password": "x"}]
    code, answer = run_list(rows, source_user="boss@example.org")
    assert code == 1 and "give it in the list" in answer["msg"] and engine.requests == []
    run_list([rows[0], {**rows[1], "source_user": "bert@example.org"}], source_user="boss@example.org")
    assert [request.source.user for request in engine.requests] == ["boss@example.org", "bert@example.org"]


def test_a_new_mailbox_that_no_mail_would_reach_is_warned_of(
    engine: Engine, run_list: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other servers send to the ASCII form of its domain."""

    def made(item: ImportRequest) -> ImportResult:
        return ImportResult(str(item.address), item.source.user, "completed", created=True, changed=True)

    warnings: List[str] = []
    monkeypatch.setattr(engine, "_result", made)
    # What becomes of a warning in a process that runs several modules depends on the release of ansible-core.
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    run_list([{"email": each, "password": "x"} for each in ("a@xn--mller-kva.example", "b@müller.example")])
    (warning,) = warnings
    assert "b@müller.example: other servers send mail to the ASCII form" in warning and "a@xn" not in warning


def test_a_paused_import_that_moved_mail_aside_is_one_warning(
    engine: Engine, run_list: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paused(item: ImportRequest) -> ImportResult:
        return ImportResult(
            str(item.address), "", "paused", "throttled", "enough for today", changed=True, replaced_to="/replaced/1"
        )

    warnings: List[str] = []
    monkeypatch.setattr(engine, "_result", paused)
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, text: warnings.append(text))
    answer = run_list([{"email": "a@b.example", "password": "x"}])[1]
    assert warnings == ["a@b.example: paused: enough for today (throttled)"]
    assert answer["msg"].splitlines()[1:] == [
        *warnings,
        "a@b.example: the mail that was there before is in /replaced/1",
    ]


def test_a_host_that_has_none_of_the_mailboxes_in_only_says_so(run_list: Any, engine: Engine) -> None:
    """The others may never have come to this task."""
    code, answer = run_list([], only=["carl@example.org"])
    assert code == 0 and answer["imports"] == []
    assert answer["msg"] == "nothing to do here: the mailboxes in only are those of other hosts (carl@example.org)"
    assert run_list([])[1]["msg"] == "no mailbox of the list belongs to this host"
