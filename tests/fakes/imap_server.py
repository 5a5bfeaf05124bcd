# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A scripted IMAP server (RFC 3501 and a few extensions) over an account in memory, for reading only.

It behaves until it is told otherwise: a hook on a command replaces or surrounds the answer, `render` changes how a
message is sent. A test of one quirk is then a few lines:

    server.on("EXAMINE", times(2, lambda session, command: session.answer(command, b"NO [INUSE] somebody is in there")))
"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

from .imap_mail import Folder, Message

CAPABILITIES = b"IMAP4rev1 AUTH=PLAIN ID NAMESPACE LIST-EXTENDED LIST-STATUS SPECIAL-USE UIDPLUS"

_LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")
_COMMAND = re.compile(rb"(\S+) ((?:UID )?[A-Za-z]+) ?(.*)$", re.DOTALL)
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\S+)')
# A write to the socket for so many bytes of small answers.
_WRITE = 1 << 16


class Command(NamedTuple):
    """A command as it came: when (time.monotonic), on which connection, its name in upper case and the rest of its
    line.
    """

    at: float
    connection: int
    tag: bytes
    name: str
    rest: bytes


class HangUpError(Exception):
    """Ends a session without another word."""


Hook = Callable[["Session", Command], None]


def times(count: int, hook: Hook) -> Hook:
    """Let the hook act for the first `count` commands; then the server behaves."""
    left = [count]

    def act(session: Session, command: Command) -> None:
        left[0] -= 1
        (hook if left[0] >= 0 else Session.behave)(session, command)

    return act


def of_folder(name: bytes, hook: Hook) -> Hook:
    """Let the hook act for one folder: named in the command, or open when a FETCH comes."""

    def act(session: Session, command: Command) -> None:
        about = session.folder.name if command.name == "UID FETCH" and session.folder else first_string(command.rest)
        (hook if about == name else Session.behave)(session, command)

    return act


def says(status: bytes) -> Hook:
    """Return a hook that answers with a status such as `NO [INUSE] later` and does nothing else."""
    return lambda session, command: session.answer(command, status)


def usual_response(sequence: int, message: Message, with_body: bool) -> Iterable[bytes]:
    """A FETCH response in the order the items were asked for, in pieces."""
    yield b"* %d FETCH (UID %d FLAGS (%s)" % (sequence, message.uid, b" ".join(message.flags))
    if with_body:
        size = len(message.body)
        yield b' INTERNALDATE "%s" BODY[] {%d}\r\n' % (message.date, size)
        yield message.body
    yield b")\r\n"


def body_of(message: Message) -> bytes:
    """What is sent of a message, as it is."""
    return message.body


@dataclass
class FakeServer:
    """The server, a context manager. `users` maps names to passwords, None lets anybody in.

    Attributes: `port`; `commands`, all that came; `render`, which makes a FETCH response of sequence number, message
    and whether its body is asked for; `rewrite`, which changes any piece of text that is sent; `reading`, what the
    beginning of a message is taken from.
    """

    folders: list[Folder]
    capabilities: bytes = CAPABILITIES
    greeting: bytes = b"* OK ready\r\n"
    users: Optional[dict[bytes, bytes]] = None
    render: Callable[[int, Message, bool], Iterable[bytes]] = usual_response
    rewrite: Callable[[bytes], bytes] = bytes
    reading: Callable[[Message], bytes] = body_of
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._hooks: dict[str, Hook] = {}
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> FakeServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def on(self, command: str, hook: Hook) -> None:
        """Let a hook answer a command: `LOGIN`, `UID FETCH`, `GREETING` for a connection's beginning."""
        self._hooks[command] = hook

    def hook(self, command: str) -> Hook:
        """What answers a command."""
        return self._hooks.get(command, Session.behave)

    def folder(self, name: bytes) -> Folder:
        """A folder by its name on the wire."""
        (found,) = [folder for folder in self.folders if folder.name == name]
        return found

    def received(self, name: str) -> list[Command]:
        """The commands of that name, in the order they came."""
        return [command for command in self.commands if command.name == name]

    def _accept(self) -> None:
        # Closing the listener ends the loop.
        with contextlib.suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._connections.append(connection)
                session = Session(self, connection, len(self._connections))
                threading.Thread(target=session.serve, daemon=True).start()


