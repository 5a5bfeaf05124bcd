# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks rows against their JSON Schema, all of them at once, and brings their values into their types."""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ..model.address import parse_address
from ..model.errors import MailImportError, one_line
from .columns import COLUMNS, ROW_SCHEMA
from .row import BadRow, Row, mailbox_of


def check_rows(rows: Sequence[Row]) -> Tuple[List[Row], List[BadRow]]:
    """Separate the rows that are what a row must be, with their values in their types, from those that are not.

    What is wrong is said by names of columns alone: in a row that was misread, a password can be in any of them.
    """
    validator = _validator()
    good: List[Row] = []
    bad: List[BadRow] = []
    for row in rows:
        values = {name: _converted(name, value) for name, value in row.values.items()}
        problem = row.problem or "; ".join(_problems(validator, values))
        if problem:
            bad.append(BadRow(row.place, _address_if_it_is_one(row), problem))
        else:
            good.append(Row(row.place, values))
    return good, bad


def _validator() -> Any:
    # Reading rows does without. Who checks them has looked for it before, and said what is missing.
    import jsonschema

    formats = jsonschema.FormatChecker(formats=())
    formats.checks("mailbox-address", raises=MailImportError)(
        lambda value: not isinstance(value, str) or bool(parse_address(value))
    )
    return jsonschema.Draft7Validator(ROW_SCHEMA, format_checker=formats)


def _converted(name: str, value: Any) -> Any:
    column = COLUMNS.get(name)
    return column.convert(value) if column and column.convert else value


def _problems(validator: Any, values: Dict[str, Any]) -> Iterator[str]:
    """What is wrong with a row, one phrase a column."""
    wrong = set()
    for error in validator.iter_errors(values):
        if error.path:
            wrong.add(error.path[0])
        elif error.validator == "required":
            yield "email is missing"
        else:
            yield "unknown: %s" % one_line(", ".join(sorted(str(name) for name in values if name not in COLUMNS)), 100)
    for name in COLUMNS:
        if name in wrong:
            schema = COLUMNS[name].schema
            seen = "" if schema.get("format") != "mailbox-address" else _what_nobody_sees(values[name])
            yield "%s must be %s%s" % (name, schema["description"], seen)


def _what_nobody_sees(value: Any) -> str:
    """An address that looks right may hold a character of no width, or another kind of blank, that was pasted along."""
    unseen = sorted({char for char in value if not char.isprintable()}) if isinstance(value, str) else []
    return " (type it anew: it holds U+%04X, which looks like nothing or a blank)" % ord(unseen[0]) if unseen else ""


def _address_if_it_is_one(row: Row) -> str:
    try:
        return str(parse_address(mailbox_of(row)))
    except MailImportError:
        return ""
