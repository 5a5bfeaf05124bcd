# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two halves of a mail host, which vary independently.

`Accounts` is where mailboxes are declared: a passwd-file, an SQL database, a panel. `MailServer` is where their mail
is: a Dovecot of this machine, an IMAP server elsewhere. `MailHost` (mail_host.py) puts them together and keeps the
rules that hold for every pair of them; `backends.py` names the pairs.

Every method of both raises MailImportError when the host does not do what it is asked: `host_refused`, or `disk_full`.
Neither may keep a connection in anything that a fork inherits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Dict, FrozenSet, NamedTuple, Optional, Sequence, Set, Tuple, Union

from ..model.address import Address
from ..model.alias import Alias, AliasState
from ..model.errors import MailImportError
from ..model.mail import ImapAccount, NewHome, StoreLocation, TargetAccount

# Why something could not be done for one of many.
Failure = Union[MailImportError, OSError]


class NewMailbox(NamedTuple):
    """A mailbox to be created: it opens with `password`; its domain, if that is missing, is for `owner`."""

    address: Address
    password: str
    owner: str


class Accounts(ABC):
    """Mail domains and mailboxes as they are declared on the host.

    What a new mailbox gets besides its password (home, quota, owner of files) are options of the kind, given to its
    constructor.
    """

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the mail server has to read them from, for messages: a file, a database."""

    @property
    def sets_passwords(self) -> bool:
        """Whether passwords can be changed here. Where they cannot, `replace` keeps them, and `set_password` only
        raises.
        """
        return True

    @abstractmethod
    def domains(self) -> Set[str]:
        """The domains that are declared here, in lower case; those of the mailboxes where domains are not declared."""

    def owners_of(self, domain: str) -> FrozenSet[str]:
        """The owners of a domain where the host itself keeps owners. Empty when it does not, or has no such domain:
        then what the collection has recorded counts.
        """
        return frozenset()

    def import_queues(self) -> Optional[int]:
        """How many imports at a time the host's own administrator admits, None when the host has no such number."""
        return None

    @abstractmethod
    def exists(self, address: Address) -> bool:
        """Whether the mailbox is declared in the accounts' own list.

        Never ask the mail server here: a catch-all or a template makes it answer for everybody. Compare addresses in
        Python, not by a database's collation.
        """

    @abstractmethod
    def check_new(self, address: Address) -> None:
        """Make sure that a mailbox of that address can be created and would work. Writes nothing: check mode asks too.

        Raises:
            MailImportError: `host_refused`, with what is in the way and what to do.
        """

    def new_home(self, address: Address) -> Optional[NewHome]:
        """Where the mail of a mailbox that `create` would make is going to be; None where only its server will know."""
        return None

    @abstractmethod
    def create(self, address: Address, password: str, owner: str) -> None:
        """Declare a new mailbox that opens with `password`. Only a salted hash is written where the host takes one.

        Its domain, when that is missing, is declared in the same step where the host declares domains, for `owner`.

        Raises:
            MailImportError: `host_refused` when somebody else has created it meanwhile.
        """

    def create_many(self, wanted: Sequence[NewMailbox]) -> Dict[Address, Failure]:
        """Declare mailboxes, as `create` does; return why some could not be, by address. Kinds that can, do it in one
        step.
        """
        failures: Dict[Address, Failure] = {}
        for each in wanted:
            try:
                self.create(*each)
            except (MailImportError, OSError) as failure:
                failures[each.address] = failure
        return failures

    @abstractmethod
    def remove(self, address: Address) -> None:
        """Take back a mailbox that was created by this run and never had any mail."""

    @abstractmethod
    def set_password(self, address: Address, password: str) -> None:
        """Give an existing mailbox another password."""

    def has_foreign_hash(self, address: Address) -> bool:
        """Whether the password of an existing mailbox is kept in another way than `set_password` keeps it. The server
        may refuse such a hash at every login, so no password opens the mailbox.
        """
        return False

    def noticed_at(self) -> float:
        """When the mail server will have noticed the latest change, whoever made it, in seconds since the epoch: some
        seconds ahead at most, and 0.0 where it sees a change at once.
        """
        return 0.0

    def check_aliases(self) -> None:
        """Make sure that aliases can be declared here. Asks nobody, and writes nothing.

        Raises:
            MailImportError: `invalid_row`, where they cannot.
        """
        raise _no_aliases()

    def add_alias(self, alias: Alias, write: bool) -> AliasState:
        """Declare an alias that is not there yet; what is in its place is never changed.

        Args:
            write: False to tell only what would be done.
        """
        raise _no_aliases()


