# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts that a site's own command lines make."""

from __future__ import annotations

import time
from typing import Callable, Dict, FrozenSet, List, Set, Tuple

from ...model.address import Address, parse_address, parse_domain
from ...model.errors import MailImportError, one_line
from ..base import Accounts
from ..dovecot.doveadm import password_line
from .command_lines import CommandLines
from .quotas import in_mebibytes

# Dovecot looks at files of users at most once a second, and nobody here knows where its users are.
_NOTICED_AFTER = 2.0


class CommandAccounts(Accounts):
    """What command lines list and make.

    Args:
        lines: the command lines.
        hash_password: returns `{SCHEME}hash`.
        quota: of new mailboxes, in bytes; 0 for none.
    """

    def __init__(self, lines: CommandLines, hash_password: Callable[[str], str], quota: int) -> None:
        self._lines = lines
        self._hash_password = hash_password
        self._quota = quota
        self._seen: Set[str] = set()

    @property
    def place(self) -> str:
        return "what host_command creates"

    @property
    def sets_passwords(self) -> bool:
        return "set_password" in self._lines

    def domains(self) -> Set[str]:
        if "domains" in self._lines:
            return {domain for domain, _owners in self._declared_domains()}
        if self._lines.values_in("list"):
            return set(self._seen)  # it lists those of one domain, or one mailbox
        return {parse_address(line).domain for line in self._listed({})}

    def owners_of(self, domain: str) -> FrozenSet[str]:
        declared = self._declared_domains() if "domains" in self._lines else []
        return frozenset(owner for name, owners in declared for owner in owners if name == domain)

    def exists(self, address: Address) -> bool:
        listed = {parse_address(line) for line in self._listed(_values(address))}
        self._seen.update(found.domain for found in listed)
        return address in listed

    def check_new(self, address: Address) -> None:
        self._lines.check(_values(address).values())
        if self._quota and "q" not in self._lines.values_in("create"):
            raise MailImportError("host_refused", "quota: create of host_command has no %q, so it means nothing")

    def create(self, address: Address, password: str, owner: str) -> None:
        password_line(password)
        values = {**_values(address), "o": owner, "q": str(in_mebibytes(self._quota))}
        if "create_domain" in self._lines and address.domain not in self.domains():
            self._declare_domain(address.domain, values)
        self._lines.run("create", self._with_hash("create", values, password), password)

    def remove(self, address: Address) -> None:
        if "remove" not in self._lines:
            message = "%s cannot be taken back: host_command has no remove"
            raise MailImportError("host_refused", message % address)
        self._lines.run("remove", _values(address))

    def set_password(self, address: Address, password: str) -> None:
        if not self.sets_passwords:
            message = "%s does not open with this password, and host_command has no set_password: set it there"
            raise MailImportError("host_refused", message % address)
        password_line(password)
        self._lines.run("set_password", self._with_hash("set_password", _values(address), password), password)

    def noticed_at(self) -> float:
        return time.time() + _NOTICED_AFTER

    def _declare_domain(self, domain: str, values: Dict[str, str]) -> None:
        try:
            self._lines.run("create_domain", values)
        except MailImportError:
            # Another queue may have declared it meanwhile.
            if domain not in self.domains():
                raise

    def _with_hash(self, name: str, values: Dict[str, str], password: str) -> Dict[str, str]:
        return {**values, "h": self._hash_password(password)} if "h" in self._lines.values_in(name) else values

    def _listed(self, values: Dict[str, str]) -> List[str]:
        """The addresses that are printed, one a line. Anything else may be an error, or a heading: it is told."""
        lines = [line.strip() for line in self._lines.run("list", values).splitlines() if line.strip()]
        for line in lines:
            try:
                parse_address(line)
            except MailImportError:
                message = "host_command list must print one address a line, and printed %r"
                raise MailImportError("host_refused", message % one_line(line, 80)) from None
        return lines

    def _declared_domains(self) -> List[Tuple[str, FrozenSet[str]]]:
        """The domains that are printed, each on a line with its owner behind it where there are owners."""
        found = []
        for line in self._lines.run("domains", {}).splitlines():
            words = line.split()
            if words:
                try:
                    found.append((parse_domain(words[0]), frozenset(words[1:])))
                except MailImportError:
                    message = "host_command domains must print a domain and its owner a line, and printed %r"
                    raise MailImportError("host_refused", message % one_line(line, 80)) from None
        return found


def _values(address: Address) -> Dict[str, str]:
    return {"u": str(address), "n": address.local_part, "d": address.domain}
