# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wanted of the DNS, and what is found wrong with it."""

from __future__ import annotations

import typing as t

from .providers import OldHost

PHASES = ("before", "switched", "finish")
CHECKS = (
    "nameservers",
    "delegation",
    "dnssec",
    "mx",
    "mx_target",
    "ttl",
    "spf",
    "dkim",
    "dmarc",
    "mta_sts",
    "tlsa",
    "clients",
    "ptr",
    "spread",
)
SEVERITIES = ("error", "warning", "info")


class Wanted(t.NamedTuple):
    """What the DNS of every domain is to say.

    Args:
        phase: `before` the MX records change, `switched` when they have, `finish` when nobody needs the old host.
        hosts: names of the new mail host, as MX records are to have them.
        addresses: its addresses.
        old: how the old mail host is told.
        spf_terms: what the SPF record is to have, where mail does not leave from the mail host itself.
        dkim_selectors: those the new host signs with.
        max_ttl: the longest that an MX record may be kept at the switch.
        skipped: checks that are left out.
    """

    phase: str
    hosts: tuple[str, ...]
    addresses: frozenset[str]
    old: OldHost = OldHost()
    spf_terms: tuple[str, ...] = ()
    dkim_selectors: tuple[str, ...] = ()
    max_ttl: int = 3600
    skipped: frozenset[str] = frozenset()

    @property
    def is_switched(self) -> bool:
        return self.phase != "before"


class Problem(t.NamedTuple):
    """Something to know or to do: `message` is what is, `advice` what to do."""

    check: str
    severity: str
    message: str
    advice: str = ""
