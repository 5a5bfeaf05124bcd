# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules that look at the state of a mail host only, and need none of the passwords to its accounts."""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.task.options import HOST_SECRETS


class HostAction(ActionBase):
    """Runs the module `MODULE` without the host's passwords, which may come from defaults for all modules of the
    group.
    """

    MODULE: str
    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        arguments = {name: value for name, value in self._task.args.items() if name not in HOST_SECRETS}
        result.update(
            self._execute_module(
                module_name=self.MODULE,
                module_args=arguments,
                task_vars=task_vars,
                wrap_async=bool(self._task.async_val),
            )
        )
        return result
