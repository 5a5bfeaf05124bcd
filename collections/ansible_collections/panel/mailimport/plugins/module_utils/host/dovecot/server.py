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
from ...model.mail import MailFiles, MailSession, StoreLocation
from ...process.errand import nobody
from ..base import MailServer
from . import settings_23, settings_24
from .doveadm import Doveadm, password_line
from .imap_process import ImapProcess
from .location import store_location
from .settings import Settings
from .user_lookups import UserLookups

# With its list index Dovecot looks at all folders anew for each one that is made, so that making them takes quadratic
# time. Whoever lists the folders first enters them into the index.
_WITHOUT_LIST_INDEX = ("-o", "mailbox_list_index=no")
# Folders that nobody would find like that, because the list index is the only place that is looked at
_LIST_INDEX_ALONE_COUNTS = re.compile(r"layout\s*=\s*index\b|mailbox_list_index_very_dirty_syncs = yes", re.IGNORECASE)


class DovecotServer(MailServer):
    """A Dovecot instance, asked through its own commands.

    Args:
        config: configuration file of the instance, None for the system's.
        enter: words of a command that runs another one where Dovecot is, in a container say. Its files are not those of
            this machine then, so that its mail is only reached through its IMAP.
    """

    def __init__(self, config: Optional[str] = None, enter: Sequence[str] = ()) -> None:
        self._doveadm = Doveadm(config, enter)
        self._is_elsewhere = bool(enter)
        self._users = UserLookups(self._doveadm)

    @cached_property
    def settings(self) -> Settings:
        """Its settings as they apply to IMAP, read once."""
        return _read_settings(self._doveadm, self._printed_settings)

    @cached_property
    def _printed_settings(self) -> str:
        return self._doveadm.doveconf("-f", "protocol=imap", "-a")

    def hash_password(self, password: str) -> str:
        """Return `{SCHEME}hash` of a password, for whatever keeps the accounts of this Dovecot.

        Raises:
            MailImportError: `invalid_row` for a password that cannot be hashed or typed at a login.
        """
        return self._doveadm.hash_password(password)

    def check_password(self, password: str) -> None:
        password_line(password)

    def check_running(self) -> None:
        self._doveadm.check_running()

    def knows(self, address: Address) -> bool:
        return self._doveadm.user(address) is not None

    def expect(self, addresses: Sequence[Address]) -> None:
        self._users.expect(addresses)

    def find_store(self, address: Address) -> Optional[StoreLocation]:
        user = self._users.find(address)
        if user is None:
            return None
        expand = partial(self._doveadm.expand, address)
        if self._is_elsewhere:
            # The names of its users mean nothing here.
            return _session_of(store_location({**user, "uid": "1", "gid": "1"}, self.settings, expand))
        return store_location(user, self.settings, expand)

    def start_session(self, address: Address, keep: Sequence[int]) -> ImapProcess:
        program = os.path.join(self.settings.libexec_dir, "imap")
        without_list_index = () if self._needs_list_index(address) else _WITHOUT_LIST_INDEX
        return self._doveadm.start(program, ["-u", str(address), *without_list_index], keep)

    def refresh_folder_list(self, address: Address) -> None:
        if not self._needs_list_index(address):
            self._doveadm.list_folders(address)

    def _needs_list_index(self, address: Address) -> bool:
        """Whether a namespace or the mailbox keeps its list of folders in the index alone."""
        fields = self._doveadm.user(address) or {}
        said = [self._printed_settings] + ["%s = %s" % field for field in fields.items()]
        return any(map(_LIST_INDEX_ALONE_COUNTS.search, said))

    def quota_free(self, address: Address, emptied: bool = False) -> Optional[int]:
        return self._doveadm.quota_free(address, emptied) if self.settings.has_quota else None

    def verify_password(self, address: Address, password: str) -> bool:
        return self._doveadm.password_opens(address, password)

    def flush_auth_cache(self, address: Address) -> None:
        if self.settings.caches_logins:
            self._doveadm.flush_auth_cache(address)


def _session_of(files: MailFiles) -> MailSession:
    """What is known of mail whose files are not of this machine."""
    uid, gid = nobody()
    why = "Dovecot runs where dovecot_command leads, and the mail's files are there"
    return MailSession(
        uid,
        gid,
        separator=files.separator,
        prefix=files.prefix,
        special_use=files.special_use,
        others_prefixes=files.others_prefixes,
        driver=files.driver,
        layout=files.layout,
        unsupported=why,
        scattered=why,
    )


def _read_settings(doveadm: Doveadm, printed: str) -> Settings:
    """Read the settings in the language of the version that is installed; nothing else asks for the version."""
    found = re.match(r"# (\S+)", printed)
    version = found.group(1) if found else "unknown"
    if version.startswith("2.3."):
        return settings_23.read_settings(printed)
    if version.startswith("2.4."):
        return settings_24.read_settings(doveadm.doveconf)
    raise MailImportError("host_refused", "this host runs Dovecot %s, only 2.3 and 2.4 are supported" % version)
