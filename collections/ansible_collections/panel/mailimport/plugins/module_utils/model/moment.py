# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moments as results tell them: UTC, to the second, such as 2026-11-30T12:00:00Z."""

from __future__ import annotations

from datetime import datetime, timezone

_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def moment(seconds: float) -> str:
    """Write a moment, given in seconds since the epoch."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime(_FORMAT)


def is_past(text: str) -> bool:
    """True when the moment that `moment` wrote has come; what is none is past."""
    try:
        return datetime.strptime(text, _FORMAT).replace(tzinfo=timezone.utc) <= datetime.now(timezone.utc)
    except ValueError:
        return True
