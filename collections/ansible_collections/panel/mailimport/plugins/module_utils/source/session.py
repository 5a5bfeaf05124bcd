# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with a source: its login, its compression, and the folders of its account."""

from __future__ import annotations

import ssl
import time
import zlib
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Callable, Deque, List, Optional, Union

from ..imap.fetch import FetchRequest
from ..imap.login import connect
from ..imap.outline import OUTLINE_ITEMS, Told, parse_outline
from ..imap.refusals import busy_error, refusal_error
from ..imap.responses import Parts, Status, fetched_items, is_quotable, quote
from ..imap.session import ImapSession
from ..model.errors import MailImportError
from ..model.mail import SourceAccount, SourceFolder
from .listing import LIST_STATUS_ITEMS, Listing
from .profiles import profile_of

# Seconds. Access tokens last an hour at Yandex, Google and Microsoft; what becomes of a session then, they do not say.
TOKEN_AGE = 3000.0


def _ended_error(peer: str, status: Status) -> MailImportError:
    return busy_error(status, peer) or MailImportError("source_unavailable", "%s ends the session: %s" % (peer, status))


class SourceSession(ImapSession):
    """One connection to a source account.

    Args:
        account: where and as whom to log in.
        context: what `tls_context(account)` returned.

    Attributes:
        profile: what is known of its kind of server.
        foreign_folders: names of other users' and shared folders, which `list_folders` left out.

    Raises:
        MailImportError: see `connect`.
    """

    def __init__(self, account: SourceAccount, context: Optional[ssl.SSLContext]) -> None:
        self._client = connect(account, context)
        stream = self._client.incoming
        super().__init__(stream, partial(_ended_error, stream.peer))
        self.capabilities = frozenset(word.upper() for word in self._client.capabilities())
        self.profile = profile_of(self._client.greeting, self.capabilities)
        self.pipelined = self.profile.pipelined
        self._token_ends = time.monotonic() + TOKEN_AGE if account.auth in ("xoauth2", "oauthbearer") else None
        self.foreign_folders: List[str] = []
        self._deflater: Optional[zlib._Compress] = None
        if account.compress:
            self._start_compression()

    @property
    def is_stale(self) -> bool:
        """True if the access token that opened the session may expire soon."""
        return self._token_ends is not None and time.monotonic() > self._token_ends

    def close(self) -> None:
        """Say LOGOUT without waiting for the answer, and close."""
        with suppress(MailImportError):  # a connection that is gone already is what is wanted
            self.send(b"LOGOUT")
        self._client.disconnect()

    def abandon(self) -> None:
        """Close without LOGOUT: the state of the protocol is unknown."""
        self._client.disconnect()

    def transmit(self, data: Union[bytes, bytearray]) -> None:
        if self._deflater:
            data = self._deflater.compress(data) + self._deflater.flush(zlib.Z_SYNC_FLUSH)
        self._client.send(data)

    def _start_compression(self) -> None:
        """Switch to COMPRESS=DEFLATE (RFC 4978) when the server offers it."""
        if b"COMPRESS=DEFLATE" not in self.capabilities:
            return
        if self.reader.collect(self.send(b"COMPRESS DEFLATE")).ok:
            self.stream.start_inflating()
            self._deflater = zlib.compressobj(1, zlib.DEFLATED, -15)

    def prove_mailbox(self) -> None:
        """Make sure that there is a mailbox behind the login, where a login alone does not tell.

        Raises:
            MailImportError: `permission_denied` when there is none.
        """
        if self.profile.login_proves_nothing:
            self._check_listed(self.reader.collect(self.send(b'LIST "" INBOX')))

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
            status = self.reader.collect(self.send(*commands), listing.handle)
            if status.ok or refusal_error(status, self.peer):
                self._check_listed(status)
                return self._take_listing(listing, items)
            commands = []
        tags = self.send(*commands, b'LSUB "" "*"', b'LIST "" "*"')
        self._check_listed(self.reader.collect(tags, listing.handle))
        self._ask_status(listing, items)
        return self._take_listing(listing, items)

    def _take_listing(self, listing: Listing, items: bytes) -> List[SourceFolder]:
        if not listing.has_inbox:
            status = self.reader.collect(self.send(b"STATUS %s (%s)" % (quote(b"INBOX"), items)), listing.handle)
            error = None if status.ok else refusal_error(status, self.peer)
            if error:
                raise error
        self.foreign_folders = listing.foreign_folders()
        return listing.folders()

    def _check_listed(self, status: Status) -> None:
        if not status.ok:
            raise refusal_error(status, self.peer) or MailImportError(
                "source_unavailable", "%s does not list its folders: %s" % (self.peer, status)
            )

    def _ask_status(self, listing: Listing, items: bytes) -> None:
        commands = [
            b"STATUS %s (%s)" % (quote(folder.raw_name), items)
            for folder in listing.folders()
            if folder.selectable and is_quotable(folder.raw_name)
        ]
        waiting: Deque[bytes] = deque()
        for command in commands:
            if len(waiting) >= self.pipelined:
                self.reader.collect([waiting.popleft()], listing.handle)
            waiting.extend(self.send(command))
        if waiting:
            self.reader.collect(list(waiting), listing.handle)

    def search_uids(self, folder: SourceFolder, handle_uid: Callable[[int], None], first: int = 1) -> int:
        """Call `handle_uid` with every UID from `first` on that the folder lists now; return how many messages it
        counts.

        Raises:
            MailImportError: `source_unavailable` when the folder cannot be opened or listed, or is another one by now.
        """
        counted = 0
        for opened in self.fetch([FetchRequest(folder, b"%d:*" % first, flags_only=True)]):
            counted = opened.exists or 0  # what arrives from now on is not to be listed
            for fetched in opened.messages():
                if fetched.message.uid is not None and fetched.message.uid >= first:
                    handle_uid(fetched.message.uid)
            answer = opened.refusal or opened.status
            if answer and not opened.complete:
                raise refusal_error(answer, self.peer) or MailImportError(
                    "source_unavailable", "%s does not list %s: %s" % (self.peer, folder.name, answer)
                )
            if not opened.is_as_listed:
                raise MailImportError(
                    "source_unavailable",
                    "the folder %s was replaced while it was read; run the task again" % folder.name,
                )
            counted = max(0, counted - opened.expunged)
        return counted

    def outlines(self, folder: SourceFolder, uids: bytes, handle: Callable[[Told], None]) -> None:
        """Call `handle` with what the server tells of messages, as far as it does.

        Raises:
            MailImportError: `source_unavailable` when the folder cannot be opened or listed.
        """

        def take(parts: Parts) -> None:
            told = parse_outline(parts)
            if told:
                handle(told)

        command = b"UID FETCH %s %s" % (uids, OUTLINE_ITEMS)
        status = self.reader.collect(self.send(self.opening(FetchRequest(folder)), command), take)
        if not status.ok:
            raise refusal_error(status, self.peer) or MailImportError(
                "source_unavailable", "%s does not list %s: %s" % (self.peer, folder.name, status)
            )

    def longer_than(self, size: int, folder: SourceFolder, uids: bytes) -> List[int]:
        """Return which of some messages have more than `size` bytes, without fetching them.

        The byte behind is asked for (RFC 3501 section 6.4.5): RFC822.SIZE is wrong on too many servers. Nothing is
        known of messages whose server does not answer that.
        """
        found: List[int] = []

        def handle(parts: Parts) -> None:
            items = fetched_items(parts)
            uid = items.get(b"UID")
            if items.get(b"BODY[]<%d>" % size) and isinstance(uid, bytes) and uid.isdigit():
                found.append(int(uid))

        byte_behind = b"UID FETCH %s (UID BODY.PEEK[]<%d.1>)" % (uids, size)
        self.reader.collect(self.send(self.opening(FetchRequest(folder)), byte_behind), handle)
        return found
