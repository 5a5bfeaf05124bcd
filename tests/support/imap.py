# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An IMAP client for tests: fills accounts fast and reads them back exactly.

It is deliberately not the collection's own reader, so that one cannot hide the other's mistakes (RFC 3501, RFC 3502,
RFC 7888).
"""

from __future__ import annotations

import base64
import collections
import datetime
import hashlib
import re
import socket
import ssl
from typing import Deque, Iterable, List, Mapping, NamedTuple, Optional, Sequence

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_BATCH = 100


class Digest(NamedTuple):
    """What is kept of a message's bytes."""

    sha256: str
    size: int


class LiteralValue(NamedTuple):
    """A literal: its bytes when they are few, and its digest."""

    head: bytes
    digest: Digest


class Response(NamedTuple):
    """One response: its text, in which every literal is left as `{size}`, and the literals."""

    text: bytes
    literals: List[LiteralValue]


class Item(NamedTuple):
    """A message to put into an account; `internal_date` in seconds since the epoch."""

    data: bytes
    flags: tuple[str, ...] = ()
    internal_date: int = 1_700_000_000


class Facts(NamedTuple):
    """What a message is to its owner, besides where it lies."""

    flags: frozenset[str]
    internal_date: int
    content: Digest


class FolderContent(NamedTuple):
    """A folder: its UIDVALIDITY and its messages by UID."""

    uidvalidity: int
    messages: Mapping[int, Facts]


class Account(NamedTuple):
    """Everything of an account. Folders go by their readable names, split at the server's separator."""

    folders: Mapping[tuple[str, ...], FolderContent]
    subscriptions: frozenset[tuple[str, ...]]

    def contents(self) -> list[Digest]:
        """Digests of all messages, sorted: what is there regardless of folder and UID."""
        return sorted(facts.content for folder in self.folders.values() for facts in folder.messages.values())


class ImapError(Exception):
    """The server did not answer OK; the message is its answer."""


