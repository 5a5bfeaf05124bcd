# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module that imports: its secrets go by a file, and how it comes along is shown while it runs.

Ansible has no way for a module to say something before its end. So the module runs in the background of the target,
tells in a file how it comes along, and the controller looks into that file until the module has ended. Whoever gives
the task `async` sees it through `mail_import_info`.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import time
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.panel.mailimport.plugins.module_utils.model.progress import decode

from .extra_variables import is_of_playbooks
from .progress_lines import ProgressLines, on_host
from .run_files import JOB, PROGRESS, SECRETS, new_name, remove_directory
from .secrets_file import hand_over

_STATUS_MODULE = "ansible.legacy.async_status"
# Seconds between two looks at the progress, which come faster at the beginning.
_INTERVAL = 1.0
_FIRST_INTERVAL = 0.2
# A module that could not begin ends without saying so. It is asked after so many looks, and after every so many.
_EARLY_LOOKS = (3, 6)
_LOOKS = 15
# The background job of an import may take so long, in seconds; a month.
_LONGEST = 30 * 24 * 3600
# What a background job adds to the result of its module.
_JOB_KEYS = (
    "ansible_job_id",
    "started",
    "finished",
    "results_file",
    "stdout",
    "stderr",
    "stdout_lines",
    "stderr_lines",
    "ansible_async_watchdog_pid",
)

display = Display()


def run_import(
    action: ActionBase,
    module_name: str,
    arguments: t.Mapping[str, t.Any],
    secrets: t.Mapping[str, t.Any],
    task_vars: dict[str, t.Any] | None,
) -> dict[str, t.Any]:
    """Run the module with the secrets, and return its result.

    Raises:
        AnsibleError: when the module cannot be run.
    """
    in_background = bool(action._task.async_val)
    try:
        path = hand_over(action, secrets, JOB if in_background else SECRETS)
        given = dict(arguments, secrets_file=path)
        if action._task.check_mode or in_background or action._is_become_unprivileged() or not _is_watched():
            result = action._execute_module(
                module_name=module_name, module_args=given, task_vars=task_vars, wrap_async=in_background
            )
        else:
            result = _Watch(action, task_vars or {}).run(module_name, given)
    except Exception:
        # Ansible leaves the temporary directory of an async task to its job, and there is none.
        action.cleanup(force=True)
        raise
    if result.get("failed") and "imports" not in result:
        # The module may not even have begun; if this was to be in the background, Ansible leaves it at that.
        remove_directory(action, os.path.dirname(path))
    variables = task_vars or {}
    if not _says_it_itself(action, result, variables):
        _show_last_screen(result, str(variables.get("inventory_hostname", "?")))
    return dict(result)


def _says_it_itself(action: ActionBase, result: t.Mapping[str, t.Any], variables: t.Mapping[str, t.Any]) -> bool:
    """Whether the play is about to say the same: the collection's own end with what came of all hosts together, but for
    aliases.
    """
    is_alone = len(variables.get("ansible_play_hosts_all", ())) == 1
    return is_alone and is_of_playbooks(action) and not result.get("host_aliases")


def _show_last_screen(result: t.Mapping[str, t.Any], host: str) -> None:
    """Display what the run came to, if only that there was nothing to do, which Ansible does of a failure alone."""
    if "imports" in result and not result.get("failed"):
        for line in str(result["msg"]).split("\n"):
            # Standard output may be for a program to read, as that of the callback json.
            display.display(on_host(host, line), stderr=True)


def with_warnings(answer: dict[str, t.Any], warnings: t.Sequence[str]) -> dict[str, t.Any]:
    """The result of a module, with what the controller warns of beside it."""
    return {**answer, "warnings": [*warnings, *answer.get("warnings", ())]} if warnings else answer


def _is_watched() -> bool:
    """Whether somebody looks at what is displayed: it goes to a terminal, or was asked for with `-v`."""
    if display.verbosity:
        return True
    try:
        # This is a process of its own, whose output goes nowhere; its parent's is what people see.
        return os.readlink("/proc/%d/fd/1" % os.getppid()).startswith(("/dev/pts/", "/dev/tty"))
    except OSError:
        return False


