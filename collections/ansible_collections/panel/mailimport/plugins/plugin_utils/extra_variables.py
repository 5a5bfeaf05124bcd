# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds variables of the command line that nobody reads.

The playbooks of the collection take their options as variables. To Ansible, one with a typing error is a variable like
any other, and the option has its default. Plays of others have variables of their own, about which nothing is known
here.
"""

from __future__ import annotations

import difflib
import os
import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars

_PLAYBOOKS = str(Path(__file__).resolve().parent.parent.parent / "playbooks") + os.sep

# What the playbooks take besides the options of their module.
_OF_PLAYBOOKS = ("import_hosts", "import_setup", "import_serial", "import_mail_hosts", "setup_virtualenv")

# Names so alike are taken for one with a typing error; 1 is the same name.
_ALIKE = 0.8


def is_of_playbooks(action: ActionBase) -> bool:
    """Whether the task is one of the collection's playbooks."""
    return os.path.realpath(str(action._task.get_path() or "")).startswith(_PLAYBOOKS)


def refuse_misspelt_variables(action: ActionBase, options: t.Iterable[str]) -> None:
    """Refuse a variable of the command line that looks like an option of the playbook and is none.

    Raises:
        AnsibleActionFail: names it, and the option that may be meant.
    """
    if not is_of_playbooks(action):
        return
    known = [*options, *_OF_PLAYBOOKS]
    for name in load_extra_vars(action._loader):
        alike = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if name not in known and alike and not name.startswith(("ansible_", "mail_host_")):
            raise AnsibleActionFail(
                "the playbook reads no variable %s: is %s meant? (ansible-doc %s has all of its options)"
                % (name, alike[0], action._task.action)
            )
