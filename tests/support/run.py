# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ways to run the collection for real: a module as a process, a task, a playbook, with the collection of this
checkout."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, Callable, Mapping, NamedTuple, Optional, Sequence

import yaml

from .mail import REPOSITORY

COLLECTION = REPOSITORY / "collections" / "ansible_collections" / "panel" / "mailimport"
IMPORT_MODULE = "mail_import_imap"
INFO_MODULE = "mail_import_info"


# Runs a command in a directory with an environment, and returns its exit code and what its reader sees.
Reader = Callable[[Sequence[str], Path, Mapping[str, str]], "tuple[int, str]"]
CALLBACKS = Path(__file__).parent / "callbacks"

# Several modules may run at once in one directory.
_numbers = itertools.count()


class Outcome(NamedTuple):
    """What a run came to: the module's result, the exit code, and everything that was printed."""

    result: dict[str, Any]
    returncode: int
    output: str

    @property
    def entry(self) -> dict[str, Any]:
        """The entry of the one import."""
        (entry,) = self.result["imports"]
        return entry


class PlaybookRun(NamedTuple):
    """What ansible-playbook printed, and the counts of its recap, such as `changed`, by host."""

    returncode: int
    output: str
    recap: dict[str, dict[str, int]]


def environment(collections: Path = REPOSITORY / "collections") -> dict[str, str]:
    """The environment that programs of Ansible need: tools of this Python, collections of that folder."""
    settings = {
        "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "LC_ALL": "C.UTF-8",
        "PATH": "%s:%s" % (Path(sys.executable).parent, os.environ["PATH"]),
        "PYTHONPATH": str(collections),
    }
    return {**os.environ, **settings}


def start_module(
    arguments: Mapping[str, Any],
    directory: Path,
    module: str = IMPORT_MODULE,
    check_mode: bool = False,
    env: Optional[Mapping[str, str]] = None,
) -> subprocess.Popen[str]:
    """Start a module as Ansible does on the mail host, as a process that can be watched and killed.

    It leads a process group of its own. Its arguments are in a file in `directory`, so none shows in the process list.
    `env` are variables besides those of `environment()`.
    """
    file = directory / ("arguments-%d.json" % next(_numbers))
    file.touch(mode=0o600)
    file.write_text(
        json.dumps({"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": check_mode, "_ansible_diff": True}})
    )
    return subprocess.Popen(
        [sys.executable, "-m", "ansible_collections.panel.mailimport.plugins.modules." + module, str(file)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), **(env or {})},
        start_new_session=True,
    )


def finish_module(process: subprocess.Popen[str]) -> Outcome:
    """Wait for a module's end and read its result.

    Raises:
        RuntimeError: what it printed is no result.
    """
    output, errors = process.communicate()
    try:
        result = json.loads(output)
    except ValueError as error:
        raise RuntimeError("no result from the module:\n%s%s" % (output, errors)) from error
    return Outcome(result, process.returncode, output + errors)


def run_module(
    arguments: Mapping[str, Any], directory: Path, module: str = IMPORT_MODULE, check_mode: bool = False
) -> Outcome:
    """Run a module as a process, to its end."""
    return finish_module(start_module(arguments, directory, module, check_mode))


def run_task(
    arguments: Mapping[str, Any], directory: Path, *options: str, module: str = IMPORT_MODULE, **keywords: Any
) -> Outcome:
    """Run one task of a play on this machine through ansible-playbook, action plugin included.

    Args:
        arguments: of the module; nothing in them is templated.
        directory: for the play and the result.
        options: of ansible-playbook, such as `--check`.
        keywords: of the task, such as `async`.
    """
    saved = directory / "result.json"
    saved.unlink(missing_ok=True)
    task = {
        "name": "Run the module",
        "panel.mailimport." + module: dict(arguments),
        "register": "outcome",
        "ignore_errors": True,
        **keywords,
    }
    save = {
        "name": "Save the result",
        "ansible.builtin.copy": {"content": _Template("{{ outcome | to_json }}"), "dest": str(saved), "mode": "0600"},
        "check_mode": False,
        "diff": False,
        "no_log": True,
    }
    play = [{"name": "Test", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task, save]}]
    file = directory / "play.yml"
    file.touch(mode=0o600)
    file.write_text(yaml.dump(play, Dumper=_PlayDumper, sort_keys=False))
    ran = run_playbook(
        file,
        *options,
        inventory="localhost,",
        variables={"ansible_python_interpreter": sys.executable},
        directory=directory,
    )
    if not saved.exists():
        raise RuntimeError("no result from the play:\n%s" % ran.output)
    return Outcome(json.loads(saved.read_text()), ran.returncode, ran.output)


def run_playbook(
    playbook: Path,
    *options: str,
    inventory: str,
    variables: Mapping[str, Any],
    directory: Path,
    env: Optional[Mapping[str, str]] = None,
    reader: Optional[Reader] = None,
) -> PlaybookRun:
    """Run a playbook; the variables go by a file of mode 0600 in `directory`, since they may hold passwords.

    Args:
        reader: runs the command, by default `run_command`.
    """
    file = directory / "variables.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(dict(variables)))
    command = ["ansible-playbook", "-i", inventory, "-e", "@%s" % file, *options, str(playbook)]
    return run_plays(command, REPOSITORY, env or environment(), reader)


def run_plays(
    command: Sequence[str], directory: Path, env: Mapping[str, str], reader: Optional[Reader] = None
) -> PlaybookRun:
    """Run a command line of ansible-playbook in a directory."""
    returncode, output = (reader or run_command)(command, directory, env)
    return PlaybookRun(returncode, output, _recap(output))


def run_command(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command to its end; return its exit code and all it printed."""
    ran = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


def run_for_a_program(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """The same without what goes to standard error."""
    ran = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout


def run_at_a_terminal(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """The same for somebody who sits at a terminal of a hundred columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    process = subprocess.Popen(
        command, cwd=cwd, env={**env, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    printed = b""
    with contextlib.suppress(OSError):  # the terminal's other end is closed
        while piece := os.read(ours, 1 << 16):
            printed += piece
    os.close(ours)
    return process.wait(), printed.decode(errors="replace").replace("\r\n", "\n")


def _recap(output: str) -> dict[str, dict[str, int]]:
    lines = re.findall(r"^(\S+)\s+: (ok=.*)$", output, re.MULTILINE)
    return {host: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in lines}


class _Template(str):
    """A string of a play that Ansible is to evaluate; it takes all others as they are."""


class _PlayDumper(yaml.SafeDumper):
    pass


_PlayDumper.add_representer(_Template, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text)))
_PlayDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("!unsafe", text) if "{" in text else dumper.represent_str(text)
)
