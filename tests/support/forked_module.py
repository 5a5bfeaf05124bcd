# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module as a fork of the tests' process, which has it loaded: for tests that run it a hundred times, most of
whose time would be Python's start."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Mapping

from ansible.module_utils import basic
from ansible_collections.panel.mailimport.plugins.module_utils.host.accounts.sql_engines import Connection
from ansible_collections.panel.mailimport.plugins.modules import mail_import_imap

from .run import Outcome

_LONGEST = 300  # seconds


def run_forked(arguments: Mapping[str, Any], directory: Path, prepare: Callable[[], None] = lambda: None) -> Outcome:
    """Run mail_import_imap to its end, or until it is killed: its exit code is negative then. A result it has only with
    the exit code 0.

    Args:
        directory: for what it prints.
        prepare: is called in the fork before the module.
    """
    printed = directory / "printed"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            _print_into(printed)
            signal.alarm(_LONGEST)
            prepare()
            code = _run(arguments)
        except BaseException:  # noqa: BLE001 - a fork has nobody to tell
            traceback.print_exc()
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    output = printed.read_text()
    return Outcome(json.loads(output) if code == 0 else {}, code, output)


def _print_into(file: Path) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def _run(arguments: Mapping[str, Any]) -> int:
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": dict(arguments)}).encode()
    basic._ANSIBLE_PROFILE = "legacy"  # from ansible-core 2.19 on
    with open(1, "w", closefd=False) as output:
        sys.stdout = output
        try:
            mail_import_imap.main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def killed_at_statement(place: int) -> Callable[[], None]:
    """To `prepare` a module that is killed at a place: 1 is before its first SQL statement, 2 behind it, 3 before the
    second, and so on."""
    places = itertools.count(1)

    def pass_place() -> None:
        if next(places) == place:
            os.kill(os.getpid(), signal.SIGKILL)

    def between_places(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            pass_place()
            answer = method(*arguments)
            pass_place()
            return answer

        return call

    def prepare() -> None:
        for name in ("query", "execute"):
            setattr(Connection, name, between_places(getattr(Connection, name)))

    return prepare
