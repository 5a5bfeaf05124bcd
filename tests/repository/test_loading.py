# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that has nothing to do is over before it has loaded what it would do it with: each module is compiled anew on
the mail host.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Sequence

from support.run import COLLECTION, environment

MODULE = "ansible_collections.panel.mailimport.plugins.modules.mail_import_imap"
# What talks to servers or writes mail, and what other kinds of tasks and hosts need.
LATE = """imapclient imaplib jsonschema requests .transfer.account_import .source.session .store.maildir.store
.run.mailbox .host.accounts.sql .host.imap_server.server .run.notices .run.aliases smtplib""".split()
# What looks at a source whether anything is new, and what it needs when something is.
LOOK = "ansible_collections.panel.mailimport.plugins.module_utils.run.visits"
WRITING = ".transfer.account_import .transfer.batch .run.mailbox .store.maildir.store .store.imap.store".split()


# Layers that work in the process of a mailbox, which is a new one each time.
OF_EACH_MAILBOX = ("imap", "source", "store", "transfer")


def loaded_by(module: str, names: Sequence[str]) -> list[str]:
    """Those of the names that importing a module loads."""
    command = [sys.executable, "-c", "import sys, %s; print(*sys.modules)" % module]
    loaded = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout.split()
    return [name for name in names if any(each.endswith(name) for each in loaded)]


def test_what_a_task_may_not_need_is_loaded_late() -> None:
    assert loaded_by(MODULE, LATE) == []


def test_a_look_at_a_source_loads_nothing_that_writes() -> None:
    assert loaded_by(LOOK, WRITING) == []


def test_what_each_mailbox_needs_is_compiled_before_its_process_begins() -> None:
    found = []
    for layer in OF_EACH_MAILBOX:
        for path in (COLLECTION / "plugins" / "module_utils" / layer).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
                    if of_re and node.func.attr not in ("compile", "escape"):
                        found.append("%s line %d: re.%s" % (path.name, node.lineno, node.func.attr))
    assert found == []
