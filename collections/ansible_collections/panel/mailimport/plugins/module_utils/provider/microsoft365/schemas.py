# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The shapes of Microsoft Graph's answers (JSON Schema, draft 7), as far as they are used; whatever else they hold is
ignored.
"""

from __future__ import annotations

from typing import Any, Dict

Schema = Dict[str, Any]

_TEXT: Schema = {"type": ["string", "null"]}
_FLAG: Schema = {"type": ["boolean", "null"]}
_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 300}
_TEXTS: Schema = {"type": ["array", "null"], "items": {"type": "string"}}


def _listing(**properties: Schema) -> Schema:
    entry = {"type": "object", "required": ["id"], "properties": {"id": _ID, **properties}}
    return {
        "type": "object",
        "required": ["value"],
        "properties": {"value": {"type": "array", "items": entry}, "@odata.nextLink": _TEXT},
    }


_PLAN: Schema = {
    "type": "object",
    "properties": {"service": _TEXT, "servicePlanId": _TEXT, "capabilityStatus": _TEXT},
}
USERS = _listing(
    userPrincipalName=_TEXT,
    mail=_TEXT,
    proxyAddresses=_TEXTS,
    userType=_TEXT,
    assignedPlans={"type": ["array", "null"], "items": _PLAN},
)
DOMAINS = _listing(isDefault=_FLAG, isInitial=_FLAG, isVerified=_FLAG, supportedServices=_TEXTS)
GROUPS = _listing(mail=_TEXT, displayName=_TEXT, mailEnabled=_FLAG, groupTypes=_TEXTS, proxyAddresses=_TEXTS)
MEMBERS = _listing(mail=_TEXT, userPrincipalName=_TEXT)
MAILBOX_SETTINGS: Schema = {"type": "object", "properties": {"userPurpose": _TEXT}}
ORGANIZATION = _listing(displayName=_TEXT)
