# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP side of the fake Google Workspace: a real Dovecot that asks the fake which mailbox a token opens."""

from __future__ import annotations

import csv
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from fakes.google import Service

from .dovecot import MAIL_GID, MAIL_UID, Dovecot
from .dovecot import SPECIAL_USE as HOST_SPECIAL_USE
from .dovecot_words import words
from .imap import Account, Item, Session, snapshot
from .mail import small_message
from .run import Outcome, run_module, run_task
from .scene import difference
from .tls import Certificate

IMPORT_GOOGLE = "mail_import_google"

# As a German account has them; [Gmail] itself holds no mail.
SPECIAL_USE = {
    "\\Sent": "[Gmail]/Gesendet",
    "\\Junk": "[Gmail]/Spam",
    "\\Trash": "[Gmail]/Papierkorb",
    "\\Drafts": "[Gmail]/Entwürfe",
}
FOLDERS = ("INBOX", "[Gmail]/Gesendet", "[Gmail]/Entwürfe", "Arbeit/2024", "Kunde (neu)")
# Gmail's, but for X-GM-EXT-1, which no Dovecot plays, and SASL-IR, which Dovecot adds itself.
_CAPABILITIES = (
    "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID CHILDREN UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE ESEARCH "
    "LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE"
)

_CONFIG = """\
auth_mechanisms = plain login xoauth2 oauthbearer
imap_capability = {capabilities}
{oauth2}"""


class GoogleImap:
    """The mailboxes of a service's customer. A person's password is nobody's business, so nobody knows it."""

    def __init__(self, directory: Path, name: str, service: Service, certificate: Optional[Certificate]) -> None:
        addresses = [user["primaryEmail"] for user in service.customer.users]
        self._passwords = {address: secrets.token_hex(12) for address in addresses}
        directory.mkdir(parents=True)
        oauth2 = words().oauth2_settings("%s/tokeninfo?oauth=" % service.url, directory / "oauth2.conf")
        self.server = Dovecot(
            directory,
            name,
            separator="/",
            special_use=SPECIAL_USE,
            certificate=certificate,
            users=self._passwords,
            extra_config=_CONFIG.format(capabilities=_CAPABILITIES, oauth2=oauth2),
        )

    def __enter__(self) -> GoogleImap:
        self.server.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.stop()

    def session(self, address: str) -> Session:
        """A login of a mailbox's user."""
        return Session(self.server.port, address, self._passwords[address])

    def fill(self, address: str, messages: int = 3, folders: tuple[str, ...] = FOLDERS) -> None:
        """Put so many messages into each folder of a mailbox."""
        with self.session(address) as session:
            for number, name in enumerate(folders):
                if name != "INBOX":
                    session.create(name)
                    session.subscribe(name)
                text = "Of %s in folder %d." % (address, number)
                items = [
                    Item(small_message(place, text), ("\\Seen", "$Phishing") if place % 2 else ())
                    for place in range(messages)
                ]
                session.append(name, items)

    def account(self, address: str) -> Account:
        """Everything of a mailbox."""
        return snapshot(self.server.port, address, self._passwords[address])


@dataclass
class GoogleScene:
    """A customer of the fake Google, a mail host, and the options that bring the one to the other; `source` are those
    of its IMAP server.
    """

    directory: Path
    service: Service
    host: Dovecot
    source: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    server: Optional[GoogleImap] = None

    @property
    def imap(self) -> GoogleImap:
        """The Dovecot behind it, where it is not a scripted server."""
        assert self.server is not None
        return self.server

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The module's options: the scene's, with `changes`; a change to None leaves the option out."""
        options = {
            **self.service.urls(),
            "service_account": self.service.key_text(),
            "admin": "person0@one.example",
            **self.source,
            "generated_passwords": str(self.passwords_file),
            "owner": "customer1",
            "dovecot_config": str(self.host.config),
            "users_file": str(self.host.users_file),
            "mail_home": str(self.host.home_of("%n@%d")),
            "uid": MAIL_UID,
            "gid": MAIL_GID,
            "state_dir": str(self.directory / "state"),
            "parallel": True,
            **self.options,
            **changes,
        }
        return {name: value for name, value in options.items() if value is not None}

    @property
    def passwords_file(self) -> Path:
        """Where passwords that were made up are kept."""
        return self.directory / "new-passwords.csv"

    def new_passwords(self) -> dict[str, str]:
        """The passwords in that file, by address."""
        with self.passwords_file.open(newline="") as stream:
            return dict(csv.reader(stream))

    def run(self, check_mode: bool = False, **changes: Any) -> Outcome:
        """Run `mail_import_google` to its end."""
        return run_module(self.arguments(**changes), self.directory, IMPORT_GOOGLE, check_mode)

    def task(self, *options: str, module: str = IMPORT_GOOGLE, **changes: Any) -> Outcome:
        """Run a module as a task of a play."""
        arguments = self.arguments(**changes) if module == IMPORT_GOOGLE else changes
        return run_task(arguments, self.directory, *options, module=module)

    def unequal(self, address: str, password: str) -> list[str]:
        """Where the mailbox on the host differs from the one at Google, special folders having the host's names."""
        there = self.imap.account(address)
        here = snapshot(self.host.port, address, password)
        names: dict[tuple[str, ...], tuple[str, ...]] = {
            tuple(name.split("/")): (HOST_SPECIAL_USE[use],) for use, name in SPECIAL_USE.items()
        }
        folders = {names.get(path, path): content for path, content in there.folders.items()}
        return difference(Account(folders, frozenset(names.get(path, path) for path in there.subscriptions)), here)


def entries(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The results of a run by address."""
    return {entry["email"]: entry for entry in outcome.result["imports"]}
