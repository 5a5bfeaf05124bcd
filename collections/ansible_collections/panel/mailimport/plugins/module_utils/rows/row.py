# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One mailbox of a list, as the list gives it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import AbstractSet, Any, List, Mapping, Optional, Sequence

from ..model.address import composed
from ..model.errors import MailImportError, one_line
from .columns import PASSWORDS


@dataclass(frozen=True)
class Row:
    """One mailbox of a list.

    `place` says where it is: `line 3` of a CSV file, `entry 3` of a list. `values` holds what the row gives, by
    the names of COLUMNS; text of a file is still text. `problem` says in one line why the row could not be read.
    """

    place: str
    values: Mapping[str, Any] = field(repr=False)
    problem: Optional[str] = None


@dataclass(frozen=True)
class BadRow:
    """A row that nothing can be done with: where it is, whose mailbox (empty when that cannot be told), and why."""

    place: str
    email: str
    message: str


def rows_of_list(items: Sequence[Any]) -> List[Row]:
    """Rows of a list of mappings, as YAML and the arguments of a task have it; null means not given, and blanks count
    in passwords alone.
    """
    return [_row_of_item(position, item) for position, item in enumerate(items, start=1)]


def mailbox_of(row: Row) -> str:
    """Address of the mailbox on the mail host, in lower case as everywhere, empty when the row gives none."""
    return composed(str(row.values.get("target_email") or row.values.get("email") or "").lower())


def select_rows(
    rows: Sequence[Row], mail_host: str, only: Sequence[str] = (), others: AbstractSet[str] = frozenset()
) -> List[Row]:
    """Return the rows that are meant for a mail host: those that name it, or none; with `only`, of these mailboxes
    alone.

    Args:
        others: mail hosts that take their own mailboxes of `only` at the same time.

    Raises:
        MailImportError: `invalid_row`, when a mailbox of `only` is in the list for none of these mail hosts.
    """
    meant = [row for row in rows if row.values.get("mail_host") in (None, mail_host)]
    if not only:
        return meant
    wanted = {composed(address.lower()) for address in only}
    elsewhere = (row for row in rows if row.values.get("mail_host") in others)
    missing = wanted.difference(map(mailbox_of, meant), map(mailbox_of, elsewhere))
    if missing:
        raise MailImportError(
            "invalid_row", "not in the list for %s: %s" % (one_line(mail_host), ", ".join(sorted(missing)))
        )
    return [row for row in meant if mailbox_of(row) in wanted]


def rows_of_everybody(rows: Sequence[Row], mail_hosts: int) -> List[str]:
    """Say, in a line, how many mailboxes of a list each of several hosts is going to import: they would be there
    several times.
    """
    count = sum(row.values.get("mail_host") is None for row in rows)
    return (
        [
            "%d mailboxes of the list name no mail_host, so each of the %d hosts of this play imports them"
            % (count, mail_hosts)
        ]
        if count
        else []
    )


def rows_of_nobody(rows: Sequence[Row], mail_hosts: AbstractSet[str]) -> List[str]:
    """Say, in a line each, which mailboxes of a list no host is going to import: nobody would notice that they are
    missing.
    """
    if not rows:
        return ["the list holds no mailbox"]
    counts = Counter(
        str(row.values["mail_host"]) for row in rows if row.values.get("mail_host") not in (None, *mail_hosts)
    )
    line = "no host of the inventory is called %s, the mail_host of %d mailboxes of the list"
    return [line % (one_line(name), count) for name, count in sorted(counts.items())]


def _row_of_item(position: int, item: Any) -> Row:
    if not isinstance(item, Mapping):
        return Row("entry %d" % position, {}, "is not a mapping of names to values")
    return Row(
        "entry %d" % position, {name: _without_blanks(name, value) for name, value in item.items() if value is not None}
    )


def _without_blanks(name: Any, value: Any) -> Any:
    return value.strip(" ") if isinstance(value, str) and name not in PASSWORDS else value
