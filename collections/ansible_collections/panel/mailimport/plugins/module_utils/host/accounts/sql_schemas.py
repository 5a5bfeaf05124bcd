# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases of mailboxes, as data: the statements that read and write each schema that is known.

Sources: PostfixAdmin's public/upgrade.php and model/MailboxHandler.php (3.3 and 4.0), iRedMail's
samples/iredmail/iredmail.mysql and iredmail.pgsql with tools/create_mail_user_SQL.sh, the tables of the ISPmail guide.

A statement names its parameters (`%(address)s`); the driver binds them, and nothing is ever formatted into it. `{now}`,
`{yes}` and `{in_days}` are words in which the engines differ; they stand in known schemas only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Callable, Dict, FrozenSet, Mapping, Optional, Sequence, Tuple

from ...model.address import Address
from ...model.errors import MailImportError
from .maildir_names import hashed_maildir, postfixadmin_maildir

# What may stand in a statement.
PARAMETERS = frozenset(
    "address local_part domain owner password_hash quota quota_mb maildir password_days goto goto_domain".split()
)
# Those of an alias are of nothing else.
_OF_ALIASES = frozenset(("goto", "goto_domain"))

_PARAMETER = re.compile(r"%\((\w+)\)s")

Statements = Tuple[str, ...]


@dataclass(frozen=True)
class Schema:
    """What a database is asked and told.

    Attributes:
        mailboxes: query of one column named `address`: every mailbox there is, in use or not.
        domains: query of the columns `domain` and `owner` (NULL without one), a row for each owner.
        taken: query of one column named `address`: aliases and lists, in whose place no mailbox can be created.
        create_domain, create_mailbox, set_password, remove_mailbox: statements of one transaction each.
        aliases: query of the columns `address` and `goto` (one target, or several with commas between them): every
            alias and list there is.
        create_alias: statements of one transaction, which run for each target; those without `goto` run once.
        create_list: the same for a group's address, where that is not an alias like the others.
        targets_in_one_row: the statements run once for all targets, with commas between them.
        limits: query of the columns `most_mailboxes` and `most_quota` (bytes) of `domain`; None or 0 for no limit.
        most_quota: the largest quota that a column can hold, in bytes.
        maildir: makes the value of the parameter `maildir` of an address and of that of another mailbox of its domain.
        example_maildir: query of one column: the maildir of one other mailbox of `domain`.
    """

    mailboxes: str
    create_mailbox: Statements
    set_password: Statements
    domains: str = ""
    taken: str = ""
    create_domain: Statements = ()
    remove_mailbox: Statements = ()
    aliases: str = ""
    create_alias: Statements = ()
    create_list: Statements = ()
    targets_in_one_row: bool = False
    limits: str = ""
    most_quota: Optional[int] = None
    maildir: Callable[[Address, Optional[str]], str] = lambda address, example: ""
    example_maildir: str = ""


