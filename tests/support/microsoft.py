# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP side of the fake Microsoft 365: a real Dovecot behind a relay that logs in as Exchange does; and scenes with
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from fakes.exchange_relay import ExchangeRelay
from fakes.microsoft365 import CLIENT_ID, SECRET, TENANT, Service

from .dovecot import MASTER_PASSWORD, MASTER_USER
from .organization import OrganizationScene, ProviderImap
from .run import Outcome, run_module
from .tls import Certificate

# Exchange's, after the login.
_CAPABILITY = "imap_capability = IMAP4rev1 UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+\n"


class ExchangeImap(ProviderImap):
    """The mailboxes of a service's tenant."""

    special_use = {  # noqa: RUF012 - nobody changes it
        "\\Sent": "Sent Items",
        "\\Junk": "Junk Email",
        "\\Trash": "Deleted Items",
        "\\Drafts": "Drafts",
    }
    folders = ("INBOX", "Sent Items", "Projekte/2024")
    keyword = "$MDNSent"

    def __init__(self, directory: Path, name: str, service: Service, certificate: Optional[Certificate]) -> None:
        addresses = [user["userPrincipalName"].lower() for user in service.tenant.users]
        super().__init__(directory, name, addresses, extra_config=_CAPABILITY)
        self.relay = ExchangeRelay(self.server.port, (MASTER_USER, MASTER_PASSWORD), service.opens_mailbox, certificate)

    def __enter__(self) -> ExchangeImap:
        super().__enter__()
        self.relay.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.relay.__exit__(*exception)
        super().__exit__(*exception)

    @property
    def tls_port(self) -> int:
        """The relay's."""
        return self.relay.port


@dataclass
class MicrosoftScene(OrganizationScene):
    """A tenant of the fake Microsoft, and a mail host."""

    module = "mail_import_microsoft365"

    def access(self) -> dict[str, Any]:
        """The application, and what its tokens for mail are for."""
        return {**self.application(), "mail_resource": "https://outlook.office365.example", "queues": 4}

    def application(self) -> dict[str, Any]:
        """The options that name the application and the services."""
        return {
            "tenant": TENANT,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "login_url": self.service.url,
            "api_url": self.service.url,
        }

    def info(self) -> Outcome:
        """Run `microsoft365_info`."""
        return run_module(self.application(), self.directory, "microsoft365_info")
