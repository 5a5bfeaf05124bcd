# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with the IMAP server of the host: what a store needs of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Callable, Dict, FrozenSet, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ...imap.dates import parse_internal_date
from ...imap.fetch import Fetched, FetchRequest, FolderStream
from ...imap.outline import OUTLINE_ITEMS, Told, parse_outline
from ...imap.responses import Parts, Status, parse_parts, parse_status, quote
from ...imap.uids import parse_sequence_set, sequence_below
from ...model.errors import MailImportError
from ...model.mail import SourceFolder
from .digests import Digester, Digests
from .folder_session import FolderSession

_PERMANENTFLAGS = re.compile(rb"OK \[PERMANENTFLAGS \(([^)]*)\)", re.IGNORECASE)
_MESSAGELIMIT = re.compile(rb"MESSAGELIMIT \d+ (\d{1,10})$", re.IGNORECASE)
_COPYUID = re.compile(rb"COPYUID \d{1,10} ([\d:,]+) ([\d:,]+)$", re.IGNORECASE)


class Kept(NamedTuple):
    """A message as the host keeps it; the date is in seconds since the epoch, None when it tells none. `digests` are
    None where its bytes were not asked for.
    """

    digests: Optional[Digests]
    date: Optional[int]
    flags: Tuple[bytes, ...]


def _left_out(answer: Optional[Status], uids: bytes) -> bytes:
    """The messages that a server has not got to, of those that were asked for: it goes down from the highest UID, and
    ends with OK and the last one that it got to (RFC 9738).

    Raises:
        MailImportError: `host_refused` when it has got to none of them: it would never come to an end.
    """
    found = _MESSAGELIMIT.match(answer.code) if answer else None
    left = sequence_below(uids, int(found.group(1))) if found else b""
    if left == uids:
        raise MailImportError("host_refused", "this host does not come to what it was asked for: %s" % answer)
    return left


def _with_items(take: Callable[[Mapping[bytes, bytes]], None]) -> Callable[[Parts], None]:
    """Return what calls `take` with the items that a FETCH response tells of its message."""

    def handle(parts: Parts) -> None:
        values = parse_parts(parts)
        if len(values) >= 3 and values[1] == b"FETCH" and isinstance(values[2], list):
            take(dict(zip(values[2][::2], values[2][1::2])))

    return handle


