# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last lines of a play."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from ansible_collections.panel.mailimport.plugins.filter.last_screen import last_screen
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult


def entry(name: str, state: str = "completed", **values: Any) -> Dict[str, Any]:
    return ImportResult(name + "@example.org", "s", state=state, **values).as_dict()


def result(*entries: Dict[str, Any], msg: str) -> Dict[str, Any]:
    return {"imports": list(entries), "msg": msg}


DONE = result(entry("anna"), entry("ben"), msg="2 mailboxes: 2 completed · 9 messages, 7 s\nmore")
WRONG = {"state": "failed", "reason": "auth_failed", "message": "no"}


def test_hosts_whose_import_failed_are_told_though_their_task_did_not() -> None:
    """The playbooks let it fail later."""
    wrong = result(entry("ben", **WRONG), msg="ben@example.org: no (auth_failed)")
    told = last_screen({"mail1": result(entry("anna"), msg="anna@example.org: done"), "mail2": wrong})
    assert told[0].startswith("2 mailboxes: 1 completed, 1 failed") and told[-1].endswith(" --limit mail2")


@pytest.mark.parametrize(
    ("results", "lines"),
    [
        ({"mail1": DONE}, ["2 mailboxes: 2 completed · 9 messages, 7 s"]),
        ({"mail1": DONE, "mail2": result(msg="none is for this host")}, ["2 mailboxes: 2 completed"]),
        (
            {"mail1": result(msg="no mailbox of the list belongs to this host")},
            ["no mailbox of the list belongs to this host"],
        ),
        ({"mail1": result(entry("anna"), msg="anna@example.org: done, 3 s")}, ["anna@example.org: done, 3 s"]),
        (
            {"mail1": {**result(entry("anna", **WRONG), msg="anna@example.org: no (auth_failed)"), "failed": True}},
            ["1 mailbox: 1 failed", "anna@example.org: failed: no (auth_failed)"],
        ),
        ({"mail1": {"failed": True, "msg": "no such option\nmore"}}, ["mail1: no such option"]),
    ],
    ids=["one host", "several hosts", "nothing to do", "a mailbox", "a mailbox that failed", "no import"],
)
def test_one_host_s_own_words_are_the_first(results: Dict[str, Any], lines: List[str]) -> None:
    told = last_screen(results, "only")
    assert [line.partition(" · 0")[0] for line in told[: len(lines)]] == lines and told.count(lines[0]) == 1
