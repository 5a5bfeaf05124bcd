# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Dovecot of this machine as mail server, wherever its users are declared."""

from __future__ import annotations

import os
import re
from functools import cached_property, partial
from typing import Optional, Sequence

from ...model.address import Address
from ...model.errors import MailImportError
from ...model.mail import MailFiles
from ..base import MailServer
from . import settings_23, settings_24
from .doveadm import Doveadm
from .imap_process import ImapProcess
from .location import store_location
from .settings import Settings


class DovecotServer(MailServer):
    """A Dovecot instance, asked through its own commands.

    Args:
        config: configuration file of the instance, None for the system's.
    """

    def __init__(self, config: Optional[str] = None) -> None:
        self._doveadm = Doveadm(config)

    @cached_property
    def settings(self) -> Settings:
        """Its settings as they apply to IMAP, read once."""
        return _read_settings(self._doveadm)

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
        return None if user is None else store_location(user, self.settings, partial(self._doveadm.expand, address))

    def start_session(self, address: Address, keep: Sequence[int]) -> ImapProcess:
        program = os.path.join(self.settings.libexec_dir, "imap")
        return self._doveadm.start(program, ["-u", str(address)], keep)

    def quota_free(self, address: Address, emptied: bool = False) -> Optional[int]:
        return self._doveadm.quota_free(address, emptied) if self.settings.has_quota else None

    def verify_password(self, address: Address, password: str) -> bool:
        return self._doveadm.password_opens(address, password)

    def flush_auth_cache(self, address: Address) -> None:
        if self.settings.caches_logins:
            self._doveadm.flush_auth_cache(address)


def _read_settings(doveadm: Doveadm) -> Settings:
    """Read the settings in the language of the version that is installed; nothing else asks for the version."""
    printed = doveadm.doveconf("-f", "protocol=imap", "-a")
    found = re.match(r"# (\S+)", printed)
    version = found.group(1) if found else "unknown"
    if version.startswith("2.3."):
        return settings_23.read_settings(printed)
    if version.startswith("2.4."):
        return settings_24.read_settings(doveadm.doveconf)
    raise MailImportError("host_refused", "this host runs Dovecot %s, only 2.3 and 2.4 are supported" % version)
