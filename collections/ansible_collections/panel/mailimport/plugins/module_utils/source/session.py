# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A logged-in session: pipelined commands, the folders of the account, and the stream of their messages."""

from __future__ import annotations

import itertools
import re
import ssl
import time
import zlib
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Callable, Deque, Iterable, Iterator, List, Optional, Tuple

from ..model.errors import MailImportError, one_line
from ..model.mail import SourceAccount, SourceFolder
from .connection import connect
from .fetch import FETCH_RESPONSE, FolderStream
from .listing import LIST_STATUS_ITEMS, Listing
from .responses import Parts, Status, is_quotable, parse_parts, parse_status, quote, read_rest
from .throttle import busy_error, refusal_error

# Folders asked for ahead of their answers. Enough to hide any latency, and few enough bytes (some 100 a folder) and open
# folders that neither a server which does not read while it writes nor the limit of open files gets in the way.
PIPELINE_DEPTH = 128

# Seconds. Access tokens last an hour at Yandex, Google and Microsoft; what becomes of a session then, they do not say.
TOKEN_AGE = 3000.0


@dataclass(frozen=True)
class FetchRequest:
    """Ask for messages of one folder.

    `uids` is an IMAP sequence set. `flags_only` leaves the bodies out; `changed_since` (a mod-sequence, RFC 7162)
    narrows that to messages whose flags changed. `select` opens the folder with SELECT: a few servers do not know
    EXAMINE, and Courier keeps a folder's UIDVALIDITY only once it was selected; it costs the source no more than \\Recent.
    """

    folder: SourceFolder
    uids: bytes = b"1:*"
    flags_only: bool = False
    changed_since: Optional[int] = None
    select: bool = False

    @property
    def lowest(self) -> int:
        """The lowest UID asked for."""
        return int(re.split(b"[:,]", self.uids, maxsplit=1)[0])

    def command(self) -> bytes:
        items = b"(UID FLAGS)" if self.flags_only else b"(UID FLAGS INTERNALDATE BODY.PEEK[])"
        modifier = b" (CHANGEDSINCE %d)" % self.changed_since if self.changed_since is not None else b""
        return b"UID FETCH %s %s%s" % (self.uids, items, modifier)


