# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the engine asks of a mail host, whatever software serves the mailboxes there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Callable, Mapping, Optional, Sequence, Set

from ..model.address import Address
from ..model.mail import StoreLocation
from .dovecot.imap_process import ImapProcess


class MailHost(ABC):
    """Mail domains, mailboxes and passwords of one mail host.

    Every method raises MailImportError (`host_refused`, `disk_full`) when the host does not do what it is asked.
    """

    @abstractmethod
    def domains(self) -> Set[str]:
        """The domains that have a mailbox here, in lower case."""

    @abstractmethod
    def mailbox_exists(self, address: Address) -> bool:
        """Whether the mailbox is declared here; what a catch-all or a template answers for does not count."""

    @abstractmethod
    def check_new_mailbox(self, address: Address) -> None:
        """Make sure that a mailbox of that address could be created, and would work.

        Raises:
            MailImportError: `host_refused`, with what is in the way.
        """

    @abstractmethod
    def create_mailbox(self, address: Address, password: str) -> None:
        """Declare a new mailbox that opens with `password`."""

    @abstractmethod
    def remove_mailbox(self, address: Address) -> None:
        """Take back a mailbox that was created and never had any mail."""

    @abstractmethod
    def set_password(self, address: Address, password: str) -> None:
        """Give an existing mailbox another password."""

    @abstractmethod
    def verify_password(self, address: Address, password: str) -> bool:
        """Whether the mailbox opens with `password`."""

    @abstractmethod
    def store_of(self, address: Address) -> StoreLocation:
        """Where and how the mail of an existing mailbox is kept."""

    @abstractmethod
    def start_session(self, address: Address, keep: Sequence[int]) -> ImapProcess:
        """Start an IMAP session of an existing mailbox, with its rights, that holds the descriptors `keep` while it
        lives.
        """

    @abstractmethod
    def repair_folder(self, address: Address, folder: str) -> None:
        """Bring what the host knows of a folder into line with the mail that is there, after a crash."""

    @abstractmethod
    def quota_free(self, address: Address) -> Optional[int]:
        """Bytes the mailbox may still grow by, None without a limit. Not for check mode: the host may write indexes."""

    @abstractmethod
    def publish_domains(self, owners: Callable[[], Mapping[str, str]], write: bool = True) -> bool:
        """Tell the mail transfer agent which domains are served here, and by whom; True when that changed anything.

        Args:
            owners: tells owner by domain; asked when no other run is about to publish.
            write: False to find out only.
        """