class Session:
    """A login over a plain connection, or with STARTTLS when `context` is given."""

    def __init__(
        self,
        port: int,
        user: str,
        password: str,
        context: Optional[ssl.SSLContext] = None,
        address: str = "127.0.0.1",
        name: str = "localhost",
    ) -> None:
        self._socket: socket.socket = socket.create_connection((address, port), timeout=300)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", buffering=1 << 18)
        self._tag = 0
        self._read_response()
        if context is not None:
            self.command(b"STARTTLS")
            self._socket = context.wrap_socket(self._socket, server_hostname=name)
            self._file = self._socket.makefile("rb", buffering=1 << 18)
        self.command(b"LOGIN %s %s" % (quote(user.encode()), quote(password.encode())))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()
        self._socket.close()

    def command(self, *parts: bytes) -> list[Response]:
        """Send a command whose parts alternate between text and literals; return its untagged responses.

        Raises:
            ImapError: the tagged answer is not OK.
        """
        self._tag += 1
        tag = b"T%d" % self._tag
        pieces = [tag, b" ", parts[0]]
        for literal, text in zip(parts[1::2], parts[2::2]):
            pieces += [b" {%d+}\r\n" % len(literal), literal, text]
        self._socket.sendall(b"".join(pieces) + b"\r\n")
        return self._answer(tag)

    def say(self, data: bytes) -> None:
        """Send bytes as they are: what `command` does not."""
        self._socket.sendall(data)

    def hear(self) -> bytes:
        """The server's next line."""
        return self._file.readline()

    def _answer(self, tag: bytes) -> list[Response]:
        untagged: list[Response] = []
        while True:
            response = self._read_response()
            if response.text.startswith(tag + b" "):
                if not response.text.startswith(tag + b" OK"):
                    raise ImapError(response.text.decode(errors="replace").strip())
                return untagged
            untagged.append(response)

    def capabilities(self) -> frozenset[bytes]:
        """What the server offers now."""
        (response,) = self.command(b"CAPABILITY")
        return frozenset(response.text.upper().split()[2:])

    def _read_response(self) -> Response:
        text = b""
        literals: list[LiteralValue] = []
        while True:
            line = self._file.readline()
            if not line:
                raise ConnectionError("the server closed the connection")
            text += line
            literal = _LITERAL.search(line)
            if literal is None:
                return Response(text.rstrip(b"\r\n"), literals)
            literals.append(self._read_literal(int(literal.group(1))))

    def _read_literal(self, size: int) -> LiteralValue:
        """Short literals (names) as bytes, long ones as their digest only."""
        digest, left, head = hashlib.sha256(), size, b""
        while left:
            chunk = self._file.read(min(left, 1 << 18))
            if not chunk:
                raise ConnectionError("the server closed the connection inside a literal")
            digest.update(chunk)
            left -= len(chunk)
            head = head or chunk
        return LiteralValue(head if len(head) == size else b"", Digest(digest.hexdigest(), size))

    def separator(self) -> str:
        """The hierarchy separator."""
        (response,) = self.command(b'LIST "" ""')
        match = re.search(rb'\) "(\\?.)"', response.text)
        if match is None:
            raise ImapError("no separator in %r" % response.text)
        return match.group(1).decode()[-1]

    def namespace(self) -> tuple[str, str]:
        """Prefix and separator of the personal namespace (RFC 2342)."""
        try:
            (response,) = self.command(b"NAMESPACE")
        except ImapError:
            return "", self.separator()
        prefix, separator = _group(rb'NAMESPACE \(\("([^"]*" "[^"]*)"', response.text).decode().split('" "')
        return prefix, separator

    def create(self, name: str) -> None:
        """Create a folder by its readable name, separators included."""
        self.command(b"CREATE " + quote_name(name))

    def subscribe(self, name: str) -> None:
        """Subscribe to a folder."""
        self.command(b"SUBSCRIBE " + quote_name(name))

    def append(self, name: str, items: Iterable[Item]) -> None:
        """Append messages to a folder, many in one command (RFC 3502)."""
        pending = list(items)
        for start in range(0, len(pending), _BATCH):
            parts = [b"APPEND " + quote_name(name)]
            for item in pending[start : start + _BATCH]:
                parts[-1] += b' (%s) "%s"' % (" ".join(item.flags).encode(), imap_date(item.internal_date))
                parts += [item.data, b""]
            self.command(*parts)

    def append_each(self, name: str, items: Iterable[Item]) -> list[str]:
        """Append messages to a folder, each in a command of its own; return why some were refused.

        With LITERAL+ (RFC 7888) many commands are under way at a time.
        """
        ahead = _BATCH if b"LITERAL+" in self.capabilities() else 1
        waiting: Deque[bytes] = collections.deque()
        refusals = []
        for item in items:
            self._tag += 1
            waiting.append(b"T%d" % self._tag)
            command = b'%s APPEND %s (%s) "%s" {%d' % (
                waiting[-1],
                quote_name(name),
                " ".join(item.flags).encode(),
                imap_date(item.internal_date),
                len(item.data),
            )
            if ahead > 1:
                self._socket.sendall(command + b"+}\r\n" + item.data + b"\r\n")
            else:
                self._socket.sendall(command + b"}\r\n")
                response = self._read_response()
                if not response.text.startswith(b"+"):
                    refusals.append(response.text.decode(errors="replace"))
                    waiting.clear()
                    continue
                self._socket.sendall(item.data + b"\r\n")
            if len(waiting) >= ahead:
                refusals += self._refusal(waiting.popleft())
        while waiting:
            refusals += self._refusal(waiting.popleft())
        return refusals

    def _refusal(self, tag: bytes) -> list[str]:
        try:
            self._answer(tag)
        except ImapError as error:
            return [str(error)]
        return []

    def select(self, name: str, read_only: bool = False) -> None:
        """Open a folder."""
        self.command((b"EXAMINE " if read_only else b"SELECT ") + quote_name(name))

    def store(self, uids: Sequence[int], change: str) -> None:
        """Change flags of messages in the open folder, e.g. `+FLAGS (\\Seen)`."""
        self.command(b"UID STORE %s %s" % (_set(uids), change.encode()))

    def delete(self, uids: Sequence[int]) -> None:
        """Remove messages of the open folder for good."""
        self.store(uids, "+FLAGS (\\Deleted)")
        self.command(b"UID EXPUNGE " + _set(uids))

    def move(self, uids: Sequence[int], name: str) -> None:
        """Move messages of the open folder to another (RFC 6851)."""
        self.command(b"UID MOVE %s %s" % (_set(uids), quote_name(name)))

    def uids(self) -> list[int]:
        """UIDs of the open folder, ascending."""
        found = [response.text.split() for response in self.command(b"UID SEARCH ALL")]
        return [int(uid) for words in found if words[1] == b"SEARCH" for uid in words[2:]]

    def folders(self) -> list[tuple[str, ...]]:
        """Readable names, split, of all folders that can be opened."""
        return self._names(b'LIST "" "*"')

    def subscriptions(self) -> list[tuple[str, ...]]:
        """Readable names, split, of all subscribed folders."""
        return self._names(b'LSUB "" "*"')

    def _names(self, command: bytes) -> list[tuple[str, ...]]:
        names = []
        for response in self.command(command):
            match = re.match(rb'\* (?:LIST|LSUB) \((.*?)\) (NIL|"\\?.") (.*)$', response.text)
            if match is None:
                raise ImapError("not understood: %r" % response.text)
            attributes, separator, name = match.groups()
            if not {b"\\noselect", b"\\nonexistent"} & set(attributes.lower().split()):
                readable = decode_name(response.literals[0].head if response.literals else _unquote(name))
                names.append((readable,) if separator == b"NIL" else tuple(readable.split(separator.decode()[-2])))
        return names

    def content(self, name: str) -> FolderContent:
        """Everything of one folder, without changing it."""
        uidvalidity = 0
        for response in self.command(b"EXAMINE " + quote_name(name)):
            match = re.search(rb"\[UIDVALIDITY (\d+)\]", response.text)
            uidvalidity = int(match.group(1)) if match else uidvalidity
        messages = {}
        for response in self.command(b"UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])"):
            if b" FETCH (" in response.text and b"BODY[]" in response.text:
                uid, facts = _facts(response)
                messages[uid] = facts
        return FolderContent(uidvalidity, messages)

    def account(self) -> Account:
        """Everything of the account, without changing it."""
        separator = self.separator()
        folders = {path: self.content(separator.join(path)) for path in self.folders()}
        return Account(folders, frozenset(self.subscriptions()))


