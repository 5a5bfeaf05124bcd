# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP side of the fake Microsoft 365: a real Dovecot behind a relay that logs in as Exchange does; and scenes with
it.
"""

from __future__ import annotations

import csv
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from fakes.exchange_relay import ExchangeRelay
from fakes.microsoft365 import CLIENT_ID, MAIL_ROLE, SECRET, TENANT, Service

from .dovecot import MAIL_GID, MAIL_UID, MASTER_PASSWORD, MASTER_USER, Dovecot
from .dovecot import SPECIAL_USE as HOST_SPECIAL_USE
from .imap import Account, Item, Session, snapshot
from .mail import small_message
from .run import Outcome, run_module, run_task
from .scene import difference
from .tls import Certificate

IMPORT_MICROSOFT = "mail_import_microsoft365"
SPECIAL_USE = {
    "\\Sent": "Sent Items",
    "\\Junk": "Junk Email",
    "\\Trash": "Deleted Items",
    "\\Drafts": "Drafts",
}
FOLDERS = ("INBOX", "Sent Items", "Projekte/2024")
# Exchange's, after the login.
_CAPABILITY = "imap_capability = IMAP4rev1 UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+\n"


class ExchangeImap:
    """The mailboxes of a service's tenant. A person's password is nobody's business, so nobody knows it."""

    def __init__(self, directory: Path, name: str, service: Service, certificate: Optional[Certificate]) -> None:
        addresses = [user["userPrincipalName"].lower() for user in service.tenant.users]
        self._passwords = {address: secrets.token_hex(12) for address in addresses}
        directory.mkdir(parents=True)
        self.server = Dovecot(
            directory,
            name,
            separator="/",
            special_use=SPECIAL_USE,
            users=self._passwords,
            extra_config=_CAPABILITY,
        )
        self.relay = ExchangeRelay(
            self.server.port, (MASTER_USER, MASTER_PASSWORD), lambda token: service.opens(token, MAIL_ROLE), certificate
        )

    def __enter__(self) -> ExchangeImap:
        self.server.start()
        self.relay.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self.relay.__exit__(*exception)
        self.server.stop()

    def session(self, login: str) -> Session:
        """A login of a mailbox's user."""
        return Session(self.server.port, login, self._passwords[login])

    def fill(self, login: str, messages: int = 3, folders: tuple[str, ...] = FOLDERS) -> None:
        """Put so many messages into each folder of a mailbox."""
        with self.session(login) as session:
            for number, name in enumerate(folders):
                if name != "INBOX":
                    session.create(name)
                    session.subscribe(name)
                text = "Of %s in folder %d." % (login, number)
                session.append(
                    name,
                    [
                        Item(small_message(place, text), ("\\Seen", "$MDNSent") if place % 2 else ())
                        for place in range(messages)
                    ],
                )

    def account(self, login: str) -> Account:
        """Everything of a mailbox."""
        return snapshot(self.server.port, login, self._passwords[login])


@dataclass
class MicrosoftScene:
    """A tenant of the fake Microsoft, a mail host, and the options that bring the one to the other."""

    directory: Path
    service: Service
    imap: ExchangeImap
    host: Dovecot
    ca_file: Path
    options: dict[str, Any] = field(default_factory=dict)

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The module's options: the scene's, with `changes`; a change to None leaves the option out."""
        options = {
            **self.application(),
            "mail_resource": "https://outlook.office365.example",
            "source_host": "localhost",
            "source_port": self.imap.relay.port,
            "source_ca_cert": str(self.ca_file),
            "generated_passwords": str(self.passwords_file),
            "owner": "customer1",
            "dovecot_config": str(self.host.config),
            "users_file": str(self.host.users_file),
            "mail_home": str(self.host.home_of("%n@%d")),
            "uid": MAIL_UID,
            "gid": MAIL_GID,
            "state_dir": str(self.directory / "state"),
            "parallel": True,
            "queues": 4,
            **self.options,
            **changes,
        }
        return {name: value for name, value in options.items() if value is not None}

    def application(self) -> dict[str, Any]:
        """The options that name the application and the services."""
        return {
            "tenant": TENANT,
            "client_id": CLIENT_ID,
            "client_secret": SECRET,
            "login_url": self.service.url,
            "api_url": self.service.url,
        }

    @property
    def passwords_file(self) -> Path:
        """Where passwords that were made up are kept."""
        return self.directory / "new-passwords.csv"

    def new_passwords(self) -> dict[str, str]:
        """The passwords in that file, by address."""
        with self.passwords_file.open(newline="") as stream:
            return dict(csv.reader(stream))

    def run(self, check_mode: bool = False, **changes: Any) -> Outcome:
        """Run `mail_import_microsoft365` to its end."""
        return run_module(self.arguments(**changes), self.directory, IMPORT_MICROSOFT, check_mode)

    def task(self, *options: str, module: str = IMPORT_MICROSOFT, **changes: Any) -> Outcome:
        """Run a module as a task of a play."""
        arguments = self.arguments(**changes) if module == IMPORT_MICROSOFT else {**self.application(), **changes}
        return run_task(arguments, self.directory, *options, module=module)

    def info(self) -> Outcome:
        """Run `microsoft365_info`."""
        return run_module(self.application(), self.directory, "microsoft365_info")

    def unequal(self, login: str, address: str, password: str) -> list[str]:
        """Where the mailbox on the host differs from the one at Microsoft, special folders having the host's names."""
        there, here = self.imap.account(login), snapshot(self.host.port, address, password)
        names: dict[tuple[str, ...], tuple[str, ...]] = {
            (name,): (HOST_SPECIAL_USE[use],) for use, name in SPECIAL_USE.items()
        }
        folders = {names.get(path, path): content for path, content in there.folders.items()}
        return difference(Account(folders, frozenset(names.get(path, path) for path in there.subscriptions)), here)


def entries(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The results of a run by address."""
    return {entry["email"]: entry for entry in outcome.result["imports"]}
