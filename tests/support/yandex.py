# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP side of the fake Yandex 360: a real Dovecot that asks the fake which mailbox a token opens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from fakes.yandex360 import Service

from .organization import OrganizationScene, ProviderImap, token_settings
from .tls import Certificate

# What the server offers before and after the login, by the measurement of 2026: no SASL-IR, SPECIAL-USE, CONDSTORE or
# LIST-STATUS.
_CAPABILITIES = "IMAP4rev1 CHILDREN UNSELECT LITERAL+ NAMESPACE UIDPLUS ENABLE ID IDLE MOVE"


class YandexImap(ProviderImap):
    """The mailboxes of a service's organization, each with the folders of a Russian account.

    A password that is set over the API opens the mailbox.
    """

    separator = "|"
    # As a recorded LIST of a Russian account has them. The attribute \\Templates of the folder below that of drafts is
    # none that Dovecot knows.
    special_use = {  # noqa: RUF012 - nobody changes it
        "\\Sent": "Отправленные",
        "\\Junk": "Спам",
        "\\Trash": "Удаленные",
        "\\Drafts": "Черновики",
    }
    folders = (
        "INBOX",
        "Отправленные",
        "Исходящие",
        "Спам",
        "Удаленные",
        "Черновики",
        "Черновики|template",
        "Проекты|2024",
    )
    keyword = "system_hamon"

    def __init__(self, directory: Path, name: str, service: Service, certificate: Optional[Certificate]) -> None:
        organization = service.organization
        addresses = [entry["email"] for entry in [*organization.users, *organization.shared] if entry["email"]]
        config = token_settings(_CAPABILITIES, service.url, directory)
        super().__init__(directory, name, addresses, certificate=certificate, extra_config=config)
        service.on_password = self._set_password

    def _set_password(self, address: str, password: str) -> None:
        users = self.server.users_file
        line = "%s:{PLAIN}%s::::::\n" % (address, password)
        users.write_text(
            re.sub("^%s:.*\n" % re.escape(address), lambda found: line, users.read_text(), flags=re.MULTILINE)
        )
        self.passwords[address] = password
        self.server.wait_for_password(address, password)


@dataclass
class YandexScene(OrganizationScene):
    """An organization at the fake Yandex 360, and a mail host."""

    module = "mail_import_yandex"

    def access(self) -> dict[str, Any]:
        """The addresses of the services; what opens them is among the scene's options, see `with_access`."""
        return dict(self.service.urls())

    def with_access(self) -> YandexScene:
        """The scene with an administrator's token and a service application."""
        self.options = {"token": self.service.admin_token(), **self.service.service_application()}
        return self
