# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Quotas in the unit that most hosts keep them in."""

from __future__ import annotations

MIB = 1 << 20


def in_mebibytes(quota: int) -> int:
    """A quota in MiB, of which one that is not 0, which means none, is 1 at least."""
    return -(-quota // MIB)
