# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the passwords of a mailbox import out of the module's arguments, and shows how it comes along."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import (
    MAILBOX_SECRETS,
    incomplete,
    mailbox_options,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.extra_variables import refuse_misspelt_variables
from ansible_collections.panel.mailimport.plugins.plugin_utils.importing import run_import, with_warnings
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.mail_import_imap"


class ActionModule(ActionBase):
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        refuse_misspelt_variables(self, mailbox_options())
        params = validated(self._task.args, mailbox_options(), MODULE)
        problem = incomplete(params)
        if problem:
            raise AnsibleActionFail(problem)
        numbers = [name for name in MAILBOX_SECRETS if isinstance(self._task.args.get(name), (bool, int, float))]
        warnings = [
            "%s is not text: put it in quotes, or YAML makes 83 of 0123 and true of yes" % name for name in numbers
        ]
        secrets = {name: params[name] for name in MAILBOX_SECRETS if params[name] is not None}
        arguments = {name: value for name, value in self._task.args.items() if name not in MAILBOX_SECRETS}
        result.update(with_warnings(run_import(self, MODULE, arguments, secrets, task_vars), warnings))
        return result
