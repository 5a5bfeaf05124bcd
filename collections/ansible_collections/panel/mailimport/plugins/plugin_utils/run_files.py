# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the action plugins on a mail host, and the sweep of those that a killed run has left behind.

A file with passwords and a file with the progress lie on the host for as long as a run lasts. Their names say which
process on which controller they belong to. So the next run, from the same controller, sees at once whose owner is gone;
from another one, it goes by their age.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets as randomness
import shlex

from ansible.plugins.action import ActionBase
from ansible_collections.panel.mailimport.plugins.module_utils.process.alive import start_time

# Passwords of a run that waits for its module; of a job that nobody waits for; the progress of a run that is watched.
SECRETS, JOB, PROGRESS = "secrets", "job", "progress"

_PREFIX = "panel-mailimport-"
_NAME = re.compile(_PREFIX + r"(secrets|job|progress)-([0-9a-f]{16})-(\d+)-(\d+)-[0-9a-f]{8}")
# Passwords are in the temporary directory of one task, the progress is beside it.
_PLACE = re.compile(r"(?P<directory>/ansible-tmp-[0-9.-]+)?/(?P<name>%s(?P<role>[a-z]+)-[0-9a-f-]+)" % _PREFIX)
# A module reads its passwords when it starts; after so many minutes nobody will. Progress is written until the end.
_OLD = {SECRETS: 60, JOB: 60, PROGRESS: 24 * 60}
# An empty file is in the way of a module that is to stop as soon as it begins, which takes less than so many minutes.
# Of a file from the future nobody knows how old it is, and none should stay for long.
_IN_THE_WAY = "-name '%s%s-*' -size 0 -mmin -10 ! -mmin -0" % (_PREFIX, PROGRESS)


def new_name(role: str) -> str:
    """Return a name, used once, for a file of this process."""
    pid = os.getpid()
    return "%s%s-%s-%d-%d-%s" % (_PREFIX, role, _controller(), pid, start_time(pid) or 0, randomness.token_hex(4))


def listing(action: ActionBase, directory: str, with_all: bool = False) -> str:
    """Return a command that lists the files of all runs below the directory with the temporary directories: all of
    them, a line `old`, and those that are too old to be in use. What is in the way of a module that may still begin is
    no file of a run, unless `with_all`.

    The directory may be one in which everybody writes, such as /var/tmp. So only what belongs to the connection's user,
    or to the one that the task becomes, is listed.
    """
    ours = '-user "$(id -u)"'
    if action._connection.become:
        ours += " -o -user %s" % shlex.quote(str(action.get_become_option("become_user", "root") or "root"))
    old = " -o ".join("-name '%s%s-*' -mmin +%d" % (_PREFIX, role, minutes) for role, minutes in _OLD.items())
    present = "-name '%s*'" % _PREFIX if with_all else "-name '%s*' ! \\( %s \\)" % (_PREFIX, _IN_THE_WAY)
    found = (_find(directory, ours, names) for names in (present, old))
    return "(%s; echo old; %s; true) 2>/dev/null" % tuple(found)


def _find(directory: str, ours: str, names: str) -> str:
    """A command that finds files of such names in the directory, and in the temporary directories in it."""
    inside = "-mindepth 1 -maxdepth 1 \\( %s \\)" % ours
    files = "-type f \\( %s \\)" % names
    return "find -H %s %s \\( %s -print -o -type d -name 'ansible-tmp-*' -exec find {} %s %s \\; \\)" % (
        shlex.quote(directory),
        inside,
        files,
        inside,
        files,
    )


def sweep(action: ActionBase, directory: str, listed: str) -> None:
    """Remove what is left behind of the files that a listing of the directory names, and the temporary directory of a
    file with passwords unless something else is in it.
    """
    present, too_old = _parts(listed)
    _remove(action, directory, [path for path in present if _is_left_behind(_name(path, directory), path in too_old)])


def sweep_all(action: ActionBase, directory: str) -> list[str]:
    """Remove what is left behind below the directory, however young it is: no other controller has anything to do any
    more. Return what it was.
    """
    listed = action._low_level_execute_command(listing(action, directory, with_all=True), sudoable=False)["stdout"]
    present, _too_old = _parts(listed)
    doomed = [path for path in present if _is_left_behind(_name(path, directory), is_old=True)]
    _remove(action, directory, doomed)
    return doomed


def _parts(listed: str) -> tuple[list[str], set[str]]:
    """All files of a listing, and those that are too old."""
    present, _old, old = ("\n%s\n" % listed.replace("\r", "")).partition("\nold\n")
    return present.split("\n"), set(old.split("\n"))


def _remove(action: ActionBase, directory: str, doomed: list[str]) -> None:
    if doomed:
        # Not `rm -r`: whatever somebody has put into the way, only files of these names go.
        command = "rm -f -- %s" % " ".join(map(shlex.quote, doomed))
        emptied = sorted({os.path.dirname(path) for path in doomed} - {directory})
        if emptied:
            command += "; rmdir -- %s 2>/dev/null; true" % " ".join(map(shlex.quote, emptied))
        action._low_level_execute_command(command, sudoable=False)


def _name(path: str, directory: str) -> str:
    """The name of a file that is where the files of its role are; otherwise empty."""
    found = _PLACE.fullmatch(path[len(directory) :]) if directory[:1] == "/" and path.startswith(directory) else None
    if found is None or (found.group("directory") is None) != (found.group("role") == PROGRESS):
        return ""
    return found.group("name")


def _is_left_behind(name: str, is_old: bool) -> bool:
    found = _NAME.fullmatch(name)
    if found is None:
        return False
    role, controller, pid, started = found.groups()
    if controller != _controller() or role == JOB:
        # Of a process elsewhere nothing can be known; and nobody waits for a job.
        return is_old
    return start_time(int(pid)) != int(started)


def _controller() -> str:
    """The processes that this one can see: a boot of a machine, and in it a container."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
            boot = stream.read().strip()
        processes = boot + os.readlink("/proc/self/ns/pid")
    except OSError:
        # No such system: then it is one of a kind, and the age alone counts.
        processes = randomness.token_hex(8)
    return hashlib.sha256(processes.encode("ascii")).hexdigest()[:16]


def remove_directory(action: ActionBase, path: str) -> None:
    """Remove the temporary directory of a background job that did not begin, with the passwords in it."""
    action._low_level_execute_command("rm -rf -- %s" % shlex.quote(path), sudoable=False)
