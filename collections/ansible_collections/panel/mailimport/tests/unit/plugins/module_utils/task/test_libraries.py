# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module that cannot import IMAPClient runs where it can be imported, or says what to do."""

from __future__ import annotations

import os
import sys
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.task import libraries


class Respawned(BaseException):
    """Stands for the end of the process that was replaced."""


class Failed(BaseException):
    """Stands for the end of a module that failed."""


class Module:
    params: Dict[str, Any] = {}

    def fail_json(self, **answer: Any) -> None:
        raise Failed(answer)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """A host without IMAPClient; what its probe finds is up to the test."""
    host: Dict[str, Any] = {"found": None, "respawned": False}

    def probe(interpreters: List[str], name: str) -> Optional[str]:
        return host["found"]

    def respawn(interpreter: str) -> None:
        raise Respawned(interpreter)

    monkeypatch.setattr(libraries, "find_spec", lambda name: None)
    monkeypatch.setattr(libraries, "probe_interpreters_for_module", probe)
    monkeypatch.setattr(libraries, "respawn_module", respawn)
    monkeypatch.setattr(libraries, "has_respawned", lambda: host["respawned"])
    return host


def test_nothing_happens_where_it_can_be_imported(missing: Dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "find_spec", lambda name: object())
    libraries.prepare_interpreter(Module(), libraries.IMAPCLIENT)


def test_the_module_moves_to_the_interpreter_that_has_it(missing: Dict[str, Any]) -> None:
    missing["found"] = "/opt/panel-mailimport/venv/bin/python"
    with pytest.raises(Respawned, match="/opt/panel-mailimport/venv/bin/python"):
        libraries.prepare_interpreter(Module(), libraries.IMAPCLIENT)


def test_the_role_is_named_where_nothing_has_it(missing: Dict[str, Any]) -> None:
    with pytest.raises(Failed, match=r"panel\.mailimport\.setup"):
        libraries.prepare_interpreter(Module(), libraries.IMAPCLIENT)


def test_a_module_moves_only_once(missing: Dict[str, Any]) -> None:
    missing.update(found="/opt/panel-mailimport/venv/bin/python", respawned=True)
    with pytest.raises(Failed):
        libraries.prepare_interpreter(Module(), libraries.IMAPCLIENT)


def test_a02_the_module_runs_again_where_paths_would_not_be_utf8(
    missing: Dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "encodes_paths_in_utf8", lambda: False)
    with pytest.raises(Respawned, match=sys.executable):
        libraries.prepare_interpreter(Module())
    assert os.environ["PYTHONUTF8"] == "1"


def test_a02_an_interpreter_that_will_not_is_named(missing: Dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "encodes_paths_in_utf8", lambda: False)
    missing["respawned"] = True
    with pytest.raises(Failed, match="LC_ALL"):
        libraries.prepare_interpreter(Module())
