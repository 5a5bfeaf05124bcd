# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages on their way into files of a stage: each byte is read back and compared with what came."""

from __future__ import annotations

import os
import time
from typing import Optional, Tuple

from ...imap.dates import date_from_header
from ...imap.fetch import Fetched
from ...imap.uids import UidSet
from ...model.errors import MailImportError
from ..base import FolderPath, joined_path
from ..origin import Origin
from .files import CREATE, mode_of_files, start_writing_back
from .letters import FolderFlags
from .line_ends import BareLineFeeds, bare_line_feeds
from .staged import Staged, reads_back, write

# So much of a message is searched for its date.
_LONGEST_HEADER = 65536


class MessageFiles:
    """Writes messages of one folder.

    Args:
        directory: handle of the directory they go into.
        origin: what their names tell.
        path: the folder's, for people.
        flags: what its letters mean.
    """

    def __init__(self, directory: int, origin: Origin, path: FolderPath, flags: FolderFlags) -> None:
        self._directory = directory
        self._mode = mode_of_files(directory)
        self._origin = origin
        self._path = path
        self._flags = flags

    def write(self, fetched: Fetched, held: UidSet) -> Optional[Staged]:
        """Write a message that the source sends; None when it turns out on the way that its UID is `held` already.

        Raises:
            MailImportError: `verification_failed`, when it does not read back, `protocol_error`, when it has no UID.
        """
        return (
            self._write_whole(fetched, fetched.whole)
            if fetched.whole is not None
            else self._write_chunks(fetched, held)
        )

    def _write_whole(self, fetched: Fetched, whole: memoryview) -> Staged:
        uid, size = self._uid(fetched), len(whole)
        name = self.name_of(uid, fetched.message.flags, size, size + bare_line_feeds(whole))
        fd = os.open(name, CREATE | os.O_EXCL, self._mode, dir_fd=self._directory)
        try:
            self._write(fd, whole, 0, fetched)
            date = fetched.message.internal_date
            if date is None:
                date = _date_without_internal_date(bytes(whole))
            os.utime(fd, (date, date))
        finally:
            os.close(fd)
        return Staged(uid, name, size)

    def _write_chunks(self, fetched: Fetched, held: UidSet) -> Optional[Staged]:
        """Write a long message, or one whose UID comes behind it, under a passing name."""
        line_feeds = BareLineFeeds()
        size = 0
        beginning = b""
        fd = os.open("arriving", CREATE | os.O_TRUNC, self._mode, dir_fd=self._directory)
        try:
            for chunk in fetched.chunks:
                self._write(fd, chunk, size, fetched)
                line_feeds.add(chunk)
                beginning += chunk[: _LONGEST_HEADER - len(beginning)]
                size += len(chunk)
            start_writing_back(fd)
            date = fetched.message.internal_date
            if date is None:
                date = _date_without_internal_date(beginning)
            os.utime(fd, (date, date))
        except BaseException:
            os.unlink("arriving", dir_fd=self._directory)  # the folder may become visible without this message
            raise
        finally:
            os.close(fd)
        uid = self._uid(fetched)
        if uid in held:
            os.unlink("arriving", dir_fd=self._directory)
            return None
        name = self.name_of(uid, fetched.message.flags, size, size + line_feeds.count)
        os.rename("arriving", name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        return Staged(uid, name, size)

    def _write(self, fd: int, chunk: memoryview, offset: int, fetched: Fetched) -> None:
        """Write a piece of a message to the end of its file and read it back."""
        write(fd, chunk)
        if not reads_back(fd, chunk, offset):
            raise self.not_as_received(fetched.message.uid)

    def not_as_received(self, uid: Optional[int]) -> MailImportError:
        text = "message UID %s of %s does not read back as it was received; check the disk"
        return MailImportError(
            "verification_failed", text % ("unknown" if uid is None else uid, joined_path(self._path))
        )

    def _uid(self, fetched: Fetched) -> int:
        uid = fetched.message.uid
        if uid is None:
            raise MailImportError(
                "protocol_error", "the source sent a message of %s without its UID" % joined_path(self._path)
            )
        return uid

    def name_of(self, uid: int, flags: Tuple[bytes, ...], size: int, virtual_size: int) -> str:
        """The name of a message's file: S and W are Maildir++ sizes, of the file and with each line end as CRLF."""
        letters = self._flags.letters(flags)
        return "%s,S=%d,W=%d:2,%s" % (self._origin.base_name(uid), size, virtual_size, letters)


def _date_without_internal_date(beginning: bytes) -> int:
    date = date_from_header(beginning)
    return int(time.time()) if date is None else date
