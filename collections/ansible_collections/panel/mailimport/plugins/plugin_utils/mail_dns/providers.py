# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the DNS of a domain has while its mail is at a provider that people leave."""

from __future__ import annotations

import fnmatch
import typing as t


class OldHost(t.NamedTuple):
    """How records that name the old mail host are told.

    Args:
        hosts: globs of the names of its servers, those of MX records and of others.
        spf: domains whose SPF records are included for it.
        dkim: selectors that it signs with.
    """

    hosts: tuple[str, ...] = ()
    spf: tuple[str, ...] = ()
    dkim: tuple[str, ...] = ()

    def has(self, host: str) -> bool:
        return any(fnmatch.fnmatchcase(host, pattern) for pattern in self.hosts)


PROVIDERS = {
    "google": OldHost(("*.google.com", "*.googlemail.com"), ("_spf.google.com",), ("google",)),
    "microsoft365": OldHost(
        # The last two are its clouds for authorities of the USA and for China.
        (
            "*.mail.protection.outlook.com",
            "*.mx.microsoft",
            "*.outlook.com",
            "*.office365.com",
            "*.office365.us",
            "*.partner.outlook.cn",
        ),
        ("spf.protection.outlook.com", "spf.protection.office365.us", "spf.protection.partner.outlook.cn"),
        ("selector1", "selector2"),
    ),
    "yandex": OldHost(
        ("*.yandex.net", "*.yandex.ru", "*.yandex.com"), ("_spf.yandex.net", "_spf.yandex.ru"), ("mail",)
    ),
}


def old_host(provider: str | None, globs: t.Sequence[str]) -> OldHost:
    """The old mail host, by the name of a provider and globs of one's own."""
    known = PROVIDERS[provider] if provider else OldHost()
    return known._replace(hosts=(*known.hosts, *(glob.lower().rstrip(".") for glob in globs)))
