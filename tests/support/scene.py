# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scene of an import: an account on a source server, a mail host, and the options that bring the one to the
other."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from .dovecot import MAIL_GID, MAIL_UID, Dovecot
from .imap import Account, Facts, Item, Session, snapshot
from .mail import Mail, small_message
from .other_servers import OtherServer
from .run import INFO_MODULE, Outcome, run_module, run_task, start_module

OWNER = "customer1"

# Every one a way to go wrong: quoting, encoding, patterns, blanks, depth, special use, INBOX in other letters.
FOLDERS = (
    "INBOX",
    "Sent",
    "Drafts",
    "Projects",
    "Projects{0}2024{0}Q1{0}January{0}Week 1",
    "INBOX{0}Filed",
    "INBOX{0}Filed{0}Deeper",
    "inbox2",
    "With a  double blank",
    "Trailing blank ",
    'Say "hello"',
    "Back\\slash",
    "Fish & Chips",
    "&-already",
    "100% *",
    "Входящие{0}Счета за июль",
    "Ärger mit Ümläuten",
    "日本語",
    "Party 🎉",
    "Case",
    "case",
    "new",
    "x" * 120,
)

Source = Union[Dovecot, OtherServer]

_FLAGS = ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft")
_KEYWORDS = ("$Forwarded", "$MDNSent", "NonJunk", "$Label1", "Invoice-2024", "wichtig", "UPPER")
# The epoch, the last second of 32 bits, a leap day, summer and winter time, and a day like any other.
_DATES = (0, 2**31 - 1, 1_709_209_835, 1_719_871_200, 1_735_689_600, 760_600_345)
# A mailbox for looking at copies of others.
_SHADOW = "shadow@shadow.example"
# So many messages between two gaps.
_GAP = 8


@dataclass
class Scene:
    """One source account, one mail host, and a place for the files of a run.

    `source_user` is the account's name at the source when it is not the address.
    """

    directory: Path
    source: Source
    address: str
    password: str
    host: Dovecot
    ca_file: Path
    options: dict[str, Any] = field(default_factory=dict)
    source_user: Optional[str] = None

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """The module's options: the scene's, with `changes`; a change to None leaves the option out."""
        options = {
            "email": self.address,
            "password": self.password,
            "owner": OWNER,
            "source_host": "localhost",
            "source_user": self.source_user,
            "source_port": self.source.tls_port,
            "source_ca_cert": str(self.ca_file),
            **self.host_options(),
            **self.options,
            **changes,
        }
        return {name: value for name, value in options.items() if value is not None}

    def host_options(self) -> dict[str, Any]:
        """The options that say which mail host it is."""
        return {
            "dovecot_config": str(self.host.config),
            "users_file": str(self.host.users_file),
            "mail_home": str(self.host.home_of("%n@%d")),
            "uid": MAIL_UID,
            "gid": MAIL_GID,
            "state_dir": str(self.state_dir),
        }

    @property
    def state_dir(self) -> Path:
        """Where the mail host keeps the state of its imports."""
        return self.directory / "state"

    @property
    def maildir(self) -> Path:
        """The mailbox's Maildir on the mail host."""
        return self.host.home_of(self.address) / "Maildir"

    def run(self, check_mode: bool = False, **changes: Any) -> Outcome:
        """Run the module to its end."""
        return run_module(self.arguments(**changes), self.directory, check_mode=check_mode)

    def start(self, **changes: Any) -> Any:
        """Start the module and return its process."""
        return start_module(self.arguments(**changes), self.directory)

    def task(self, *options: str, keywords: Optional[dict[str, Any]] = None, **changes: Any) -> Outcome:
        """Run the module as a task of a play, with options of ansible-playbook and keywords of the task."""
        return run_task(self.arguments(**changes), self.directory, *options, **(keywords or {}))

    def info(self) -> dict[str, Any]:
        """What the mail host knows of its imports."""
        return run_module(self.host_options(), self.directory, module=INFO_MODULE).result

    def source_session(self) -> Session:
        """A login of the account's user at the source."""
        return self.source.session(self.source_user or self.address, self.password)

    def host_session(self, password: Optional[str] = None) -> Session:
        """A login of the mailbox's user on the mail host."""
        return Session(self.host.port, self.address, password or self.password)

    def source_account(self) -> Account:
        """Everything of the account at the source."""
        with self.source_session() as session:
            return session.account()

    def host_glimpse(self, address: Optional[str] = None) -> Account:
        """What a login to the mailbox would show now, without the traces that a login leaves in it; no empty
        folders."""
        home, copy = self.host.home_of(address or self.address), self.host.home_of(_SHADOW)
        if not self.host.accepts_password(_SHADOW, self.password):
            self.host.add_user(_SHADOW, self.password)
        shutil.rmtree(copy, ignore_errors=True)
        copy.parent.mkdir(exist_ok=True)
        os.chown(copy.parent, MAIL_UID, MAIL_GID)
        if home.exists():
            subprocess.run(["cp", "--archive", str(home), str(copy)], check=True)
        account = snapshot(self.host.port, _SHADOW, self.password)
        return account._replace(folders={path: folder for path, folder in account.folders.items() if folder.messages})

    def host_account(self, password: Optional[str] = None) -> Account:
        """Everything of the mailbox on the mail host."""
        return snapshot(self.host.port, self.address, password or self.password)


