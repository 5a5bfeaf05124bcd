# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of options is what the engine, the documentation and the playbooks have, down to the last one."""

from __future__ import annotations

import dataclasses
import importlib
import re
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
import yaml
from ansible_collections.panel.mailimport.plugins.module_utils.model import options as table
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import FolderRules, ImportRequest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.run.many import Scheduling
from ansible_collections.panel.mailimport.plugins.module_utils.run.run_notices import Administrators
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import list_options, mailbox_options
from support.mail import REPOSITORY
from support.run import COLLECTION, environment, run_command

from .test_documentation import documented

# What import_each.yml takes from the variables of its hosts; a run of it is of one mailbox, and writes to nobody.
OF_THE_HOST = """src only mail_host mailboxes remote_src parallel queues
notice_to notice_sender notice_server notice_port notice_protocol""".split()


def organizations() -> dict[str, dict[str, Any]]:
    """What the modules that import an organization can be given, by what is behind `mail_import_` in their names."""
    package = "ansible_collections.panel.mailimport.plugins.modules"
    names = [path.stem for path in (COLLECTION / "plugins" / "modules").glob("mail_import_*.py")]
    loaded = {name: importlib.import_module("%s.%s" % (package, name)) for name in names}
    return {
        name[len("mail_import_") :]: module.organization_options()
        for name, module in sorted(loaded.items())
        if hasattr(module, "organization_options")
    }


ORGANIZATIONS = organizations()


def given(file: Path, module: str) -> set[str]:
    """Options that the one task of a module gives in a playbook or a file of tasks."""

    def tasks(entries: list[Any]) -> Iterator[dict[str, Any]]:
        for entry in entries:
            yield entry
            yield from tasks([*entry.get("tasks", []), *entry.get("block", [])])

    (task,) = [task for task in tasks(yaml.safe_load(file.read_text())) if "panel.mailimport." + module in task]
    return set(task["panel.mailimport." + module])


def test_every_option_can_be_given_as_a_variable() -> None:
    assert given(COLLECTION / "playbooks" / "tasks" / "import_imap.yml", "mail_import_imap") == set(mailbox_options())
    assert given(COLLECTION / "playbooks" / "tasks" / "import_csv.yml", "mail_import_csv") == set(list_options())
    assert {"google", "microsoft365", "yandex"} <= set(ORGANIZATIONS)
    for name, options in ORGANIZATIONS.items():
        playbook = COLLECTION / "playbooks" / "tasks" / ("import_%s.yml" % name)
        assert given(playbook, "mail_import_" + name) == set(options)


PLAYBOOKS = pytest.mark.parametrize(
    ("playbook", "options"),
    [
        ("import_imap", set(mailbox_options())),
        ("import_csv", set(list_options())),
        ("import_each", set(list_options()) - set(OF_THE_HOST)),
        *(("import_" + name, set(options)) for name, options in ORGANIZATIONS.items()),
    ],
)


def names_of_the_head(playbook: str) -> set[str]:
    """The variables that the head of a playbook explains. A line begins with some of them, or goes on further right."""
    head = (REPOSITORY / "playbooks" / ("%s.yml" % playbook)).read_text(encoding="utf-8").partition("\n- name:")[0]
    lines = re.findall(r"^#   ([a-z]\w*(?:, \w+)*)(?:  .*| \w.*)?$", head, re.MULTILINE)
    return {name for line in lines for name in line.split(", ")}


@PLAYBOOKS
def test_the_head_of_a_playbook_or_the_page_beside_it_names_every_variable(playbook: str, options: set[str]) -> None:
    page = (REPOSITORY / "playbooks" / "README.md").read_text(encoding="utf-8")
    shared = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert options - names_of_the_head(playbook) - shared == set()


@PLAYBOOKS
def test_the_head_of_a_playbook_names_no_variable_that_nobody_reads(playbook: str, options: set[str]) -> None:
    read = re.findall(r"\{\{ (\w+) |when: (\w+)", (COLLECTION / "playbooks" / ("%s.yml" % playbook)).read_text())
    assert names_of_the_head(playbook) - options - {name for names in read for name in names} == set()


def test_playbooks_groups_and_contents_are_as_the_script_writes_them() -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "write_lists.py"), "--check"]
    assert run_command(command, cwd=REPOSITORY, env=environment()) == (0, "")


@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("mail_import_imap", mailbox_options()),
        ("mail_import_csv", list_options()),
        *(("mail_import_" + name, options) for name, options in ORGANIZATIONS.items()),
    ],
)
def test_the_documentation_has_every_option_as_it_is(module: str, options: dict[str, dict[str, Any]]) -> None:
    said = documented()["module"]["panel.mailimport." + module]["doc"]["options"]
    assert set(said) - {"secrets_file", "progress_file"} == set(options)
    for name, option in options.items():
        assert said[name].get("choices", []) == option.get("choices", []), name
        assert said[name].get("required", False) == option.get("required", False), name
        assert said[name].get("type", "str") == option["type"], name
        assert said[name].get("default") == option.get("default") or not option.get("default"), name


@pytest.mark.parametrize(
    ("group", "filled"),
    [
        (table.SOURCE, SourceAccount),
        (table.IMPORT, ImportRequest),
        (table.FOLDERS, FolderRules),
        (table.SCHEDULING, Scheduling),
        (table.NOTICE, Administrators),
    ],
)
def test_an_option_of_a_group_fills_an_attribute_of_its_class(group: Any, filled: Any) -> None:
    attributes = {field.name: field for field in dataclasses.fields(filled)}
    assert {option.field for option in group if option.field} <= set(attributes)
