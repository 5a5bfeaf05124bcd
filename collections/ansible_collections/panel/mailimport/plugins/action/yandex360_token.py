# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows a person the code to enter, and waits for it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360_token import token_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.device_code import run_with_code
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.yandex360_token"


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        params = validated(self._task.args, token_options(), MODULE)
        if not params["client_secret"]:
            raise AnsibleActionFail("client_secret is required, and must not be empty")
        if not params["dest"] and not self._task.no_log:
            raise AnsibleActionFail(
                "without dest the token is in the result: set no_log: true on the task, so that it shows nowhere"
            )
        secrets = {"client_secret": params["client_secret"]}
        arguments = {name: value for name, value in self._task.args.items() if name != "client_secret"}
        result.update(run_with_code(self, MODULE, arguments, secrets, "the administrator", task_vars))
        return result
