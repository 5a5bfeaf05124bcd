# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site's own command lines (option `host_command`): what they are, and running one.

No shell is involved. As a line may call one itself (`sh -c`), only harmless characters are ever put into it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence, Tuple

from ...model.errors import MailImportError, one_line
from ...model.secret import hide_secrets
from ...process.fork import with_this_process

_TIMEOUT = 120.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Each line, and the values that there are for it.
_LINES: Dict[str, str] = {
    "list": "und",
    "domains": "",
    "create_domain": "do",
    "create": "undoqh",
    "set_password": "undh",
    "remove": "und",
}
_NEEDED = ("list", "create")
_VARIABLE = "password_variable"

_VALUE = re.compile(r"%(.?)", re.DOTALL)
# Nothing that a shell gives a meaning to, and no option.
_HARMLESS = re.compile(r"(?!-)[\w.@+=-]+")


class CommandLines:
    """The command lines of a host.

    Args:
        given: the option's value.

    Raises:
        MailImportError: `invalid_row`, when there is something in it that means nothing.
    """

    def __init__(self, given: Mapping[str, Any]) -> None:
        unknown = sorted(str(name) for name in given if name not in (*_LINES, _VARIABLE))
        if unknown:
            known = ", ".join((*_LINES, _VARIABLE))
            raise _bad("%s is none of %s" % (", ".join(unknown), known))
        self._lines = {name: _words_of(name, line) for name, line in given.items() if name in _LINES}
        self._variable = given.get(_VARIABLE)
        for name in _NEEDED:
            if name not in self._lines:
                raise _bad("%s is missing" % name)
        if "create_domain" in self._lines and "domains" not in self._lines:
            raise _bad("create_domain needs domains, to tell which are there")
        if self._variable is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(self._variable)):
            raise _bad("password_variable must be the name of an environment variable")

    def __contains__(self, name: str) -> bool:
        return name in self._lines

    def values_in(self, name: str) -> str:
        """The letters of the values that a line wants."""
        return "".join(letter for word in self._lines[name] for letter in _VALUE.findall(word) if letter != "%")

    @staticmethod
    def check(values: Iterable[str]) -> None:
        """Make sure that values may be put into lines.

        Raises:
            MailImportError: `host_refused`.
        """
        for value in values:
            if not _HARMLESS.fullmatch(value):
                message = "%r cannot be handed to a command line: only letters, digits and . _ + = @ - are"
                raise MailImportError("host_refused", message % one_line(value, 80))

    def run(self, name: str, values: Mapping[str, str], password: Optional[str] = None) -> str:
        """Run a line to its end and return what it printed.

        Args:
            values: by their letters.
            password: given to it by standard input, or by the environment.

        Raises:
            MailImportError: `host_refused`, when it fails.
        """
        words = [_filled(word, values) for word in self._lines[name]]
        environment = {**os.environ, "PATH": os.pathsep.join(filter(None, (os.environ.get("PATH"), _PATH)))}
        entered = b""
        if password is not None and self._variable:
            environment[str(self._variable)] = password
        elif password is not None:
            entered = password.encode("utf-8", "surrogateescape") + b"\n"
        code, output, complaints = _run(name, words, environment, entered)
        if code != 0:
            said = one_line(hide_secrets(complaints.strip() or output, (password, values.get("h"))), 300)
            message = "host_command %s failed with exit code %d: %s"
            raise MailImportError("host_refused", message % (name, code, said or "it said nothing"))
        return output


def _words_of(name: str, line: Any) -> Tuple[str, ...]:
    if not isinstance(line, (list, tuple)) or not line or not all(isinstance(word, (str, int)) for word in line):
        raise _bad("%s must be a list of words, such as [/usr/local/sbin/mailbox, add, '%%u']" % name)
    words = tuple(map(str, line))
    for word in words:
        for letter in _VALUE.findall(word):
            if letter != "%" and (not letter or letter not in _LINES[name]):
                known = " ".join("%" + known for known in _LINES[name]) or "none"
                raise _bad("%s: %%%s is no value of it (it has: %s; a percent sign is %%%%)" % (name, letter, known))
    return words


def _filled(word: str, values: Mapping[str, str]) -> str:
    # A hash is made here, of harmless characters and dollar signs.
    CommandLines.check(values[letter] for letter in _VALUE.findall(word) if letter not in ("%", "h"))
    return _VALUE.sub(lambda found: "%" if found.group(1) == "%" else values[found.group(1)], word)


def _run(name: str, words: Sequence[str], environment: Mapping[str, str], entered: bytes) -> Tuple[int, str, str]:
    try:
        # run_command is a module's, and nothing here is one.
        process = subprocess.Popen(  # pylint: disable=ansible-bad-function,consider-using-with,subprocess-popen-preexec-fn
            [os.fsencode(word) for word in words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={key: os.fsencode(value) for key, value in environment.items()},
            cwd="/",
            start_new_session=True,
            # Nothing else would end it when the run kills a worker that does not stop.
            preexec_fn=with_this_process(),
        )
    except (OSError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else "a NUL byte is in it"
        raise MailImportError("host_refused", "host_command %s: cannot run %s: %s" % (name, words[0], what)) from error
    try:
        output, complaints = process.communicate(entered, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        message = "host_command %s did not end within %d seconds and was killed: see what it waits for"
        raise MailImportError("host_refused", message % (name, _TIMEOUT)) from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()
    return process.returncode, output.decode("utf-8", "replace"), complaints.decode("utf-8", "replace")


def _bad(what: str) -> MailImportError:
    return MailImportError("invalid_row", "host_command: %s" % what)
