# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much a server has room for in its folders, as it says itself (QUOTA, RFC 9208)."""

from __future__ import annotations

from typing import Dict, List

from ...imap.responses import Parts, parse_parts

_UNIT = 1024


class QuotaRoom:
    """Bytes that may be stored without coming near a limit: half of what was free, for others store as well."""

    def __init__(self) -> None:
        # The roots of each folder, and what is left of each that has a limit
        self._roots: Dict[bytes, List[bytes]] = {}
        self._left: Dict[bytes, int] = {}

    def note(self, name: bytes, parts: Parts) -> None:
        """Take note of what is answered when the quota of a folder is asked for."""
        values = parse_parts(parts)
        kind = values[0].upper() if values and isinstance(values[0], bytes) else b""
        if kind == b"QUOTAROOT":
            self._roots[name] = [value for value in values[2:] if isinstance(value, bytes)]
        elif kind == b"QUOTA" and len(values) > 2 and isinstance(values[2], list):
            for resource, used, limit in zip(values[2][::3], values[2][1::3], values[2][2::3]):
                if resource.upper() == b"STORAGE":
                    self._left[values[1]] = (int(limit) - int(used)) * _UNIT // 2

    def take(self, name: bytes, size: int) -> bool:
        """Take note that so many bytes are going into a folder; False when there may not be room for them."""
        if name not in self._roots:
            return False
        limited = [root for root in self._roots[name] if root in self._left]
        if any(self._left[root] < size for root in limited):
            return False
        for root in limited:
            self._left[root] -= size
        return True

    def forget(self) -> None:
        """More may have been stored than is known."""
        self._roots.clear()
