# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of an IMAP server elsewhere: a mailbox is there when a login opens it, and nothing can be changed of it."""

from __future__ import annotations

from typing import NoReturn, Set

from ...model.address import Address
from ...model.errors import MailImportError
from ..base import Accounts
from ..imap_server.server import ImapServer


class LoginAccounts(Accounts):
    """See the module."""

    def __init__(self, server: ImapServer) -> None:
        self._server = server
        self._seen: Set[str] = set()

    @property
    def place(self) -> str:
        return self._server.place

    @property
    def sets_passwords(self) -> bool:
        return False

    def domains(self) -> Set[str]:
        return set(self._seen)  # nobody lists them

    def exists(self, address: Address) -> bool:
        self._server.knows(address)
        self._seen.add(address.domain)
        return True

    def check_new(self, address: Address) -> None:
        self._refuse(address, "makes no mailbox")

    def create(self, address: Address, password: str, owner: str) -> None:
        self._refuse(address, "makes no mailbox")

    def remove(self, address: Address) -> None:
        self._refuse(address, "removes no mailbox")

    def set_password(self, address: Address, password: str) -> None:
        message = (
            "%s does not open with this password, and host_backend=imap changes none: set it at %s, or leave out "
            "update_password"
        )
        raise MailImportError("host_refused", message % (address, self.place))

    def _refuse(self, address: Address, what: str) -> NoReturn:
        raise MailImportError("host_refused", "%s: host_backend=imap %s; see %s" % (address, what, self.place))
