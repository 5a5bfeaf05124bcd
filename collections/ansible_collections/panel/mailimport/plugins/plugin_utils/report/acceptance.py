# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people have accepted as not imported: data that is kept with the playbooks."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError

# An entry's options, as in an argument specification.
ACCEPTANCE = {
    "email": {"type": "str", "required": True},
    "folder": {"type": "str"},
    "uid": {"type": "int"},
    "message_id": {"type": "str"},
    "reason": {"type": "str"},
    "note": {"type": "str"},
}


@dataclass
class Acceptance:
    """One entry of `accept_not_imported`; what is None is not looked at. `used`: something was covered by it."""

    email: str
    folder: str | None = None
    uid: int | None = None
    message_id: str | None = None
    reason: str | None = None
    note: str | None = None
    used: bool = False

    def covers(self, email: str, folder: str, uid: int | None, message_id: str | None, reason: str) -> bool:
        return (
            self.email == email.lower()
            and self.folder in (None, folder)
            and self.uid in (None, uid)
            and self.message_id in (None, message_id)
            and self.reason in (None, reason)
        )

    def __str__(self) -> str:
        names = ("email", "folder", "uid", "message_id", "reason")
        return ", ".join("%s=%s" % (name, getattr(self, name)) for name in names if getattr(self, name) is not None)


def acceptances_of(entries: t.Iterable[t.Mapping[str, t.Any]]) -> list[Acceptance]:
    """Raises MailImportError: `invalid_row`, for an entry that would accept more than somebody can have looked at."""
    found = []
    for position, entry in enumerate(entries, start=1):
        acceptance = Acceptance(**dict(entry, email=str(parse_address(entry["email"]))))
        if acceptance.message_id is None and acceptance.reason is None and acceptance.folder is None:
            raise MailImportError(
                "invalid_row",
                "accept_not_imported, entry %d: give a message_id, a folder with or without uid, or a reason"
                % position,
            )
        found.append(acceptance)
    return found
