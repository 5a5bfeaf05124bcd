# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that is watched while it runs in the background."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import Finished, Noted, encode
from ansible_collections.panel.mailimport.plugins.module_utils.run.progress import Progress
from ansible_collections.panel.mailimport.plugins.plugin_utils import extra_variables, importing

NOTES = ["one", "two", "three"]
PROGRESS = "".join(map(encode, (*map(Noted, NOTES), Finished())))


class Action:
    """The action plugin as far as the watch asks it: a host on which some things go wrong."""

    def __init__(self) -> None:
        self.troubles: Dict[str, Exception] = {}
        self.commands: List[str] = []
        self.banner, self.line_end = "", "\n"
        self._task = SimpleNamespace(async_val=0)
        shell = SimpleNamespace(tmpdir="/tmp/ansible/tmp-1/", join_path=lambda *parts: "/".join(parts))
        self._connection = SimpleNamespace(_shell=shell)

    def _execute_module(
        self, module_name: str, module_args: Dict[str, Any], task_vars: Dict[str, Any], wrap_async: bool
    ) -> Dict[str, Any]:
        self._meet("module" if wrap_async else "status")
        if wrap_async:
            return {"ansible_job_id": "j1", "results_file": "/root/.ansible_async/j1"}
        return {"finished": 1, "changed": True, "ansible_job_id": "j1"}

    def _low_level_execute_command(self, command: str, sudoable: bool) -> Dict[str, Any]:
        word = command.split()[0]
        self.commands.append(word)
        self._meet(word)
        if word != "tail":
            return {"stdout": ""}
        first = int(command.split()[2].lstrip("+")) - 1
        return {"stdout": self.banner + PROGRESS[first:].replace("\n", self.line_end)}

    def _meet(self, what: str) -> None:
        if what in self.troubles:
            raise self.troubles[what]


@pytest.fixture
def action(monkeypatch: pytest.MonkeyPatch) -> Action:
    monkeypatch.setattr(importing.time, "sleep", lambda seconds: None)
    return Action()


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    said: List[str] = []
    monkeypatch.setattr(importing.display, "warning", said.append)
    return said


def watch(action: Action) -> Dict[str, Any]:
    return importing._Watch(action, {}).run("panel.mailimport.mail_import_imap", {})  # type: ignore[arg-type]


def test_the_file_with_the_progress_goes_when_all_is_done(action: Action, warnings: List[str]) -> None:
    assert watch(action) == {"changed": True}
    assert action.commands == ["tail", "tail", "rm"] and warnings == []


@pytest.mark.parametrize("what", ["module", "tail", "status"])
def test_the_file_with_the_progress_goes_when_something_fails(action: Action, warnings: List[str], what: str) -> None:
    action.troubles[what] = AnsibleConnectionFailure("unreachable for a moment")
    with pytest.raises(AnsibleConnectionFailure, match="unreachable for a moment"):
        watch(action)
    assert action.commands[-1] == "rm" and warnings == []


def test_a_file_that_cannot_be_removed_hides_no_error(action: Action, warnings: List[str]) -> None:
    action.troubles = {"tail": AnsibleConnectionFailure("the first error"), "rm": AnsibleError("the second one")}
    with pytest.raises(AnsibleConnectionFailure, match="the first error"):
        watch(action)
    assert len(warnings) == 1 and "panel-mailimport-progress-" in warnings[0] and "the second one" in warnings[0]


def test_a_file_that_cannot_be_removed_hides_no_result(action: Action, warnings: List[str]) -> None:
    action.troubles["rm"] = AnsibleError("gone")
    assert watch(action) == {"changed": True} and len(warnings) == 1


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_module_that_is_interrupted_stops_however_far_it_is(
    action: Action, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, has_begun: bool
) -> None:
    """The module may be on its way yet, and makes its file later."""
    action._connection._shell.tmpdir = "%s/tmp-1/" % tmp_path
    made: List[Any] = []
    ended: List[int] = []

    def interrupted(module_args: Dict[str, Any], **_more: Any) -> Dict[str, Any]:
        made.append(module_args["progress_file"])
        if has_begun:
            made.append(Progress(module_args["progress_file"]))
        raise KeyboardInterrupt

    def shell(command: str, sudoable: bool) -> Dict[str, Any]:
        if not ended:  # a process that is gone runs nothing more
            subprocess.run(["sh", "-c", command], check=True)
        return {"stdout": ""}

    def end(code: int) -> None:
        ended.append(code)
        raise SystemExit(code)

    monkeypatch.setattr(action, "_execute_module", interrupted)
    monkeypatch.setattr(action, "_low_level_execute_command", shell)
    monkeypatch.setattr(importing.os, "_exit", end)
    with pytest.raises(SystemExit):
        watch(action)
    if has_begun:
        assert made[1].is_abandoned()
    else:
        with pytest.raises(MailImportError, match="waits for it no more") as refused:
            Progress(made[0])
        assert refused.value.reason == "interrupted" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("playbook", "hosts", "shown"),
    [("playbooks", 1, False), ("playbooks", 2, True), ("elsewhere", 1, True)],
    ids=["one host", "several hosts", "a play of others"],
)
def test_the_last_screen_of_a_playbook_s_only_host_is_left_to_the_playbook(
    action: Action, monkeypatch: pytest.MonkeyPatch, playbook: str, hosts: int, shown: bool
) -> None:
    said: List[str] = []
    where = Path(extra_variables.__file__).parents[2] / playbook / "tasks" / "import_csv.yml"
    monkeypatch.setattr(importing, "hand_over", lambda *_arguments: "/tmp/secrets")
    monkeypatch.setattr(importing.display, "display", lambda line, stderr: said.append(line))
    action._task.get_path = lambda: "%s:10" % where
    action._task.check_mode = True
    monkeypatch.setattr(action, "_execute_module", lambda **_call: {"imports": [], "msg": "41 mailboxes"})
    variables = {"inventory_hostname": "mail1", "ansible_play_hosts_all": ["mail1", "mail2"][:hosts]}
    importing.run_import(action, "panel.mailimport.mail_import_csv", {}, {}, variables)  # type: ignore[arg-type]
    assert said == ["[mail1] 41 mailboxes"] * shown


@pytest.mark.parametrize("banner", ["", "Welcome to mx1\n", "42\n", "Willkommen auf dem Prüfstand\n"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_c4_each_line_is_shown_once_whatever_comes_between(
    action: Action, monkeypatch: pytest.MonkeyPatch, banner: str, line_end: str
) -> None:
    shown: List[str] = []
    monkeypatch.setattr(importing.display, "display", lambda line, stderr: shown.append(line))
    action.banner, action.line_end = banner.replace("\n", line_end), line_end
    watch(action)
    assert shown == ["[?] %s" % note for note in NOTES]
