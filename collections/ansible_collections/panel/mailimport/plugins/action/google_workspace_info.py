# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the key of the service account on the controller, and keeps it out of the module's arguments."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.google import (
    INFO_SECRETS,
    info_options,
    lacking_key,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.key_file import SERVICE_ACCOUNT, with_key
from ansible_collections.panel.mailimport.plugins.plugin_utils.organization import Organizations, look_into_organization

GOOGLE = Organizations("panel.mailimport.google_workspace_info", info_options(), INFO_SECRETS, lacking_key)


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        result.update(look_into_organization(self, GOOGLE, with_key(self, self._task.args, SERVICE_ACCOUNT), task_vars))
        return result
