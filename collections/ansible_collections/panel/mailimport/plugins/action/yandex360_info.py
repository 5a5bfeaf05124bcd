# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the token out of the module's arguments."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.yandex360 import (
    INFO_SECRETS,
    info_options,
    lacking_token,
)
from ansible_collections.panel.mailimport.plugins.plugin_utils.organization import Organizations, look_into_organization

YANDEX = Organizations("panel.mailimport.yandex360_info", info_options(), INFO_SECRETS, lacking_token)


class ActionModule(ActionBase):
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        result.update(look_into_organization(self, YANDEX, self._task.args, task_vars))
        return result
