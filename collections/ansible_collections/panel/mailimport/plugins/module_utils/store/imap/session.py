# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with the host's own IMAP process: what a store needs of it."""

from __future__ import annotations

import re
from contextlib import contextmanager, suppress
from functools import partial
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union, cast

from ...imap.dates import format_internal_date
from ...imap.fetch import Fetched, FetchRequest
from ...imap.responses import Parts, Status, parse_parts, parse_status, quote
from ...imap.session import ImapSession
from ...imap.stream import ByteStream, Socket
from ...imap.uids import parse_sequence_set
from ...model.errors import MailImportError
from ...model.mail import SourceFolder
from .digests import Digester, Digests
from .pipe import HostPipe

_PEER = "the IMAP process of this host"
_APPENDUID = re.compile(rb"APPENDUID (\d{1,10}) ([\d:,]+)$", re.IGNORECASE)
_LITERAL_MINUS = 4096

# Sent in one piece: many small writes wake the process up as many times.
_WRITE_SIZE = 256 * 1024

# Attempts at something that can be done again, and ends with nothing stored in between, after which the process is
# given up.
_MOST_ATTEMPTS = 4
_MOST_ENDS = 8

_Result = TypeVar("_Result")


class SessionEndedError(MailImportError):
    """The IMAP process went away, fell silent or answered something that is not IMAP; what was sent may be done or
    not."""

    def __init__(self, message: str) -> None:
        super().__init__("host_refused", message)


class Figures(NamedTuple):
    """What STATUS says of a folder."""

    messages: int
    uidnext: int
    uidvalidity: int


class Outgoing(NamedTuple):
    """A message to be appended. `flags` are ones that an IMAP command can hold; the date is in seconds since the
    epoch."""

    flags: Tuple[bytes, ...]
    date: int
    size: int
    chunks: Iterable[Union[bytes, memoryview]]


class Appended(NamedTuple):
    """The answer to APPEND, and the UIDs it names: a hint, empty when it names none or not as many as were sent."""

    status: Status
    uids: Sequence[int]


def _ended_error(pipe: HostPipe, what: str) -> SessionEndedError:
    return SessionEndedError("%s (%s)" % (what, pipe.last_complaint() or "it gave no reason"))


def _bye_error(pipe: HostPipe, status: Status) -> SessionEndedError:
    return _ended_error(pipe, "%s ends the session: %s" % (_PEER, status))


