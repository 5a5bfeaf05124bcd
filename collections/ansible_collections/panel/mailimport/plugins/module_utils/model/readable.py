# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sizes and times as people say them."""

from __future__ import annotations


def readable_size(size: float) -> str:
    """A number of bytes: 812 B, 1.4 MB, 23 GB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return "%.*f %s" % (1 if size < 10 and unit != "B" else 0, size, unit)
        size /= 1000
    return "%.1f TB" % size


def readable_time(seconds: float) -> str:
    """So many seconds: 35 s, 4 min, 2 h 5 min."""
    if seconds < 90:
        return "%d s" % max(1, round(seconds))
    minutes = round(seconds / 60)
    return "%d min" % minutes if minutes < 120 else "%d h %d min" % divmod(minutes, 60)
