# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Telling a running process from a dead one, also when its number is in use again."""

from __future__ import annotations

from typing import List, Optional


def is_suspended(pid: int) -> bool:
    """Whether a process was stopped by a signal (SIGSTOP) or a debugger, so that it does nothing."""
    fields = _stat(pid)
    return fields is not None and fields[0] in (b"T", b"t")


def start_time(pid: int) -> Optional[int]:
    """When a process started, in clock ticks since boot; None when there is no such process (proc(5),
    /proc/PID/stat)."""
    fields = _stat(pid)
    return None if fields is None or fields[0] in (b"Z", b"X") else int(fields[19])


def _stat(pid: int) -> Optional[List[bytes]]:
    try:
        with open("/proc/%d/stat" % pid, "rb") as stream:
            text = stream.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the second field, the command's name in parentheses, may hold anything
    return text.rpartition(b")")[2].split()