def _no_aliases() -> MailImportError:
    message = "this kind of host has no table of aliases: they are only reported, so leave create_aliases out"
    return MailImportError("invalid_row", message)


class SessionProcess(ABC):
    """An IMAP session of one mailbox on the mail host, already logged in, held by a process of its own."""

    @property
    @abstractmethod
    def descriptors(self) -> Tuple[int, int, int]:
        """What it writes, what it reads, and the file of its complaints."""

    @abstractmethod
    def let_go(self) -> None:
        """Close our ends: somebody else has them."""

    @abstractmethod
    def wait(self) -> None:
        """Wait until it has ended, which it does when nobody has its input open any more; end it when it does not."""


class MailServer(ABC):
    """The server that keeps the mail and lets its owners log in."""

    def introduce(self, address: Address, password: str) -> None:  # noqa: B027 - most servers are asked by their host
        """Take note of the password that opens a mailbox, before anything else is asked of it: some servers show a
        mailbox to nobody but who has it.
        """

    def check_source(self, source: ImapAccount, address: Address) -> None:  # noqa: B027 - what is here is no source
        """Make sure that a mailbox is another one than the one that its mail is to come from.

        Raises:
            MailImportError: `invalid_row`.
        """

    def compare_with_source(self, source: ImapAccount, address: Address) -> None:  # noqa: B027 - see check_source
        """The same before the first import, by what both show where the names say too little.

        Raises:
            MailImportError: `invalid_row`.
        """

    def check_password(self, password: str) -> None:  # noqa: B027 - most servers tell when it is set
        """Make sure that a login can carry the password of a mailbox that is yet to be made.

        Raises:
            MailImportError: `invalid_row`.
        """

    @abstractmethod
    def check_running(self) -> None:
        """Make sure that the server runs; without a look at any mailbox, which could make it remember that there is
        none.
        """

    @abstractmethod
    def knows(self, address: Address) -> bool:
        """Whether the server would take mail for the address, be it by a catch-all or a template."""

    def expect(self, addresses: Sequence[Address]) -> None:  # noqa: B027 - not every server gains from it
        """Take note whose stores are going to be looked for, in about this order: they may be asked for together."""

    @abstractmethod
    def find_store(self, address: Address) -> Optional[StoreLocation]:
        """Where and how the mail of a mailbox is kept, None when the server does not know the mailbox."""

    @abstractmethod
    def start_session(self, address: Address, keep: Sequence[int]) -> SessionProcess:
        """Start an IMAP session of an existing mailbox, with its rights, that holds the descriptors `keep` while it
        lives.
        """

    def account_of(self, address: Address) -> Optional[TargetAccount]:
        """The login to a mailbox whose server is elsewhere; None where a process of this host opens it.

        Raises:
            MailImportError: `invalid_row`, when there is no password for it.
        """
        return None

    @abstractmethod
    def refresh_folder_list(self, address: Address) -> None:
        """Let the mailbox's other sessions see the folders that sessions of ours have made; those have ended."""

    @abstractmethod
    def quota_free(self, address: Address, emptied: bool = False) -> Optional[int]:
        """Bytes the mailbox may still grow by, None without a limit. Not for check mode: the server may write
        indexes.

        Args:
            emptied: all mail that is in it is about to be moved out.
        """

    @abstractmethod
    def verify_password(self, address: Address, password: str) -> bool:
        """Whether the mailbox opens with `password`; a server that cannot tell is an error, not a no."""

    @abstractmethod
    def flush_auth_cache(self, address: Address) -> None:
        """Make the server forget what it has cached of a mailbox's logins.

        Called after each change of an account. Otherwise a mailbox that somebody asked for before it was created stays
        unknown, and after a change of the password the old and the new one both open, until the cache expires.
        """
