# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the application's certificate on the controller, and keeps its secrets out of the module's arguments."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365 import INFO_SECRETS, info_options
from ansible_collections.panel.mailimport.plugins.plugin_utils.key_file import CLIENT_CERTIFICATE, with_key
from ansible_collections.panel.mailimport.plugins.plugin_utils.organization import Organizations, look_into_organization

# What an application lacks, the module tells: with what there is to do for one.
MICROSOFT = Organizations("panel.mailimport.microsoft365_info", info_options(), INFO_SECRETS, lambda _params: None)


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        result.update(
            look_into_organization(self, MICROSOFT, with_key(self, self._task.args, CLIENT_CERTIFICATE), task_vars)
        )
        return result
