# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a run comes along, written to a file for whoever watches: JSON objects, one a line, appended as things happen."""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from contextlib import suppress
from typing import IO, Callable, Dict, Optional

from ..model.errors import MailImportError, file_errors
from ..model.imports import ImportResult
from ..model.progress import Begun, Counts, Ended, Finished, Noted, ProgressEvent, encode
from .pace import Running, share_done, tells_the_pace

# Counts are told at most so often, in seconds.
_INTERVAL = 0.5
# Seconds without a look at the file after which whoever watched is gone.
LONGEST_UNWATCHED = 300.0


def _new_private_file(path: str) -> IO[str]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    # It is written to as long as the run lasts.
    with file_errors(path):
        try:
            return open(os.open(path, flags, 0o600), "w", encoding="ascii")  # noqa: SIM115
        except FileExistsError:
            # Ctrl-C came before this run got so far. What it has left has done its work.
            _remove_empty(path)
            raise MailImportError("interrupted", "whoever began this run waits for it no more: %s" % path) from None


def _remove_empty(path: str) -> None:
    with suppress(OSError):
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode) and not found.st_size:
            os.unlink(path)


def _is_unread(fd: int) -> bool:
    """Whether a descriptor is a pipe or socket whose other end is closed."""
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False
    look = select.poll()
    look.register(fd, 0)  # errors and the end are always told
    return bool(look.poll(0))


class Progress:
    """Counts what a run has done, and tells.

    Args:
        path: a new file to append to, of which nobody but its user can read; None for none.
        note: takes lines for people besides, a log's for example.
        end: takes the result of each import.

    The lines are those of `model/progress.py`. They end, and the run goes on, when the file cannot be written to.

    Raises:
        MailImportError: `disk_full` or `host_refused`, when the file cannot be made; `interrupted`, when one is there.
    """

    def __init__(
        self,
        path: Optional[str] = None,
        note: Callable[[str], None] = lambda line: None,
        end: Callable[[ImportResult], None] = lambda result: None,
    ) -> None:
        self._path = path
        self._stream = None if path is None else _new_private_file(path)
        self._note = note
        self._end = end
        self._mailboxes = 0
        self._done = 0
        self._telling = 0
        self._messages = 0
        self._bytes = 0
        self._running: Dict[int, Running] = {}
        self._told_at = 0.0

    def is_abandoned(self) -> bool:
        """Whether nobody waits for the results any more: the file is gone, or has not been looked at for long; without
        one, nobody reads what this process is going to print.
        """
        if self._path is None:
            return _is_unread(sys.stdout.fileno())
        try:
            # Whoever looks sets the time of access, for filesystems do not always.
            return time.time() - os.stat(self._path).st_atime > LONGEST_UNWATCHED
        except FileNotFoundError:
            return True

    def begin(self, mailboxes: int) -> None:
        """So many mailboxes there are."""
        self._mailboxes = mailboxes
        self._write(Begun(mailboxes))

    def finish(self) -> None:
        """All is done."""
        self._write(Finished())

    def note(self, line: str) -> None:
        """Something that people should know."""
        self._note(line)
        self._write(Noted(line))

    def moved(self, number: int, total: int, copied: int, size: int) -> None:
        """The import of that number has come so far: messages to copy and copied, bytes copied."""
        self._running[number] = Running(total, copied, size)
        if time.monotonic() - self._told_at >= _INTERVAL:
            self._tell_counts()

    def ended(self, result: ImportResult, number: Optional[int] = None) -> None:
        """An import, of that number where it ran, has this result."""
        if number is not None:
            self._running.pop(number, None)
        self._done += 1
        self._telling += tells_the_pace(result)
        self._messages += result.messages_copied
        self._bytes += result.bytes_copied
        self._write(Ended(result.email, result.state, result.reason, result.message, result.messages_copied))
        self._tell_counts()
        self._end(result)

    def _tell_counts(self) -> None:
        self._told_at = time.monotonic()
        running = self._running.values()
        imports = self._mailboxes - (self._done - self._telling)
        counts = Counts(
            done=self._done,
            mailboxes=self._mailboxes,
            messages=self._messages + sum(each.copied for each in running),
            bytes=self._bytes + sum(each.bytes for each in running),
            share=round(share_done(self._telling, self._bytes, list(running), imports), 4),
        )
        self._write(counts)

    def _write(self, event: ProgressEvent) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(encode(event))
            self._stream.flush()
        except OSError as error:
            # A full disk, say. Whoever watches waits for the result all the same.
            stream, self._stream = self._stream, None
            with suppress(OSError):
                stream.close()
            self._note("progress is told no more: %s: %s" % (self._path, error.strerror))
