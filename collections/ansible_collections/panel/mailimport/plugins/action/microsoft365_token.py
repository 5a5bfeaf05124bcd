# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Shows a person the code to enter, and waits for it."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365_token import token_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.device_code import run_with_code
from ansible_collections.panel.mailimport.plugins.plugin_utils.options import validated

MODULE = "panel.mailimport.microsoft365_token"
WHO = "whoever may open the mailbox"


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        validated(self._task.args, token_options(), MODULE)
        result.update(run_with_code(self, MODULE, self._task.args, {}, WHO, task_vars))
        return result
