# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an IMAP server that mail goes to says of a mailbox: its namespace, its folders and what they are for."""

from __future__ import annotations

import hashlib
import ssl
from contextlib import suppress
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ...imap.connection import Client
from ...imap.folder_names import decode_folder_name
from ...imap.login import connect
from ...imap.responses import Parts, Status, parse_parts
from ...imap.session import ImapSession
from ...model.errors import MailImportError
from ...model.mail import ImapAccount, TargetAccount, prefixes_within

# Special uses that are folders of their own (RFC 6154), and those that show the mail of other folders: nothing is ever
# stored there.
_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
_VIEWS = frozenset(("\\all", "\\flagged", "\\important"))
# What they are called where a server does not say what they are for, in small letters; the first that is there counts.
_USUAL_NAMES = {
    "\\Archive": ("archive", "archives"),
    "\\Drafts": ("drafts", "draft"),
    "\\Junk": ("junk", "spam", "junk email", "junk e-mail", "bulk mail"),
    "\\Sent": ("sent", "sent items", "sent messages", "sent mail"),
    "\\Trash": ("trash", "deleted items", "deleted messages", "deleted"),
}
_MOST_FOLDERS = 50_000

_FIGURES = (b"UIDVALIDITY", b"UIDNEXT", b"MESSAGES")
_INBOX_FIGURES = (
    b"STATUS INBOX (%s)" % b" ".join(_FIGURES),
    b"EXAMINE INBOX",
    b"FETCH * (INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER]<0.4096>)",
)


class Mailbox(NamedTuple):
    """What is known of a mailbox on the server; see MailSession for the words. `inbox` is what `inbox_figures` returns,
    None when that was not asked.
    """

    separator: str
    prefix: str
    special_use: Dict[str, str]
    views: List[str]
    others_prefixes: List[str]
    inbox: Optional[List[Any]] = None


class _Listed(NamedTuple):
    attributes: FrozenSet[str]
    separator: str
    name: str


def look_at_mailbox(account: TargetAccount, context: Optional[ssl.SSLContext], with_inbox: bool) -> List[Any]:
    """Log in and return the values of a Mailbox.

    Raises:
        MailImportError: what keeps it from being opened.
    """
    session = _Session(connect(account, context))
    try:
        return list(session.mailbox(with_inbox))
    finally:
        session.close()


def inbox_figures(account: ImapAccount, context: Optional[ssl.SSLContext]) -> List[Any]:
    """Log in and return what tells an INBOX from others: UIDVALIDITY, UIDNEXT, how many messages, and a digest of
    the newest one's arrival, size and header; nothing when INBOX is empty.

    Raises:
        MailImportError: what keeps it from being opened, or `host_refused` when the server does not say that.
    """
    session = _Session(connect(account, context))
    try:
        return session.figures(session.send(*_INBOX_FIGURES))
    finally:
        session.close()


def _ended(status: Status) -> MailImportError:
    return MailImportError("connection_failed", "the mail host ends the session: %s" % status)


class _Session(ImapSession):
    def __init__(self, client: Client) -> None:
        super().__init__(client.incoming, _ended)
        self._client = client
        self.capabilities = frozenset(word.upper() for word in client.capabilities())

    def transmit(self, data: Union[bytes, bytearray]) -> None:
        self._client.send(data)

    def close(self) -> None:
        self._client.disconnect()

    def figures(self, tags: List[bytes]) -> List[Any]:
        """Read the answers to _INBOX_FIGURES; empty when there is no mail."""
        said: Dict[bytes, bytes] = {}
        newest: List[str] = []

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            if values[0].upper() == b"STATUS" and isinstance(values[-1], list):
                said.update(zip((item.upper() for item in values[-1][::2]), values[-1][1::2]))
            elif b"INTERNALDATE" in parts[0].upper():
                newest.append(hashlib.sha256(repr(values).encode()).hexdigest())

        self.reader.collect(tags, handle)
        figures = [int(said[item]) for item in _FIGURES if item in said and said[item].isdigit()]
        if len(figures) < len(_FIGURES):
            raise MailImportError("host_refused", "%s does not say what its INBOX holds" % self.peer)
        return [*figures, newest[-1]] if newest else []

    def mailbox(self, with_inbox: bool) -> Mailbox:
        """What is known of the mailbox, in one round trip."""
        commands = [b"NAMESPACE"] if b"NAMESPACE" in self.capabilities else []
        says_uses = b"SPECIAL-USE" in self.capabilities and b"LIST-EXTENDED" in self.capabilities
        commands.append(b'LIST "" "*" RETURN (SPECIAL-USE)' if says_uses else b'LIST "" "*"')
        if not says_uses and b"XLIST" in self.capabilities:
            commands.append(b'XLIST "" "*"')
        told: List[List[Any]] = []

        def handle(parts: Parts) -> None:
            if parts[0].split(b" ", 1)[0].upper() in (b"NAMESPACE", b"LIST", b"XLIST") and len(told) < _MOST_FOLDERS:
                told.append(parse_parts(parts))

        tags = self.send(*commands, *(_INBOX_FIGURES if with_inbox else ()))
        status = self.reader.collect(tags[: len(commands)], handle)
        if not status.ok:
            raise MailImportError("host_refused", "%s does not list its folders: %s" % (self.peer, status))
        mailbox = _mailbox_of(told)
        if with_inbox:
            with suppress(MailImportError):  # it is asked for again when it is needed
                mailbox = mailbox._replace(inbox=self.figures(tags[len(commands) :]))
        return mailbox


