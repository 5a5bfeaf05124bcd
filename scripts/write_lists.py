#!/usr/bin/env python3
# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the options of the modules into the playbooks: what their tasks pass on, and what their heads name.

    python scripts/playbook_options.py            write them
    python scripts/playbook_options.py --check    fail if they are not written

A line that is there stays as it is, with a default of its own. Options that are missing get a line, and lines of
options that are gone are removed.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Iterable, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.panel.mailimport.plugins.module_utils.task import google, microsoft365, yandex360  # noqa: E402
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (  # noqa: E402
    delivery_options,
    importing_options,
    list_options,
    mailbox_options,
    source_options,
    target_options,
)

SHIPPED = ROOT / "collections" / "ansible_collections" / "panel" / "mailimport" / "playbooks"
EXPLAINED = ROOT / "playbooks"

# A run of import_each.yml is of one mailbox, and writes to nobody.
NOTICES = {"notice_to", "notice_sender", "notice_server", "notice_port", "notice_protocol"}
# Options that import_each.yml takes from the variables of its hosts.
OF_THE_HOST = {"src", "only", "mail_host", "mailboxes", "remote_src", "parallel", "queues", *NOTICES}


# What a line of a head begins with, or is: names of options.
_NAMES = r"[a-z]\w*(?:, \w+)*,?(?=  |$)"


class Head(NamedTuple):
    """The head of a playbook: which options it names, and where those are that it does not explain one by one."""

    playbook: str
    options: Iterable[str]
    source_words: str = "how to reach it and log in"


TASKS = (
    ("tasks/import_imap.yml", "mail_import_imap", mailbox_options()),
    ("tasks/import_csv.yml", "mail_import_csv", list_options()),
    ("tasks/import_google.yml", "mail_import_google", google.organization_options()),
    ("tasks/import_microsoft365.yml", "mail_import_microsoft365", microsoft365.organization_options()),
    ("tasks/import_yandex.yml", "mail_import_yandex", yandex360.organization_options()),
    ("tasks/migration/prove.yml", "mail_delivery_check", delivery_options()),
    (
        "tasks/migration/directory_google.yml",
        "google_workspace_info",
        # What Gmail tells of each mailbox takes a call each, and the plan logs in anyway.
        [name for name in google.info_options() if name not in ("check_mailboxes", "gmail_api_url")],
    ),
    ("tasks/migration/directory_microsoft365.yml", "microsoft365_info", microsoft365.info_options()),
    ("tasks/migration/directory_yandex.yml", "yandex360_info", yandex360.info_options()),
)
HEADS = (
    Head("import_imap.yml", mailbox_options()),
    Head("import_csv.yml", list_options()),
    Head("import_each.yml", [name for name in list_options() if name not in OF_THE_HOST]),
    Head("import_google.yml", google.organization_options(), "where Google is and how to reach it"),
    Head("import_microsoft365.yml", microsoft365.organization_options(), "where Microsoft is and how to reach it"),
    Head("import_yandex.yml", yandex360.organization_options(), "where Yandex is and how to reach it"),
)


def with_task_options(text: str, module: str, options: Iterable[str]) -> str:
    """The playbook whose task of the module passes on each of the options, if the variable of its name is there."""
    known = list(options)
    begin = re.search(r"^( +)panel\.mailimport\.%s:\n" % module, text, re.MULTILINE)
    assert begin, module
    indent = begin[1] + "  "
    block = re.compile(r"(?:%s.*\n)+" % indent).match(text, begin.end())
    assert block, module
    lines = []
    there = set()
    for line in block[0].splitlines(keepends=True):
        found = re.match(indent + r"(\w+): ", line)
        if found is None or found[1] in known:
            lines.append(line)
            there.add(found[1] if found else "")
    lines += ['%s%s: "{{ %s | default(omit) }}"\n' % (indent, name, name) for name in known if name not in there]
    return text[: begin.end()] + "".join(lines) + text[block.end() :]


def with_head(text: str, head: Head) -> str:
    """The playbook whose head names each of the options, those of a group above the words that explain the group."""
    groups = {
        head.source_words: [
            *source_options(),
            *dict.fromkeys(
                [
                    *yandex360.service_options(),
                    *google.service_options(),
                    *microsoft365.service_options(),
                    "mail_resource",
                ]
            ),
        ],
        "what is imported, and how": [*importing_options()],
        "the mail host, if its own configuration": [*target_options()],
    }
    names = {name: [option for option in group if option in set(head.options)] for name, group in groups.items()}
    for words, group in names.items():
        pattern = r"((?:^#   %s\n)+)(?=^# +%s)" % (_NAMES, re.escape(words))
        found = re.search(pattern, text, re.MULTILINE)
        assert found, "%s: no group above: %s" % (head.playbook, words)
        others = re.findall("^#   (%s)" % _NAMES, text[: found.start()] + text[found.end() :], re.MULTILINE)
        elsewhere = set(re.findall(r"\w+", " ".join(others)))
        listed = ", ".join(name for name in group if name not in elsewhere)
        lines = textwrap.wrap(listed, 112, initial_indent="#   ", subsequent_indent="#   ")
        text = text[: found.start()] + "\n".join(lines) + "\n" + text[found.end() :]
    return text


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    written = {SHIPPED / file: (module, options) for file, module, options in TASKS}
    stale = []
    for path in (*written, *(EXPLAINED / head.playbook for head in HEADS)):
        text = path.read_text(encoding="utf-8")
        if path in written:
            new = with_task_options(text, *written[path])
        else:
            new = with_head(text, next(head for head in HEADS if EXPLAINED / head.playbook == path))
        if new != text:
            stale.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(new, encoding="utf-8")
    for name in stale:
        print("%s %s" % ("options are missing or gone:" if check else "written:", name))  # noqa: T201
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
