# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a row may hold: its columns, what each must be (JSON Schema), and the names that lists of others have for
them."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional

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


def _one_of(*values: str) -> Column:
    return Column({"enum": list(values), "description": "one of %s" % ", ".join(values)})


# Text of one line: a value that YAML folded over several, or with a line break at its end, is a mistake.
_TEXT = Column(
    {
        "type": "string",
        "minLength": 1,
        "not": {"pattern": "[\\u0000-\\u001f\\u007f]"},
        "description": "text of one line (a number: in quotes)",
    }
)
# A password may hold anything that can be typed into a login; a tabulator, say.
_PASSWORD = Column(
    {
        "type": "string",
        "minLength": 1,
        "not": {"pattern": "[\\u0000\\r\\n]"},
        "description": "text of one line (a number: in quotes)",
    }
)
_ADDRESS = Column({"type": "string", "format": "mailbox-address", "description": "a mailbox address"})
_YES_OR_NO = Column({"type": "boolean", "description": "yes or no"}, _boolean)
_NAMES = Column({"type": "array", "items": {"type": "string"}, "description": "a list of names"})

COLUMNS: Mapping[str, Column] = {
    "email": _ADDRESS,
    "password": _PASSWORD,
    "mail_host": _TEXT,
    "owner": _TEXT,
    "target_email": _ADDRESS,
    "target_password": _PASSWORD,
    "source_host": _TEXT,
    "source_port": Column(
        {"type": "integer", "minimum": 1, "maximum": 65535, "description": "a port from 1 to 65535"}, _integer
    ),
    "source_tls": _one_of("implicit", "starttls", "none"),
    "source_validate_certs": _YES_OR_NO,
    "source_ca_cert": _TEXT,
    "source_tls_fingerprint": _TEXT,
    "source_user": _TEXT,
    "source_password": _PASSWORD,
    "source_master_user": _TEXT,
    "source_auth": _one_of("auto", "login", "plain", "xoauth2", "oauthbearer"),
    "source_timeout": Column({"type": "number", "exclusiveMinimum": 0, "description": "a number of seconds"}, _number),
    "source_compress": _YES_OR_NO,
    "state": _one_of("present", "latest"),
    "ignore_existing": _YES_OR_NO,
    "existing_content": _one_of("replace", "merge"),
    "force": _YES_OR_NO,
    "update_password": _one_of("on_create", "always"),
    "import_content": _YES_OR_NO,
    "automap": _YES_OR_NO,
    "max_message_size": Column({"type": "integer", "minimum": 1, "description": "a size such as 500M"}, _bytes),
    "message_store": _one_of("auto", "maildir", "imap"),
    "folders": _NAMES,
    "exclude_folders": _NAMES,
    "folder_map": Column(
        {"type": "object", "additionalProperties": {"type": "string"}, "description": "a mapping of folder names"}
    ),
}

PASSWORDS = frozenset(("password", "source_password", "target_password"))

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