_POSTFIXADMIN = Schema(
    mailboxes="SELECT username AS address FROM mailbox",
    # The row ALL stands for no domain: its administrators may do everything.
    domains=(
        "SELECT domain.domain AS domain, domain_admins.username AS owner FROM domain LEFT JOIN domain_admins"
        " ON domain_admins.domain = domain.domain AND domain_admins.active = {yes} WHERE domain.domain <> 'ALL'"
    ),
    # A mailbox has an alias of its own name that goes to itself.
    taken="SELECT address FROM alias WHERE address <> goto",
    create_domain=(
        "INSERT INTO domain (domain, description, transport, aliases, mailboxes, maxquota, quota, backupmx, active,"
        " created, modified) SELECT %(domain)s, '', 'virtual', 0, 0, 0, 0, {no}, {yes}, {now}, {now}"
        " WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = %(domain)s)",
        # An administrator of that name gets the domain; logins of administrators are never created.
        "INSERT INTO domain_admins (username, domain, active, created)"
        " SELECT username, %(domain)s, {yes}, {now} FROM admin WHERE username = %(owner)s AND NOT EXISTS"
        " (SELECT 1 FROM domain_admins WHERE username = %(owner)s AND domain IN (%(domain)s, 'ALL'))",
    ),
    # Postfix reads the table of aliases first, so a mailbox without a row there gets no mail.
    create_mailbox=(
        "INSERT INTO mailbox (username, password, name, maildir, quota, local_part, domain, active, created, modified,"
        " password_expiry) VALUES (%(address)s, %(password_hash)s, '', %(maildir)s, %(quota)s, %(local_part)s,"
        " %(domain)s, {yes}, {now}, {now}, {in_days})",
        "INSERT INTO alias (address, goto, domain, active, created, modified)"
        " VALUES (%(address)s, %(address)s, %(domain)s, {yes}, {now}, {now})",
    ),
    # Where passwords expire, a row without a new date cannot log in.
    set_password=(
        "UPDATE mailbox SET password = %(password_hash)s, modified = {now}, password_expiry = {in_days}"
        " WHERE username = %(address)s",
    ),
    remove_mailbox=(
        "DELETE FROM alias WHERE address = %(address)s AND goto = %(address)s",
        "DELETE FROM mailbox WHERE username = %(address)s",
    ),
    aliases="SELECT address, goto FROM alias",
    create_alias=(
        "INSERT INTO alias (address, goto, domain, active, created, modified)"
        " VALUES (%(address)s, %(goto)s, %(domain)s, {yes}, {now}, {now})",
    ),
    targets_in_one_row=True,
    # Megabytes. 0 is no limit, -1 none at all.
    limits=(
        "SELECT mailboxes AS most_mailboxes, maxquota * 1048576 AS most_quota FROM domain WHERE domain = %(domain)s"
    ),
    maildir=postfixadmin_maildir,
    example_maildir="SELECT maildir FROM mailbox WHERE domain = %(domain)s AND maildir <> ''",
)

_IREDMAIL = Schema(
    mailboxes="SELECT username AS address FROM mailbox",
    domains=(
        "SELECT domain.domain AS domain, domain_admins.username AS owner FROM domain LEFT JOIN domain_admins"
        " ON domain_admins.domain = domain.domain AND domain_admins.active = 1"
    ),
    taken="SELECT address FROM forwardings WHERE is_alias = 1 OR is_list = 1 OR is_maillist = 1",
    create_domain=(
        "INSERT INTO domain (domain, transport, settings, created, active)"
        " SELECT %(domain)s, 'dovecot', '', {now}, 1 WHERE NOT EXISTS (SELECT 1 FROM domain WHERE domain = %(domain)s)",
    ),
    create_mailbox=(
        "INSERT INTO mailbox (username, password, name, maildir, quota, domain, active, passwordlastchange, created)"
        " VALUES (%(address)s, %(password_hash)s, '', %(maildir)s, %(quota_mb)s, %(domain)s, 1, {now}, {now})",
        "INSERT INTO forwardings (address, forwarding, domain, dest_domain, is_forwarding)"
        " VALUES (%(address)s, %(address)s, %(domain)s, %(domain)s, 1)",
    ),
    set_password=(
        "UPDATE mailbox SET password = %(password_hash)s, passwordlastchange = {now} WHERE username = %(address)s",
    ),
    remove_mailbox=(
        "DELETE FROM forwardings WHERE address = %(address)s AND forwarding = %(address)s",
        "DELETE FROM mailbox WHERE username = %(address)s",
    ),
    # A list without members has a row of its own only.
    aliases="SELECT address, forwarding AS goto FROM forwardings UNION ALL SELECT address, '' AS goto FROM alias",
    create_alias=(
        "INSERT INTO forwardings (address, forwarding, domain, dest_domain, is_alias)"
        " VALUES (%(address)s, %(goto)s, %(domain)s, %(goto_domain)s, 1)",
    ),
    create_list=(
        "INSERT INTO alias (address, domain, created, active) VALUES (%(address)s, %(domain)s, {now}, 1)",
        "INSERT INTO forwardings (address, forwarding, domain, dest_domain, is_list)"
        " VALUES (%(address)s, %(goto)s, %(domain)s, %(goto_domain)s, 1)",
    ),
    limits="SELECT mailboxes AS most_mailboxes, 0 AS most_quota FROM domain WHERE domain = %(domain)s",
    maildir=hashed_maildir,
)

