# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running the engine from a scripted source into a mailbox, and looking at what came of it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest, ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.run.mailbox import import_mailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.outcome import ShownMailbox
from ansible_collections.panel.mailimport.plugins.module_utils.run.reporter import Reporter
from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
from fakes.imap_mail import Folder, Message
from fakes.imap_server import FakeServer
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.imap import Account, Facts, Session, snapshot
from support.mail import small_message

PASSWORD = "open sesame"  # noqa: S105 - of mailboxes that live for one test


class Run(NamedTuple):
    """What the engine said: its result, the lines on its progress, and what `--diff` shows."""

    result: ImportResult
    lines: list[str]
    before: ShownMailbox
    after: ShownMailbox

    @property
    def waits(self) -> list[str]:
        """The lines that say that it waits, and for what."""
        return [line for line in self.lines if "waiting" in line]

    @property
    def reasons(self) -> list[tuple[str, str, int | None]]:
        """What was not imported: folder, reason word and UID of each entry."""
        return [(entry.folder, entry.reason, entry.uid) for entry in self.result.not_imported]


@dataclass
class Bench:
    """One mailbox on a mail host. `run` imports into it as often as one likes."""

    host: Dovecot
    state_dir: Path
    address: str

    def run(self, port: int, check_mode: bool = False, over_network: bool = False, **changes: Any) -> Run:
        """Import from the source on that port; `changes` are fields of the request, or `source_…` ones of its
        account."""
        return self._run(port, check_mode, changes, over_network)

    def look(self, port: int, **changes: Any) -> Run:
        """The same in check mode."""
        return self._run(port, True, changes)

    def request(self, port: int, **changes: Any) -> ImportRequest:
        """The import from the source on that port; `changes` are as those of `run`."""
        source = {name[len("source_") :]: changes.pop(name) for name in list(changes) if name.startswith("source_")}
        account = SourceAccount(
            **{
                "host": "127.0.0.1",
                "port": port,
                "tls": "none",
                "user": self.address,
                "password": PASSWORD,
                "timeout": 10.0,
                **source,
            }
        )
        changes = {"target_password": PASSWORD, "owner": "customer1", "ignore_existing": False, **changes}
        return ImportRequest(account, parse_address(self.address), **changes)

    def _run(self, port: int, check_mode: bool, changes: dict[str, Any], over_network: bool = False) -> Run:
        lines: list[str] = []
        reporter = Reporter(note=lines.append)
        outcome = import_mailbox(
            self.request(port, **changes), self.settings(over_network), check_mode, reporter=reporter
        )
        return Run(outcome.result, lines, outcome.before, outcome.after)

    def completed(self, server: FakeServer, **changes: Any) -> Run:
        """Import, and make sure that all mail of the server is there then and that the engine says so."""
        run = self.run(server.port, **changes)
        assert (run.result.state, run.result.reason, run.reasons) == ("completed", None, []), run
        content = self.account().folders
        for folder in server.folders:
            if b"\\Noselect" not in folder.attributes:
                here = content[tuple(folder.name.decode().split("/"))].messages.values()
                assert sorted(facts.content.sha256 for facts in here) == sorted(digests(folder.messages)), folder.name
        return run

    def account(self) -> Account:
        """Everything of the mailbox."""
        return snapshot(self.host.port, self.address, PASSWORD)

    def session(self) -> Session:
        """A login of the mailbox's user on the mail host."""
        return Session(self.host.port, self.address, PASSWORD)

    def messages(self, *path: str) -> dict[int, Facts]:
        """The messages of a folder by UID."""
        return dict(self.account().folders[path or ("INBOX",)].messages)

    def digests(self, *path: str) -> list[str]:
        """What the messages of a folder are, in the order of their UIDs."""
        return [facts.content.sha256 for _uid, facts in sorted(self.messages(*path).items())]

    def stored(self) -> list[str]:
        """What the files of INBOX are, in the order of their UIDs: bytes that Dovecot may show otherwise."""
        files = sorted((self.host.home_of(self.address) / "Maildir" / "cur").iterdir())
        return [digest(file.read_bytes()) for file in files]

    def settings(self, over_network: bool = False) -> HostSettings:
        """The options of the mail host."""
        if over_network:
            target = {"target_host": "127.0.0.1", "target_port": self.host.port, "target_tls": "none"}
            return HostSettings(str(self.state_dir), "imap", target)
        options = {
            "dovecot_config": str(self.host.config),
            "users_file": str(self.host.users_file),
            "mail_home": str(self.host.home_of("%n@%d")),
            "uid": MAIL_UID,
            "gid": MAIL_GID,
        }
        return HostSettings(str(self.state_dir), options=options)


def digest(body: bytes) -> str:
    """What stands for a message's bytes."""
    return hashlib.sha256(body).hexdigest()


def digests(messages: Iterable[Message]) -> list[str]:
    """The same for messages of a fake server, in the order of their UIDs."""
    return [
        digest(message.body)
        for message in sorted(messages, key=lambda message: message.uid)
        if isinstance(message.body, bytes)
    ]


def messages(count: int, first: int = 1) -> list[Message]:
    """Small messages, no two of them alike."""
    return [Message(uid, small_message(uid)) for uid in range(first, first + count)]


def inbox(count: int = 5) -> FakeServer:
    """A source with nothing but some mail in its INBOX."""
    return FakeServer([Folder(b"INBOX", messages(count))])


def three_folders() -> FakeServer:
    """A source of three folders, of which tests spoil the middle one."""
    return FakeServer(
        [Folder(b"INBOX", messages(5)), Folder(b"Middle", messages(5, 101)), Folder(b"Sent", messages(5, 201))]
    )


def folders_of(*names: bytes, separator: bytes | None = b"/") -> list[Folder]:
    """INBOX and folders of those names, each with mail of its own."""
    return [
        Folder(name, messages(3, 1 + 10 * number), separator=separator)
        for number, name in enumerate((b"INBOX", *names))
    ]