@contextlib.contextmanager
def _interruptible() -> t.Iterator[None]:
    """Let Ctrl-C, and the end of Ansible, raise KeyboardInterrupt once. Ansible's own handler ends this process at
    once.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [(number, signal.getsignal(number)) for number in numbers]

    def interrupt(*_signal: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


class _Watch:
    """One module that runs in the background, watched."""

    def __init__(self, action: ActionBase, task_vars: dict[str, t.Any]) -> None:
        self._action = action
        self._task_vars = task_vars
        shell = action._connection._shell
        # Beside the task's temporary directory, which the background job removes when it ends.
        self._path = shell.join_path(os.path.dirname(shell.tmpdir.rstrip("/")), new_name(PROGRESS))
        self._read = 0
        self._lines = ProgressLines(str(task_vars.get("inventory_hostname", "?")))

    def run(self, module_name: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        with _interruptible():
            try:
                return self._run(module_name, arguments)
            except KeyboardInterrupt:
                self._abandon()
                os._exit(1)  # as Ansible's own handler does
            finally:
                self._remove_file()

    def _run(self, module_name: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
        task = self._action._task
        task.async_val = _LONGEST
        try:
            job = self._action._execute_module(
                module_name=module_name,
                module_args=dict(arguments, progress_file=self._path),
                task_vars=self._task_vars,
                wrap_async=True,
            )
        finally:
            task.async_val = 0
        if job.get("failed") or "ansible_job_id" not in job:
            return dict(job)
        result = self._follow({"jid": job["ansible_job_id"], "_async_dir": os.path.dirname(job["results_file"])})
        return {name: value for name, value in result.items() if name not in _JOB_KEYS}

    def _follow(self, job: dict[str, str]) -> dict[str, t.Any]:
        looks = 0
        while True:
            looks += 1
            time.sleep(min(_INTERVAL, _FIRST_INTERVAL * looks))
            self._show_news()
            if self._lines.finished or looks in _EARLY_LOOKS or looks % _LOOKS == 0:
                result = self._status(job)
                if result.get("finished"):
                    break
        self._show_news()
        self._status(dict(job, mode="cleanup"))
        return result

    def _abandon(self) -> None:
        """Let the module know that nobody waits for it: its file goes. Where it has not made one yet, a file of that
        name is in its way when it does.
        """
        path = shlex.quote(self._path)
        self._end_file("(umask 077; set -C; : > %s) 2>/dev/null || rm -f %s" % (path, path))

    def _remove_file(self) -> None:
        self._end_file("rm -f %s" % shlex.quote(self._path))

    def _end_file(self, command: str) -> None:
        """That it fails must hide neither the result nor what went wrong before."""
        try:
            self._action._low_level_execute_command(command, sudoable=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, people have to hear of the file
            display.warning(
                "%s may be left on the host, with addresses and messages of the import: %s" % (self._path, error)
            )

    def _status(self, arguments: dict[str, str]) -> dict[str, t.Any]:
        return dict(
            self._action._execute_module(
                module_name=_STATUS_MODULE, module_args=arguments, task_vars=self._task_vars, wrap_async=False
            )
        )

    def _show_news(self) -> None:
        """Display what the module has told since the last look: one command, far cheaper than a module."""
        # The time of access tells the module that somebody is watching; an import that nobody watches stops.
        path = shlex.quote(self._path)
        command = "tail -c +%d %s 2>/dev/null; touch -a -c %s || true" % (self._read + 1, path, path)
        told = self._action._low_level_execute_command(command, sudoable=True)["stdout"]
        for line in told[: told.rfind("\n") + 1].split("\n"):
            # A terminal between here and there makes CR LF of the ends of lines; the rest is plain ASCII.
            line = line.rstrip("\r")
            try:
                event = decode(line)
            except ValueError:
                continue  # something else on that command's output, a login's banner for example
            self._read += len(line) + 1
            for text in self._lines.of(event):
                # As the last screen: standard output may be for a program to read.
                display.display(text, stderr=True)
