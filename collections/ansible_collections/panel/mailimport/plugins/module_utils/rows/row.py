# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One mailbox of a list, as the list gives it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import AbstractSet, Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set

from ..model.address import composed
from ..model.errors import MailImportError, one_line
from .columns import PASSWORDS

# So many hosts are named, of each as many places, and of a name as many letters.
_MOST_NAMES, _FEW, _LONGEST_NAME = 10, 3, 64


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


def _composed(addresses: Sequence[str]) -> Set[str]:
    return {composed(address.lower()) for address in addresses}


def select_rows(
    rows: Sequence[Row],
    mail_host: str,
    only: Sequence[str] = (),
    others: AbstractSet[str] = frozenset(),
    unknown: AbstractSet[str] = frozenset(),
) -> List[Row]:
    """Return the rows that are meant for a mail host: those that name it, or none; with `only`, of these mailboxes
    alone. A row that was misread comes without its passwords, and to every host if it names none of `others`.

    Args:
        others: mail hosts that take their own mailboxes of `only` at the same time.
        unknown: names of the list for such mail hosts of which nothing else is known.

    Raises:
        MailImportError: `invalid_row`, when a mailbox of `only` is in the list for none of these mail hosts.
    """
    meant = [
        _without_secrets(row) if row.problem else row
        for row in rows
        if row.values.get("mail_host") in (None, mail_host) or (row.problem and not _names_one_of(row, others))
    ]
    if not only:
        return meant
    wanted = _composed(only)
    elsewhere = (row for row in rows if _names_one_of(row, others) or (_names_one_of(row, unknown) and not row.problem))
    missing = wanted.difference(map(mailbox_of, meant), map(mailbox_of, elsewhere))
    if missing:
        raise MailImportError(
            "invalid_row", "not in the list for %s: %s" % (one_line(mail_host), ", ".join(sorted(missing)))
        )
    return [row for row in meant if mailbox_of(row) in wanted]


def rows_of_only(rows: Sequence[Row], only: Sequence[str]) -> List[Row]:
    """Return the rows of these mailboxes; without any, all rows."""
    wanted = _composed(only)
    return [row for row in rows if not wanted or mailbox_of(row) in wanted]


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


def rows_of_others(rows: Sequence[Row], mail_hosts: AbstractSet[str], inventory: AbstractSet[str]) -> List[str]:
    """Say, in a line, which mailboxes of a list none of these hosts imports: nobody would notice that they are
    missing.
    """
    if not rows:
        return ["the list holds no mailbox"]
    others = _by_foreign_host(rows, mail_hosts)
    known = {name: some for name, some in others.items() if name in inventory}
    told = ["%s (%s)" % (one_line(name, _LONGEST_NAME), format(len(some), ",")) for name, some in known.items()]
    unknown = [row for name, some in others.items() if name not in inventory for row in some]
    # What is no host's name may be the end of a password.
    nobodys = ["hosts that are not in the inventory (%s)" % _places(unknown)] if unknown else []
    return ["not imported by this play: mailboxes of the list for %s" % _some(nobodys + told)] if others else []


def unknown_hosts(rows: Sequence[Row], mail_hosts: AbstractSet[str]) -> FrozenSet[str]:
    """Names that rows of a list give their mail host, and that none of these has."""
    return frozenset(_by_foreign_host(rows, mail_hosts))


def refuse_rows_of_nobody(rows: Sequence[Row], mail_hosts: AbstractSet[str], only: Sequence[str] = ()) -> None:
    """Make sure that there is a host for each mailbox of a list, or of `only`: a run could not tell of the others.

    Args:
        mail_hosts: all there are.

    Raises:
        MailImportError: `invalid_row`, with the places of the rows, and what is wrong with those that were misread.
    """
    meant = rows_of_only(rows, only)
    nobodys = _by_foreign_host(meant, mail_hosts)
    if nobodys:
        misread = ["%s: %s. " % (row.place, row.problem) for row in meant if row.problem]
        what_to_do = (
            "correct their mail_host, add the host to the inventory, or, in CSV, quote a password that holds the "
            "separator"
        )
        raise MailImportError(
            "invalid_row",
            "%sno host of the inventory has the name that mail_host gives in %s. Nobody would import these mailboxes: "
            "%s" % ("".join(misread[:_FEW]), _places_by_meant_host(nobodys, mail_hosts), what_to_do),
        )


def _names_one_of(row: Row, mail_hosts: AbstractSet[str]) -> bool:
    name = row.values.get("mail_host")
    return isinstance(name, str) and name in mail_hosts


def _without_secrets(row: Row) -> Row:
    """What tells whose mailbox a misread row is for, and whose it was."""
    told = {name: row.values[name] for name in ("email", "target_email", "source_user") if name in row.values}
    return Row(row.place, told, row.problem)


def _by_foreign_host(rows: Sequence[Row], mail_hosts: AbstractSet[str]) -> Dict[str, List[Row]]:
    """Rows that name another host than these, by its name; but for those that were misread."""
    found: Dict[str, List[Row]] = {}
    for row in rows:
        name = row.values.get("mail_host")
        if name is not None and not row.problem and not _names_one_of(row, mail_hosts):
            found.setdefault(str(name), []).append(row)
    return found


def _places_by_meant_host(nobodys: Mapping[str, Sequence[Row]], mail_hosts: AbstractSet[str]) -> str:
    """Places of rows whose host is not there, and the host whose name is much like it: their own name for it may be the
    end of a password.
    """
    known = sorted(mail_hosts)
    by_meant: Dict[str, List[Row]] = {}
    for name, rows in nobodys.items():
        alike = difflib.get_close_matches(name.lower()[:_LONGEST_NAME], known, n=1, cutoff=0.8)
        by_meant.setdefault(alike[0] if alike else "", []).extend(rows)
    return _some(
        [
            _places(rows) + (" (is %s meant?)" % one_line(meant, _LONGEST_NAME) if meant else "")
            for meant, rows in by_meant.items()
        ]
    )


def _places(rows: Sequence[Row]) -> str:
    more = len(rows) - _FEW
    return ", ".join(row.place for row in rows[:_FEW]) + (" and %s more" % format(more, ",") if more > 0 else "")


def _some(told: Sequence[str]) -> str:
    more = len(told) - _MOST_NAMES
    return ", ".join(told[:_MOST_NAMES]) + (" and %s more" % format(more, ",") if more > 0 else "")


def _row_of_item(position: int, item: Any) -> Row:
    if not isinstance(item, Mapping):
        return Row("entry %d" % position, {}, "is not a mapping of names to values")
    return Row(
        "entry %d" % position, {name: _without_blanks(name, value) for name, value in item.items() if value is not None}
    )


def _without_blanks(name: Any, value: Any) -> Any:
    return value.strip(" ") if isinstance(value, str) and name not in PASSWORDS else value
