# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A provider's organization and a mail host that it is imported into: what scenes of all providers have in common."""

from __future__ import annotations

import csv
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Optional, TypeVar

from .dovecot import MAIL_GID, MAIL_UID, Dovecot
from .dovecot import SPECIAL_USE as HOST_SPECIAL_USE
from .dovecot_words import words
from .imap import Account, Item, Session, snapshot
from .mail import small_message
from .run import Outcome, run_module, run_task
from .scene import difference
from .tls import Authority

_Self = TypeVar("_Self", bound="ProviderImap")

_TOKENS = """\
auth_mechanisms = plain login xoauth2 oauthbearer
imap_capability = {capabilities}
{oauth2}"""


def token_settings(capabilities: str, service_url: str, directory: Path) -> str:
    """Settings of a Dovecot that offers `capabilities`, and asks a service which mailbox a token opens."""
    directory.mkdir(parents=True, exist_ok=True)
    oauth2 = words().oauth2_settings("%s/tokeninfo?oauth=" % service_url, directory / "oauth2.conf")
    return _TOKENS.format(capabilities=capabilities, oauth2=oauth2)


class ProviderImap:
    """The IMAP side of a fake provider: a real Dovecot with a mailbox for each address.

    A person's password at the provider is nobody's business, so nobody knows it. A kind of provider says what its
    folders are called, which of them `fill` fills, and which keyword every second message has.
    """

    separator: ClassVar[str] = "/"
    special_use: ClassVar[dict[str, str]]
    folders: ClassVar[tuple[str, ...]]
    keyword: ClassVar[str]

    def __init__(self, directory: Path, name: str, addresses: Iterable[str], **settings: Any) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.passwords = {address: secrets.token_hex(12) for address in addresses}
        self.server = Dovecot(
            directory, name, separator=self.separator, special_use=self.special_use, users=self.passwords, **settings
        )

    def __enter__(self: _Self) -> _Self:
        self.server.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.server.stop()

    @property
    def tls_port(self) -> int:
        """Where the provider's server is."""
        return self.server.tls_port

    def source_options(self, authority: Authority) -> dict[str, Any]:
        """The options that name the provider's server."""
        return {
            "source_host": "localhost",
            "source_port": self.tls_port,
            "source_ca_cert": str(authority.ca_file),
        }

    def session(self, login: str) -> Session:
        """A login of a mailbox's user."""
        return Session(self.server.port, login, self.passwords[login])

    def fill(self, login: str, messages: int = 3, folders: Optional[tuple[str, ...]] = None) -> None:
        """Put so many messages into each folder of a mailbox."""
        with self.session(login) as session:
            for number, name in enumerate(folders or self.folders):
                if name != "INBOX":
                    session.create(name)
                    session.subscribe(name)
                text = "Of %s in folder %d." % (login, number)
                items = [
                    Item(small_message(place, text), ("\\Seen", self.keyword) if place % 2 else ())
                    for place in range(messages)
                ]
                session.append(name, items)

    def account(self, login: str) -> Account:
        """Everything of a mailbox, special folders having the mail host's names."""
        account = snapshot(self.server.port, login, self.passwords[login])
        names: dict[tuple[str, ...], tuple[str, ...]] = {
            tuple(name.split(self.separator)): (HOST_SPECIAL_USE[use],) for use, name in self.special_use.items()
        }
        folders = {names.get(path, path): content for path, content in account.folders.items()}
        return Account(folders, frozenset(names.get(path, path) for path in account.subscriptions))


@dataclass
class OrganizationScene(ABC):
    """An organization at a fake provider, a mail host, and the options that bring the one to the other.

    `source` are the options that name the provider's IMAP server. A kind of provider has its module, and the options
    that open the organization.
    """

    directory: Path
    service: Any
    host: Dovecot
    source: dict[str, Any]
    imap: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    module: ClassVar[str]

    @abstractmethod
    def access(self) -> dict[str, Any]:
        """The options that name the provider's services, and what opens them."""

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The module's options: the scene's, with `changes`; a change to None leaves the option out."""
        options = {
            **self.access(),
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
        """Run the import to its end."""
        return run_module(self.arguments(**changes), self.directory, self.module, check_mode)

    def task(self, *options: str, keywords: Optional[dict[str, Any]] = None, **changes: Any) -> Outcome:
        """Run the import as a task of a play, which has `keywords`."""
        return run_task(self.arguments(**changes), self.directory, *options, module=self.module, **(keywords or {}))

    def unequal(self, address: str, password: str, login: str = "") -> list[str]:
        """Where the mailbox on the host differs from the one at the provider, whose login may be another."""
        return difference(self.imap.account(login or address), snapshot(self.host.port, address, password))


def entries(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """The results of a run by address."""
    return {entry["email"]: entry for entry in outcome.result["imports"]}
