# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mail host: accounts and the mail server that serves them."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Callable, Dict, Mapping, Optional, Sequence, Set, TypeVar

from ..model.address import Address
from ..model.alias import Alias, AliasState
from ..model.errors import MailImportError, telling_first
from ..model.mail import ImapAccount, NewHome, StoreLocation, TargetAccount
from .base import Accounts, Failure, MailServer, NewMailbox, SessionProcess
from .domain_map import DomainMap

_ASK_AGAIN = 0.1

_Found = TypeVar("_Found")


class MailHost:
    """What the engine asks of a mail host, with the rules that hold for every kind.

    Args:
        accounts, server: its halves.
        domain_map: the map of domains that is published, None where the host has a table of domains of its own.

    Every method raises MailImportError (`host_refused`, `disk_full`) when the host does not do what it is asked.
    """

    def __init__(self, accounts: Accounts, server: MailServer, domain_map: Optional[DomainMap] = None) -> None:
        self._accounts = accounts
        self._server = server
        self._domain_map = domain_map
        self._noticed_at: Dict[Address, float] = {}
        self._refused_hashes: Set[Address] = set()
        self._seen_running = False

    def introduce(self, address: Address, password: str) -> None:
        """See MailServer."""
        self._server.introduce(address, password)

    def check_source(self, source: ImapAccount, address: Address) -> None:
        """See MailServer."""
        self._server.check_source(source, address)

    def compare_with_source(self, source: ImapAccount, address: Address) -> None:
        """See MailServer."""
        self._server.compare_with_source(source, address)

    def import_queues(self) -> Optional[int]:
        """See Accounts."""
        return self._accounts.import_queues()

    @property
    def sets_passwords(self) -> bool:
        """Whether passwords can be changed here."""
        return self._accounts.sets_passwords

    def domains(self) -> Set[str]:
        """The domains that are declared here, in lower case; those of the mailboxes where domains are not declared."""
        return self._accounts.domains()

    def owner_of(self, domain: str, wanted: str) -> Optional[str]:
        """The owner of a domain by the host's own word: `wanted` when he is one of several; None when it has none."""
        owners = self._accounts.owners_of(domain)
        return wanted if wanted in owners else min(owners, default=None)

    def mailbox_exists(self, address: Address) -> bool:
        """Whether the mailbox is declared here; what a catch-all or a template answers for does not count."""
        return self._accounts.exists(address)

    def check_password(self, password: str) -> None:
        """Make sure that a login can carry the password of a mailbox that would be made.

        Raises:
            MailImportError: `invalid_row`.
        """
        self._server.check_password(password)

    def check_new_mailbox(self, address: Address) -> None:
        """Make sure that a mailbox of that address could be created, and would work.

        Raises:
            MailImportError: `host_refused`, with what is in the way.
        """
        self._accounts.check_new(address)
        if not self._seen_running:
            self._server.check_running()
            self._seen_running = True

    def new_home(self, address: Address) -> Optional[NewHome]:
        """Where the mail of a mailbox that is yet to be made is going to be, as far as that is known."""
        return self._accounts.new_home(address)

    def create_mailbox(self, address: Address, password: str, owner: str) -> None:
        """Declare one new mailbox, see create_mailboxes."""
        for failure in self.create_mailboxes([NewMailbox(address, password, owner)]).values():
            raise failure

    def create_mailboxes(self, wanted: Sequence[NewMailbox]) -> Dict[Address, Failure]:
        """Declare new mailboxes, and their domains where these are missing; return why some could not be, by address.

        Whether the mail server knows them is found out by `store_of`, which may have to wait until the server notices:
        whoever creates many mailboxes does not wait for each of them.
        """
        failures = self._accounts.create_many(wanted)
        for address in [each.address for each in wanted if each.address not in failures]:
            try:
                self._after_change(address)
            except MailImportError as error:
                with telling_first(error, "%s could not be taken back" % str(address)):
                    self._accounts.remove(address)
                failures[address] = error
        return failures

    def remove_mailbox(self, address: Address) -> None:
        """Take back a mailbox that was created and never had any mail."""
        self._accounts.remove(address)
        # Whoever creates it anew must not be told of what it was.
        with suppress(MailImportError):
            self._after_change(address)
            self._once_noticed(self._noticed_at[address], lambda: not self._server.knows(address))

    def check_aliases(self) -> None:
        """Make sure that this kind of host has aliases, without asking it anything.

        Raises:
            MailImportError: `invalid_row`, when it has none.
        """
        self._accounts.check_aliases()

    def add_alias(self, alias: Alias, write: bool) -> AliasState:
        """Declare an alias that is not there yet, or only tell (without `write`) what would be done."""
        return self._accounts.add_alias(alias, write)

    def set_password(self, address: Address, password: str) -> None:
        """Give an existing mailbox another password; the old one opens it no more.

        Raises:
            MailImportError: `host_refused`, also when the server refused to check the former one and refuses this too.
        """
        self._accounts.set_password(address, password)
        self._after_change(address)
        if address in self._refused_hashes and not self.verify_password(address, password):
            raise MailImportError("host_refused", "%s does not open with its new password" % str(address))

    def verify_password(self, address: Address, password: str) -> bool:
        """Whether the mailbox opens with `password`."""
        # "no" is an everyday answer, so it is only doubted after an edit of our own
        noticed_at = self._noticed_at.get(address, 0.0)
        try:
            return self._once_noticed(noticed_at, lambda: self._server.verify_password(address, password))
        except MailImportError:
            if not self._accounts.has_foreign_hash(address):
                raise
            # Dovecot 2.4 cannot check hashes of weak schemes. That a server is down is another matter.
            self._server.check_running()
            self._refused_hashes.add(address)
            return False

    def store_of(self, address: Address) -> StoreLocation:
        """Where and how the mail of an existing mailbox is kept.

        Raises:
            MailImportError: `host_refused` when the mail server does not know the mailbox, or how it keeps it does not
                allow an import. A mailbox that was just created is to be taken back then.
        """

        def find_store() -> Optional[StoreLocation]:
            return self._server.find_store(address)

        location = self._once_noticed(self._accounts.noticed_at(), find_store)
        if location is None:
            message = "the mail server does not know %s: it does not read %s"
            raise MailImportError("host_refused", message % (address, self._accounts.place))
        return location

    def expect(self, addresses: Sequence[Address]) -> None:
        """See MailServer."""
        self._server.expect(addresses)

    def start_session(self, address: Address, keep: Sequence[int]) -> SessionProcess:
        """Start an IMAP session of an existing mailbox, see MailServer."""
        return self._server.start_session(address, keep)

    def account_of(self, address: Address) -> Optional[TargetAccount]:
        """The login to a mailbox whose server is elsewhere, see MailServer."""
        return self._server.account_of(address)

    def refresh_folder_list(self, address: Address) -> None:
        """See MailServer."""
        self._server.refresh_folder_list(address)

    def quota_free(self, address: Address, emptied: bool = False) -> Optional[int]:
        """Bytes the mailbox may still grow by, None without a limit. Not for check mode: the host may write indexes."""
        return self._server.quota_free(address, emptied)

    def publish_domains(self, owners: Callable[[], Mapping[str, str]], write: bool = True) -> bool:
        """Tell the mail transfer agent which domains are served here, and by whom; True when that changed anything.

        Args:
            owners: tells owner by domain; asked when no other run is about to publish.
            write: False to find out only.
        """
        return self._domain_map is not None and self._domain_map.publish(owners, write)

    def _after_change(self, address: Address) -> None:
        self._noticed_at[address] = self._accounts.noticed_at()
        self._server.flush_auth_cache(address)

    @staticmethod
    def _once_noticed(noticed_at: float, ask: Callable[[], _Found]) -> _Found:
        """Ask until the answer is not empty, or was given when the server had noticed a change."""
        while True:
            asked_at = time.time()
            answer = ask()
            if answer or asked_at >= noticed_at:
                return answer
            time.sleep(_ASK_AGAIN)
