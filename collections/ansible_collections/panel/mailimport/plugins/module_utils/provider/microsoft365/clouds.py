# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Microsoft's services are, for the world and for the countries and authorities that have clouds of their own.

Sources: https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud and
https://learn.microsoft.com/graph/deployments. The IMAP servers of the national clouds are not documented; each address
can be given alone.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple

# The domains of all of Microsoft's mail servers, those for personal accounts too.
_MAIL_DOMAINS = ("office365.com", "office.com", "outlook.com", "office365.us", "outlook.cn")


class Cloud(NamedTuple):
    """Addresses of the services that give tokens and tell of the directory, the IMAP server, what a token for the mail
    is asked for, and the scope of one that a person gets.
    """

    login_url: str
    api_url: str
    imap_host: str
    mail_resource: str
    mail_scope: str


CLOUDS: Mapping[str, Cloud] = {
    "worldwide": Cloud(
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com",
        "outlook.office365.com",
        "https://outlook.office365.com",
        "https://outlook.office.com/IMAP.AccessAsUser.All",
    ),
    "us_gov": Cloud(
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us",
        "outlook.office365.us",
        "https://outlook.office365.us",
        "https://outlook.office365.us/IMAP.AccessAsUser.All",
    ),
    "us_dod": Cloud(
        "https://login.microsoftonline.us",
        "https://dod-graph.microsoft.us",
        "outlook-dod.office365.us",
        "https://outlook-dod.office365.us",
        "https://outlook-dod.office365.us/IMAP.AccessAsUser.All",
    ),
    "china": Cloud(
        "https://login.partner.microsoftonline.cn",
        "https://microsoftgraph.chinacloudapi.cn",
        "partner.outlook.cn",
        "https://partner.outlook.cn",
        "https://partner.outlook.cn/IMAP.AccessAsUser.All",
    ),
}


def is_mail_server(host: str) -> bool:
    """Whether a host is one of Microsoft's mail servers, by its name."""
    return host.casefold().rstrip(".").endswith(tuple("." + domain for domain in _MAIL_DOMAINS))
