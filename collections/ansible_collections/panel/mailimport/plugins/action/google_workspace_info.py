# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the key of the service account on the controller, and keeps it out of the module's arguments."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.google import (
    INFO_SECRETS,
    KEY_REQUIRED,
    info_options,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.key_file import SERVICE_ACCOUNT, with_key
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated
from ansible_collections.panel.mailimport.plugins.plugin_utils.secrets_file import run_with_secrets

MODULE = "panel.mailimport.google_workspace_info"


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        given = with_key(self, self._task.args, SERVICE_ACCOUNT)
        params = validated(given, info_options(), MODULE)
        if not params["service_account"]:
            raise AnsibleActionFail(KEY_REQUIRED)
        secrets = {name: params[name] for name in INFO_SECRETS}
        arguments = {name: value for name, value in given.items() if name not in INFO_SECRETS}
        result.update(run_with_secrets(self, MODULE, arguments, secrets, task_vars))
        return result
