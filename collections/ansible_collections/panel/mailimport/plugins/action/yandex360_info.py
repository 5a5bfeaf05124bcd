# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the token out of the module's arguments."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import (
    INFO_SECRETS,
    TOKEN_REQUIRED,
    info_options,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated
from ansible_collections.panel.mailimport.plugins.plugin_utils.secrets_file import run_with_secrets

MODULE = "panel.mailimport.yandex360_info"


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        params = validated(self._task.args, info_options(), MODULE)
        if not params["token"]:
            raise AnsibleActionFail(TOKEN_REQUIRED)
        secrets = {name: params[name] for name in INFO_SECRETS}
        arguments = {name: value for name, value in self._task.args.items() if name not in INFO_SECRETS}
        result.update(run_with_secrets(self, MODULE, arguments, secrets, task_vars))
        return result
