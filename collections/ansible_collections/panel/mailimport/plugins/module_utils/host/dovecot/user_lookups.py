# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to Dovecot about its users, one for many of them where it is known who comes next.

Each costs the start of three programs, which takes a hundred times as long as the answer about a user.
"""

from __future__ import annotations

import time
from typing import Dict, List, Optional, Sequence, Tuple

from ...model.address import Address
from .doveadm import Doveadm
from .settings import UserFields

# So many users are asked for at once; an answer is used for so many seconds.
_AT_ONCE = 50
_FRESH = 10.0
# Seconds without another question for many, after one that had no answer: a user may be new, and not noticed yet.
_RETRIED_AFTER = 3.0


class UserLookups:
    """What Dovecot says of its users; each answer is used once."""

    def __init__(self, doveadm: Doveadm) -> None:
        self._doveadm = doveadm
        self._places: Dict[Address, int] = {}
        self._expected: List[Address] = []
        self._answers: Dict[Address, Tuple[float, UserFields]] = {}
        self._at_once_from = 0.0

    def expect(self, addresses: Sequence[Address]) -> None:
        """These are going to be asked for, in about this order."""
        self._expected = list(addresses)
        self._places = {address: place for place, address in enumerate(self._expected)}

    def find(self, address: Address) -> Optional[UserFields]:
        """Fields of the user database, their variables expanded; None for an unknown user."""
        answered_at, fields = self._answers.pop(address, (0.0, None))
        if fields is not None and time.monotonic() - answered_at < _FRESH:
            return fields
        return self._ask_for_many(address) or self._doveadm.user(address)

    def _ask_for_many(self, address: Address) -> Optional[UserFields]:
        """Ask for a user and those who come next; None when it has to be asked for alone."""
        place, now = self._places.get(address), time.monotonic()
        if place is None or now < self._at_once_from:
            return None
        group = self._expected[place : place + _AT_ONCE]
        found = self._doveadm.users(group) if len(group) > 1 else None
        if found is None:
            self._at_once_from = now + _RETRIED_AFTER
            return None
        self._answers.update((each, (now, fields)) for each, fields in zip(group, found))
        return self._answers.pop(address)[1]
