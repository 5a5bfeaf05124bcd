# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks leave no option of the modules out, neither in what they do nor in what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import list_options, mailbox_options
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import organization_options
from support.mail import REPOSITORY
from support.run import COLLECTION

# Options that import_each.yml takes from the variables of its hosts.
OF_THE_HOST = {"src", "only", "mail_host", "mailboxes", "remote_src", "parallel", "queues"}


def given(file: Path, module: str) -> set[str]:
    """Options that the one task of a module gives in a playbook or a file of tasks."""

    def tasks(entries: list[Any]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            yield entry
            yield from tasks(entry.get("tasks", []))

    (task,) = [task for task in tasks(yaml.safe_load(file.read_text())) if "panel.mailimport." + module in task]
    return set(task["panel.mailimport." + module])


def test_every_option_can_be_given_as_a_variable() -> None:
    assert given(COLLECTION / "playbooks" / "import_imap.yml", "mail_import_imap") == set(mailbox_options())
    assert given(COLLECTION / "playbooks" / "tasks" / "import_csv.yml", "mail_import_csv") == set(list_options())
    assert given(COLLECTION / "playbooks" / "import_yandex.yml", "mail_import_yandex") == set(organization_options())


@pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("import_imap", set(mailbox_options())),
        ("import_csv", set(list_options()) - {"mail_host"}),
        ("import_yandex", set(organization_options())),
        ("import_each", set(list_options()) - OF_THE_HOST),
    ],
)
def test_the_head_of_a_playbook_names_every_variable(playbook: str, options: set[str]) -> None:
    head = (REPOSITORY / "playbooks" / ("%s.yml" % playbook)).read_text().partition("\n- name:")[0]
    words = set(head.replace(",", " ").split())
    assert options - words == set()
