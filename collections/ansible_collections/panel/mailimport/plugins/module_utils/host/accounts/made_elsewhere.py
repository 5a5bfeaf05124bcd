# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that something else makes: a directory (LDAP), the system (PAM), a panel."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import NoReturn, Set

from ...model.address import Address
from ...model.errors import MailImportError
from ..base import Accounts, MailServer


class MadeElsewhere(Accounts):
    """Mailboxes of which the collection only knows what the mail server says; it makes and changes none.

    Args:
        server: is asked for mailboxes.
    """

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._seen: Set[str] = set()
        self._check_no_catch_all = lru_cache(maxsize=None)(self._refuse_catch_all)

    @property
    def place(self) -> str:
        return "the place where this host's users are declared"

    @property
    def sets_passwords(self) -> bool:
        return False

    def domains(self) -> Set[str]:
        return set(self._seen)  # nobody lists them

    def exists(self, address: Address) -> bool:
        if not self._server.knows(address):
            # It may have been made since somebody, an earlier run say, asked for it.
            self._server.flush_auth_cache(address)
            if not self._server.knows(address):
                return False
        self._check_no_catch_all(address.domain)
        self._seen.add(address.domain)
        return True

    def check_new(self, address: Address) -> None:
        self._refuse_new(address)

    def create(self, address: Address, password: str, owner: str) -> None:
        self._refuse_new(address)

    def remove(self, address: Address) -> None:
        raise MailImportError("host_refused", "%s stays: host_backend=none removes no mailbox" % address)

    def set_password(self, address: Address, password: str) -> None:
        message = (
            "%s does not open with this password, and host_backend=none changes none: set it where this host's users "
            "are declared, or leave out update_password"
        )
        raise MailImportError("host_refused", message % address)

    @staticmethod
    def _refuse_new(address: Address) -> NoReturn:
        message = (
            "there is no mailbox %s, and host_backend=none makes none: make it where this host's users are declared "
            "(LDAP, PAM, a panel), then run this again"
        )
        raise MailImportError("host_refused", message % address)

    def _refuse_catch_all(self, domain: str) -> None:
        """Where the server knows everybody, a misspelt address would become a mailbox."""
        nobody = Address("no-such-mailbox-%s" % secrets.token_hex(8), domain)
        if self._server.knows(nobody):
            message = (
                "Dovecot takes any address of %s for a mailbox (a static userdb, or a catch-all), so host_backend=none "
                "cannot tell which are there: choose the host_backend that knows where they are declared, or command"
            )
            raise MailImportError("host_refused", message % domain)
