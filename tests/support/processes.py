# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at running processes from outside, by way of /proc (proc(5))."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Callable, Iterator


def group_members(group: int) -> list[int]:
    """Processes of a process group that are alive."""
    return [pid for pid, fields in _stat() if int(fields[2]) == group and fields[0] != "Z"]


def children_of(pid: int) -> list[int]:
    """Processes that a process has started and that are alive."""
    children: list[int] = []
    # Those of each thread (CONFIG_PROC_CHILDREN); who looks at all processes for them comes too late for many.
    for listed in Path("/proc/%d/task" % pid).glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, listed.read_text().split())
    return [child for child in children if _is_alive(child)]


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return not Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].startswith(" Z")
    return False


def peak_memory_mib(pid: int) -> float:
    """The most resident memory a process has had (VmHWM), 0 when it is gone or has no memory of its own any more."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for line in Path("/proc/%d/status" % pid).read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def command_lines() -> Iterator[bytes]:
    """Argument lists, as `ps` shows them, and environments of all processes."""
    yield from arguments()
    yield from environments()


def arguments() -> Iterator[bytes]:
    """The argument list of each process."""
    return _all("cmdline")


def environments() -> Iterator[bytes]:
    """The environment that each process was started with."""
    return _all("environ")


def _all(name: str) -> Iterator[bytes]:
    for pid in _pids():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            yield Path("/proc/%d/%s" % (pid, name)).read_bytes()


@contextlib.contextmanager
def repeatedly(look: Callable[[], None], seconds: float = 0.01) -> Iterator[None]:
    """Call `look` again and again, in a thread, while the context lasts."""
    done = threading.Event()
    failures = []

    def loop() -> None:
        try:
            while not done.wait(seconds):
                look()
        except Exception as error:  # noqa: BLE001 - raised again below, in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
    if failures:
        raise failures[0]


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def _stat() -> Iterator[tuple[int, list[str]]]:
    """Each process's fields of /proc/PID/stat behind its name: state, parent, process group and so on."""
    for pid in _pids():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield pid, Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()
