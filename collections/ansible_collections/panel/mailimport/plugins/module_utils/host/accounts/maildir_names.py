# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the column `maildir` of a new mailbox says in databases that have one.

Where mail is, is always asked of Dovecot; this only has to be a value that the host's own tools would write.
"""

from __future__ import annotations

import re
import time
from typing import Optional

from ...model.address import Address


def postfixadmin_maildir(address: Address, example: Optional[str]) -> str:
    """PostfixAdmin: `DOMAIN/LOCAL/`, or the shape that another mailbox of the domain has (config.inc.php: domain_path,
    domain_in_mailbox; a site may have either).
    """
    parts = (example or "").rstrip("/").split("/")
    if len(parts) == 1 and "@" in parts[0]:
        return "%s/" % address
    if len(parts) == 2 and "@" in parts[1]:
        return "%s/%s/" % (address.domain, address)
    return "%s/%s/" % (address.domain, address.local_part)


def hashed_maildir(address: Address, example: Optional[str]) -> str:
    """iRedMail: `DOMAIN/a/b/c/LOCAL-YYYY.MM.DD.HH.MM.SS/`, in lower case (iRedAdmin's libs/iredutils.py). Dots count as
    `_` there: `/./` in a home means a chroot to Dovecot.
    """
    local_part = address.local_part.lower()
    first = re.sub(r"[.~]", "_", (local_part[:3] + "___")[:3])
    now = time.strftime("%Y.%m.%d.%H.%M.%S", time.gmtime())
    return "%s/%s/%s-%s/" % (address.domain, "/".join(first), local_part, now)
