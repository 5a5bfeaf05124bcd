# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts in an SQL database that the mail server reads: of PostfixAdmin, iRedMail, ISPmail, or a site's own."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, List, Optional, Sequence, Set

from ...model.address import Address
from ...model.alias import Alias, AliasState
from ...model.errors import MailImportError, one_line
from ..base import Accounts
from .quotas import in_mebibytes
from .sql_engines import Connection, Engine
from .sql_schemas import Schema, parameters_in


class SqlAccounts(Accounts):
    """The rows of mailboxes in a database.

    Each operation is one connection and one transaction: killed at any point, nothing half made is left.

    Args:
        engine: the database.
        schema: what it is asked and told.
        hash_password: returns `{SCHEME}hash`.
        quota: of new mailboxes, in bytes; 0 for none.
        password_days: how long a password is valid where the host lets passwords expire.
    """

    def __init__(
        self, engine: Engine, schema: Schema, hash_password: Callable[[str], str], quota: int, password_days: int
    ) -> None:
        self._engine = engine
        self._schema = schema
        self._hash_password = hash_password
        self._quota = quota
        self._password_days = password_days

    @property
    def place(self) -> str:
        return self._engine.place

    def domains(self) -> Set[str]:
        with self._engine.transaction() as connection:
            if self._schema.domains:
                return {_folded(row[0]) for row in connection.query(self._schema.domains, {})}
            rows = connection.query(self._schema.mailboxes, {})
        return {_folded(row[0]).rpartition("@")[2] for row in rows}

    def owners_of(self, domain: str) -> FrozenSet[str]:
        if not self._schema.domains:
            return frozenset()
        with self._engine.transaction() as connection:
            rows = connection.query(self._schema.domains, {})
        return frozenset(row[1] for row in rows if len(row) > 1 and row[1] and _folded(row[0]) == domain)

    def exists(self, address: Address) -> bool:
        with self._engine.transaction() as connection:
            return str(address) in self._alike(connection, self._schema.mailboxes, address)

    def check_new(self, address: Address) -> None:
        if self._schema.most_quota is not None and self._quota > self._schema.most_quota:
            message = "quota: the column holds at most %d bytes"
            raise MailImportError("host_refused", message % self._schema.most_quota)
        with self._engine.transaction() as connection:
            self._check_name(connection, address)
            self._check_limits(connection, address)

    def create(self, address: Address, password: str, owner: str) -> None:
        values = self._values(address, owner=owner, password_hash=self._hash_password(password))
        with self._engine.transaction(write=True) as connection:
            self._check_name(connection, address)
            if str(address) in self._alike(connection, self._schema.mailboxes, address):
                raise MailImportError("host_refused", "somebody has created %s meanwhile" % address)
            if self._schema.example_maildir:
                examples = connection.query(self._schema.example_maildir, _only(values, self._schema.example_maildir))
                values["maildir"] = self._schema.maildir(address, examples[0][0] if examples else None)
            for statement in (*self._schema.create_domain, *self._schema.create_mailbox):
                connection.execute(statement, _only(values, statement))

    def remove(self, address: Address) -> None:
        if not self._schema.remove_mailbox:
            message = "%s cannot be taken back: sql_statements has no remove_mailbox"
            raise MailImportError("host_refused", message % address)
        self._change(self._schema.remove_mailbox, self._values(address))

    def set_password(self, address: Address, password: str) -> None:
        values = self._values(address, password_hash=self._hash_password(password))
        if not self._change(self._schema.set_password, values):
            raise MailImportError("host_refused", "%s has no row of %s" % (self.place, address))

    def check_aliases(self) -> None:
        if not self._schema.aliases or not self._schema.create_alias:
            message = "create_aliases needs sql_statements with aliases and create_alias"
            raise MailImportError("invalid_row", message)

    def add_alias(self, alias: Alias, write: bool) -> AliasState:
        self.check_aliases()
        with self._engine.transaction(write=write) as connection:
            state = self._alias_state(connection, alias)
            if write and state.state == "created":
                self._write_alias(connection, alias)
        return state

    def _alias_state(self, connection: Connection, alias: Alias) -> AliasState:
        rows = [(name, "") for name in self._alike(connection, self._schema.mailboxes, alias.address)]
        if (str(alias.address), "") in rows:
            return AliasState("skipped", "%s is a mailbox on this host" % alias.address)
        text = "SELECT address, goto FROM (%s) listed WHERE LOWER(address) = %%(address)s" % self._schema.aliases
        rows += connection.query(text, {"address": str(alias.address)})
        others = sorted({_folded(row[0]) for row in rows} - {str(alias.address)})
        if others:
            return AliasState("skipped", "%s looks the same as %s to this database" % (alias.address, others[0]))
        targets = {_folded(target) for row in rows for target in str(row[1]).split(",") if target.strip()}
        if not rows:
            return AliasState("created")
        if targets == set(alias.targets):
            return AliasState("present")
        shown = one_line(", ".join(sorted(targets)) or "nobody")
        return AliasState("skipped", "%s goes to %s on this host, which is left as it is" % (alias.address, shown))

    def _write_alias(self, connection: Connection, alias: Alias) -> None:
        statements = (alias.is_list and self._schema.create_list) or self._schema.create_alias
        together = self._schema.targets_in_one_row
        values = self._values(alias.address)
        for number, target in enumerate((",".join(alias.targets),) if together else alias.targets):
            values.update(goto=target, goto_domain=target.rpartition("@")[2])
            for statement in statements:
                # What does not name a target is there once for all of them.
                if not number or "goto" in parameters_in(statement):
                    connection.execute(statement, _only(values, statement))

    def _change(self, statements: Sequence[str], values: Dict[str, Any]) -> int:
        with self._engine.transaction(write=True) as connection:
            changed: List[int] = [connection.execute(statement, _only(values, statement)) for statement in statements]
            return max(changed)

    def _check_name(self, connection: Connection, address: Address) -> None:
        """An address must be free, and no other that the database takes for the same may be there."""
        for other in self._alike(connection, self._schema.mailboxes, address) - {str(address)}:
            message = "%s looks the same as %s to this database: only one of them can be a mailbox"
            raise MailImportError("host_refused", message % (address, other))
        if self._schema.taken and self._alike(connection, self._schema.taken, address):
            message = "%s is an alias or a list on this host: remove it there, or choose target_email"
            raise MailImportError("host_refused", message % address)

    def _check_limits(self, connection: Connection, address: Address) -> None:
        rows = connection.query(self._schema.limits, {"domain": address.domain}) if self._schema.limits else []
        for most_mailboxes, most_quota in rows:
            if most_mailboxes and self._count_mailboxes(connection, address.domain) >= most_mailboxes:
                message = "domain %s may have %d mailboxes and has them: raise its limit on the host"
                raise MailImportError("host_refused", message % (address.domain, max(most_mailboxes, 0)))
            if most_quota and not 0 < self._quota <= most_quota:
                message = "domain %s allows mailboxes a quota of at most %d bytes: set quota, or raise the limit there"
                raise MailImportError("host_refused", message % (address.domain, most_quota))

    def _count_mailboxes(self, connection: Connection, domain: str) -> int:
        rows = connection.query(self._schema.mailboxes, {})
        return sum(_folded(row[0]).endswith("@" + domain) for row in rows)

    def _alike(self, connection: Connection, query: str, address: Address) -> Set[str]:
        """The addresses of a query that the database takes for `address`. Which of them are, is not its decision."""
        text = "SELECT address FROM (%s) listed WHERE LOWER(address) = %%(address)s" % query
        return {_folded(row[0]) for row in connection.query(text, {"address": str(address)})}

    def _values(self, address: Address, owner: Optional[str] = None, password_hash: str = "") -> Dict[str, Any]:
        return {
            "address": str(address),
            "local_part": address.local_part,
            "domain": address.domain,
            "owner": owner,
            "password_hash": password_hash,
            "quota": self._quota,
            "quota_mb": in_mebibytes(self._quota),
            "maildir": self._schema.maildir(address, None),
            "password_days": self._password_days,
        }


def _only(values: Dict[str, Any], statement: str) -> Dict[str, Any]:
    """What a statement binds: drivers refuse, or send, what it does not name."""
    return {name: values[name] for name in parameters_in(statement)}


def _folded(address: str) -> str:
    return str(address).strip().lower()
