# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of mailboxes in sdbox and mdbox share."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.imap import Account, Facts
from support.mail import small_message

BOXES = {
    "sdbox": {"mail_location": "sdbox:~/sdbox", "separator": "/"},
    "mdbox": {"mail_location": "mdbox:~/mdbox", "separator": "/"},
}
# From 2.4.2 on, in every message that is appended.
_NOTED_BY_DOVECOT = frozenset({"$HasAttachment", "$HasNoAttachment"})
FOLDERS = ("INBOX", "Sent", "Projects{0}2024", "Party 🎉", "Fish & Chips")


def loss(source: Account, host: Account) -> list[str]:
    """Where the mailbox differs from its source in anything but UIDs, which APPEND cannot choose."""
    found = ["folder %r" % (path,) for path in source.folders.keys() ^ host.folders.keys()]
    found += ["subscription %r" % (path,) for path in source.subscriptions ^ host.subscriptions]
    for path in source.folders.keys() & host.folders.keys():
        there, here = messages(source, path), messages(host, path)
        found += ["%r lacks %r" % (path, facts) for facts in surplus(there, here)]
        found += ["%r has in addition %r" % (path, facts) for facts in surplus(here, there)]
    return found


def messages(account: Account, path: tuple[str, ...]) -> list[Facts]:
    """Everything but the UID of each message in a folder, and but what Dovecot notes itself."""
    found = account.folders[path].messages.values()
    return [facts._replace(flags=facts.flags - _NOTED_BY_DOVECOT) for facts in found]


def surplus(some: list[Facts], others: list[Facts]) -> list[Facts]:
    """Those of some, each as often as it is there more often than among the others."""
    left = list(others)
    found = []
    for facts in some:
        if facts in left:
            left.remove(facts)
        else:
            found.append(facts)
    return found


def in_order(account: Account, path: tuple[str, ...]) -> list[str]:
    """Digests of a folder's messages in the order of their UIDs."""
    return [facts.content.sha256 for _uid, facts in sorted(account.folders[path].messages.items())]


def imap_processes(host: Dovecot) -> list[int]:
    """Sessions without a login on a mail host."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"/imap") and str(host.config).encode() in words:
                found.append(int(path.name))
    return found


def large_message(number: int, size: int) -> bytes:
    """A message of about so many bytes, with lines of a usual length."""
    beginning = small_message(number)
    line = b"%072d\r\n" % number
    return beginning + line * ((size - len(beginning)) // len(line))


def write_maildir(server: Dovecot, address: str, mail: list[bytes]) -> None:
    """Put files into a mailbox as they are: Dovecot gives them back so, and would have changed them when appended."""
    home = server.home_of(address)
    new = home / "Maildir" / "new"
    new.mkdir(parents=True)
    for number, data in enumerate(mail, 1_700_000_000):
        (new / ("%d.M1P1.example" % number)).write_bytes(data)
    for path in (home, *home.rglob("*")):
        os.chown(path, MAIL_UID, MAIL_GID)
    os.chown(home.parent, MAIL_UID, MAIL_GID)