class SourceSession:
    """One connection to a source account. The source is never altered: EXAMINE and PEEK wherever they work.

    `reading` is the folder whose answers are being read.

    Args:
        account: where and as whom to log in.
        context: what `tls_context(account)` returned.

    Raises:
        MailImportError: see `connect`.
    """

    def __init__(self, account: SourceAccount, context: Optional[ssl.SSLContext]) -> None:
        self._client = connect(account, context)
        self.stream = self._client._imap.stream
        self.peer = self.stream.peer
        self.capabilities = frozenset(word.upper() for word in self._client.capabilities())
        self.reading: Optional[SourceFolder] = None
        self._tags = 0
        self._token_ends = time.monotonic() + TOKEN_AGE if account.auth in ("xoauth2", "oauthbearer") else None
        self._deflater: Optional[zlib._Compress] = None
        if account.compress:
            self._start_compression()

    @property
    def is_stale(self) -> bool:
        """True when the access token that opened it may expire soon."""
        return self._token_ends is not None and time.monotonic() > self._token_ends

    def close(self) -> None:
        """Say LOGOUT without waiting for the answer, and close."""
        with suppress(MailImportError):  # a connection that is gone already is what is wanted
            self.send(b"LOGOUT")
        self._client._imap.disconnect()

    def abandon(self) -> None:
        """Close without a word: the state of the protocol is unknown."""
        self._client._imap.disconnect()

    def _start_compression(self) -> None:
        """Switch to COMPRESS=DEFLATE (RFC 4978) when the server offers it."""
        if b"COMPRESS=DEFLATE" not in self.capabilities:
            return
        if self.collect(self.send(b"COMPRESS DEFLATE")).ok:
            self.stream.start_inflating()
            self._deflater = zlib.compressobj(1, zlib.DEFLATED, -15)

    def send(self, *commands: bytes) -> List[bytes]:
        """Send commands in one piece and return their tags."""
        tags = []
        data = b""
        for command in commands:
            self._tags += 1
            tags.append(b"M%d" % self._tags)
            data += tags[-1] + b" " + command + b"\r\n"
        if self._deflater:
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        self._client._imap.send(data)
        return tags

    def collect(self, tags: List[bytes], handle: Optional[Callable[[Parts], None]] = None) -> Status:
        """Read responses until the last of `tags` is answered; return that answer.

        Args:
            handle: called with each untagged response without its `* `.
        """
        waiting = deque(tags)
        while True:
            status = self.read_response(self.stream.read_line(), waiting[0], handle)
            if status:
                waiting.popleft()
                if not waiting:
                    return status

    def read_response(self, line: bytes, tag: bytes, handle: Optional[Callable[[Parts], None]] = None) -> Optional[Status]:
        """Take one response that begins with `line`; return the status when it is the answer to `tag`.

        Raises:
            MailImportError: `source_unavailable` or `throttled` for BYE, `protocol_error` for what is not IMAP.
        """
        if line.startswith(b"* "):
            parts = read_rest(self.stream, line[2:])
            if parts[0][:3].upper() == b"BYE":
                self._raise_bye(parts[0])
            if handle:
                handle(parts)
            return None
        found, _blank, rest = line.partition(b" ")
        status = parse_status(rest) if found == tag else None
        if status is None:
            raise MailImportError("protocol_error", "%s sent something that is not IMAP: %s" % (self.peer, one_line(line.decode("latin-1"), 80)))
        return status

    def _raise_bye(self, line: bytes) -> None:
        status = parse_status(line) or Status("BYE", b"", "")
        raise busy_error(status, self.peer) or MailImportError("source_unavailable", "%s ends the session: %s" % (self.peer, status))

    def list_folders(self) -> List[SourceFolder]:
        """Return the account's own folders with their figures, in the server's order.

        One round trip with LIST-STATUS (RFC 5819), two without it or when it does not work.

        Raises:
            MailImportError: `source_unavailable` when the server refuses to list.
        """
        listing = Listing()
        commands = [b'ID ("name" "panel.mailimport")'] if b"ID" in self.capabilities else []
        if b"NAMESPACE" in self.capabilities:
            commands.append(b"NAMESPACE")
        items = b" ".join(LIST_STATUS_ITEMS + ([b"HIGHESTMODSEQ"] if b"CONDSTORE" in self.capabilities else []))
        if b"LIST-STATUS" in self.capabilities:
            returned = b"SUBSCRIBED SPECIAL-USE" if b"SPECIAL-USE" in self.capabilities else b"SUBSCRIBED"
            commands.append(b'LIST "" "*" RETURN (%s STATUS (%s))' % (returned, items))
            status = self.collect(self.send(*commands), listing.handle)
            if status.ok or refusal_error(status, self.peer):
                self._check_listed(status)
                return listing.folders()
            commands = []
        tags = self.send(*commands, b'LSUB "" "*"', b'LIST "" "*"')
        self._check_listed(self.collect(tags, listing.handle))
        self._ask_status(listing, items)
        return listing.folders()

    def _check_listed(self, status: Status) -> None:
        if not status.ok:
            raise refusal_error(status, self.peer) or MailImportError("source_unavailable", "%s does not list its folders: %s" % (self.peer, status))

    def _ask_status(self, listing: Listing, items: bytes) -> None:
        commands = [b"STATUS %s (%s)" % (quote(folder.raw_name), items) for folder in listing.folders() if folder.selectable and is_quotable(folder.raw_name)]
        waiting: Deque[bytes] = deque()
        for command in commands:
            if len(waiting) >= PIPELINE_DEPTH:
                self.collect([waiting.popleft()], listing.handle)
            waiting.extend(self.send(command))
        if waiting:
            self.collect(list(waiting), listing.handle)

    def search_uids(self, folder: SourceFolder, handle_uid: Callable[[int], None], first: int = 1) -> None:
        """Call `handle_uid` with every UID from `first` on that the folder holds now.

        Raises:
            MailImportError: `source_unavailable` when the folder cannot be opened or listed, or is another one by now.
        """
        for opened in self.fetch([FetchRequest(folder, b"%d:*" % first, flags_only=True)]):
            for fetched in opened.messages():
                if fetched.message.uid is not None and fetched.message.uid >= first:
                    handle_uid(fetched.message.uid)
            answer = opened.refusal or opened.status
            if answer and not opened.complete:
                raise refusal_error(answer, self.peer) or MailImportError("source_unavailable", "%s does not list %s: %s" % (self.peer, folder.name, answer))
            if not opened.is_as_listed:
                raise MailImportError("source_unavailable", "the folder %s was replaced while it was read; run the task again" % folder.name)

    def longer_than(self, size: int, folder: SourceFolder, uids: bytes) -> List[int]:
        """Return which of some messages have more than `size` bytes, without fetching them.

        The byte behind is asked for (RFC 3501 section 6.4.5): RFC822.SIZE is wrong on too many servers. Nothing is known
        of messages whose server does not answer that.
        """
        found: List[int] = []

        def handle(parts: Parts) -> None:
            values = parse_parts(parts) if FETCH_RESPONSE.match(parts[0]) else []
            if len(values) == 3 and isinstance(values[2], list):
                items = {name.upper(): value for name, value in zip(values[2][::2], values[2][1::2]) if isinstance(name, bytes)}
                uid = items.get(b"UID", b"")
                if items.get(b"BODY[]<%d>" % size) and isinstance(uid, bytes) and uid.isdigit():
                    found.append(int(uid))

        request = FetchRequest(folder)
        self.collect(self.send(self._opening(request), b"UID FETCH %s (UID BODY.PEEK[]<%d.1>)" % (uids, size)), handle)
        return found

    def fetch(self, requests: Iterable[FetchRequest]) -> Iterator[FolderStream]:
        """Open folder after folder and yield each with its messages.

        Commands for the next folders are under way while one is read, so that latency is paid once. A stream that
        was not read to its end is drained before the next one.
        """
        queue: Deque[Tuple[FetchRequest, List[bytes]]] = deque()
        waiting = iter(requests)
        while True:
            self._send_ahead(waiting, queue)
            if not queue:
                return
            request, tags = queue.popleft()
            self.reading = request.folder
            opened = FolderStream(self, request, tags)
            opened.open()
            if opened.wants_select:
                waiting = itertools.chain((replace(request, select=True),), waiting)
            else:
                yield opened
            opened.drain()
            self.reading = None

    def _send_ahead(self, waiting: Iterator[FetchRequest], queue: Deque[Tuple[FetchRequest, List[bytes]]]) -> None:
        commands: List[bytes] = []
        requests: List[FetchRequest] = []
        # Refilled only when half empty: one write for many commands.
        if len(queue) > PIPELINE_DEPTH // 2:
            return
        for request in waiting:
            commands += [self._opening(request), request.command()]
            requests.append(request)
            if len(queue) + len(requests) >= PIPELINE_DEPTH:
                break
        if requests:
            tags = self.send(*commands)
            queue.extend((request, tags[2 * i : 2 * i + 2]) for i, request in enumerate(requests))

    def _opening(self, request: FetchRequest) -> bytes:
        name = quote(request.folder.raw_name)
        if request.select:
            return b"SELECT " + name
        return b"EXAMINE " + name + (b" (CONDSTORE)" if b"CONDSTORE" in self.capabilities else b"")