def _mailbox_of(told: Sequence[List[Any]]) -> Mailbox:
    listed = [entry for entry in map(_listed, told) if entry]
    prefix, separator = _own_namespace(told)
    separator = separator or next((entry.separator for entry in listed if entry.separator), "")
    own = [entry._replace(name=_without(entry.name, prefix)) for entry in listed]
    views = [entry.name for entry in own if entry.attributes & _VIEWS]
    folders = [entry for entry in own if "\\noselect" not in entry.attributes and entry.name not in views]
    uses = {use: _folder_for(use, folders) for use in _USES}
    others = prefixes_within(prefix, _others_prefixes(told))
    return Mailbox(separator, prefix, {use: name for use, name in uses.items() if name}, views, list(others))


def _own_namespace(told: Sequence[List[Any]]) -> Tuple[str, str]:
    """Prefix and separator of the user's own folders (RFC 2342)."""
    for values in told:
        if values[0].upper() == b"NAMESPACE" and len(values) > 1 and isinstance(values[1], list) and values[1]:
            first = values[1][0]
            if isinstance(first, list) and len(first) > 1 and isinstance(first[0], bytes):
                separator = first[1] if isinstance(first[1], bytes) else b""
                return decode_folder_name(first[0]), decode_folder_name(separator)
    return "", ""


def _others_prefixes(told: Sequence[List[Any]]) -> Iterator[str]:
    """Prefixes of other people's folders, and of shared ones. Some servers tell them without the separator, which only
    names behind ~ and # do not have (RFC 2342 section 5, example 5.6).
    """
    for values in told:
        if values[0].upper() == b"NAMESPACE":
            for kind in values[2:4]:
                for space in kind if isinstance(kind, list) else ():
                    if isinstance(space, list) and space and isinstance(space[0], bytes):
                        prefix, separator = [*space, None][:2]
                        is_whole = not isinstance(separator, bytes) or not prefix.strip(b"~#")
                        yield decode_folder_name(
                            prefix if is_whole or prefix.endswith(separator) else prefix + separator
                        )


def _listed(values: List[Any]) -> Optional[_Listed]:
    if values[0].upper() == b"NAMESPACE" or len(values) < 4 or not isinstance(values[1], list):
        return None
    attributes = frozenset(word.decode("ascii", "replace").lower() for word in values[1] if isinstance(word, bytes))
    separator, name = (bytes(value) if isinstance(value, bytes) else b"" for value in values[2:4])
    return _Listed(attributes, decode_folder_name(separator), decode_folder_name(name))


def _without(name: str, prefix: str) -> str:
    return name[len(prefix) :] if prefix and name.startswith(prefix) else name


def _folder_for(use: str, folders: Sequence[_Listed]) -> Optional[str]:
    """The folder for a use: the one that the server names, or else the one that is called as it usually is."""
    having = [folder.name for folder in folders if use.lower() in folder.attributes]
    if having:
        return having[0]
    names = {folder.name.lower(): folder.name for folder in folders}
    return next((names[name] for name in _USUAL_NAMES[use] if name in names), None)
