# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs for many minutes, by hand: shared among processes, told as it goes, and gone whenever it is ended."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Optional, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


@contextlib.contextmanager
def workplace(name: str) -> Iterator[Path]:
    """A directory that users of mail servers can reach. A signal that ends the block ends it in order: servers stop."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, _end)
    place = Path(tempfile.mkdtemp(prefix="%s-" % name))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _end(number: int, _frame: object) -> NoReturn:
    sys.exit(128 + number)


class Forked:
    """A forked process; a context manager, behind which it is gone. What `work` returns is its exit code."""

    def __init__(self, work: Callable[[], int]) -> None:
        self.pid = os.fork()
        self._status: Optional[int] = None
        if self.pid == 0:
            code = 1
            try:
                code = work()
            finally:
                os._exit(code)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def has_ended(self) -> bool:
        """Whether it has come to its end."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def wait(self) -> int:
        """Its wait status, when it has come to its end."""
        if self._status is None:
            self._status = os.waitpid(self.pid, 0)[1]
        return self._status


_works: list[Callable[[Any], Any]] = []


def shared(work: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """Yield what comes of the tasks, as it comes; forked processes take one after the other."""
    # What cannot be sent to a process is inherited by it.
    with multiprocessing.get_context("fork").Pool(workers, _works.append, (work,)) as pool:
        yield from pool.imap_unordered(_work, tasks)


def _work(task: object) -> Any:
    return _works[-1](task)


def tell(text: str) -> None:
    """Say something at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def table(corner: str, columns: Sequence[str], rows: Mapping[str, Sequence[object]]) -> str:
    """Figures by row and column, for a terminal."""
    lines = [(corner, *columns), *((name, *map(str, row)) for name, row in rows.items())]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join([first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:]))])
        for first, *cells in lines
    )
