# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Telling a running process from a dead one, also when its number is in use again."""

from __future__ import annotations

from typing import Optional


def start_time(pid: int) -> Optional[int]:
    """When a process started, in clock ticks since boot; None when there is no such process (proc(5),
    /proc/PID/stat)."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as stream:
            text = stream.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # the second field, the command's name in parentheses, may hold anything
    fields = text.rpartition(b")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in (b"Z", b"X") else int(started)
