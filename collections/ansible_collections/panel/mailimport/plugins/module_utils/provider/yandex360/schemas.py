# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shapes of Yandex's answers (JSON Schema, draft 7), as far as they are used; whatever else they hold is ignored.

Sources: https://yandex.ru/dev/api360/doc/ru/ and recorded answers. Identifiers of users are strings, those of
organizations and groups are numbers, and the other way round in newer parts of the API, so that both are accepted
everywhere.
"""

from __future__ import annotations

from typing import Any, Dict

Schema = Dict[str, Any]

_TEXT: Schema = {"type": ["string", "null"]}
_FLAG: Schema = {"type": ["boolean", "null"]}
_ID: Schema = {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,20}$"}]}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_TEXTS: Schema = {"type": ["array", "null"], "items": {"type": "string"}}


def _listing(key: str, required: str, **properties: Schema) -> Schema:
    entry = {"type": "object", "required": [required], "properties": properties}
    return {
        "type": "object",
        "required": [key],
        "properties": {
            key: {"type": "array", "items": entry},
            "pages": _COUNT,
            "total": _COUNT,
            "nextPageToken": {"type": ["string", "null"]},
        },
    }


ORGANIZATIONS = _listing("organizations", "id", id=_ID, name=_TEXT)
DOMAINS = _listing("domains", "name", name={"type": "string", "minLength": 1}, master=_FLAG, verified=_FLAG)
USERS = _listing("users", "id", id=_ID, email=_TEXT, aliases=_TEXTS, isRobot=_FLAG, isDismissed=_FLAG, isEnabled=_FLAG)
GROUPS = _listing(
    "groups",
    "id",
    id=_ID,
    name=_TEXT,
    email=_TEXT,
    aliases=_TEXTS,
    members={
        "type": ["array", "null"],
        "items": {"type": "object", "required": ["type", "id"], "properties": {"type": {"type": "string"}, "id": _ID}},
    },
)
SHARED = _listing("resources", "resourceId", resourceId=_ID)
SHARED_MAILBOX: Schema = {"type": "object", "required": ["email"], "properties": {"email": {"type": "string"}}}
WHOAMI: Schema = {"type": "object", "properties": {"scopes": _TEXTS}}
USER: Schema = {"type": "object", "required": ["id"], "properties": {"id": _ID}}
SENDER_INFO: Schema = {"type": "object"}
MAIL_SETTINGS: Schema = {"type": "object", "properties": {"enable_imap": _FLAG}}
