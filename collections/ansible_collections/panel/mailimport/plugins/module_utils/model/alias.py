# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses without a mailbox, whose mail goes to others."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from .address import Address


class Alias(NamedTuple):
    """An address, and those that its mail goes to. A list is a group's address."""

    address: Address
    targets: Tuple[str, ...]
    is_list: bool = False


class AliasState(NamedTuple):
    """What a host made of an alias: `created`, `present`, or `skipped` with what is in its place."""

    state: str
    message: str = ""
