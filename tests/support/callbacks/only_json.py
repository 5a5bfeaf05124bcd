# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What programs that read Ansible's output choose: one JSON document at the end, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: only_json
type: stdout
short_description: Results of all tasks as one JSON document
description: For tests, as ansible.posix.json is.
extends_documentation_fragment: [default_callback]
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "only_json"

    def __init__(self) -> None:
        super().__init__()
        self._told: list[dict[str, Any]] = []

    def _take(self, result: Any, **_more: Any) -> None:
        host, task = result._host.get_name(), result._task.get_name()
        self._told.append({"host": host, "task": task, "result": json.loads(self._dump_results(result._result))})

    v2_runner_on_ok = v2_runner_on_failed = v2_runner_on_unreachable = v2_runner_on_skipped = _take

    def v2_playbook_on_stats(self, _stats: Any) -> None:
        self._display.display(json.dumps(self._told))
