# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with the IMAP server of the host: what a store needs of it."""

from __future__ import annotations

import re
import time
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ...imap.dates import format_internal_date
from ...imap.fetch import Fetched, FetchRequest, FolderStream
from ...imap.responses import Parts, Status, parse_parts, quote
from ...imap.uids import parse_sequence_set
from ...model.errors import MailImportError
from ...model.mail import SourceFolder
from .channel import HostChannel
from .conversation import HostConversation
from .digests import Digester, Digests

_APPENDUID = re.compile(rb"APPENDUID (\d{1,10}) ([\d:,]+)$", re.IGNORECASE)
_LITERAL_MINUS = 4096

# Sent in one piece: many small writes wake the process up as many times.
_WRITE_SIZE = 256 * 1024

# Folders that commands in one piece may name; they fit the pipe.
FOLDERS_AHEAD = 128

# Seconds in which nothing may come into a folder that is quiet, and those after which it is taken as it is.
_QUIET = 0.5
_LONGEST_UNREST = 30.0

# Codes of RFC 5530 and 3501 for a folder that is not there.
_NO_FOLDER = frozenset((b"NONEXISTENT", b"TRYCREATE"))


class Figures(NamedTuple):
    """What STATUS says of a folder; `append_limit` is the size of the largest message that it takes (RFC 7889), None
    when nobody says.
    """

    messages: int
    uidnext: int
    uidvalidity: int
    append_limit: Optional[int] = None


class Outgoing(NamedTuple):
    """A message to be appended. `flags` are ones that an IMAP command can hold; the date is in seconds since the
    epoch."""

    flags: Tuple[bytes, ...]
    date: int
    size: int
    chunks: Iterable[Union[bytes, memoryview]]


class Appended(NamedTuple):
    """The answer to APPEND, and the UIDs it names: a hint, empty when it names none or not as many as were sent.

    `error` is set when it is not this message that the host does not want, but any: the mailbox or the disk is full.
    """

    status: Status
    uids: Sequence[int]
    error: Optional[MailImportError] = None

    @property
    def may_reveal(self) -> bool:
        """True for a failure of the host's own: Dovecot repairs its indexes then, and shows mail it did not know of."""
        return not self.status.ok and self.status.code.upper() in (b"", b"SERVERBUG", b"CORRUPTION", b"UNAVAILABLE")


class Kept(NamedTuple):
    """A message as the host keeps it; the date is in seconds since the epoch, None when it tells none. `digests` are
    None where its bytes were not asked for.
    """

    digests: Optional[Digests]
    date: Optional[int]
    flags: Tuple[bytes, ...]


