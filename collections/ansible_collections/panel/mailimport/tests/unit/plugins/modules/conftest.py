# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in this process: arguments in, its JSON answer out."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, Tuple

import pytest
from ansible.module_utils import basic

Run = Callable[..., Tuple[int, Dict[str, Any]]]


@pytest.fixture
def run_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(main: Callable[[], None], arguments: Dict[str, Any]) -> Tuple[int, Dict[str, Any]]:
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        # From ansible-core 2.19 on.
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as exit_code:
            main()
        return int(exit_code.value.code or 0), json.loads(capsys.readouterr().out)

    return run
