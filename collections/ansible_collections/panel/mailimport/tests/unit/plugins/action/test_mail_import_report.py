# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the report makes of results that people give it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.action.mail_import_report import ActionModule

ESTIMATE = {
    "mailboxes": 2,
    "messages": 20,
    "bytes": 3_000_000,
    "bytes_estimated": False,
    "largest": [{"email": "anna@example.org", "bytes": 2_000_000}, {"email": "ben@example.org", "bytes": 1_000_000}],
    "slow": [],
    "over_quota": [],
    "disks": [],
    "connections": None,
    "sampled_bytes": 1000,
    "durations": [{"queues": 1, "seconds": 60}],
}


def run(monkeypatch: Any, tmp_path: Any, estimate: Any) -> Dict[str, Any]:
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    arguments = {
        "mailboxes": [],
        "hosts": {},
        "looks": {"mail1": {"estimate": estimate}},
        "dest": str(tmp_path),
    }
    task = SimpleNamespace(args=arguments, check_mode=False, diff=False, get_path=lambda: None)
    return ActionModule(task, None, None, None, None, None).run(task_vars={})


def test_an_estimate_is_in_the_report(monkeypatch: Any, tmp_path: Any) -> None:
    run(monkeypatch, tmp_path, ESTIMATE)
    assert "to import: 20 messages, 3.0 MB" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    "wrong",
    [
        {"largest": 5},
        {"largest": ["anna@example.org"]},
        {"disks": [{"place": "/var/mail"}]},
        {"bytes": "many"},
        {"messages": []},
        {"messages": "many"},
        {"slow": [{"email": "anna@example.org"}]},
        {"over_quota": [1]},
        {"durations": [{"queues": "x", "seconds": None}]},
        {"connections": {"tried": 1}},
    ],
)
def test_what_is_no_estimate_is_refused_in_a_line(monkeypatch: Any, tmp_path: Any, wrong: Dict[str, Any]) -> None:
    with pytest.raises(AnsibleActionFail) as refused:
        run(monkeypatch, tmp_path, {**ESTIMATE, **wrong})
    assert str(refused.value) == "looks: what is given for mail1 is no result of an import in check mode"
    assert not list(tmp_path.iterdir())
