# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A mail host with one mailbox that goes back to its beginning as often as one likes, for imports that are killed."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.panel.mailimport.plugins.module_utils.run.settings import HostSettings
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, FakeServer
from support.dovecot import Dovecot, wait_until
from support.imap import Account, Item
from support.mail import small_message

from .bench import PASSWORD, Bench, Run

ADDRESS = "box@killed.example"

_OWN = small_message(9001, "It was here before.")
_SHARED = small_message(1)
_MANY_KEYWORDS = tuple(b"Keyword%d" % number for number in range(28))
# Names that differ from run to run, and Dovecot's own indexes and logs, which depend on who has logged in.
_CHANGING = re.compile(r"\d{4,}|\d{8}T\d{6}|(?<=/[um]\.)\d+$")
_DOVECOTS = re.compile(r"(^|/)(dovecot\.|dovecot-uidvalidity)")


@dataclass(frozen=True)
class Layout:
    """How a mailbox is kept, and reached. `direct`: its files are written, and not by Dovecot."""

    name: str
    location: str
    direct: bool = False
    over_network: bool = False


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("maildir++", "maildir:~/Maildir", direct=True),
        Layout("fs", "maildir:~/Maildir:LAYOUT=fs", direct=True),
        Layout("sdbox", "sdbox:~/sdbox"),
        Layout("mdbox", "mdbox:~/mdbox"),
        Layout("imap", "maildir:~/Maildir", over_network=True),
    )
}


@dataclass(frozen=True)
class Scenario:
    """What a mailbox is like when the import begins, and what is asked for.

    `same_uids`: folders get those of the source. `missing`: the import makes the mailbox.
    """

    name: str
    options: dict[str, Any]
    own_mail: bool = False
    earlier_run: bool = False
    same_uids: bool = True
    missing: bool = False


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("fresh", {"existing_content": "merge"}),
        Scenario("merge", {"existing_content": "merge"}, own_mail=True, same_uids=False),
        Scenario("replace", {"existing_content": "replace"}, own_mail=True),
        Scenario("latest", {"existing_content": "merge", "state": "latest"}, earlier_run=True),
        Scenario("new", {}, missing=True),
    )
}


def first_folders() -> list[Folder]:
    """What the source has in the beginning."""
    inbox = [Message(uid, small_message(uid), (b"\\Seen", b"Work") if uid % 2 else ()) for uid in (1, 2, 5, 9)]
    return [
        Folder(b"INBOX", inbox, subscribed=True),
        Folder(b"A", [Message(3, small_message(103), _MANY_KEYWORDS), Message(4, small_message(104))], 77),
        Folder(b"A/B", [Message(1, small_message(201))], 78, subscribed=True),
        Folder(b"Empty", [], 79),
    ]


def later_folders() -> list[Folder]:
    """What it has some time later: more messages, a new folder, other flags."""
    inbox, a, b, empty = first_folders()
    changed = replace(inbox.messages[0], flags=(b"\\Flagged", b"Work"), modseq=7)
    more = [Message(12, small_message(12), (b"Later",), modseq=8), Message(13, small_message(13), modseq=8)]
    inbox = replace(inbox, messages=[changed, *inbox.messages[1:], *more])
    a = replace(a, messages=[*a.messages, Message(8, small_message(108), _MANY_KEYWORDS[-3:], modseq=9)])
    return [inbox, a, b, empty, Folder(b"Later/C", [Message(2, small_message(302))], 80, subscribed=True)]


class _StandBench(Bench):
    """A bench whose runs ask their mail host once what it would say each time: its configuration, and of a mailbox that
    is there, where its mail is."""

    def reach(self, over_network: bool, is_there: bool) -> None:
        """Choose how the mailbox is reached, and whether it is there."""
        self._settings = super().settings(over_network)
        if is_there and not over_network:
            server = self._settings.open_host()._server
            server.find_store = functools.cache(server.find_store)
            server.knows = functools.cache(server.knows)

    def settings(self, over_network: bool = False) -> HostSettings:
        return self._settings


@dataclass
class Stand:
    """See the module."""

    layout: Layout
    scenario: Scenario
    host: Dovecot
    directory: Path
    server: FakeServer

    def __post_init__(self) -> None:
        self.bench = _StandBench(self.host, self.directory / "state", ADDRESS)
        self.bench.reach(self.layout.over_network, not self.scenario.missing)
        self._home = self.host.home_of(ADDRESS)
        if self.scenario.own_mail:
            with self.bench.session() as session:
                session.create("A")
                # Whether a run that was killed brought it, nobody can tell in boxes: it has the flags of the source's.
                session.append("INBOX", [Item(_OWN), Item(_SHARED, ("\\Seen", "Work"))])
                session.append("A", [Item(_OWN)])
        if self.scenario.earlier_run:
            self.bench.completed(self.server, existing_content="merge")
            self.server.folders[:] = later_folders()
        for place, kept in self._places():
            if place.exists():
                _copy(place, kept)

    def _places(self) -> Iterator[tuple[Path, Path]]:
        for place in (self._home, self.bench.state_dir, self.host.users_file):
            yield place, self.directory / ("%s-in-the-beginning" % place.name)

    def begin(self) -> None:
        """Bring the mailbox and the host's state back to the beginning."""
        for place, kept in self._places():
            if place.is_dir():
                shutil.rmtree(place)
            if kept.exists():
                _copy(kept, place)
        if self.scenario.missing:
            wait_until(lambda: not self._exists(), "Dovecot to forget the mailbox")

    def _exists(self) -> bool:
        return self.host.accepts_password(ADDRESS, PASSWORD)

    def run(self) -> Run:
        """What the scenario asks for."""
        return self.bench.run(self.server.port, **self.scenario.options)

    def content(self) -> Any:
        """What a user sees in the mailbox."""
        if self.scenario.missing and not self._exists():
            return None
        account = self.bench.account()
        # Where Dovecot writes, it chooses the UIDs, and numbers its files.
        return account if self.scenario.same_uids and self.layout.direct else _without_uids(account)

    def names(self) -> set[str]:
        """All files and directories of mailbox and state, those of Dovecot's indexes aside."""
        found = set()
        for place, _kept in self._places():
            if place == self._home and self.layout.over_network:
                continue  # whatever is there is the server's
            for path in place.rglob("*"):
                name = str(path.relative_to(place))
                if path.is_file() and path.parent.name in ("cur", "new"):
                    name = str(path.relative_to(place).with_name("message"))
                if not _DOVECOTS.search(name):
                    found.add(_CHANGING.sub("N", name))
        return found | {path.name for path in self.host.users_file.parent.iterdir()}


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--archive", str(source), str(target)], check=True)


def _without_uids(account: Account) -> dict[tuple[str, ...], list[Any]]:
    return {
        path: sorted((facts.content, facts.internal_date, sorted(facts.flags)) for facts in folder.messages.values())
        for path, folder in account.folders.items()
    }


@contextmanager
def stand_of(layout: str, scenario: str, directory: Path) -> Iterator[Stand]:
    """A stand with a mail host and a source of its own."""
    how, what = LAYOUTS[layout], SCENARIOS[scenario]
    name = "%s-%s" % (re.sub(r"\W", "", layout), scenario)
    users = {} if what.missing else {ADDRESS: PASSWORD}
    with (
        Dovecot(directory / name, name, how.location, separator="/", users=users) as host,
        FakeServer(first_folders(), capabilities=CAPABILITIES + b" CONDSTORE") as server,
    ):
        place = directory / ("%s-stand" % name)
        place.mkdir()
        yield Stand(how, what, host, place, server)
