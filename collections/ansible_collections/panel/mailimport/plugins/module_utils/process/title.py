# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `ps` and `pgrep -f` show of a process: what it does, never a secret."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from functools import lru_cache
from typing import Tuple

_PR_SET_NAME = 15
_NAME = b"panel.mailimpor"  # of 15 bytes at most
_PREFIX = "panel.mailimport: "
_libc = ctypes.CDLL(None, use_errno=True)


def set_title(text: str) -> None:
    """Show `panel.mailimport: text` as the arguments of this process. Nothing happens where the system has no such
    place.
    """
    with suppress(OSError, ValueError):
        start, arguments_end, end = _area()
        title = (_PREFIX + text).encode("utf-8", "replace").replace(b"\0", b" ")[: end - start - 1]
        # The kernel shows the arguments alone, unless their last byte is no NUL: then all up to the next one (proc(5)).
        length = max(len(title) + 1, arguments_end - start)
        ctypes.memmove(start, title.ljust(length, b"\0"), length)
        _libc.prctl(_PR_SET_NAME, _NAME, 0, 0, 0)


@lru_cache(maxsize=1)
def _area() -> Tuple[int, int, int]:
    """Where the arguments begin and end in memory, and where the environment behind them ends."""
    with open("/proc/self/stat", "rb") as stream:
        fields = stream.read().rpartition(b")")[2].split()
    arguments_start, arguments_end, environment_start, environment_end = map(int, fields[45:49])
    if not arguments_start:
        raise ValueError("the system does not tell")
    if environment_start != arguments_end:
        return arguments_start, arguments_end, arguments_end
    # The C library keeps a variable that is set in memory of its own, and nothing of them stays here.
    for name, value in os.environ.items():
        os.environ[name] = value
    return arguments_start, arguments_end, environment_end
