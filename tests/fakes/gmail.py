# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake of Gmail's IMAP server: messages once, labels as folders that show them, and X-GM-EXT-1.

After https://developers.google.com/workspace/gmail/imap/imap-extensions and recorded sessions.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Optional

from .imap_mail import Folder, Message
from .imap_server import Command, FakeServer, Session, usual_response

GREETING = b"* OK Gimap ready for requests from 192.0.2.1 a1mb2\r\n"
CAPABILITIES = (
    b"IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS COMPRESS=DEFLATE ENABLE MOVE "
    b"CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584"
)
# As a German account has them. Spam and Trash are not in All Mail.
ALL, SPAM, TRASH = b"[Gmail]/Alle Nachrichten", b"[Gmail]/Spam", b"[Gmail]/Papierkorb"
SENT, DRAFTS = b"[Gmail]/Gesendet", b"[Gmail]/Entw&APw-rfe"
IMPORTANT, STARRED = b"[Gmail]/Wichtig", b"[Gmail]/Markiert"
SYSTEM = {
    ALL: b"\\All",
    SPAM: b"\\Junk",
    TRASH: b"\\Trash",
    SENT: b"\\Sent",
    DRAFTS: b"\\Drafts",
    IMPORTANT: b"\\Important",
    STARRED: b"\\Flagged",
}
OVER_QUOTA = b"NO [OVERQUOTA] Account exceeded command or bandwidth limits. (Failure)"


@dataclass
class Mail(Message):
    """A message as a folder shows it; `number` is the same in all of them."""

    number: int = 0


@dataclass
class GmailAccount:
    """An account. `labels` are names of folders on the wire; INBOX and the system's own are always there."""

    labels: tuple[bytes, ...] = ()
    all_mail: bool = True
    sent_bytes: int = 0
    budget: Optional[int] = None
    folders: dict[bytes, Folder] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(2**63 + 1278455344230334865))
    _uids: dict[bytes, Iterator[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._add(Folder(b"[Gmail]", attributes=(b"\\HasChildren", b"\\Noselect")))
        for name in (b"INBOX", *self.labels):
            self._add(Folder(name, [], attributes=(b"\\HasNoChildren",), subscribed=True))
        for name, use in SYSTEM.items():
            if name != ALL or self.all_mail:
                self._add(Folder(name, [], attributes=(use, b"\\HasNoChildren")))

    def _add(self, folder: Folder) -> None:
        folder.uidvalidity = 11 + len(self.folders)
        self.folders[folder.name] = folder
        # Each folder counts for itself.
        self._uids[folder.name] = itertools.count(1 + 100 * len(self.folders))

    def add(self, body: bytes, *labels: bytes, flags: tuple[bytes, ...] = ()) -> int:
        """Add a message with these labels, and to All Mail; return its number."""
        number = next(self._numbers)
        hidden = {SPAM, TRASH} & set(labels)
        starred = (STARRED,) if b"\\Flagged" in flags else ()
        for name in (*labels, *starred, *(() if hidden or not self.all_mail else (ALL,))):
            self._show(name, Mail(0, body, flags, number=number))
        return number

    def label(self, number: int, name: bytes) -> None:
        """Give a message one more label."""
        known = next(mail for folder in self.folders.values() for mail in folder.messages if mail.number == number)
        self._show(name, Mail(0, known.body, known.flags, number=number))

    def unlabel(self, number: int, name: bytes) -> None:
        """Take a label from a message."""
        folder = self.folders[name]
        folder.messages = [mail for mail in folder.messages if mail.number != number]

    def _show(self, name: bytes, mail: Mail) -> None:
        mail.uid = next(self._uids[name])
        mail.modseq = mail.uid
        self.folders[name].messages = [*self.folders[name].messages, mail]

    @property
    def size(self) -> int:
        """Bytes of all messages, each counted once."""
        bodies = {mail.number: mail.body for folder in self.folders.values() for mail in folder.messages}
        return sum(map(len, bodies.values()))

    def serve(self) -> FakeServer:
        """The server, to be entered."""
        server = FakeServer(list(self.folders.values()), CAPABILITIES, GREETING, render=self._render)
        server.on("UID FETCH", self._fetch)
        server.on("AUTHENTICATE", _let_in)
        return server

    def _render(self, sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
        if with_body:
            self.sent_bytes += len(message.body)
        return usual_response(sequence, message, with_body)

    def _fetch(self, session: Session, command: Command) -> None:
        if b"X-GM-MSGID" not in command.rest:
            self._fetch_within_budget(session, command)
            return
        if session.folder is None:
            session.answer(command, b"BAD no folder is open")
            return
        for place, (sequence, mail) in enumerate(session.wanted(command)):
            # Any order, UID last, and labels that nobody asked for.
            items = [
                b"X-GM-MSGID %d" % mail.number,
                b"RFC822.SIZE %d" % len(mail.body),
                b"FLAGS (%s)" % b" ".join(mail.flags),
            ]
            labels = b'X-GM-LABELS (\\Inbox "Muy \\"Importante\\" (x)" NIL "\\\\Sent")'
            items = items[place % 3 :] + items[: place % 3] + ([labels] if place % 2 else [])
            session.write(b"* %d FETCH (%s UID %d)\r\n" % (sequence, b" ".join(items), mail.uid))
        session.answer(command, b"OK Success")

    def _fetch_within_budget(self, session: Session, command: Command) -> None:
        with_body = b"BODY.PEEK[]" in command.rest and not re.search(rb"BODY\.PEEK\[\]<", command.rest)
        if session.folder is None:
            session.answer(command, b"BAD no folder is open")
            return
        for sequence, mail in session.wanted(command):
            if with_body and self.budget is not None and self.sent_bytes + len(mail.body) > self.budget:
                session.answer(command, OVER_QUOTA)
                return
            session.send_messages(command, [(sequence, mail)])
        session.answer(command, b"OK Success")


def _let_in(session: Session, command: Command) -> None:
    if b" " not in command.rest:
        session.write(b"+ \r\n")
        session.flush()
        session._input.readline()
    session.write(b"* CAPABILITY %s\r\n" % CAPABILITIES)
    session.answer(command, b"OK anna@one.example authenticated (Success)")
