# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages in a stage, and the proof that they are there as the source sent them."""

from __future__ import annotations

import os
from typing import List, NamedTuple, NoReturn, Optional

from ..model.errors import MailImportError
from .files import digest_of_file, syncfs
from .process import die_with

# So much is read back at a time beside the writing: enough that a fork, some milliseconds, does not count.
_MESSAGES_BESIDE = 1000
_BYTES_BESIDE = 32 << 20


class Staged(NamedTuple):
    """A message in the stage that no journal names yet. `digest` is of what the source sent.

    `arrived_as` is its name in the stage when it is to get another one.
    """

    uid: int
    name: str
    size: int
    digest: bytes
    arrived_as: str = ""

    @property
    def staged_name(self) -> str:
        return self.arrived_as or self.name

    @property
    def base_name(self) -> str:
        return self.name.partition(":2,")[0]


class ReadBack:
    """Reads messages back by their names and compares them with what the source sent.

    A forked process does so while others are still coming, where the machine has a second processor for it: it has the
    directory and all that is known of the messages, and its exit code says whether all is well. If not, or if it was
    killed, this process looks again itself.

    Args:
        directory: where the messages are.
        folder: the folder's name for people.
    """

    def __init__(self, directory: int, folder: str) -> None:
        self._directory = directory
        self._folder = folder
        self._waiting: List[Staged] = []
        self._waiting_bytes = 0
        self._beside: List[Staged] = []
        self._process: Optional[int] = None

    def add(self, staged: Staged) -> None:
        """Take a message that has been written."""
        self._waiting.append(staged)
        self._waiting_bytes += staged.size
        if (len(self._waiting) >= _MESSAGES_BESIDE or self._waiting_bytes >= _BYTES_BESIDE) and self._is_idle():
            self._start()

    def finish(self) -> None:
        """Return when every message has been read back.

        Raises:
            MailImportError: `verification_failed`.
        """
        self._check_waiting()
        self._end(0)
        self._check_waiting()

    def abandon(self) -> None:
        """Wait for the process without heeding what it says: the messages are not wanted."""
        self._end(0)

    def _is_idle(self) -> bool:
        return self._process is None or self._end(os.WNOHANG)

    def _end(self, options: int) -> bool:
        """True when no process is left; what it did not find well waits to be looked at again."""
        if self._process is not None:
            pid, status = os.waitpid(self._process, options)
            if not pid:
                return False
            self._process = None
            if status != 0:
                self._waiting += self._beside
            self._beside = []
        return True

    def _start(self) -> None:
        self._beside, self._waiting, self._waiting_bytes = self._waiting, [], 0
        parent = os.getpid()
        self._process = os.fork()
        if self._process == 0:
            self._run_beside(parent)

    def _run_beside(self, parent: int) -> NoReturn:
        status = 1
        try:
            die_with(parent)
            self._check(self._beside)
            syncfs(self._directory)  # so that less is left to the flush of the batch, for which all have to wait
            status = 0
        finally:
            os._exit(status)

    def _check_waiting(self) -> None:
        self._check(self._waiting)
        self._waiting, self._waiting_bytes = [], 0

    def _check(self, messages: List[Staged]) -> None:
        for staged in messages:
            if digest_of_file(staged.name, self._directory, staged.size) != staged.digest:
                raise MailImportError(
                    "verification_failed", "message UID %d of %s does not read back as it was received; check the disk" % (staged.uid, self._folder)
                )
