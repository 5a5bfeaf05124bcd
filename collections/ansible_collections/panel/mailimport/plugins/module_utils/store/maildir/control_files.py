# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot's own files in a Maildir: uidlist, keywords, subscriptions and their locks.

Sources: Dovecot wiki "MailboxFormat/Maildir" (dovecot-uidlist version 3, dovecot-keywords) and "MailLocation" (control
files); checked against Dovecot 2.3 itself in the tests.
"""

from __future__ import annotations

import heapq
import os
import re
import socket
import time
from contextlib import contextmanager, suppress
from itertools import zip_longest
from typing import Dict, Iterable, Iterator, NamedTuple, Optional, Tuple

from ...model.errors import MailImportError
from .files import CREATE, exists, mode_of_files, open_file, read_file, temporary_name, write_file

UIDLIST = "dovecot-uidlist"
KEYWORDS = "dovecot-keywords"
SUBSCRIPTIONS = "subscriptions"

MAX_KEYWORDS = 26  # letters a to z in a file name

# Dovecot takes a lock file that was not touched for this many seconds for a leftover (file-dotlock.c).
_STALE_LOCK = 120.0
_LOCK_TIMEOUT = 60.0

_UIDS = re.compile(rb"^(\d+) ", re.MULTILINE)
_NEXT_UID = re.compile(rb" N\d{10} ")
_HEADER = re.compile(rb"3 (?:.* )?V(\d+) (?:.* )?N(\d+)")


class UidlistHeader(NamedTuple):
    """UIDVALIDITY and the next UID of a folder."""

    uidvalidity: int
    uidnext: int


@contextmanager
def dotlock(directory: int, name: str) -> Iterator[None]:
    """Hold Dovecot's lock file NAME.lock, waiting for whoever has it.

    Raises:
        MailImportError: `host_refused` when it is held for a minute.
    """
    lock = name + ".lock"
    # Always the same, so that what a killed run leaves is written over: one import at a time writes a mailbox.
    claim = lock + ".mailimport"
    deadline = time.monotonic() + _LOCK_TIMEOUT
    # Written beside and linked, so that a lock never exists without its owner's name: that is how Dovecot and the next
    # run tell at once that a killed one holds it no more.
    with suppress(FileNotFoundError):
        os.unlink(claim, dir_fd=directory)
    fd = os.open(claim, CREATE | os.O_EXCL, mode_of_files(directory), dir_fd=directory)
    with os.fdopen(fd, "wb") as handle:
        handle.write(_owner_name().encode("utf-8"))
    try:
        while True:
            try:
                os.link(claim, lock, src_dir_fd=directory, dst_dir_fd=directory)
                break
            except FileExistsError:
                _remove_stale_lock(directory, lock)
                if time.monotonic() > deadline:
                    raise MailImportError(
                        "host_refused", "the lock file %s of the mailbox stays held: is a Dovecot process stuck?" % lock
                    ) from None
                time.sleep(0.05)
    finally:
        os.unlink(claim, dir_fd=directory)
    try:
        _remove_half_written(directory, name)
        yield
    finally:
        os.unlink(lock, dir_fd=directory)


def _remove_half_written(directory: int, name: str) -> None:
    """Remove what a killed run was writing beside a file and those that its lock is for; the caller holds it."""
    for written in (name, KEYWORDS) if name == UIDLIST else (name,):
        with suppress(FileNotFoundError):
            os.unlink(temporary_name(written), dir_fd=directory)


def _owner_name() -> str:
    """What Dovecot writes into its own lock files (file-dotlock.c)."""
    return "%d:%s" % (os.getpid(), socket.gethostname())


def _remove_stale_lock(directory: int, lock: str) -> None:
    with suppress(FileNotFoundError):  # released in the meantime
        age = time.time() - os.stat(lock, dir_fd=directory, follow_symlinks=False).st_mtime
        pid, _colon, host = (read_file(lock, directory) or b"").decode("utf-8", "replace").partition(":")
        dead = pid.isdigit() and host == socket.gethostname() and not os.path.exists("/proc/%s" % pid)
        if dead or age > _STALE_LOCK:
            os.unlink(lock, dir_fd=directory)


def uidlist_header(uidvalidity: int, uidnext: int, guid: str) -> bytes:
    """First line of a uidlist; the next UID has a fixed width so that it can be set later in place."""
    return b"3 V%d N%010d G%s\n" % (uidvalidity, uidnext, guid.encode("ascii"))


def read_uidlist_header(directory: int) -> Optional[UidlistHeader]:
    """Return what the folder's uidlist says; None when there is none, or none of version 3.

    The next UID counts entries appended behind the header too.
    """
    try:
        fd = open_file(UIDLIST, directory)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as handle:
        header = _HEADER.match(handle.readline(4096))
        if not header:
            return None
        handle.seek(max(handle.tell(), os.fstat(handle.fileno()).st_size - 4096))
        last_uids = _UIDS.findall(handle.read())
    uidnext = int(header.group(2))
    return UidlistHeader(int(header.group(1)), max([uidnext] + [int(uid) + 1 for uid in last_uids[-1:]]))


def uidlist_entries(directory: int) -> Iterator[Tuple[int, str]]:
    """Yield (UID, base name) line by line; a last line without its end was torn and does not count."""
    fd = open_file(UIDLIST, directory)
    with os.fdopen(fd, "rb") as handle:
        handle.readline(4096)
        for line in handle:
            head, colon, base_name = line.partition(b":")
            uid = head.partition(b" ")[0]
            if colon and uid.isdigit() and line.endswith(b"\n"):
                yield int(uid), os.fsdecode(base_name[:-1])


def lists_the_same(directory: int, other: int) -> bool:
    """True when the uidlists of two directories, the second of which may have none, have the same entries, and some."""
    if not exists(UIDLIST, other):
        return False
    first = next(uidlist_entries(directory), None)
    return first is not None and all(
        one == another for one, another in zip_longest(uidlist_entries(directory), uidlist_entries(other))
    )


def cut_torn_line(directory: int) -> None:
    """Cut off a last line without its end, so that what is appended begins a line of its own."""
    fd = os.open(UIDLIST, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(fd, "r+b") as handle:
        handle.truncate(sum(len(line) for line in handle if line.endswith(b"\n")))


def append_to_uidlist(directory: int, entries: Iterable[Tuple[int, str]]) -> None:
    """Append entries, which must have UIDs beyond those in the file: all of them, or none when the disk is full."""
    fd = os.open(UIDLIST, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    length = os.fstat(fd).st_size
    try:
        with os.fdopen(os.dup(fd), "wb") as handle:
            handle.writelines(_uidlist_line(uid, name) for uid, name in entries)
    except OSError:
        os.ftruncate(fd, length)  # Dovecot takes a torn line for an entry
        raise
    finally:
        os.close(fd)


def finish_uidlist(directory: int, uidnext: int, in_order: bool) -> None:
    """Set the next UID in a uidlist of ours, and bring its entries into order: Dovecot wants UIDs ascending."""
    if not in_order:
        _sort_uidlist(directory)
    fd = os.open(UIDLIST, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    with os.fdopen(fd, "r+b") as handle:
        header = handle.readline(4096)
        handle.seek(0)
        handle.write(_NEXT_UID.sub(b" N%010d " % uidnext, header))


def _sort_uidlist(directory: int) -> None:
    """Merge the few entries that came late into the many that came in order, without holding the many in memory."""
    late = sorted(_split_order(directory, late=True))
    with os.fdopen(open_file(UIDLIST, directory), "rb") as handle:
        header = handle.readline(4096)
    temporary = UIDLIST + ".sorted"
    fd = os.open(temporary, CREATE | os.O_TRUNC, mode_of_files(directory), dir_fd=directory)
    with os.fdopen(fd, "wb") as handle:
        handle.write(header)
        handle.writelines(
            _uidlist_line(uid, name) for uid, name in heapq.merge(_split_order(directory, late=False), late)
        )
    os.rename(temporary, UIDLIST, src_dir_fd=directory, dst_dir_fd=directory)


def _split_order(directory: int, late: bool) -> Iterator[Tuple[int, str]]:
    highest = 0
    for uid, name in uidlist_entries(directory):
        if (uid <= highest) == late:
            yield uid, name
        highest = max(highest, uid)


def _uidlist_line(uid: int, base_name: str) -> bytes:
    return b"%d :%s\n" % (uid, base_name.encode("utf-8", "surrogateescape"))


def read_keywords(directory: int) -> Dict[bytes, int]:
    """Return the keyword numbers (0 to 25) of a folder by keyword in lower case."""
    return {keyword.lower(): number for number, keyword in keywords_by_number(directory).items()}


def keywords_by_number(directory: int) -> Dict[int, bytes]:
    """Return the keywords of a folder, as they are written, by their numbers (0 to 25)."""
    keywords = {}
    for line in (read_file(KEYWORDS, directory) or b"").splitlines():
        number, _blank, keyword = line.partition(b" ")
        if number.isdigit() and int(number) < MAX_KEYWORDS and keyword:
            keywords[int(number)] = keyword
    return keywords


def write_keyword(directory: int, number: int, keyword: bytes) -> None:
    """Add one keyword to the folder's file; the caller holds the lock of the uidlist, as Dovecot does."""
    content = read_file(KEYWORDS, directory) or b""
    end = b"" if content.endswith(b"\n") or not content else b"\n"
    write_file(KEYWORDS, directory, content + end + b"%d %s\n" % (number, keyword))
