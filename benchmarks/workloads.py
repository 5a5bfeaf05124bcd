# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is imported: mailboxes made up for the benchmark, the same on every machine, and what a copy of them must
hold."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import random
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Tuple

from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.imap import Item, Session

PASSWORD = "benchmark"  # noqa: S105 - of mailboxes that live for one run
DOMAIN = "example.org"

_SEED = 20260105
_POOL_BYTES = 1 << 20
_LETTERS = {"\\Answered": "R", "\\Seen": "S"}
# Messages read back at once, so that a mailbox of any size is compared in little memory.
_COMPARED_AT_ONCE = 1000
# The sizes of real mail are about log-normal, most of it far below the mean.
_SIGMA = 1.3
_SMALLEST = 120


class FolderContents(NamedTuple):
    """What a folder holds: number of messages, their bytes, and SHA-256 over the SHA-256 of each in an order of their
    own.
    """

    messages: int
    size: int
    digest: str


Contents = Mapping[str, FolderContents]


@dataclass(frozen=True)
class Account:
    """A login on the source, and the mailbox on the host that its mail goes to; the password is that of both."""

    user: str
    address: str
    password: str = field(default=PASSWORD, repr=False)


@dataclass(frozen=True)
class Workload:
    """Mailboxes of one kind. `messages` are those of each mailbox; `mean_size` is in bytes.

    `same_size` gives all messages that size; otherwise sizes differ as those of real mail do.
    """

    name: str
    title: str
    mailboxes: int
    folders: int
    messages: int
    mean_size: int
    same_size: bool = False

    @property
    def accounts(self) -> List[Account]:
        addresses = ["%s%d@%s" % (self.name, number, DOMAIN) for number in range(1, self.mailboxes + 1)]
        return [Account(address, address) for address in addresses]

    def shrunk(self, factor: int) -> Workload:
        """The same with fewer mailboxes and messages, at least one a folder."""
        mailboxes = -(-self.mailboxes // factor)
        messages = max(self.folders, self.messages // factor)
        return replace(self, mailboxes=mailboxes, messages=messages, title="%s, shrunk by %d" % (self.title, factor))

    def fill(self, server: Dovecot) -> None:
        """Make the mailboxes on a server. Their messages go right into the files, which takes a tenth of the time of
        APPEND.
        """
        messages = iter(_Messages(self))
        server.add_users({account.user: account.password for account in self.accounts})
        for account in self.accounts:
            with Session(server.port, account.user, account.password) as session:
                for name, count in self._folders():
                    if name != "INBOX":
                        session.create(name)
                    session.subscribe(name)
                    session.select(name, read_only=True)  # makes the directories of INBOX
                    maildir = server.home_of(account.user) / "Maildir"
                    _write_messages(
                        maildir / "cur" if name == "INBOX" else maildir / ("." + name) / "cur",
                        itertools.islice(messages, count),
                    )

    def fill_inbox(self, session: Session) -> None:
        """Put the messages of one mailbox into the INBOX of an account on any server."""
        refused = session.append_each("INBOX", itertools.islice(_Messages(self), self.messages))
        assert not refused, refused

    def _folders(self) -> Iterator[Tuple[str, int]]:
        for number in range(self.folders):
            count = self.messages // self.folders + (number < self.messages % self.folders)
            yield ("INBOX" if number == 0 else "Folder %03d" % number), count


WORKLOADS: Dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("small", "10,000 messages, 95 MB, 5 folders", 1, 5, 10_000, 9_500),
        Workload("large", "300 messages of 1 MB", 1, 1, 300, 1_000_000, same_size=True),
        Workload("mailboxes", "20 mailboxes of 500 messages", 20, 5, 500, 9_500),
        Workload("tiny", "100,000 tiny messages in one folder", 1, 1, 100_000, 400, same_size=True),
        Workload("line", "500 messages in 5 folders", 1, 5, 500, 9_500),
        Workload("folders", "300 messages in 300 folders", 1, 300, 300, 9_500),
        Workload("narrow", "2,000 messages, 19 MB, 5 folders", 1, 5, 2_000, 9_500),
        Workload("queued", "16 mailboxes of 200 messages", 16, 2, 200, 9_500),
        Workload("wide", "8,000 messages, 76 MB, one folder", 1, 1, 8_000, 9_500),
        Workload("many", "1,000 mailboxes of three messages", 1_000, 1, 3, 2_000),
        Workload("servers", "1,000 messages, 9.5 MB, one folder", 1, 1, 1_000, 9_500),
        Workload("million", "1,000,000 tiny messages in one folder", 1, 1, 1_000_000, 400, same_size=True),
        Workload("huge", "one message of 500 MB", 1, 1, 1, 500_000_000, same_size=True),
    )
}


def deliver(server: Dovecot, account: Account, number: int) -> None:
    """Put a new message into an account's INBOX, as Dovecot's own delivery does."""
    maildir = server.home_of(account.user) / "Maildir"
    written = maildir / "tmp" / ("1700000000.M%dP2.source" % number)
    written.write_bytes(b"From: sender@example.net\r\nSubject: New message %d\r\n\r\nJust in.\r\n" % number)
    os.chown(written, MAIL_UID, MAIL_GID)
    written.rename(maildir / "new" / written.name)