def snapshot(port: int, user: str, password: str) -> Account:
    """Read everything of an account, without changing it."""
    with Session(port, user, password) as session:
        return session.account()


def _facts(response: Response) -> tuple[int, Facts]:
    uid = _group(rb"\bUID (\d+)", response.text)
    flags = frozenset(_group(rb"FLAGS \(([^)]*)\)", response.text).decode().split()) - {"\\Recent"}
    date = parse_imap_date(_group(rb'INTERNALDATE "([^"]*)"', response.text))
    return int(uid), Facts(
        flags, date, response.literals[-1].digest if response.literals else Digest(hashlib.sha256().hexdigest(), 0)
    )


def _group(pattern: bytes, text: bytes) -> bytes:
    match = re.search(pattern, text)
    if match is None:
        raise ImapError("%r is not in %r" % (pattern, text[:200]))
    return match.group(1)


def _set(uids: Sequence[int]) -> bytes:
    return ",".join(map(str, uids)).encode()


def quote(text: bytes) -> bytes:
    """A quoted string (RFC 3501 section 4.3)."""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _unquote(text: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", text[1:-1]) if text.startswith(b'"') else text


def quote_name(name: str) -> bytes:
    """A folder's readable name as a quoted string of modified UTF-7."""
    return quote(encode_name(name))


def encode_name(name: str) -> bytes:
    """Modified UTF-7 (RFC 3501 section 5.1.3)."""
    encoded = b""
    for part in re.findall(r"[ -~]+|[^ -~]+", name):
        if " " <= part[0] <= "~":
            encoded += part.replace("&", "&-").encode()
        else:
            encoded += b"&" + base64.b64encode(part.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",") + b"-"
    return encoded


def decode_name(name: bytes) -> str:
    """The reverse of `encode_name`."""

    def decode(match: re.Match[bytes]) -> bytes:
        shifted = match.group(1).replace(b",", b"/")
        return base64.b64decode(shifted + b"=" * (-len(shifted) % 4)).decode("utf-16-be").encode() if shifted else b"&"

    return re.sub(rb"&([^-]*)-", decode, name).decode()


def imap_date(seconds: int) -> bytes:
    """Seconds since the epoch as INTERNALDATE, in UTC, whatever the locale."""
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return (
        "%02d-%s-%04d %s +0000" % (moment.day, _MONTHS[moment.month - 1], moment.year, moment.strftime("%H:%M:%S"))
    ).encode()


def parse_imap_date(text: bytes) -> int:
    """INTERNALDATE as seconds since the epoch."""
    day, month, rest = text.decode().strip().split("-", 2)
    moment = datetime.datetime.strptime("%s-%02d-%s" % (day, _MONTHS.index(month) + 1, rest), "%d-%m-%Y %H:%M:%S %z")
    return int(moment.timestamp())