class Session:
    """One connection. `folder` is the open one; hooks call `write`, `answer`, `behave` and `hang_up`."""

    def __init__(self, server: FakeServer, connection: socket.socket, number: int) -> None:
        self.server = server
        self.number = number
        self.folder: Optional[Folder] = None
        self._connection = connection
        self._input = connection.makefile("rb")
        self._output = bytearray()

    def serve(self) -> None:
        """Answer commands until either side ends the connection."""
        # A client that is gone is no mistake of the server's.
        with contextlib.suppress(HangUpError, OSError), self._connection, self._input:
            self.server.hook("GREETING")(self, Command(time.monotonic(), self.number, b"*", "GREETING", b""))
            self.flush()
            while True:
                command = self._read_command()
                self.server.commands.append(command)
                self.server.hook(command.name)(self, command)
                self.flush()

    def write(self, *pieces: bytes) -> None:
        """Send text."""
        for piece in pieces:
            self._output += self.server.rewrite(piece)

    def write_body(self, piece: bytes) -> None:
        """Send a part of a message, which nothing rewrites."""
        self._output += piece
        if len(self._output) > _WRITE:
            self.flush()

    def flush(self) -> None:
        """Let everything out that was written."""
        self._connection.sendall(self._output)
        self._output = bytearray()

    def answer(self, command: Command, status: bytes = b"OK done") -> None:
        """Send the tagged answer."""
        self.write(b"%s %s\r\n" % (command.tag, status))

    def hang_up(self) -> None:
        """Send what was written and end the connection."""
        self.flush()
        self._connection.shutdown(socket.SHUT_RDWR)
        raise HangUpError

    def read_on(self) -> None:
        """Say nothing more, whatever comes, until the client goes."""
        while self._input.readline():
            pass
        raise HangUpError

    def behave(self, command: Command) -> None:
        """Answer as a server should."""
        method = getattr(self, "_" + command.name.lower().replace(" ", "_"), None)
        if method is None:
            self.answer(command, b"BAD unknown command")
        else:
            method(command)

    def _read_command(self) -> Command:
        line = b""
        while True:
            piece = self._input.readline()
            if not piece.endswith(b"\n"):
                raise HangUpError
            literal = _LITERAL.search(piece)
            if not literal:
                break
            if not literal.group(2):
                self.write(b"+ go on\r\n")
                self.flush()
            line += piece[: literal.start()] + quoted(self._input.read(int(literal.group(1))))
        match = _COMMAND.match((line + piece).rstrip(b"\r\n"))
        if match is None:
            raise HangUpError
        tag, name, rest = match.groups()
        return Command(time.monotonic(), self.number, tag, name.decode().upper(), rest)

    def _greeting(self, _command: Command) -> None:
        self.write(self.server.greeting)

    def _capability(self, command: Command) -> None:
        self.write(b"* CAPABILITY %s\r\n" % self.server.capabilities)
        self.answer(command)

    def _login(self, command: Command) -> None:
        user, password = strings(command.rest)[:2]
        users = self.server.users
        accepted = users is None or users.get(user) == password
        self.answer(command, b"OK logged in" if accepted else b"NO [AUTHENTICATIONFAILED] wrong name or password")

    def _authenticate(self, command: Command) -> None:
        self.write(b"+ \r\n")
        self.flush()
        self._input.readline()
        self.answer(command)

    def _id(self, command: Command) -> None:
        self.write(b'* ID ("name" "fake")\r\n')
        self.answer(command)

    def _namespace(self, command: Command) -> None:
        self.write(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
        self.answer(command)

    def _list(self, command: Command) -> None:
        returned = re.search(rb"RETURN \((.*)\)$", command.rest)
        items = re.search(rb"STATUS \(([^)]*)\)", returned.group(1)) if returned else None
        for folder in self.server.folders:
            extra = (b"\\Subscribed",) if returned and folder.subscribed else ()
            self.write(list_response(b"LIST", folder, extra))
            if items and b"\\Noselect" not in folder.attributes:
                self.write(b"* STATUS %s (%s)\r\n" % (quoted(folder.name), folder.figures(items.group(1))))
        self.answer(command)

    def _lsub(self, command: Command) -> None:
        self.write(*(list_response(b"LSUB", folder) for folder in self.server.folders if folder.subscribed))
        self.answer(command)

    def _status(self, command: Command) -> None:
        folder = self._named(command)
        if folder:
            items = command.rest.rpartition(b"(")[2].rstrip(b")")
            self.write(b"* STATUS %s (%s)\r\n" % (quoted(folder.name), folder.figures(items)))
            self.answer(command)

    def _examine(self, command: Command) -> None:
        self.folder = self._named(command)
        if self.folder:
            self.write(
                b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n* %d EXISTS\r\n* 0 RECENT\r\n"
                % len(self.folder.messages)
            )
            self.write(
                b"* OK [UIDVALIDITY %d] valid\r\n* OK [UIDNEXT %d] next\r\n"
                % (self.folder.uidvalidity, self.folder.uidnext)
            )
            if b"CONDSTORE" in self.server.capabilities:
                self.write(b"* OK [HIGHESTMODSEQ %d] highest\r\n" % self.folder.highest_modseq)
            self.answer(command, b"OK [READ-ONLY] opened")

    def _select(self, command: Command) -> None:
        self._examine(command)

    def _named(self, command: Command) -> Optional[Folder]:
        name = first_string(command.rest)
        for folder in self.server.folders:
            if folder.name == name:
                return folder
        self.answer(command, b"NO [NONEXISTENT] no such folder")
        return None

    def _uid_fetch(self, command: Command) -> None:
        if self.folder is None:
            self.answer(command, b"BAD no folder is open")
            return
        self.send_messages(command, self.wanted(command))
        self.answer(command)

    def wanted(self, command: Command) -> Iterator[tuple[int, Message]]:
        """Sequence numbers and messages that a UID FETCH asks for, in the order of the folder."""
        assert self.folder is not None
        ranges = list(_ranges(command.rest.split(b" ", 1)[0], self.folder.uidnext - 1))
        changed = re.search(rb"CHANGEDSINCE (\d+)", command.rest)
        since = int(changed.group(1)) if changed else 0
        for sequence, message in enumerate(self.folder.messages, 1):
            if message.modseq > since and any(low <= message.uid <= high for low, high in ranges):
                yield sequence, message

    def send_messages(self, command: Command, wanted: Iterable[tuple[int, Message]]) -> None:
        """Send FETCH responses, without the tagged answer."""
        with_body = b"BODY.PEEK[]" in command.rest
        partial = re.search(rb"BODY\.PEEK\[\]<(\d+)\.(\d+)>", command.rest)
        for sequence, message in wanted:
            if partial:
                begin, count = map(int, partial.groups())
                piece = self.server.reading(message)[begin : begin + count]
                self.write(
                    b"* %d FETCH (UID %d BODY[]<%d> {%d}\r\n%s)\r\n" % (sequence, message.uid, begin, len(piece), piece)
                )
                continue
            for piece in self.server.render(sequence, message, with_body):
                self.write_body(piece)

    def _noop(self, command: Command) -> None:
        self.answer(command)

    def _logout(self, command: Command) -> None:
        self.write(b"* BYE see you\r\n")
        self.answer(command)
        self.hang_up()


def quoted(text: bytes) -> bytes:
    """A quoted string."""
    return b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def strings(text: bytes) -> list[bytes]:
    """The atoms and quoted strings of a command's arguments."""
    return [
        re.sub(rb"\\(.)", rb"\1", found[1]) if found[1] is not None else found[2] for found in _STRING.finditer(text)
    ]


def first_string(text: bytes) -> bytes:
    """The first of a command's arguments."""
    return strings(text)[0]


def list_response(kind: bytes, folder: Folder, extra: tuple[bytes, ...] = ()) -> bytes:
    """A LIST or LSUB response."""
    separator = b"NIL" if folder.separator is None else quoted(folder.separator)
    return b"* %s (%s) %s %s\r\n" % (kind, b" ".join(folder.attributes + extra), separator, quoted(folder.name))


def _ranges(uids: bytes, last: int) -> Iterator[tuple[int, int]]:
    """The ranges of a sequence set; `*` is the last UID, and a range counts from its smaller end (RFC 3501 section
    9)."""
    for part in uids.split(b","):
        ends = [last if end == b"*" else int(end) for end in part.split(b":")]
        yield min(ends), max(ends)
