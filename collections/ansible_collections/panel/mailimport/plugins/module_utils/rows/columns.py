# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a row may hold: its columns, what each must be (JSON Schema), and the names that lists of others have for
them.

The columns are the options of model/options.py that may differ from row to row.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

from ..model.options import PER_ROW, Option

Schema = Dict[str, Any]


class Column(NamedTuple):
    """A column: JSON Schema of its value, whose `description` completes "NAME must be …", and how text becomes the
    value.

    `convert` leaves alone what it does not understand: the schema refuses it.
    """

    schema: Schema
    convert: Optional[Callable[[Any], Any]] = None


_BOOLEANS = dict.fromkeys(("yes", "true", "on", "1", "y", "t"), True)
_BOOLEANS.update(dict.fromkeys(("no", "false", "off", "0", "n", "f"), False))
_UNITS = "BKMGT"


def _boolean(value: Any) -> Any:
    return _BOOLEANS.get(str(value).strip().lower(), value)


def _integer(value: Any) -> Any:
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value) else value


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}(\.[0-9]+)?", value) else value


def _bytes(value: Any) -> Any:
    """A size as Ansible writes it: 2G, 500M, 64KB, 1000."""
    found = (
        re.fullmatch(r"([0-9]{1,12}(?:\.[0-9]+)?) ?([BKMGT]?)B?", value, re.IGNORECASE)
        if isinstance(value, str)
        else None
    )
    return int(float(found.group(1)) * 1024 ** _UNITS.index(found.group(2).upper() or "B")) if found else value


# Text of one line: a value that YAML folded over several, or with a line break at its end, is a mistake. A password may
# hold anything that can be typed into a login; a tabulator, say.
_NOT_IN_TEXT = "[\\u0000-\\u001f\\u007f]"
_NOT_IN_PASSWORDS = "[\\u0000\\r\\n]"


def _column_of(option: Option) -> Column:
    if option.choices:
        return Column({"enum": list(option.choices), "description": "one of %s" % ", ".join(option.choices)})
    if option.kind == "address":
        return Column({"type": "string", "format": "mailbox-address", "description": "a mailbox address"})
    if option.kind == "connections":
        return Column({"pattern": "^(auto|[0-9]+)$", "description": "auto or a number"}, _text)
    if option.type in ("str", "path"):
        never = {"pattern": _NOT_IN_PASSWORDS if option.secret else _NOT_IN_TEXT}
        words = "text of one line (a number: in quotes)"
        return Column({"type": "string", "minLength": 1, "not": never, "description": words})
    schema, convert = _TYPES[option.type]
    return Column({**schema, **_bounds(option)}, convert)


# What is no text, by the type of the option.
_TYPES: Mapping[str, Column] = {
    "bool": Column({"type": "boolean", "description": "yes or no"}, _boolean),
    "int": Column({"type": "integer", "description": "a whole number"}, _integer),
    "float": Column({"type": "number", "description": "a number"}, _number),
    "bytes": Column({"type": "integer", "description": "a size such as 500M"}, _bytes),
    "list": Column({"type": "array", "items": {"type": "string"}, "description": "a list of names"}),
    "dict": Column(
        {"type": "object", "additionalProperties": {"type": "string"}, "description": "a mapping of folder names"}
    ),
}


_KINDS = {"port": "a port from 1 to 65535", "seconds": "a number of seconds"}


def _bounds(option: Option) -> Schema:
    bounds = {"minimum": option.minimum, "maximum": option.maximum, "exclusiveMinimum": option.more_than}
    schema: Schema = {name: bound for name, bound in bounds.items() if bound is not None}
    if option.kind in _KINDS:
        schema["description"] = _KINDS[option.kind]
    return schema


COLUMNS: Mapping[str, Column] = {name: _column_of(option) for name, option in PER_ROW.items()}

PASSWORDS = frozenset(name for name, option in PER_ROW.items() if option.secret)

# A cell of a CSV file holds one value: lists and mappings are for YAML.
CELLS = tuple(name for name, column in COLUMNS.items() if column.schema.get("type") not in ("array", "object"))

# JSON Schema of one row (draft 7, json-schema.org). That a row lacks something can only be told once the defaults of
# the task are known.
ROW_SCHEMA: Schema = {
    "type": "object",
    "required": ["email"],
    "properties": {name: column.schema for name, column in COLUMNS.items()},
    "additionalProperties": False,
}

# The name of a column that is left out of a row: imapsync's target server is the mail host.
IGNORED = ""

# Other lists' names for our columns: those of Microsoft's (EmailAddress,UserName,Password) and imapsync's
# (host1;user1;password1;host2;user2;password2). Written as `header_name` makes them.
_OTHER_NAMES = {
    "emailaddress": "email",
    "username": "source_user",
    "host1": "source_host",
    "user1": "source_user",
    "password1": "source_password",
    "host2": IGNORED,
    "user2": "email",
    "password2": "target_password",
}


def header_name(text: str) -> str:
    """A name in a header without what does not matter in it: case, blanks, underscores and hyphens."""
    return re.sub(r"[\s_-]+", "", text).casefold()


HEADER_NAMES: Mapping[str, str] = {**{header_name(name): name for name in CELLS}, **_OTHER_NAMES}
