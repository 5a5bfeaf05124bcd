# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP side of the fake Google Workspace: a real Dovecot that asks the fake which mailbox a token opens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from fakes.google import Service

from .organization import OrganizationScene, ProviderImap, token_settings
from .tls import Certificate

# Gmail's, but for X-GM-EXT-1, which no Dovecot plays, and SASL-IR, which Dovecot adds itself.
_CAPABILITIES = (
    "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID CHILDREN UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE ESEARCH "
    "LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE"
)


class GoogleImap(ProviderImap):
    """The mailboxes of a service's customer."""

    # As a German account has them; [Gmail] itself holds no mail.
    special_use = {  # noqa: RUF012 - nobody changes it
        "\\Sent": "[Gmail]/Gesendet",
        "\\Junk": "[Gmail]/Spam",
        "\\Trash": "[Gmail]/Papierkorb",
        "\\Drafts": "[Gmail]/Entwürfe",
    }
    folders = ("INBOX", "[Gmail]/Gesendet", "[Gmail]/Entwürfe", "Arbeit/2024", "Kunde (neu)")
    keyword = "$Phishing"

    def __init__(self, directory: Path, name: str, service: Service, certificate: Optional[Certificate]) -> None:
        addresses = [user["primaryEmail"] for user in service.customer.users]
        config = token_settings(_CAPABILITIES, service.url, directory)
        super().__init__(directory, name, addresses, certificate=certificate, extra_config=config)


@dataclass
class GoogleScene(OrganizationScene):
    """A customer of the fake Google, and a mail host."""

    module = "mail_import_google"

    def access(self) -> dict[str, Any]:
        """The key of the service account, and an administrator."""
        key = self.service.key_text()
        return {**self.service.urls(), "service_account": key, "admin": "person0@one.example"}
