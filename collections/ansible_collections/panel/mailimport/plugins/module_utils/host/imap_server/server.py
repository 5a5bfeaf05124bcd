# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An IMAP server elsewhere as mail server: all that is known of a mailbox is what a login to it shows."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from functools import cached_property
from ipaddress import ip_address
from typing import Dict, FrozenSet, NoReturn, Optional, Sequence, Set, Tuple

from ...imap.tls import tls_context
from ...model.address import Address
from ...model.errors import MailImportError
from ...model.mail import ImapAccount, MailSession, TargetAccount
from ...process.errand import nobody, run_errand
from ..base import MailServer, SessionProcess
from .look import Mailbox, inbox_figures, look_at_mailbox
from .options import ImapServerOptions

_HERE = ("this machine",)
# The ports of one server, as a rule.
_USUAL_PORTS = frozenset((143, 993))


# What is said of a source, and must not be taken for one's here.
_OF_SOURCES = frozenset(("source_unavailable", "throttled", "too_many_connections"))


class ImapServer(MailServer):
    """See the module. Nothing is asked of the server but by processes without privileges."""

    def __init__(self, options: ImapServerOptions) -> None:
        self._options = options
        self._passwords: Dict[Address, str] = {}
        self._mailboxes: Dict[TargetAccount, Mailbox] = {}
        self._refusals: Dict[TargetAccount, MailImportError] = {}
        # Mailboxes that are going to be compared with their sources
        self._near_source: Set[Address] = set()

    @property
    def place(self) -> str:
        """The server, for people."""
        return "%s:%d" % (self._options.account.host, self._options.account.port)

    @cached_property
    def _context(self) -> Optional[ssl.SSLContext]:
        return tls_context(self._options.account)

    def introduce(self, address: Address, password: str) -> None:
        mine = self._login_name(address)
        others = [other for other in self._passwords if other != address and self._login_name(other) == mine]
        if others:
            message = "%s and %s would go into one mailbox: target_user needs %%u, or %%n and %%d"
            raise MailImportError("invalid_row", message % (others[0], address))
        self._passwords[address] = password

    def account_of(self, address: Address) -> TargetAccount:
        """The login of a mailbox.

        Raises:
            MailImportError: `invalid_row`, when there is no password for it.
        """
        password = self._options.password if self._options.account.master_user else self._passwords.get(address)
        if not password:
            raise MailImportError("invalid_row", "there is no password that opens %s on %s" % (address, self.place))
        return self._login(address, password)

    def _login(self, address: Address, password: str) -> TargetAccount:
        return replace(self._options.account, user=self._login_name(address), password=password)

    def _login_name(self, address: Address) -> str:
        values = {"u": str(address), "n": address.local_part, "d": address.domain}
        pieces = self._options.user.split("%")
        return pieces[0] + "".join(values.get(piece[:1], "%" + piece[:1]) + piece[1:] for piece in pieces[1:])

    def _look(self, account: TargetAccount, with_inbox: bool = False) -> Mailbox:
        """What a login shows; asked once, for a server may ban whoever is refused again and again."""
        if account in self._refusals:
            raise self._refusals[account]
        if account not in self._mailboxes:
            context = self._context
            try:
                self._mailboxes[account] = Mailbox(*run_errand(lambda: look_at_mailbox(account, context, with_inbox)))
            except MailImportError as error:
                if error.reason == "auth_failed":
                    self._refusals[account] = error
                if error.reason in _OF_SOURCES:
                    raise MailImportError("host_refused", "the mail host cannot be used: %s" % error.message) from error
                raise
        return self._mailboxes[account]

    def check_source(self, source: ImapAccount, address: Address) -> None:
        mine, theirs = self._options.account, source
        same_user = self._login_name(address).casefold() == theirs.user.casefold()
        same_port = mine.port == theirs.port or {mine.port, theirs.port} <= _USUAL_PORTS
        if same_user and same_port and _places(mine.host) & _places(theirs.host):
            raise _same_mailbox(address)
        if source.password and _places(mine.host) & _places(source.host):
            self._near_source.add(address)

    def compare_with_source(self, source: ImapAccount, address: Address) -> None:
        if address not in self._near_source:
            return
        mine, context = self.account_of(address), self._context
        here = self._mailboxes[mine].inbox if mine in self._mailboxes else None
        if here == []:
            return
        try:
            there = run_errand(lambda: inbox_figures(source, tls_context(source)))
            if here is None or (there and there != here and there[0] == here[0]):  # mail may have come in between
                here, there = run_errand(
                    lambda: [inbox_figures(mine, context), inbox_figures(source, tls_context(source))]
                )
        except MailImportError:
            return  # it is told when that one is logged into
        if here and here == there:
            raise _same_mailbox(address)

    def check_running(self) -> None:
        pass  # each login shows it

    def knows(self, address: Address) -> bool:
        try:
            self._look(self.account_of(address), address in self._near_source)
        except MailImportError as error:
            if error.reason != "auth_failed":
                raise
            hint = "the mailbox must exist there, and its password open it (target_password, or else password)"
            if self._options.account.master_user:
                hint = "the mailbox must exist there, and target_master_user be allowed to open it"
            raise MailImportError("auth_failed", "%s; %s" % (error.message, hint)) from error
        return True

    def find_store(self, address: Address) -> MailSession:
        account = self.account_of(address)
        found = self._look(account)
        uid, gid = nobody()
        where = "the mail is on %s" % self.place
        return MailSession(
            uid,
            gid,
            separator=found.separator or "/",
            prefix=found.prefix,
            special_use=found.special_use,
            unsupported=where,
            scattered=where,
            account=account,
            views=frozenset(tuple(name.split(found.separator or "/")) for name in found.views),
            verify=self._options.verify,
            connections=self._options.connections,
            others_prefixes=tuple(found.others_prefixes),
        )

    def start_session(self, address: Address, keep: Sequence[int]) -> SessionProcess:
        _no_process(self.place)

    def refresh_folder_list(self, address: Address) -> None:
        pass

    def quota_free(self, address: Address, emptied: bool = False) -> Optional[int]:
        return None  # the server tells when it takes no more

    def verify_password(self, address: Address, password: str) -> bool:
        account = replace(self._login(address, password), master_user=None)
        try:
            self._look(account)
        except MailImportError as error:
            if error.reason != "auth_failed":
                raise
            return False
        return True

    def flush_auth_cache(self, address: Address) -> None:
        pass


def _same_mailbox(address: Address) -> MailImportError:
    message = "%s is the mailbox that its mail would come from: target_host and source_host are one server"
    return MailImportError("invalid_row", message % address)


def _no_process(place: str) -> NoReturn:
    raise MailImportError("host_refused", "no process of this machine opens mailboxes of %s" % place)


def _places(host: str) -> FrozenSet[Tuple[str, ...]]:
    """The addresses of a host, all of this machine's being one place, or its name when it has none."""
    name = host.rstrip(".").casefold()
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return frozenset(((name,),))
    places = {(str(sockaddr[0]),) for *_kind, sockaddr in found}
    return frozenset(places | {_HERE} if any(_is_of_this_machine(place[0]) for place in places) else places)


def _is_of_this_machine(address: str) -> bool:
    """Whether the system talks to an address from that very address."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            return str(sock.getsockname()[0]) == address or ip_address(address).is_loopback
    except (OSError, ValueError):
        return False