_ISPMAIL = Schema(
    mailboxes="SELECT email AS address FROM virtual_users",
    domains="SELECT name AS domain, NULL AS owner FROM virtual_domains",
    taken="SELECT source AS address FROM virtual_aliases WHERE source <> destination",
    create_domain=(
        "INSERT INTO virtual_domains (name) SELECT %(domain)s"
        " WHERE NOT EXISTS (SELECT 1 FROM virtual_domains WHERE name = %(domain)s)",
    ),
    # No key of the table keeps a domain from being there twice: MIN takes one of them.
    create_mailbox=(
        "INSERT INTO virtual_users (domain_id, email, password, quota) SELECT MIN(id), %(address)s,"
        " %(password_hash)s, %(quota)s FROM virtual_domains WHERE name = %(domain)s",
    ),
    set_password=("UPDATE virtual_users SET password = %(password_hash)s WHERE email = %(address)s",),
    remove_mailbox=("DELETE FROM virtual_users WHERE email = %(address)s",),
    aliases="SELECT source AS address, destination AS goto FROM virtual_aliases",
    create_alias=(
        "INSERT INTO virtual_aliases (domain_id, source, destination) SELECT MIN(id), %(address)s, %(goto)s"
        " FROM virtual_domains WHERE name = %(domain)s",
    ),
    # The column is a signed integer of 32 bits.
    most_quota=2**31 - 1,
)

KNOWN: Mapping[str, Schema] = {"postfixadmin": _POSTFIXADMIN, "iredmail": _IREDMAIL, "ispmail": _ISPMAIL}

_QUERIES = frozenset(("mailboxes", "domains", "taken", "aliases"))
_ACTIONS = frozenset(
    ("create_domain", "create_mailbox", "set_password", "remove_mailbox", "create_alias", "create_list")
)
_REQUIRED = ("mailboxes", "create_mailbox", "set_password")


def schema_of(name: str, words: Mapping[str, str], statements: Optional[Mapping[str, Any]]) -> Schema:
    """Return a known schema in the words of an engine, with the user's own statements in place of some; or, for
    `custom`, his alone.

    Raises:
        MailImportError: `invalid_row` for a statement that is missing, or cannot be bound.
    """
    own = _checked(statements or {})
    if name == "custom":
        missing = [key for key in _REQUIRED if key not in own]
        if missing:
            message = "sql_schema=custom needs sql_statements with %s" % ", ".join(missing)
            raise MailImportError("invalid_row", message)
        return Schema(**own)
    return replace(_in_words(KNOWN[name], words), **own)


def _in_words(schema: Schema, words: Mapping[str, str]) -> Schema:
    values: Dict[str, Any] = {}
    for key in _QUERIES | _ACTIONS | {"limits", "example_maildir"}:
        text = getattr(schema, key)
        values[key] = text.format(**words) if isinstance(text, str) else tuple(one.format(**words) for one in text)
    return replace(schema, **values)


def _checked(statements: Mapping[str, Any]) -> Dict[str, Any]:
    unknown = sorted(set(statements) - _QUERIES - _ACTIONS)
    if unknown:
        known = ", ".join(sorted(_QUERIES | _ACTIONS))
        raise MailImportError("invalid_row", "sql_statements knows no %s: it has %s" % (", ".join(unknown), known))
    checked: Dict[str, Any] = {}
    for key, value in statements.items():
        texts = (value,) if isinstance(value, str) else value
        if not isinstance(texts, Sequence) or not all(isinstance(text, str) and text.strip() for text in texts):
            raise MailImportError("invalid_row", "%s of sql_statements must be a statement or a list of them" % key)
        for text in texts:
            _check_parameters(key, text)
        if key in _QUERIES and len(texts) != 1:
            raise MailImportError("invalid_row", "%s of sql_statements must be one query" % key)
        checked[key] = texts[0] if key in _QUERIES else tuple(texts)
    return checked


def _check_parameters(key: str, text: str) -> None:
    known = PARAMETERS if key in ("create_alias", "create_list") else PARAMETERS - _OF_ALIASES
    unknown = sorted(parameters_in(text) - known)
    if unknown:
        message = "%s of sql_statements has the parameter %s: there are %s"
        raise MailImportError("invalid_row", message % (key, ", ".join(unknown), ", ".join(sorted(known))))
    if "%" in _PARAMETER.sub("", text):
        message = "%s of sql_statements has a %% that is no parameter: parameters are written %%(address)s"
        raise MailImportError("invalid_row", message % key)


def parameters_in(statement: str) -> FrozenSet[str]:
    """Names of the parameters that a statement binds."""
    return frozenset(_PARAMETER.findall(statement))
