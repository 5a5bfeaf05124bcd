# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""With this folder in PYTHONPATH, a module is killed at the place that KILLED_AT names: 1 is before its first SQL
statement, 2 behind it, 3 before the second, and so on."""

from __future__ import annotations

import itertools
import os
import signal
from typing import Any, Callable

from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.sql_engines import Connection

_PLACES = itertools.count(1)
_KILLED_AT = int(os.environ["KILLED_AT"])


def _pass_place() -> None:
    if next(_PLACES) == _KILLED_AT:
        os.kill(os.getpid(), signal.SIGKILL)


def _between_places(method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        _pass_place()
        answer = method(*arguments)
        _pass_place()
        return answer

    return call


for _name in ("query", "execute"):
    setattr(Connection, _name, _between_places(getattr(Connection, _name)))
