# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The action plugin of lists: which mail host gets to know which rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Dict, List, Optional

import pytest
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.action import mail_import_csv

LIST = [
    {"email": "ben@example.org", "password": "x", "mail_host": "mail1"},
    {"email": "carl@example.org", "password": "x", "mail_host": "mail2"},
]
VARIABLES = {
    "inventory_hostname": "mail1",
    "ansible_play_hosts_all": ["mail1", "mail2"],
    "groups": {"all": ["mail1", "mail2"]},
}


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> List[str]:
    """Addresses that the module has got."""
    addresses: List[str] = []

    def run_import(_action: ActionBase, _module: str, _arguments: Any, secrets: Any, _variables: Any) -> Dict[str, Any]:
        addresses.extend(row["values"]["email"] for row in secrets["rows"])
        return {}

    monkeypatch.setattr(mail_import_csv, "run_import", run_import)
    monkeypatch.setattr(ActionBase, "run", lambda self, tmp=None, task_vars=None: {})
    return addresses


def run(arguments: Dict[str, Any], variables: Optional[Dict[str, Any]] = None, **keywords: Any) -> Dict[str, Any]:
    options = {"mailboxes": LIST, "owner": "customer1", **arguments}
    task = SimpleNamespace(**{"args": options, "delegate_to": None, "run_once": False, **keywords}, get_path=str)
    return mail_import_csv.ActionModule(task, None, None, None, None, None).run(
        task_vars={**VARIABLES, **(variables or {})}
    )


@pytest.mark.parametrize("arguments", [{}, {"mail_host": "mail1"}], ids=["by default", "by its own name"])
def test_each_host_of_a_play_takes_its_own_of_the_mailboxes(handed: List[str], arguments: Dict[str, Any]) -> None:
    run({"only": ["ben@example.org", "carl@example.org"], **arguments})
    assert handed == ["ben@example.org"]
    handed.clear()
    run({"only": ["carl@example.org"], **arguments})
    assert handed == []


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [({"mail_host": "mail3"}, {}), ({}, {"delegate_to": "mail1"}), ({}, {"run_once": True})],
)
def test_where_no_other_host_may_take_a_mailbox_it_is_an_error(
    handed: List[str], arguments: Dict[str, Any], keywords: Dict[str, Any]
) -> None:
    with pytest.raises(AnsibleActionFail, match=r"not in the list for mail[13]: carl@example\.org"):
        run({"only": ["carl@example.org"], **arguments}, **keywords)
    assert handed == []


ALONE = {"ansible_play_hosts_all": ["mail1"]}
OF_MAIL2 = "not imported by this play: mailboxes of the list for mail2 (1)"
OF_NO_HOST = "not imported by this play: mailboxes of the list for hosts that are not in the inventory (entry 2)"


@pytest.mark.parametrize(
    ("arguments", "variables", "warnings"),
    [
        ({}, ALONE, [OF_MAIL2]),
        ({}, {**ALONE, "ansible_limit": "mail1"}, []),
        ({"only": ["ben@example.org"]}, ALONE, []),
        # The other host may be in an inventory that this controller does not have.
        ({"mail_host": "mail1"}, {**ALONE, "groups": {"all": ["mail1"]}}, [OF_NO_HOST]),
        ({"only": ["ben@example.org"]}, {**ALONE, "groups": {"all": ["mail1"]}}, []),
    ],
    ids=["in the inventory", "left out by --limit", "left out by only", "of another inventory", "not meant"],
)
def test_rows_that_are_left_to_other_hosts_are_told(
    handed: List[str], arguments: Dict[str, Any], variables: Dict[str, Any], warnings: List[str]
) -> None:
    assert run(arguments, variables).get("warnings", []) == warnings
    assert handed == ["ben@example.org"]


@pytest.mark.parametrize("keywords", [{}, {"delegate_to": "mail1"}, {"run_once": True}])
def test_rows_for_a_host_that_is_not_there_keep_all_from_being_imported(
    handed: List[str], keywords: Dict[str, Any]
) -> None:
    with pytest.raises(AnsibleActionFail, match=r"^mailboxes: no host of the inventory .* entry 2 \(is mail1"):
        run({}, {**ALONE, "groups": {"all": ["mail1"]}}, **keywords)
    assert handed == []


def test_a_job_slice_leaves_mailboxes_to_hosts_that_it_does_not_know(handed: List[str]) -> None:
    a_slice = {**ALONE, "groups": {"all": ["mail1"]}}
    only = {"only": ["ben@example.org", "carl@example.org"], "mail_host": "mail1"}
    assert run(only, a_slice)["warnings"] == [OF_NO_HOST] and handed == ["ben@example.org"]
    handed.clear()
    assert run({**only, "only": ["carl@example.org"]}, a_slice)["warnings"] == [OF_NO_HOST] and handed == []
    with pytest.raises(AnsibleActionFail, match="not in the list for mail1: dora@example.org"):
        run({**only, "only": ["ben@example.org", "dora@example.org"]}, a_slice)
    with pytest.raises(AnsibleActionFail, match="not in the list for mail1: carl@example.org"):
        run({**only, "only": ["carl@example.org"]}, ALONE)  # it is there, and somebody has left it out


def test_rows_for_every_host_are_warned_of_where_every_host_takes_them(handed: List[str]) -> None:
    for_all = {"mailboxes": [{"email": "anna@example.org", "password": "x"}]}
    (warning,) = run(for_all)["warnings"]
    assert "each of the 2 hosts" in warning
    assert "warnings" not in run(for_all, run_once=True)
