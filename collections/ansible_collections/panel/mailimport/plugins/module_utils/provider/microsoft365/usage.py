# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much is in the mailboxes of a tenant, by Microsoft's own report: a table that is a day or two old
(https://learn.microsoft.com/graph/api/reportroot-getmailboxusagedetail).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import Dict, Mapping, Optional

from ...model.errors import MailImportError

PATH = "/reports/getMailboxUsageDetail(period='D7')"

_LOGIN, _DELETED, _ITEMS, _BYTES = "User Principal Name", "Is Deleted", "Item Count", "Storage Used (Byte)"
_ARCHIVE = "Has Archive"
_CONCEALED = re.compile(r"[0-9A-F]{32}")


@dataclass(frozen=True)
class Usage:
    """Of one mailbox: items of all kinds, bytes, and whether it has an archive, None when that is not told."""

    items: int
    bytes: int
    has_archive: Optional[bool]


@dataclass(frozen=True)
class UsageReport:
    """Usages by login in small letters. `are_names_concealed`: the organization's settings conceal them."""

    mailboxes: Mapping[str, Usage]
    are_names_concealed: bool

    @property
    def bytes(self) -> int:
        """All mailboxes together."""
        return sum(usage.bytes for usage in self.mailboxes.values())


def read_report(text: str) -> UsageReport:
    """Read the report.

    Raises:
        MailImportError: `protocol_error` when it is another table.
    """
    found: Dict[str, Usage] = {}
    try:
        table = csv.DictReader(text.lstrip("\ufeff").splitlines())
        if _LOGIN not in (table.fieldnames or ()):
            raise ValueError
        for row in table:
            if row[_DELETED].strip().lower() != "true":
                archive = (row.get(_ARCHIVE) or "").strip().lower()
                has_archive = archive == "true" if archive else None
                found[row[_LOGIN].strip().lower()] = Usage(int(row[_ITEMS]), int(row[_BYTES]), has_archive)
    except (KeyError, ValueError, AttributeError, TypeError, csv.Error):
        raise MailImportError("protocol_error", "the report on the use of mailboxes has an unknown shape") from None
    return UsageReport(found, bool(found) and all(_CONCEALED.fullmatch(name.upper()) for name in found))
