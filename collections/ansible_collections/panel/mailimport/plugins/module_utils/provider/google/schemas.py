# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shapes of Google's answers (JSON Schema, draft 7), as far as they are used; whatever else they hold is ignored.

Source: the descriptions that Google publishes of its own APIs. What is empty, false or zero may be left out of an
answer, lists too.
"""

from __future__ import annotations

from typing import Any, Dict

Schema = Dict[str, Any]

_TEXT: Schema = {"type": ["string", "null"]}
_FLAG: Schema = {"type": ["boolean", "null"]}
_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 200}
_TEXTS: Schema = {"type": ["array", "null"], "items": {"type": "string"}}
_COUNT: Schema = {"anyOf": [{"type": ["integer", "null"]}, {"type": "string", "pattern": "^[0-9]{1,19}$"}]}


def _listing(key: str, required: str, **properties: Schema) -> Schema:
    entry = {"type": "object", "required": [required], "properties": properties}
    return {
        "type": "object",
        "properties": {key: {"type": ["array", "null"], "items": entry}, "nextPageToken": _TEXT},
    }


USERS = _listing(
    "users",
    "id",
    id=_ID,
    primaryEmail=_TEXT,
    aliases=_TEXTS,
    nonEditableAliases=_TEXTS,
    suspended=_FLAG,
    suspensionReason=_TEXT,
    archived=_FLAG,
    isMailboxSetup=_FLAG,
    isGuestUser=_FLAG,
)
DOMAINS = _listing(
    "domains",
    "domainName",
    domainName=_ID,
    isPrimary=_FLAG,
    verified=_FLAG,
    domainAliases={
        "type": ["array", "null"],
        "items": {
            "type": "object",
            "required": ["domainAliasName"],
            "properties": {"domainAliasName": _ID, "parentDomainName": _TEXT, "verified": _FLAG},
        },
    },
)
GROUPS = _listing("groups", "id", id=_ID, email=_TEXT, name=_TEXT, aliases=_TEXTS, nonEditableAliases=_TEXTS)
MEMBERS = _listing("members", "type", type=_TEXT, email=_TEXT, id=_TEXT)
IMAP_SETTINGS: Schema = {"type": "object", "properties": {"enabled": _FLAG, "maxFolderSize": _COUNT}}
PROFILE: Schema = {"type": "object", "properties": {"messagesTotal": _COUNT}}
