# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the mail host's passwords out of the module's arguments; removes what killed runs have left of their secrets
when the migration is finished.
"""

from __future__ import annotations

import os
import typing as t

from ansible_collections.panel.mailimport.plugins.plugin_utils.host_module import HostAction
from ansible_collections.panel.mailimport.plugins.plugin_utils.run_files import sweep_all


class ActionModule(HostAction):
    MODULE = "panel.mailimport.mail_switch"
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        if isinstance(self._task.args.get("domains"), list):
            self._task.args["domains"] = [
                _answer(entry) for entry in self._task.args["domains"] if entry.get("switched") != "unknown"
            ]
        result = super().run(tmp, task_vars)
        if self._task.args.get("finished") and not result.get("failed") and not self._task.check_mode:
            shell = self._connection._shell
            removed = sweep_all(self, os.path.dirname((shell.tmpdir or self._make_tmp_path()).rstrip("/")))
            if removed:
                result.update(changed=True, removed=removed)
        return result


def _answer(entry: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """An entry of `mail_dns_info` as the module takes it; any other as it is."""
    if "mx" not in entry:
        return dict(entry)
    return {
        "domain": entry["domain"],
        "switched": entry["switched"],
        "records": [record["host"] for record in entry["mx"]],
        "ttl": entry["ttl"],
    }