class HostSession(FolderSession):
    """What a store needs of the mailbox: folders made and looked at, messages stored and read back.

    Raises as its base does.
    """

    def permanent_flags(self, name: bytes) -> Optional[FrozenSet[bytes]]:
        """Return the flags that messages of a folder can have, in small letters; None when any will do (RFC 3501
        section 7.1, PERMANENTFLAGS).
        """
        told: List[bytes] = []

        def handle(parts: Parts) -> None:
            found = _PERMANENTFLAGS.match(parts[0])
            if found:
                told.extend(found.group(1).lower().split())

        self.ask(self.opening(FetchRequest(SourceFolder(name, ()), select=True)), handle)
        return None if not told or b"\\*" in told else frozenset(told)

    def kept(self, name: bytes, uids: bytes) -> Iterator[Tuple[int, Kept]]:
        """Yield UID and what is kept of messages of a folder; none when it is not there any more.

        Raises:
            MailImportError: `host_refused` when the folder does not open.
        """
        ends = []
        for opened in self._open(FetchRequest(SourceFolder(name, ()), uids)):
            yield from self.messages(opened)
            ends.append(opened)
        self._require_complete(name, ends)

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

    def copy(self, name: bytes, uidvalidity: int, uids: bytes, most: int, target: bytes) -> Dict[int, int]:
        """Copy messages of a folder into another one (UID COPY); return their new UIDs, by the old ones.

        Empty when the folder is another one by now, or the host does not say what became of them (RFC 4315).
        """
        opened: List[bytes] = []

        def note_epoch(parts: Parts) -> None:
            status = parse_status(parts[0])
            opened.append(status.code.upper() if status else b"")

        selected = self.ask(b"SELECT " + quote(name), note_epoch)
        if not selected.ok or b"UIDVALIDITY %d" % uidvalidity not in opened or not self.has_uidplus:
            return {}
        copied = self.ask(b"UID COPY %s %s" % (uids, quote(target)))
        found = _COPYUID.match(copied.code) if copied.ok else None
        if not found:
            return {}
        both = [parse_sequence_set(found.group(place), most) for place in (1, 2)]
        return dict(zip(*both)) if len(both[0]) == len(both[1]) else {}

    def sizes(self, name: bytes, uids: bytes) -> List[Tuple[int, int]]:
        """Return UID and size of messages of a folder, as the host counts it."""
        found: List[Tuple[int, int]] = []

        def take(items: Mapping[bytes, bytes]) -> None:
            found.append((int(items.get(b"UID", 0)), int(items.get(b"RFC822.SIZE", 0))))

        self._ask_of_each(name, uids, b"(UID RFC822.SIZE)", _with_items(take))
        return found

    def _ask_of_each(self, name: bytes, uids: bytes, items: bytes, handle: Callable[[Parts], None]) -> None:
        left = uids
        while left:
            commands = [self.opening(FetchRequest(SourceFolder(name, ()))), b"UID FETCH %s %s" % (left, items)]
            left = _left_out(self.ask_all(commands, handle)[-1], left)

    def outlines(self, name: bytes, uids: bytes) -> List[Told]:
        """What the host tells of messages of a folder."""
        found: List[Optional[Told]] = []
        self._ask_of_each(name, uids, OUTLINE_ITEMS, lambda parts: found.append(parse_outline(parts)))
        return [told for told in found if told]

    def saved_since(self, name: bytes, moment: float) -> List[int]:
        """Return the UIDs of messages that have been in a folder since some moment at the earliest, whatever their
        dates; none where the host does not tell (SAVEDATE, RFC 8514).
        """
        found: List[int] = []

        def take(items: Mapping[bytes, bytes]) -> None:
            saved = parse_internal_date(items.get(b"SAVEDATE") or b"")
            if saved is not None and saved >= int(moment):
                found.append(int(items.get(b"UID", 0)))

        if b"SAVEDATE" in self.capabilities:
            self._ask_of_each(name, b"1:*", b"(UID SAVEDATE)", _with_items(take))
        return found

    def flags(self, name: bytes, uids: bytes) -> Iterator[Tuple[int, Tuple[bytes, ...]]]:
        """Yield UID and flags of messages of a folder; raises as `kept` does."""
        ends = []
        for opened in self._open(FetchRequest(SourceFolder(name, ()), uids, flags_only=True)):
            for fetched in self._fetched(opened):
                if fetched.message.uid is not None:
                    yield fetched.message.uid, fetched.message.flags
            ends.append(opened)
        self._require_complete(name, ends)

    def _open(self, request: FetchRequest) -> Iterator[FolderStream]:
        """Open a folder, again as long as there are messages that the server has not got to; each is read to its end
        before the next."""
        left = request.uids
        while left:
            for opened in self.open_each([replace(request, uids=left)]):
                yield opened
                left = _left_out(opened.status, left)

    def _require_complete(self, name: bytes, ends: Iterable[FolderStream]) -> None:
        for opened in ends:
            if opened.complete or (opened.refusal and not self.has_folder(name, opened.refusal)):
                continue
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

    def most_together(self, messages: int) -> int:
        """How many of so many messages may go in one APPEND."""
        return (self.message_limit or messages) if self.stores_all_or_none else 1

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

    def change_flags(self, name: bytes, uids: bytes, sign: bytes, flag: bytes) -> Status:
        """Give (`+`) messages of a folder a flag or take it away (`-`); return the answer."""
        selected = self.ask(self.opening(FetchRequest(SourceFolder(name, ()), select=True)))
        if not selected.ok:
            return selected
        return self._ask_about(uids, b"UID STORE %%s %sFLAGS.SILENT (%s)" % (sign, flag.replace(b"%", b"%%")))

    def _ask_about(self, uids: bytes, command: bytes) -> Status:
        """Send a command about messages of the open folder, again as long as the server has not got to all of them."""
        left = uids
        while True:
            status = self.ask(command % left)
            left = _left_out(status, left) if status.ok else b""
            if not left:
                return status

    def remove(self, name: bytes, uids: bytes) -> None:
        """Remove messages of a folder for good (UID EXPUNGE, RFC 4315)."""
        if self.change_flags(name, uids, b"+", b"\\Deleted").ok and self.has_uidplus:
            self._ask_about(uids, b"UID EXPUNGE %s")
