# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin: passwords leave the arguments, mistakes are told before anything leaves the controller."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, Dict, List

import pytest
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.action.mail_import_imap import ActionModule
from ansible_collections.panel.mailimport.plugins.plugin_utils import importing

TASK = {"source_host": "imap.example.net", "email": "anna@example.org", "password": "geheim", "owner": "customer1"}


class Target:
    """What the action plugin did to the mail host, through the methods of Ansible's base class."""

    def __init__(self) -> None:
        self.files: Dict[str, Any] = {}
        self.calls: List[str] = []
        self.arguments: Dict[str, Any] = {}
        self.wrap_async = False
        self.chmod_result: Dict[str, Any] = {}
        self.listed = ""


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> Target:
    target = Target()

    def make_tmp_path(self: ActionBase) -> str:
        self._connection._shell.tmpdir = "/tmp/ansible-tmp-1"
        return "/tmp/ansible-tmp-1"

    def transfer_data(self: ActionBase, path: str, data: str) -> None:
        target.files[path] = json.loads(data)
        target.calls.append("transfer")

    def command(self: ActionBase, cmd: str, sudoable: bool) -> Dict[str, Any]:
        target.calls.append(" ".join(cmd.split()[:2]))
        return {"rc": 0, "stderr": "", "stdout": target.listed, **target.chmod_result}

    def execute(
        self: ActionBase, module_name: str, module_args: Dict[str, Any], task_vars: Any, wrap_async: bool
    ) -> Dict[str, Any]:
        target.calls.append(module_name)
        target.arguments = module_args
        target.wrap_async = wrap_async
        return {"changed": True}

    monkeypatch.setattr(importing, "_is_watched", lambda: False)
    monkeypatch.setattr(ActionBase, "_make_tmp_path", make_tmp_path)
    monkeypatch.setattr(ActionBase, "_transfer_data", transfer_data)
    monkeypatch.setattr(ActionBase, "_low_level_execute_command", command)
    monkeypatch.setattr(ActionBase, "_fixup_perms2", lambda self, paths, execute: target.calls.append("fixup"))
    monkeypatch.setattr(ActionBase, "_execute_module", execute)
    monkeypatch.setattr(ActionBase, "_is_become_unprivileged", lambda self: self._connection.become == "unprivileged")
    monkeypatch.setattr(
        ActionBase, "cleanup", lambda self, force=False: target.calls.append("cleanup" if force else "no cleanup")
    )
    return target


def run(arguments: Dict[str, Any], become: Any = None, async_val: int = 0) -> Dict[str, Any]:
    shell = SimpleNamespace(
        tmpdir=None,
        join_path=lambda *parts: "/".join(parts),
        chmod=lambda paths, mode: "chmod %s %s" % (mode, " ".join(paths)),
    )
    task = SimpleNamespace(
        args=arguments,
        async_val=async_val,
        check_mode=False,
        action="panel.mailimport.mail_import_imap",
        get_path=lambda: "play.yml:1",
    )
    connection = SimpleNamespace(_shell=shell, become=become)
    return ActionModule(task, connection, None, None, None, None).run(task_vars={})


def test_passwords_go_into_the_file_and_nothing_else_does(target: Target) -> None:
    assert run({**TASK, "target_password": "neu"})["changed"] is True
    ((path, content),) = target.files.items()
    assert content == {"password": "geheim", "target_password": "neu"}
    assert target.arguments["secrets_file"] == path and path.startswith("/tmp/ansible-tmp-1/panel-mailimport-secrets-")
    assert "geheim" not in str(target.arguments)
    assert "password" not in target.arguments


def test_the_task_s_own_arguments_stay_as_they_are(target: Target) -> None:
    """A retry of the task (until, loop) starts from them again."""
    arguments = dict(TASK)
    run(arguments)
    assert arguments == TASK


def test_options_are_passed_on_as_given(target: Target) -> None:
    """Paths and defaults are the mail host's matter."""
    run({**TASK, "source_ca_cert": "~/ca.pem"})
    assert target.arguments["source_ca_cert"] == "~/ca.pem"
    assert "state" not in target.arguments


def test_a_number_for_a_password_is_its_digits(target: Target) -> None:
    run({**TASK, "password": 12})
    assert list(target.files.values()) == [{"password": "12"}]


@pytest.mark.parametrize("password", [12, True, 1.5])
def test_what_yaml_may_have_changed_is_told(target: Target, password: Any) -> None:
    assert run({**TASK, "password": password})["warnings"] == [
        "password is not text: put it in quotes, or YAML makes 83 of 0123 and true of yes"
    ]
    assert "warnings" not in run({**TASK, "password": str(password)})


def test_the_file_is_private_before_another_user_is_let_in(target: Target) -> None:
    run(TASK, become="root")
    assert target.calls == ["transfer", "chmod 0600", "fixup", "panel.mailimport.mail_import_imap"]


def test_a_file_that_cannot_be_protected_ends_the_task(target: Target) -> None:
    target.chmod_result = {"rc": 1, "stderr": "Operation not permitted"}
    with pytest.raises(AnsibleActionFail, match="Operation not permitted"):
        run(TASK)
    assert target.calls[-1] == "cleanup"
    assert target.arguments == {}


def test_async_is_handed_to_the_module(target: Target) -> None:
    run(TASK, async_val=60)
    assert target.wrap_async is True


def test_async_as_a_user_who_could_not_remove_the_file_is_refused(target: Target) -> None:
    with pytest.raises(AnsibleActionFail, match="async does not go together with become"):
        run(TASK, become="unprivileged", async_val=60)
    assert target.files == {}


def test_nothing_stays_behind_when_an_async_job_could_not_start(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ActionBase, **arguments: Any) -> None:
        raise AnsibleConnectionFailure("gone")

    monkeypatch.setattr(ActionBase, "_execute_module", fail)
    with pytest.raises(AnsibleConnectionFailure):
        run(TASK, async_val=60)
    assert target.calls[-1] == "cleanup"


def test_a_required_option_that_is_left_out_is_named(target: Target) -> None:
    with pytest.raises(AnsibleActionFail, match="missing required arguments: owner"):
        run({name: value for name, value in TASK.items() if name != "owner"})
    assert target.calls == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"sorce_port": 1},
            r"Unsupported parameters for \(panel.mailimport.mail_import_imap\) module: sorce_port; is source_port or .*"
            r" meant\? \(ansible-doc panel.mailimport.mail_import_imap has all of them\)$",
        ),
        ({"secrets_file": "/etc/shadow"}, "Unsupported parameters .* secrets_file"),
        ({"source_tls": "maybe"}, "value of source_tls must be one of: implicit, starttls, none, got: maybe"),
        ({"owner": ""}, "owner is required, and must not be empty"),
        # ansible-core 2.18 sees the wrong type itself.
        ({"owner": None}, "owner is required, and must not be empty|argument 'owner' is of type"),
        ({"uid": "root"}, "argument 'uid' is of type"),
        ({"password": None}, "password is required"),
        ({"password": ""}, "password is required"),
    ],
)
def test_a_mistake_is_told_before_any_secret_leaves(target: Target, change: Dict[str, Any], message: str) -> None:
    with pytest.raises(AnsibleActionFail, match=message):
        run({**TASK, **change})
    assert target.calls == []
