# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A task that has nothing to do is over before it has loaded what it would do it with: each module is compiled anew on
the mail host.
"""

from __future__ import annotations

import subprocess
import sys

from support.run import environment

MODULE = "ansible_collections.panel.mailimport.plugins.modules.mail_import_imap"
# What talks to servers or writes mail, and what other kinds of tasks and hosts need.
LATE = """imapclient imaplib jsonschema requests .transfer.account .source.session .store.maildir.store .run.mailbox
.host.accounts.sql .host.imap_server.server""".split()


def test_what_a_task_may_not_need_is_loaded_late() -> None:
    command = [sys.executable, "-c", "import sys, %s; print(*sys.modules)" % MODULE]
    loaded = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in LATE if any(module.endswith(name) for module in loaded)] == []
