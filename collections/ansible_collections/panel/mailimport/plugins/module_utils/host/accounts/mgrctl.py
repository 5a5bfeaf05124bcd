# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calling ispmanager by its own command, `mgrctl`.

Secrets reach it by the environment (its option `-e`), for its arguments are in the list of processes. What it answers
is shown in messages only where it is an error of the panel's: a form holds passwords as they are.
"""

from __future__ import annotations

import glob
import json
import os
import re
import subprocess
import time
from contextlib import suppress
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional

from ...model.errors import MailImportError, need_of_root, one_line
from ...model.secret import hide_secrets
from ...process.fork import with_this_process

NOTHING: Mapping[str, str] = MappingProxyType({})
_TIMEOUT = 120.0
# The panel answers so while it installs its packages.
_BUSY = "request_failed"
_ASK_AGAIN = 5.0
_TEXT_ERROR = re.compile(r"^ERROR:? (\w+)(?:\(([^)]*)\))?:? ?(.*)", re.MULTILINE)


class PanelError(Exception):
    """What the panel refuses: the kind of error (`exists`, `value`, `missed`), what it is about, and its words."""

    def __init__(self, kind: str, about: str, words: str) -> None:
        super().__init__("%s(%s) %s" % (kind, about, words))
        self.kind = kind
        self.about = about
        self.words = words

    def describe(self) -> str:
        return one_line("%s(%s): %s" % (self.kind, self.about, self.words), 300).rstrip(": ")


class Mgrctl:
    """The panel's command.

    Args:
        program: its path.
    """

    def __init__(self, program: str) -> None:
        self._program = program

    def setting(self, name: str) -> Optional[str]:
        """What the panel's own configuration says, None where it says nothing. The later of several lines counts."""
        place = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(self._program))), "etc")
        files = [os.path.join(place, "ispmgr.conf")]
        files += sorted(glob.glob(os.path.join(glob.escape(place), "ispmgr.conf.d", "*.conf")))
        found = None
        for file in files:
            with suppress(OSError), open(file, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    key, value = (*line.split(None, 1), "", "")[:2]
                    if key == name:
                        found = value.strip().strip('"')
        return found

    def elements(self, function: str) -> List[Dict[str, str]]:
        """The elements of a list, with their plain values."""
        found = self.call(function).get("elem") or []
        # A list of one may come without its brackets.
        return [_values(element) for element in (found if isinstance(found, list) else [found])]

    def form(self, function: str, elid: Optional[str] = None) -> Dict[str, str]:
        """The fields of a form with their present values. Never show them: a password is among them."""
        return _values(self.call(function, {"elid": elid} if elid else {}))

    def call(
        self, function: str, parameters: Mapping[str, str] = NOTHING, secrets: Mapping[str, str] = NOTHING
    ) -> Dict[str, Any]:
        """Call a function and return the document it answers; once more when the panel is busy.

        Raises:
            PanelError: the panel refuses.
            MailImportError: `host_refused`, when there is no answer that can be understood.
        """
        try:
            return self._call_once(function, parameters, secrets)
        except PanelError as error:
            if error.kind != _BUSY:
                raise
        time.sleep(_ASK_AGAIN)
        return self._call_once(function, parameters, secrets)

    def _call_once(self, function: str, parameters: Mapping[str, str], secrets: Mapping[str, str]) -> Dict[str, Any]:
        variables = {name: "MAILIMPORT_%s" % name.upper() for name in secrets}
        command = [self._program, "-m", "ispmgr", "-o", "json", function]
        command += ["%s=%s" % item for item in parameters.items()]
        for name, variable in variables.items():
            command += ["-e", "%s=$%s" % (name, variable)]
        environment = {**os.environ, **{variable: secrets[name] for name, variable in variables.items()}}
        completed = self._run(function, command, environment)
        return _document(function, completed, secrets)

    def _run(
        self, function: str, command: List[str], environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        try:
            # run_command is a module's, and nothing here is one.
            return subprocess.run(  # pylint: disable=ansible-bad-function
                [os.fsencode(word) for word in command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=dict(environment),
                timeout=_TIMEOUT,
                check=False,
                preexec_fn=with_this_process(),
            )
        except subprocess.TimeoutExpired as error:
            message = "mgrctl %s did not answer within %d seconds: see whether the panel runs"
            raise MailImportError("host_refused", message % (function, _TIMEOUT)) from error
        except OSError as error:
            hint = need_of_root() if isinstance(error, PermissionError) else ": is ispmanager on this host? see mgrctl"
            message = "cannot run %s: %s%s"
            raise MailImportError("host_refused", message % (self._program, error.strerror, hint)) from error


def _document(
    function: str, completed: subprocess.CompletedProcess[bytes], secrets: Mapping[str, str]
) -> Dict[str, Any]:
    answer = completed.stdout.decode("utf-8", "replace")
    try:
        document = json.loads(answer)["doc"]
    except (ValueError, KeyError, TypeError):
        # Errors may come as text, whatever format was asked for.
        found = _TEXT_ERROR.search(answer)
        if found:
            raise PanelError(
                found.group(1), found.group(2) or "", hide_secrets(found.group(3), secrets.values())
            ) from None
        # Its exit code is not documented, and what it printed may be a form.
        message = "mgrctl %s gave no answer that can be understood (exit code %d, %d bytes): is the panel running?"
        raise MailImportError(
            "host_refused", message % (function, completed.returncode, len(completed.stdout))
        ) from None
    if not isinstance(document, dict):
        raise MailImportError("host_refused", "mgrctl %s gave an answer that is no document" % function)
    error = document.get("error")
    if isinstance(error, dict):
        words = hide_secrets(_text(error.get("msg")), secrets.values())
        raise PanelError(str(error.get("$type") or "error"), str(error.get("$object") or ""), words)
    return document


def _values(element: Any) -> Dict[str, str]:
    """The plain values of a form or of an element: neither lists to choose from nor the names that begin with `$`."""
    if not isinstance(element, dict):
        return {}
    return {
        name: _text(value)
        for name, value in element.items()
        if not name.startswith("$") and (isinstance(value, str) or value == {} or "$" in value)
    }


def _text(value: Any) -> str:
    text = value.get("$", "") if isinstance(value, dict) else value
    return text if isinstance(text, str) else "" if text is None else str(text)