class HostSession(ImapSession):
    """A session that needs no login (RFC 3501, PREAUTH).

    Every method raises SessionEndedError when the process is lost, and then the session is of no use any more.
    """

    def __init__(self, pipe: HostPipe) -> None:
        super().__init__(ByteStream(cast(Socket, pipe), _PEER), partial(_bye_error, pipe))
        self._pipe = pipe
        self._answers: Dict[bytes, Status] = {}
        with self._process():
            self.capabilities = self._greet()

    def _greet(self) -> frozenset:
        greeting = parse_status(self.stream.read_line().lstrip(b"* "))
        if greeting is None or greeting.condition != "PREAUTH":
            raise MailImportError("host_refused", "%s does not let this mailbox in: %s" % (_PEER, greeting))
        words = greeting.code.upper().split()
        if words[:1] != [b"CAPABILITY"]:
            responses: List[bytes] = []
            self.reader.collect(self.send(b"CAPABILITY"), lambda parts: responses.append(parts[0]))
            words = b" ".join(responses).upper().split()
        return frozenset(words)

    @contextmanager
    def _process(self) -> Iterator[None]:
        """Tell what is wrong with the process apart from what a source may do."""
        try:
            yield
        except MailImportError as error:
            if error.reason not in ("connection_failed", "protocol_error", "source_unavailable", "throttled"):
                raise
            raise _ended_error(self._pipe, error.message) from None

    def transmit(self, data: Union[bytes, bytearray]) -> None:
        try:
            self._pipe.sendall(data)
        except OSError as error:
            raise _ended_error(self._pipe, "%s takes nothing any more: %s" % (_PEER, error)) from None

    def close(self) -> None:
        with suppress(MailImportError):  # a process that is gone already is what is wanted
            self.send(b"LOGOUT")
        self._pipe.close()

    def abandon(self) -> None:
        self._pipe.close()

    def ask(self, command: bytes, handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Send one command and return the answer."""
        with self._process():
            return self.reader.collect(self.send(command), handle)

    def figures(self, name: bytes) -> Optional[Figures]:
        """Return what a folder holds, None when there is no such folder to be opened."""
        found: Dict[bytes, int] = {}

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            if len(values) >= 3 and values[0].upper() == b"STATUS" and isinstance(values[2], list):
                found.update((item.upper(), int(figure)) for item, figure in zip(values[2][::2], values[2][1::2]))

        status = self.ask(b"STATUS %s (MESSAGES UIDNEXT UIDVALIDITY)" % quote(name), handle)
        if not status.ok:
            return None
        return Figures(found.get(b"MESSAGES", 0), found.get(b"UIDNEXT", 1), found.get(b"UIDVALIDITY", 0))

    def create(self, name: bytes) -> None:
        """Create a folder, which may be there.

        Raises:
            MailImportError: `folder_refused`.
        """
        status = self.ask(b"CREATE " + quote(name))
        if not status.ok and status.code.upper() != b"ALREADYEXISTS":
            raise MailImportError("folder_refused", "this host does not make the folder: %s" % status)

    def remove_if_empty(self, name: bytes) -> None:
        """Remove a folder of our own making."""
        figures = self.figures(name)
        if figures and not figures.messages:
            self.ask(b"DELETE " + quote(name))

    def names(self, command: bytes) -> List[Tuple[bytes, bytes]]:
        """Return separators and names of what LIST or LSUB answers."""
        found = []

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            if len(values) >= 4 and values[0].upper() == command.split(b" ", 1)[0]:
                found.append((values[2] or b"", bytes(values[3])))

        self.ask(command, handle)
        return found

    def send_append(self, name: bytes, messages: Sequence[Outgoing], waiting: bool = False) -> bytes:
        """Send one APPEND (of many messages with MULTIAPPEND, RFC 3502) and return its tag.

        Args:
            waiting: send each message only when it is asked for, whatever the server offers: then nothing of it can
                ever be taken for a command.

        Raises:
            Exception: whatever reading the chunks raises; the session is of no use then.
        """
        tag = self.next_tag()
        text = bytearray(b"%s APPEND %s" % (tag, quote(name)))
        for message in messages:
            ahead = not waiting and self._takes_unasked(message.size)
            date = format_internal_date(message.date)
            text += b' (%s) "%s" {%d%s}\r\n' % (b" ".join(message.flags), date, message.size, b"+" if ahead else b"")
            if not ahead:
                self.transmit(text)
                text.clear()
                if not self._is_asked_for(tag):
                    return tag
            for chunk in message.chunks:
                text += chunk
                if len(text) >= _WRITE_SIZE:
                    self.transmit(text)
                    text.clear()
        self.transmit(text + b"\r\n")
        return tag

    def collect_append(self, tag: bytes, count: int) -> Appended:
        """Return the answer to an APPEND of `count` messages."""
        with self._process():
            status = self._answers.pop(tag, None) or self.reader.collect([tag])
        found = _APPENDUID.match(status.code) if status.ok else None
        uids = parse_sequence_set(found.group(2), count) if found else []
        return Appended(status, uids if len(uids) == count and 0 not in uids else ())

    def _takes_unasked(self, size: int) -> bool:
        """Literals that need no asking, of RFC 7888."""
        return b"LITERAL+" in self.capabilities or (b"LITERAL-" in self.capabilities and size <= _LITERAL_MINUS)

    def _is_asked_for(self, tag: bytes) -> bool:
        """Wait until the server asks for the literal; keep the answers to commands before."""
        with self._process():
            while tag not in self._answers:
                line = self.stream.read_line()
                if line.startswith(b"+"):
                    return True
                answered = line.partition(b" ")[0]
                status = self.reader.read_response(line, answered)
                if status:
                    self._answers[answered] = status
        return False

    def contents(self, name: bytes, uids: bytes) -> Iterator[Tuple[int, Digests]]:
        """Yield UID and digests of messages of a folder.

        Raises:
            MailImportError: `host_refused` when the folder does not open.
        """
        for fetched in self._fetch(FetchRequest(SourceFolder(name, ()), uids)):
            digester = Digester()
            for chunk in fetched.chunks:
                digester.update(chunk)
            if fetched.message.uid is not None and fetched.has_body:
                yield fetched.message.uid, digester.digests()

    def flags(self, name: bytes, uids: bytes) -> Iterator[Tuple[int, Tuple[bytes, ...]]]:
        """Yield UID and flags of messages of a folder; raises as `contents` does."""
        for fetched in self._fetch(FetchRequest(SourceFolder(name, ()), uids, flags_only=True)):
            if fetched.message.uid is not None:
                yield fetched.message.uid, fetched.message.flags

    def _fetch(self, request: FetchRequest) -> Iterator[Fetched]:
        with self._process():
            for opened in self.fetch([request]):
                yield from opened.messages()
                if not opened.complete:
                    answer = opened.refusal or opened.status
                    raise MailImportError("host_refused", "%s does not read back what it holds: %s" % (_PEER, answer))

    def change_flags(self, name: bytes, uids: bytes, sign: bytes, flag: bytes) -> Status:
        """Give (`+`) messages of a folder a flag or take it away (`-`); return the answer."""
        with self._process():
            selected = self.reader.collect(self.send(b"SELECT " + quote(name)))
            return (
                self.reader.collect(self.send(b"UID STORE %s %sFLAGS.SILENT (%s)" % (uids, sign, flag)))
                if selected.ok
                else selected
            )

    def remove(self, name: bytes, uids: bytes) -> None:
        """Remove messages of a folder for good (UID EXPUNGE, RFC 4315)."""
        if self.change_flags(name, uids, b"+", b"\\Deleted").ok and b"UIDPLUS" in self.capabilities:
            self.ask(b"UID EXPUNGE " + uids)


class HostSessions:
    """One session at a time, and another when it ends.

    Args:
        open_pipe: starts an IMAP process; the one before has ended when it returns.
    """

    def __init__(self, open_pipe: Callable[[], HostPipe]) -> None:
        self._open_pipe = open_pipe
        self._session: Optional[HostSession] = None
        self._ends = 0

    def session(self) -> HostSession:
        """Return the session, opening one when there is none."""
        if self._session is None:
            pipe = self._open_pipe()
            try:
                self._session = HostSession(pipe)
            except BaseException:
                pipe.close()
                raise
        return self._session

    def attempt(self, work: Callable[[HostSession], _Result]) -> _Result:
        """Do something that does no harm when it is done twice, again on a new session when one ends.

        Raises:
            SessionEndedError: it ends again and again.
        """
        ends = 0
        while True:
            try:
                return work(self.session())
            except SessionEndedError:
                self.drop()
                ends += 1
                if ends >= _MOST_ATTEMPTS:
                    raise

    def renew(self, error: SessionEndedError) -> None:
        """Take note that a session has ended with messages in hand; raise the error when that happens again and
        again."""
        self.drop()
        self._ends += 1
        if self._ends >= _MOST_ENDS:
            raise error

    def achieved(self) -> None:
        """Take note that messages have been stored since."""
        self._ends = 0

    def drop(self) -> None:
        """Let go of a session whose state is unknown."""
        if self._session is not None:
            self._session.abandon()
            self._session = None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None