def fill(session: Session, mail: list[Mail], folders: tuple[str, ...] = FOLDERS) -> None:
    """Spread all messages over folders with flags, keywords and dates; others between them, removed again, leave gaps
    in the UIDs.
    """
    separator = session.separator()
    for number, template in enumerate(folders):
        name = template.format(separator)
        if name != "INBOX":
            session.create(name)
        if number % 3 != 2:
            session.subscribe(name)
        items = [item_of(message) for message in mail[number :: len(folders)]]
        for place in range(0, len(items) + len(items) // _GAP, _GAP + 1):
            items.insert(place, Item(small_message(place, "It goes again.")))
        session.append(name, items)
        session.select(name)
        doomed = session.uids()[:: _GAP + 1]
        if doomed:
            session.delete(doomed)
    session.create("Empty")


def item_of(message: Mail) -> Item:
    """The message with flags and a date that follow from its bytes, so that every run sees the same."""
    seed = hashlib.sha256(message.data).digest()
    flags = tuple(flag for bit, flag in enumerate(_FLAGS) if seed[0] >> bit & 1) if seed[0] & 64 else ()
    keywords = tuple(keyword for bit, keyword in enumerate(_KEYWORDS) if seed[1] >> bit & 1) if seed[1] & 128 else ()
    date = _DATES[seed[2] % len(_DATES)] if seed[2] & 128 else 1_200_000_000 + int.from_bytes(seed[3:6], "big")
    return Item(message.data, flags + keywords, date)


def difference(source: Account, host: Account) -> list[str]:
    """Where two accounts differ, in words: empty when they are equal in everything, UIDs and UIDVALIDITY included."""
    found = ["only at the source: folder %r" % (path,) for path in source.folders.keys() - host.folders.keys()]
    found += ["only on the host: folder %r" % (path,) for path in host.folders.keys() - source.folders.keys()]
    found += ["subscribed in one only: %r" % (path,) for path in source.subscriptions ^ host.subscriptions]
    for path in source.folders.keys() & host.folders.keys():
        there, here = source.folders[path], host.folders[path]
        if there.uidvalidity != here.uidvalidity:
            found.append("%r: UIDVALIDITY %d became %d" % (path, there.uidvalidity, here.uidvalidity))
        found += ["%r: UID %d is missing" % (path, uid) for uid in there.messages.keys() - here.messages.keys()]
        found += ["%r: UID %d is new" % (path, uid) for uid in here.messages.keys() - there.messages.keys()]
        for uid in there.messages.keys() & here.messages.keys():
            found += [
                "%r: UID %d: %s" % (path, uid, words) for words in _changes(there.messages[uid], here.messages[uid])
            ]
    return found


def torn_or_foreign(source: Account, host: Account) -> list[str]:
    """What a half-finished copy must not show: messages that the source does not have, so, under that UID."""
    return [
        line
        for line in difference(source, host)
        if not any(words in line for words in ("only at the source", "is missing", "subscribed"))
    ]


def _changes(there: Facts, here: Facts) -> list[str]:
    return ["%s %r became %r" % (name, old, new) for name, old, new in zip(Facts._fields, there, here) if old != new]
