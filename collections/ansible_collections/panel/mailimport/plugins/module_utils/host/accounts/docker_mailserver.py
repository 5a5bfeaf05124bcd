# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of docker-mailserver: lines of the file postfix-accounts.cf, which a container reads anew when it changes.

Format: `address|{SCHEME}hash`, perhaps with further fields behind another `|`; `#` begins a comment. Quotas are lines
`address:5G` of dovecot-quotas.cf beside it, aliases lines `address target` of postfix-virtual.cf. Domains are those of
the addresses (https://docker-mailserver.github.io/docker-mailserver/latest/config/account-management/).
"""

from __future__ import annotations

import os
from typing import Callable, List, Optional, Set

from ...files.atomic import exclusive
from ...model.address import Address
from ...model.errors import MailImportError, file_errors
from ..base import Accounts
from .quotas import in_mebibytes
from .users_file import change_noticed_at

# The container looks every two seconds, and then takes some to make its own files of these.
_NOTICED_AFTER = 20.0


class DockerMailserverAccounts(Accounts):
    """See the module.

    Args:
        path: the file, as this machine sees it.
        hash_password: returns `{SCHEME}hash`.
        quota: of new mailboxes, in bytes; 0 for none.
    """

    def __init__(self, path: str, hash_password: Callable[[str], str], quota: int) -> None:
        self._path = os.path.realpath(path)
        self._hash_password = hash_password
        self._quota = quota

    @property
    def place(self) -> str:
        return "%s (the container may have another provider of accounts, such as LDAP)" % self._path

    def domains(self) -> Set[str]:
        return {name.rpartition("@")[2] for name in map(_name, self._lines(self._path)) if name}

    def exists(self, address: Address) -> bool:
        return str(address) in set(map(_name, self._lines(self._path)))

    def check_new(self, address: Address) -> None:
        if not os.path.exists(self._path):
            message = "%s does not exist: users_file is postfix-accounts.cf in the configuration of docker-mailserver"
            raise MailImportError("host_refused", message % self._path)
        if not str(address).isascii() or "|" in str(address) or any(char.isspace() for char in str(address)):
            raise MailImportError("host_refused", "%s cannot be a line of %s" % (address, self._path))
        aliases = self._lines(self._beside("postfix-virtual.cf"))
        if str(address) in {line.split()[0].decode("utf-8", "replace").lower() for line in aliases if line.split()}:
            raise MailImportError("host_refused", "%s is an alias on this host" % address)

    def create(self, address: Address, password: str, owner: str) -> None:
        line = "%s|%s\n" % (address, self._hash_password(password))
        with file_errors(self._path), exclusive(self._path):
            if self.exists(address):
                raise MailImportError("host_refused", "%s has been added to %s meanwhile" % (address, self._path))
            if self._quota:
                self._set_quota(address, "%s:%dM\n" % (address, in_mebibytes(self._quota)))
            _append(self._path, line)

    def remove(self, address: Address) -> None:
        with file_errors(self._path), exclusive(self._path):
            self._set_quota(address, None)
            self._rewrite([line for line in self._lines(self._path) if _name(line) != str(address)])

    def set_password(self, address: Address, password: str) -> None:
        hashed = self._hash_password(password).encode("ascii")
        with file_errors(self._path), exclusive(self._path):
            lines = self._lines(self._path)
            if str(address) not in set(map(_name, lines)):
                raise MailImportError("host_refused", "%s has no line in %s" % (address, self._path))
            self._rewrite([_with_hash(line, hashed) if _name(line) == str(address) else line for line in lines])

    def noticed_at(self) -> float:
        return change_noticed_at(self._path, _NOTICED_AFTER)

    def _beside(self, name: str) -> str:
        return os.path.join(os.path.dirname(self._path), name)

    def _set_quota(self, address: Address, line: Optional[str]) -> None:
        path = self._beside("dovecot-quotas.cf")
        lines = self._lines(path)
        others = [each for each in lines if each.partition(b":")[0].strip().decode("utf-8", "replace") != str(address)]
        if others != lines:
            _write(path, b"".join(others))
        if line:
            _append(path, line)

    @staticmethod
    def _lines(path: str) -> List[bytes]:
        with file_errors(path):
            try:
                with open(path, "rb") as stream:
                    return stream.readlines()
            except FileNotFoundError:
                return []

    def _rewrite(self, lines: List[bytes]) -> None:
        _write(self._path, b"".join(lines))


def _name(line: bytes) -> str:
    """The address of a line, empty for a comment."""
    name = line.partition(b"|")[0].strip().decode("utf-8", "replace").lower()
    return "" if name.startswith("#") else name


def _with_hash(line: bytes, hashed: bytes) -> bytes:
    fields = line.rstrip(b"\n").split(b"|")
    return b"|".join([fields[0], hashed, *fields[2:]]) + b"\n"


def _append(path: str, line: str) -> None:
    with open(path, "ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 1))
        missing_end = size > 0 and stream.read(1) != b"\n"
        stream.write((b"\n" if missing_end else b"") + line.encode("utf-8"))
        stream.flush()
        os.fsync(stream.fileno())


def _write(path: str, content: bytes) -> None:
    """Write a file in its place: it may be mounted into the container by itself, which would go on to see the former
    one if another took its name.
    """
    with open(path, "r+b") as stream:
        stream.write(content)
        stream.truncate()
        stream.flush()
        os.fsync(stream.fileno())
