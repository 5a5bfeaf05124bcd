# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The controller's end of the hand-over: passwords go into a file, and only its path into the arguments.

Ansible replaces the value of a `no_log` option wherever it occurs in a result, as part of another string or number
too: a password "12" would make text of a count of 120. What a module is never given as an argument stays out of that.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from .run_files import SECRETS, listing, new_name, sweep


def run_with_secrets(
    action: ActionBase,
    module_name: str,
    arguments: t.Mapping[str, t.Any],
    secrets: t.Mapping[str, t.Any],
    task_vars: dict[str, t.Any] | None,
) -> dict[str, t.Any]:
    """Run a module that takes its secrets from a file, and return its result.

    Raises:
        AnsibleError: when the module cannot be run.
    """
    given = dict(arguments, secrets_file=hand_over(action, secrets))
    return dict(action._execute_module(module_name=module_name, module_args=given, task_vars=task_vars))


def hand_over(action: ActionBase, secrets: t.Mapping[str, t.Any], role: str = SECRETS) -> str:
    """Write the secrets into the task's temporary directory on the target, for the module to read and remove.

    Returns the path on the target. The file is closed to everybody but the user the module runs as (and the
    connection's user, who could read the arguments of any module as well). What killed runs have left is removed.

    Args:
        role: JOB when nobody waits for the module.

    Raises:
        AnsibleActionFail: when nobody could remove the file, or it could not be protected.
    """
    if action._task.async_val and action._is_become_unprivileged():
        raise AnsibleActionFail(
            "async does not go together with become to a user without privileges: the passwords would stay in a "
            "temporary directory that this user cannot remove"
        )
    shell = action._connection._shell
    tmpdir = shell.tmpdir or action._make_tmp_path()
    path = shell.join_path(tmpdir, new_name(role))
    # The directory is the connection user's alone until _fixup_perms2, so the file is private from the start.
    action._transfer_data(path, json.dumps(dict(secrets)))
    directory = os.path.dirname(tmpdir.rstrip("/"))
    command = "%s && %s" % (shell.chmod([path], "0600"), listing(action, directory))
    protected = action._low_level_execute_command(command, sudoable=False)
    if protected["rc"] != 0:
        raise AnsibleActionFail("Failed to protect the file with the passwords: %s" % protected["stderr"].strip())
    sweep(action, directory, protected["stdout"])
    if action._connection.become:
        action._fixup_perms2([tmpdir, path], execute=False)
    return path