class HostSession(HostConversation):
    """What a store needs of the mailbox: folders made and looked at, messages stored and read back.

    Raises as its base does.
    """

    def __init__(self, channel: HostChannel) -> None:
        super().__init__(channel)
        # Tags of APPENDs
        self._unanswered: List[bytes] = []
        # The command that opened the folder which is open, None when there is none
        self._opened_by: Optional[bytes] = None
        self._append_limit = self._capability_figure(b"APPENDLIMIT=")

    def figures_of(self, names: Sequence[bytes]) -> Dict[bytes, Figures]:
        """Return what folders hold; one that cannot be opened is left out."""
        found: List[Dict[bytes, int]] = []

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            # GNU Mailutils writes names without quotes, whatever is in them.
            if len(values) >= 3 and values[0].upper() == b"STATUS" and isinstance(values[-1], list):
                items = zip(values[-1][::2], values[-1][1::2])
                found.append({item.upper(): int(figure) for item, figure in items if figure.isdigit()})

        figures: Dict[bytes, Figures] = {}
        limits = b" APPENDLIMIT" if b"APPENDLIMIT" in self.capabilities else b""
        commands = [b"STATUS %s (MESSAGES UIDNEXT UIDVALIDITY%s)" % (quote(name), limits) for name in names]
        with self._process():
            for name, tag in zip(names, self.send(*commands)):
                found.clear()
                if self._answer(tag, handle).ok:
                    said = found[0] if found else {}
                    figures[name] = Figures(
                        said.get(b"MESSAGES", 0),
                        said.get(b"UIDNEXT", 1),
                        said.get(b"UIDVALIDITY", 0),
                        said.get(b"APPENDLIMIT", self._append_limit),
                    )
        return figures

    def await_quiet(self, name: bytes) -> None:
        """Wait until nothing comes into a folder any more."""
        ends = time.monotonic() + _LONGEST_UNREST
        before = None
        while time.monotonic() < ends:
            figures = self.figures_of([name]).get(name)
            if figures == before:
                return
            before = figures
            time.sleep(_QUIET)

    def create(self, names: Sequence[bytes]) -> Dict[bytes, MailImportError]:
        """Create folders, which may be there; return the errors of those that the host does not make."""
        statuses = self.ask_all([b"CREATE " + quote(name) for name in names])
        return {
            name: self.refusal(status, "folder_refused", "this host does not make the folder")
            for name, status in zip(names, statuses)
            if not status.ok and status.code.upper() != b"ALREADYEXISTS"
        }

    def remove_if_empty(self, name: bytes) -> None:
        """Remove a folder of our own making."""
        figures = self.figures_of([name]).get(name)
        if figures and not figures.messages:
            self.ask(b"DELETE " + quote(name))

    def subscribe(self, names: Sequence[bytes]) -> Tuple[int, Dict[bytes, MailImportError]]:
        """Subscribe to folders; return how many were not before, and the errors of those that cannot be.

        Raises:
            MailImportError: `disk_full` or `over_quota`.
        """
        known = {name for _separator, name in self.names(b'LSUB "" "*"')}
        missing = [name for name in dict.fromkeys(names) if name not in known]
        new = 0
        errors: Dict[bytes, MailImportError] = {}
        for name, status in zip(missing, self.ask_all([b"SUBSCRIBE " + quote(name) for name in missing])):
            if status.ok:
                new += 1
            elif self.has_folder(status):
                error = self.refusal(status, "folder_refused", "this host does not subscribe to the folder")
                if error.reason != "folder_refused":
                    raise error
                errors[name] = error
        return new, errors

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
        if not self.reads_on:
            self._leave_folder()
        tag = self.next_tag()
        self._unanswered.append(tag)
        text = bytearray(b"%s APPEND %s" % (tag, quote(name)))
        for message in messages:
            ahead = not waiting and self._takes_unasked(message.size)
            text += _announced(message, b"+" if ahead else b"")
            if not ahead:
                self.transmit(text)
                text.clear()
                if not self.is_asked_for(tag):
                    return tag
            for chunk in message.chunks:
                text += chunk
                if len(text) >= _WRITE_SIZE:
                    self.transmit(text)
                    text.clear()
        self.transmit(text + b"\r\n")
        return tag

    def opening(self, request: FetchRequest) -> bytes:
        self._opened_by = super().opening(request)
        return self._opened_by

    def _leave_folder(self) -> None:
        """Close the folder that is open, without removing anything: Courier stores nothing in a folder that is open for
        reading, and GNU Mailutils changes the UIDVALIDITY of one that is open.
        """
        opened_by, self._opened_by = self._opened_by, None
        if opened_by is None:
            return
        if b"UNSELECT" in self.capabilities:
            self.ask(b"UNSELECT")
        else:  # what is open for reading only loses nothing (RFC 3501 section 6.4.2)
            self.ask_all([opened_by.replace(b"SELECT ", b"EXAMINE ", 1), b"CLOSE"])

    def offer_append(self, tag: bytes, name: bytes, message: Outgoing) -> None:
        """Ask the server to store one message, which goes on its way when it is asked for."""
        self._leave_folder()
        self._unanswered.append(tag)
        self.transmit(b"%s APPEND %s%s" % (tag, quote(name), _announced(message, b"")))

    def give_append(self, message: Outgoing) -> None:
        """Send the message that the server has asked for."""
        text = bytearray()
        for chunk in message.chunks:
            text += chunk
            if len(text) >= _WRITE_SIZE:
                self.transmit(text)
                text.clear()
        self.transmit(text + b"\r\n")

    def collect_append(self, tag: bytes, count: int) -> Appended:
        """Return the answer to an APPEND of `count` messages."""
        with self._process():
            status = self._answer(tag)
        if tag in self._unanswered:
            self._unanswered.remove(tag)
        if not status.ok:
            return Appended(status, (), self._error_of_all(status))
        found = _APPENDUID.match(status.code)
        uids = parse_sequence_set(found.group(2), count) if found else []
        return Appended(status, uids if len(uids) == count and 0 not in uids else ())

    def _error_of_all(self, status: Status) -> Optional[MailImportError]:
        if status.code.upper() == b"OVERQUOTA":
            text = "the mailbox is full: %s; make room and run the task again to continue"
            return MailImportError("over_quota", text % status)
        error = self.refusal(status, "message_refused", "")
        return error if error.reason != "message_refused" else None

    def begin_append(self, name: bytes) -> None:
        """Ask the host to store a message and send none; the session is of no use then but to be let go."""
        tag = self.next_tag()
        self.transmit(b'%s APPEND %s () "%s" {2}\r\n' % (tag, quote(name), format_internal_date(0)))
        self.is_asked_for(tag)

    def _takes_unasked(self, size: int) -> bool:
        """Literals that need no asking, of RFC 7888, where none of them can ever be taken for commands."""
        if not self.reads_on:
            return False
        return b"LITERAL+" in self.capabilities or (b"LITERAL-" in self.capabilities and size <= _LITERAL_MINUS)

    def kept(self, name: bytes, uids: bytes) -> Iterator[Tuple[int, Kept]]:
        """Yield UID and what is kept of messages of a folder.

        Raises:
            MailImportError: `host_refused` when the folder does not open.
        """
        for opened in self._open(FetchRequest(SourceFolder(name, ()), uids)):
            yield from self.messages(opened)
            self._require_complete(opened)

    def beginnings(self, name: bytes, uidvalidity: int, uids: bytes, size: int) -> Dict[int, bytes]:
        """Return the first `size` bytes of messages by UID; none of a folder that has another UIDVALIDITY."""
        found: Dict[int, bytes] = {}
        for opened in self._open(FetchRequest(SourceFolder(name, ()), uids, beginning=size)):
            if opened.refusal or opened.uidvalidity != uidvalidity:
                continue
            for fetched in self._fetched(opened):
                with self._process():
                    beginning = b"".join(map(bytes, fetched.chunks))
                if fetched.message.uid is not None:
                    found[fetched.message.uid] = beginning
        return found

    def sizes(self, name: bytes, uids: bytes) -> List[Tuple[int, int]]:
        """Return UID and size of messages of a folder, as the host counts it."""
        found: List[Tuple[int, int]] = []

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            if len(values) >= 3 and values[1] == b"FETCH" and isinstance(values[2], list):
                items = dict(zip(values[2][::2], values[2][1::2]))
                found.append((int(items.get(b"UID", 0)), int(items.get(b"RFC822.SIZE", 0))))

        self.ask_all(
            [self.opening(FetchRequest(SourceFolder(name, ()))), b"UID FETCH %s (UID RFC822.SIZE)" % uids], handle
        )
        return found

    def flags(self, name: bytes, uids: bytes) -> Iterator[Tuple[int, Tuple[bytes, ...]]]:
        """Yield UID and flags of messages of a folder; raises as `kept` does."""
        for opened in self._open(FetchRequest(SourceFolder(name, ()), uids, flags_only=True)):
            for fetched in self._fetched(opened):
                if fetched.message.uid is not None:
                    yield fetched.message.uid, fetched.message.flags
            self._require_complete(opened)

    def _open(self, request: FetchRequest) -> Iterator[FolderStream]:
        return self.open_each([request])

    def _require_complete(self, opened: FolderStream) -> None:
        if not opened.complete:
            answer = opened.refusal or opened.status
            raise MailImportError("host_refused", "%s does not read back what it holds: %s" % (self.peer, answer))

    def open_each(self, requests: Iterable[FetchRequest]) -> Iterator[FolderStream]:
        """Open folder after folder, pipelined, and yield each; APPENDs that were sent before are answered first."""
        with self._process():
            self._await_answers(self._unanswered)
            self._unanswered = []
            yield from self.fetch(requests)

    @property
    def message_limit(self) -> Optional[int]:
        """How many messages a command may be about (RFC 9738), None without a limit."""
        return self._capability_figure(b"MESSAGELIMIT=")

    def messages(self, opened: FolderStream, bodies: bool = True) -> Iterator[Tuple[int, Kept]]:
        """Yield UID and what is kept of each message of an opened folder."""
        for fetched in self._fetched(opened):
            if not bodies:
                if fetched.message.uid is not None:
                    yield fetched.message.uid, Kept(None, None, fetched.message.flags)
                continue
            digester = Digester()
            with self._process():
                for chunk in fetched.chunks:
                    digester.update(chunk)
            message = fetched.message
            if message.uid is not None and fetched.has_body:
                yield message.uid, Kept(digester.digests(), message.internal_date, message.flags)

    def _fetched(self, opened: FolderStream) -> Iterator[Fetched]:
        with self._process():
            yield from opened.messages()

    def has_folder(self, refusal: Status) -> bool:
        """False when a folder was not opened because it is not there."""
        return refusal.code.upper() not in _NO_FOLDER

    def change_flags(self, name: bytes, uids: bytes, sign: bytes, flag: bytes) -> Status:
        """Give (`+`) messages of a folder a flag or take it away (`-`); return the answer."""
        store = b"UID STORE %s %sFLAGS.SILENT (%s)" % (uids, sign, flag)
        selected = self.ask(self.opening(FetchRequest(SourceFolder(name, ()), select=True)))
        return self.ask(store) if selected.ok else selected

    def remove(self, name: bytes, uids: bytes) -> None:
        """Remove messages of a folder for good (UID EXPUNGE, RFC 4315)."""
        if self.change_flags(name, uids, b"+", b"\\Deleted").ok and b"UIDPLUS" in self.capabilities:
            self.ask(b"UID EXPUNGE " + uids)


def _announced(message: Outgoing, sign: bytes) -> bytes:
    """What APPEND has of a message before its bytes."""
    flags, date = b" ".join(message.flags), format_internal_date(message.date)
    return b' (%s) "%s" {%d%s}\r\n' % (flags, date, message.size, sign)
