# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A company that moves: many small mailboxes on a source server, lists of them, and runs on a mail host."""

from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Iterable, Iterator, NamedTuple

from .dovecot import Dovecot
from .imap import Session, snapshot
from .mail import load_mail
from .run import Outcome, environment, run_module, run_task, start_module
from .scene import OWNER, Scene, item_of

LIST_MODULE = "mail_import_csv"
_MESSAGES = 3


class Employee(NamedTuple):
    """A mailbox at the source."""

    address: str
    password: str


def employees(count: int, domains: tuple[str, ...] = ("firma.example", "tochter.example")) -> list[Employee]:
    """So many mailboxes, spread over the domains."""
    return [
        Employee("person%03d@%s" % (number, domains[number % len(domains)]), "pass, word; %d" % number)
        for number in range(count)
    ]


@contextmanager
def old_provider(directory: Path, people: list[Employee]) -> Iterator[Dovecot]:
    """A source server with the mailboxes of all, filled."""
    with Dovecot(directory / "source", "source-%s" % directory.name, users=dict(people)) as server:
        _fill_accounts(server, people)
        yield server


def _fill_accounts(source: Dovecot, people: Iterable[Employee]) -> None:
    """Give each account real messages, some in a folder, no two accounts the same."""
    mail = load_mail(97)
    for number, person in enumerate(people):
        with Session(source.port, person.address, person.password) as session:
            chosen = [item_of(mail[(number * 5 + offset * 7) % len(mail)]) for offset in range(_MESSAGES)]
            session.append("INBOX", chosen[:2])
            session.create("Отчёты")
            session.append("Отчёты", chosen[2:])


def write_list(path: Path, people: Iterable[Employee]) -> None:
    """Write the panel's two columns."""
    path.touch(mode=0o600)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(people)


def as_rows(people: Iterable[Employee]) -> list[dict[str, str]]:
    """The same as a list of a task."""
    return [{"email": person.address, "password": person.password} for person in people]


def encrypt(path: Path) -> Path:
    """Encrypt a file with Ansible Vault; return the file with the vault's password."""
    password_file = path.with_suffix(".vault-password")
    password_file.write_text("the vault's")
    command = ["ansible-vault", "encrypt", "--vault-password-file", str(password_file), str(path)]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    return password_file


class Run(NamedTuple):
    """How the imports of a company are run: which source, which mail host, where its state is."""

    directory: Path
    source: Dovecot
    host: Dovecot

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Options of `mail_import_csv`, the mail host's and those of a plain connection to the source, with
        `changes`."""
        scene = Scene(self.directory, self.source, "", "", self.host, Path())
        options = {
            "owner": OWNER,
            "source_host": "localhost",
            "source_tls": "none",
            "source_port": self.source.port,
            **scene.host_options(),
            **changes,
        }
        return {name: value for name, value in options.items() if value is not None}

    def module(self, check_mode: bool = False, **changes: Any) -> Outcome:
        """Run the module to its end."""
        return run_module(self._handed_over(changes), self.directory, LIST_MODULE, check_mode)

    def start(self, **changes: Any) -> subprocess.Popen[str]:
        """Start the module and return its process."""
        return start_module(self._handed_over(changes), self.directory, LIST_MODULE)

    def _handed_over(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Options of the module with `mailboxes` in a file, as the action plugin hands them over."""
        rows = changes.pop("mailboxes", None)
        if rows is not None:
            handle, path = tempfile.mkstemp(dir=self.directory)
            with open(handle, "w", encoding="ascii") as stream:
                json.dump(
                    {"rows": [{"place": "line %d" % line, "values": row} for line, row in enumerate(rows, start=1)]},
                    stream,
                )
            changes["secrets_file"] = path
        return self.arguments(**changes)

    def task(self, *options: str, keywords: dict[str, Any] | None = None, **changes: Any) -> Outcome:
        """Run the module as a task of a play."""
        return run_task(self.arguments(**changes), self.directory, *options, module=LIST_MODULE, **(keywords or {}))

    def info(self) -> dict[str, dict[str, Any]]:
        """What the mail host knows of its imports, by address."""
        scene = Scene(self.directory, self.source, "", "", self.host, Path())
        return {entry["email"]: entry for entry in scene.info()["imports"]}

    def differing(self, people: Iterable[Employee]) -> list[str]:
        """Addresses of those whose mailbox does not hold what their account holds, UIDs and all."""
        return [
            person.address
            for person in people
            if snapshot(self.source.port, *person).folders != snapshot(self.host.port, *person).folders
        ]

    def periods(self) -> list[tuple[str, int | None, float, float | None]]:
        """Address, queue, begin and end of all imports that the state has a record of, in the order in which they
        began.
        """
        with closing(sqlite3.connect(self.directory / "state" / "state.db")) as database:
            query = (
                "SELECT address, json_extract(result, '$.queue'), started_at, finished_at FROM imports ORDER BY "
                "started_at"
            )
            return database.execute(query).fetchall()


def most_at_a_time(periods: Iterable[tuple[str, int | None, float, float | None]]) -> int:
    """How many imports ran at the same time at most."""
    moments = [(began, 1) for _address, _queue, began, _ended in periods] + [
        (ended or float("inf"), -1) for _address, _queue, _began, ended in periods
    ]
    running = most = 0
    for _moment, change in sorted(moments):
        running += change
        most = max(most, running)
    return most
