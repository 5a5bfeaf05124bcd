# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Dovecot of this machine as mail server, wherever its users are declared."""

from __future__ import annotations

import os
from functools import cached_property
from typing import Optional, Sequence

from ...model.address import Address
from ...model.mail import MailFiles
from ..base import MailServer
from .doveadm import Doveadm
from .imap_process import ImapProcess
from .location import store_location
from .settings import Section, parse_settings


class DovecotServer(MailServer):
    """A Dovecot instance, asked through its own commands.

    Args:
        config: configuration file of the instance, None for the system's.
    """

    def __init__(self, config: Optional[str] = None) -> None:
        self._doveadm = Doveadm(config)

    @cached_property
    def settings(self) -> Section:
        """Its settings as they apply to IMAP, read once."""
        return parse_settings(self._doveadm.settings())

    def hash_password(self, password: str) -> str:
        """Return `{SCHEME}hash` of a password, for whatever keeps the accounts of this Dovecot.

        Raises:
            MailImportError: `invalid_row` for a password that cannot be hashed or typed at a login.
        """
        return self._doveadm.hash_password(password)

    def check_running(self) -> None:
        self._doveadm.check_running()

    def knows(self, address: Address) -> bool:
        return self._doveadm.user(address) is not None

    def find_store(self, address: Address) -> Optional[MailFiles]:
        user = self._doveadm.user(address)
        return None if user is None else store_location(user, self.settings)

    def start_session(self, address: Address, keep: Sequence[int]) -> ImapProcess:
        program = os.path.join(self.settings.get("libexec_dir"), "imap")
        return self._doveadm.start(program, ["-u", str(address)], keep)

    def repair_folder(self, address: Address, folder: str) -> None:
        self._doveadm.repair_folder(address, folder)

    def quota_free(self, address: Address) -> Optional[int]:
        return self._doveadm.quota_free(address) if "quota" in self.settings.mail_plugins() else None

    def verify_password(self, address: Address, password: str) -> bool:
        return self._doveadm.password_opens(address, password)

    def flush_auth_cache(self, address: Address) -> None:
        if self.settings.get("auth_cache_size") not in ("", "0"):
            self._doveadm.flush_auth_cache(address)
