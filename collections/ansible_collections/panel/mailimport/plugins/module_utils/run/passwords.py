# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Passwords of new mailboxes: given, or made up and kept in a file before they are used."""

from __future__ import annotations

import csv
import io
import secrets
import string
from functools import partial
from typing import Dict, Iterable, Mapping, Optional

from ..files.private import edit_private, read_private
from ..model.errors import MailImportError
from ..rows.read import read_rows

_ALPHABET = string.ascii_letters + string.digits + "-_"
_LENGTH = 20


class NewPasswords:
    """The passwords of mailboxes that are to be made.

    Args:
        given: by address.
        path: of the file with the ones that were made up, lines of `address,password`; None to make up none.
    """

    def __init__(self, given: Mapping[str, str], path: Optional[str]) -> None:
        self._known = {address.strip().lower(): password for address, password in given.items()}
        self._path = path
        self._generated: Dict[str, str] = _parse(path, read_private(path)) if path else {}

    def of(self, address: str) -> str:
        """The password of a mailbox, empty when there is none."""
        return self._known.get(address) or self._generated.get(address, "")

    def generate(self, addresses: Iterable[str], write: bool = True) -> None:
        """Make up passwords for those of the mailboxes that have none; all are in the file when this returns.

        Args:
            write: False to find out only.

        Raises:
            MailImportError: `host_refused` or `disk_full` when the file cannot be written, `invalid_row` when it is
                something else by now.
        """
        lacking = [address for address in sorted(addresses) if not self.of(address)] if self._path else []
        if self._path and lacking and write:
            edit_private(self._path, partial(self._add, self._path, lacking))
        else:
            self._generated.update((address, _new_password()) for address in lacking)

    def _add(self, path: str, lacking: Iterable[str], content: Optional[bytes]) -> bytes:
        """Return what the file is to hold. What another run has put into it meanwhile is valid here too."""
        self._generated.update(_parse(path, content))
        self._generated.update((address, _new_password()) for address in lacking if address not in self._generated)
        return _as_csv(self._generated)


def _parse(path: str, data: Optional[bytes]) -> Dict[str, str]:
    rows = read_rows(data) if data else []
    broken = [row for row in rows if row.problem or not row.values.get("email") or not row.values.get("password")]
    if broken:
        raise MailImportError("invalid_row", "%s: %s is not an address and a password" % (path, broken[0].place))
    return {str(row.values["email"]).lower(): str(row.values["password"]) for row in rows}


def _as_csv(passwords: Mapping[str, str]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(sorted(passwords.items()))
    return stream.getvalue().encode("utf-8")


def _new_password() -> str:
    """Letters of both cases, digits and a sign, which is what rules for passwords ask for."""
    while True:
        password = "".join(secrets.choice(_ALPHABET) for _character in range(_LENGTH))
        if (
            any(map(str.islower, password))
            and any(map(str.isupper, password))
            and any(map(str.isdigit, password))
            and not password.isalnum()
        ):
            return password
