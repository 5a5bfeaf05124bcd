# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A child process without privileges that does all that touches the network and the mailbox's files.

What a hostile source or mailbox owner may achieve stays within that process: it has the mailbox's own uid, and all it
can tell its parent is news of known kinds and a bounded size.

It is handed what it has a use for. But it is forked, and no other program begins in it, so its memory is a copy of its
parent's, with all that the worker has of the task: other imports with their passwords, and what makes tokens. It uses
none of that. Other processes cannot read it (see `forbid_core_dumps`; the kernel keeps that up when the uid changes),
and a source or owner would have to take over Python itself. With a task for each mailbox there is nothing of others.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import time
from functools import partial
from io import FileIO
from typing import Callable, Iterator, NoReturn, Optional, Sequence, Type

from ..model.errors import MailImportError, os_failure
from ..process.alive import is_suspended, start_time
from ..process.fork import describe_bug, die_with, fork_with_pipe, give_up_privileges, keep_only, limit_memory
from .news import Emit, Failed, News, decode, encode

_LONGEST_NEWS = 16 << 20
# Seconds between two looks at what the child does, and those it has for giving back its locks.
_WATCH_INTERVAL = 1.0
_ENDING = 5.0
_LOOK_AGAIN = 0.02
_TOO_MUCH_MEMORY = (
    "MemoryError: the import takes more memory than an honest source could make it need; nothing else "
    "of the host suffers from it"
)


def run_as(
    uid: int,
    gid: int,
    work: Callable[[Emit], None],
    handle: Callable[[News], None],
    keep: Sequence[int] = (),
    watch: Callable[[int], None] = lambda child: None,
) -> None:
    """Run `work` in a forked process of that uid and gid; call `handle` here with all the news it emits.

    `watch` is called with its pid about once a second; what it raises ends the child.

    Raises:
        MailImportError: what `work` raised, or `interrupted` when the child was killed.
    """
    with Sandbox(uid, gid, work, keep) as process:
        failure = process.hear(handle, watch)
    if failure is not None:
        raise failure
    if process.status != 0:
        raise ended_early(process.status)


def ended_early(status: int) -> MailImportError:
    """What an import comes to whose process is gone."""
    return MailImportError(
        "interrupted", "the importing process ended early (wait status %d); run the task again to continue" % status
    )


class Sandbox:
    """A forked process of that uid and gid, which runs `work`; a context manager, whose end is the process's.

    When this process dies, the child dies with it. It inherits no descriptors but `keep`, the lock of its mailbox for
    one.

    Attributes:
        ended: it has closed its end, so that no more news will come.
        status: its wait status, when the context has ended.
    """

    def __init__(self, uid: int, gid: int, work: Callable[[Emit], None], keep: Sequence[int] = ()) -> None:
        if os.geteuid() != 0 and uid != os.geteuid():
            raise MailImportError("host_refused", "only root can write mail of uid %d: run the task with become" % uid)
        self._child, reading = fork_with_pipe(partial(_child, uid, gid, keep, work))
        self._pipe = os.fdopen(reading, "rb", buffering=0)
        self._watch: Callable[[int], None] = lambda child: None
        self._lines = _lines(self._pipe, lambda: self._watch(self._child))
        self.ended = False
        self.status = 0

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, kind: Optional[type], *_exception: object) -> None:
        self.close(in_time=kind is None)

    def close(self, in_time: bool) -> None:
        """Wait for the process, which comes to its end by itself, or (not `in_time`) is to end now."""
        if not in_time:
            _end(self._child)
        self._pipe.close()
        self.status = os.waitpid(self._child, 0)[1]

    def hear(
        self, handle: Callable[[News], None], watch: Callable[[int], None], last: Optional[Type[News]] = None
    ) -> Optional[MailImportError]:
        """Call `handle` with the news that the process emits, to its end or to news of the kind `last`.

        Returns:
            What the process says that it failed with.
        """
        self._watch = watch
        failure = None
        for line in self._lines:
            try:
                news = decode(line)
                if last and isinstance(news, last):
                    return failure
                if isinstance(news, Failed):
                    failure = MailImportError(news.reason, news.message, news.retry_at)
                else:
                    handle(news)
            except (MailImportError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - a child that was taken over may say anything, and ends only its own import
                raise MailImportError(
                    "internal_error", "the importing process said something unknown (%s)" % type(error).__name__
                ) from error
        self.ended = True
        return failure


def _end(child: int) -> None:
    """Let the child give back its locks; kill it when it takes long. It is waited for by others."""
    deadline = time.monotonic() + _ENDING
    os.kill(child, signal.SIGTERM)
    while time.monotonic() < deadline and not is_suspended(child) and start_time(child) is not None:
        time.sleep(_LOOK_AGAIN)
    os.kill(child, signal.SIGKILL)


def _lines(pipe: FileIO, watch: Callable[[], None]) -> Iterator[bytes]:
    """Yield whole lines; the torn last one of a killed child is none."""
    ready = select.poll()
    ready.register(pipe, select.POLLIN)
    looked_at = time.monotonic()
    torn = bytearray()
    while True:
        if time.monotonic() - looked_at >= _WATCH_INTERVAL:
            watch()
            looked_at = time.monotonic()
        if not ready.poll(_WATCH_INTERVAL * 1000):
            continue
        data = pipe.read(1 << 16)
        if not data:
            return
        first = len(torn)
        torn += data
        end = torn.rfind(b"\n", first) + 1
        if end:
            yield from bytes(torn[:end]).splitlines()
            del torn[:end]
        if len(torn) >= _LONGEST_NEWS:
            raise MailImportError("internal_error", "the importing process said too much at once")


def _child(
    uid: int, gid: int, keep: Sequence[int], work: Callable[[Emit], None], parent: int, writing: int
) -> NoReturn:
    status = 1
    try:
        keep_only((writing, *keep))
        signal.signal(signal.SIGTERM, _give_up)
        gc.disable()  # nothing here makes cycles by the message
        limit_memory()
        give_up_privileges(uid, gid)
        die_with(parent)  # after the change of uid, which clears it

        def emit(news: News) -> None:
            data = encode(news)
            while data:
                data = data[os.write(writing, data) :]

        tell_failure(work, emit)
        status = 0
    finally:
        os._exit(status)


def tell_failure(work: Callable[[Emit], None], emit: Emit) -> None:
    """Do some work, and tell what it failed with, whatever that is."""
    try:
        work(emit)
    except MailImportError as error:
        emit(Failed(error.reason, error.message, error.retry_at))
    except OSError as error:
        failure = os_failure(error)
        emit(Failed(failure.reason, failure.message))
    except MemoryError:
        emit(Failed("internal_error", _TOO_MUCH_MEMORY))
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent has to hear of it
        emit(Failed("internal_error", describe_bug(error)))


class _GivenUpError(BaseException):
    """The parent wants an end: nothing but what has to be given back is done any more."""


def _give_up(*_signal: object) -> None:
    raise _GivenUpError
