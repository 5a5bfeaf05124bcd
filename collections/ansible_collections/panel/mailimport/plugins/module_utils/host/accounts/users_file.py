# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A users file (passwd-file): one mailbox a line, edited without touching any other byte.

Format: `user:{SCHEME}hash:uid:gid:gecos:home:shell:extra fields`, `#` begins a comment
(https://doc.dovecot.org/2.3/configuration_manual/authentication/passwd_file/).
"""

from __future__ import annotations

import os
import stat
import time
from typing import Collection, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ...files.atomic import NewFile, exclusive, replace_file
from ...model.address import Address
from ...model.errors import MailImportError, file_errors
from ..base import Failure

# Dovecot looks at the file at most once a second; one more for the rounding of times.
_NOTICED_AFTER = 2.0


class NewUser(NamedTuple):
    """What is written of a new user; what is None is left to Dovecot's defaults."""

    password_hash: str
    uid: Optional[int]
    gid: Optional[int]
    home: Optional[str]


class UsersFile:
    """The mailboxes of a passwd-file.

    Args:
        path: the file; a symbolic link is followed. It need not exist yet, its directory must.
        gid: group that may read the file when it is created here.
    """

    def __init__(self, path: str, gid: int) -> None:
        self.path = os.path.realpath(path)
        self._new = NewFile(0o640, 0, gid)
        self._seen: Tuple[Tuple[int, ...], Tuple[FrozenSet[str], Mapping[str, str]]] = ((), (frozenset(), {}))

    def users(self) -> Collection[str]:
        """Names of all users, in lower case."""
        return self._known()[0]

    def user_at(self, home: str) -> Optional[str]:
        """Name of a user whose line has that home directory, None when nobody's has."""
        return self._known()[1].get(os.path.normpath(home))

    def _known(self) -> Tuple[FrozenSet[str], Mapping[str, str]]:
        """The users, and those of them by their homes. The file is read when it is another one, or was written to,
        since the last time.
        """
        with file_errors(self.path):
            try:
                status = os.stat(self.path)
            except FileNotFoundError:
                return frozenset(), {}
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if self._seen[0] != version:
            users = [(user, _home(line)) for line in self._read() for user in [_user(line)] if user is not None]
            # Of several at one home, the first.
            homes = {os.path.normpath(home): user for user, home in reversed(users) if home}
            self._seen = version, (frozenset(user for user, _home in users), homes)
        return self._seen[1]

    def __contains__(self, address: Address) -> bool:
        return str(address) in self.users()

    def hash_of(self, address: Address) -> str:
        """The password field of a user's line, empty when there is none."""
        for line in self._read():
            if _user(line) == str(address):
                return line.rstrip(b"\r\n").decode("utf-8", "replace").partition(":")[2].partition(":")[0]
        return ""

    def noticed_at(self) -> float:
        """When Dovecot will have noticed the latest change, in seconds since the epoch; 0.0 when it has for sure."""
        return change_noticed_at(self.path, _NOTICED_AFTER)

    def add_all(self, users: Mapping[Address, NewUser]) -> Dict[Address, Failure]:
        """Append lines for new users, in one step; return why some were not, by address.

        Raises:
            MailImportError: `host_refused` when the file cannot be written, `disk_full`.
        """
        failures: Dict[Address, Failure] = {}
        with file_errors(self.path), exclusive(self.path):
            lines = self._read()
            known = set(map(_user, lines))
            added = b""
            for address, user in users.items():
                if str(address) in known:
                    message = "%s has been added to %s meanwhile" % (address, self.path)
                    failures[address] = MailImportError("host_refused", message)
                else:
                    added += _line(address, user)
            if added:
                if lines and not lines[-1].endswith(b"\n"):
                    added = b"\n" + added[:-1]  # the file goes on ending the way it did
                replace_file(self.path, b"".join(lines) + added, self._new)
        return failures

    def remove(self, address: Address) -> None:
        """Take a user's line out.

        Raises:
            MailImportError: `host_refused` when the file cannot be written, `disk_full`.
        """
        with file_errors(self.path), exclusive(self.path):
            replace_file(self.path, b"".join(line for line in self._read() if _user(line) != str(address)), self._new)

    def set_hash(self, address: Address, password_hash: str) -> None:
        """Replace the password field of a user's line.

        Raises:
            MailImportError: `host_refused` when the user has no line or the file cannot be written, `disk_full`.
        """
        with file_errors(self.path), exclusive(self.path):
            lines = self._read()
            found = [number for number, line in enumerate(lines) if _user(line) == str(address)]
            if not found:
                raise MailImportError("host_refused", "%s has no line in %s" % (address, self.path))
            for number in found:
                lines[number] = _with_hash(lines[number], password_hash.encode("ascii"))
            replace_file(self.path, b"".join(lines), self._new)

    def _read(self) -> List[bytes]:
        with file_errors(self.path):
            try:
                # A pipe would be waited for, and a device need not end.
                if not stat.S_ISREG(os.stat(self.path).st_mode):
                    raise MailImportError("host_refused", "%s is no regular file, as a passwd-file is" % self.path)
                with open(self.path, "rb") as stream:
                    return stream.readlines()
            except FileNotFoundError:
                return []


def change_noticed_at(path: str, noticed_after: float) -> float:
    """When whoever looks at a file every so many seconds will have noticed its latest change, in seconds since the
    epoch; 0.0 when that is so for sure.
    """
    with file_errors(path):
        # Not the mtime, which may be ahead of it.
        changed_at = os.stat(path).st_ctime if os.path.exists(path) else 0.0
    # A file from the future is one whose clock was set back since.
    return changed_at + noticed_after if changed_at < time.time() + 1 else 0.0


def _line(address: Address, user: NewUser) -> bytes:
    uid, gid = ("" if number is None else number for number in (user.uid, user.gid))
    return ("%s:%s:%s:%s::%s::\n" % (address, user.password_hash, uid, gid, user.home or "")).encode("utf-8")


def _user(line: bytes) -> Optional[str]:
    user = line.rstrip(b"\r\n").split(b":", 1)[0]
    if not user or user.startswith(b"#"):
        return None
    return user.decode("utf-8", "replace").lower()


def _home(line: bytes) -> str:
    fields = line.rstrip(b"\r\n").split(b":")
    return os.fsdecode(fields[5]) if len(fields) > 5 else ""


def _with_hash(line: bytes, password_hash: bytes) -> bytes:
    text = line.rstrip(b"\r\n")
    fields = text.split(b":", 2)
    fields[1:2] = [password_hash]
    return b":".join(fields) + line[len(text) :]
