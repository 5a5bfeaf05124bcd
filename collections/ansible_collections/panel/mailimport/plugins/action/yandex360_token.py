# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows a person the code to enter, and waits for it."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360_token import token_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated
from ansible_collections.panel.mailimport.plugins.plugin_utils.secrets_file import run_with_secrets

MODULE = "panel.mailimport.yandex360_token"

display = Display()


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
        answer = run_with_secrets(self, MODULE, arguments, secrets, task_vars)
        if answer.get("device"):
            device = answer["device"]
            display.display(
                "Enter the code %(user_code)s at %(verification_url)s, logged in as the administrator." % device
            )
            display.display("Waiting for that for %d minutes." % (device["expires_in"] // 60))
            warnings = answer.get("warnings", [])
            answer = run_with_secrets(self, MODULE, arguments, {**secrets, "device": device}, task_vars)
            if warnings:
                answer["warnings"] = [*warnings, *answer.get("warnings", [])]
        result.update(answer)
        return result