def _write_messages(directory: Path, items: Iterable[Item]) -> None:
    """Write messages into a Maildir's directory, as Dovecot names them."""
    for number, item in enumerate(items):
        letters = "".join(sorted(_LETTERS[flag] for flag in item.flags))
        file = directory / (
            "1600000000.M%07dP1.source,S=%d,W=%d:2,%s" % (number, len(item.data), len(item.data), letters)
        )
        file.write_bytes(item.data)
        os.utime(file, (item.internal_date, item.internal_date))
        os.chown(file, MAIL_UID, MAIL_GID)


class _Messages:
    """An endless stream of different messages: text mostly, every fifth with an attachment, sizes as in real mail."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._random = random.Random("%d %s" % (_SEED, workload.name))
        self._text = self._make_text()
        self._base64 = base64.encodebytes(self._random.randbytes(_POOL_BYTES * 57 // 78)).replace(b"\n", b"\r\n")
        self._number = 0

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        self._number += 1
        number, size = self._number, self._size()
        attached = number % 5 == 0
        head = (
            "Return-Path: <sender%(n)d@example.net>\r\nReceived: from mx.example.net (mx.example.net [192.0.2.%(b)d]) "
            "by mail.example.com;"
            " Mon, 5 Jan 2026 10:00:00 +0000\r\nFrom: Sender %(n)d <sender%(n)d@example.net>\r\nTo: box@example.org\r\n"
            "Subject: Message %(n)d\r\nMessage-ID: <%(n)d.%(name)s@example.net>\r\nDate: Mon, 5 Jan 2026 10:00:00 "
            "+0000\r\nMIME-Version: 1.0\r\n"
            "Content-Type: %(type)s\r\nContent-Transfer-Encoding: %(encoding)s\r\n\r\n"
            % {
                "n": number,
                "b": number % 254 + 1,
                "name": self._workload.name,
                "type": "application/octet-stream" if attached else "text/plain; charset=us-ascii",
                "encoding": "base64" if attached else "7bit",
            }
        ).encode()
        body = self._body(self._base64 if attached else self._text, max(2, size - len(head)))
        flags = ("\\Seen", "\\Answered")[: number % 3]
        return Item(head + body, flags, 1_600_000_000 + number * 997)

    def _size(self) -> int:
        mean = self._workload.mean_size
        if self._workload.same_size:
            return mean
        # So that the mean of the distribution is the workload's.
        median_to_mean = 2.718281828 ** (_SIGMA**2 / 2)
        return max(_SMALLEST, int(self._random.lognormvariate(0, _SIGMA) * mean / median_to_mean))

    def _body(self, pool: bytes, size: int) -> bytes:
        """Whole lines of the pool from a place of their own, `size` bytes of them, with a line end."""
        start = pool.index(b"\n", self._random.randrange(len(pool) // 2)) + 1
        body = pool[start : start + size - 2]
        missing = size - 2 - len(body)
        if missing > 0:
            body += (pool * (missing // len(pool) + 1))[:missing]
        return body.rstrip(b"\r\n") + b"\r\n"

    def _make_text(self) -> bytes:
        """Lines of made-up words, frequent ones more often, so that they compress as a language does."""
        letters = "etaoinshrdlucmfwypvbgkjqxz"
        weights = [1 / (place + 2) for place in range(len(letters))]
        words = ["".join(self._random.choices(letters, weights, k=self._random.randint(2, 9))) for _ in range(6000)]
        frequencies = list(itertools.accumulate(1 / (rank + 5) for rank in range(len(words))))
        lines: List[bytes] = []
        size = 0
        while size < _POOL_BYTES:
            line = " ".join(self._random.choices(words, cum_weights=frequencies, k=12)).encode() + b"\r\n"
            lines.append(line)
            size += len(line)
        return b"".join(lines)


def contents(port: int, user: str, password: str, without_header: str = "") -> Contents:
    """Read what every folder of an account holds that has messages.

    Args:
        without_header: name of a header field that does not count.
    """
    items = "BODY.PEEK[HEADER.FIELDS.NOT (%s)] BODY.PEEK[TEXT]" % without_header if without_header else "BODY.PEEK[]"
    found: Dict[str, FolderContents] = {}
    with Session(port, user, password) as session:
        separator = session.separator()
        for path in session.folders():
            session.select(separator.join(path), read_only=True)
            uids = session.uids()
            digests: List[str] = []
            size = 0
            for start in range(0, len(uids), _COMPARED_AT_ONCE):
                last = uids[min(start + _COMPARED_AT_ONCE, len(uids)) - 1]
                for response in session.command(("UID FETCH %d:%d (%s)" % (uids[start], last, items)).encode()):
                    digests.append("".join(literal.digest.sha256 for literal in response.literals))
                    size += sum(literal.digest.size for literal in response.literals)
            if digests:
                digest = hashlib.sha256("\n".join(sorted(digests)).encode()).hexdigest()
                found["/".join(path)] = FolderContents(len(digests), size, digest)
    return found
