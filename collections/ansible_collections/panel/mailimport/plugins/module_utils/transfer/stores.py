# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which store a mailbox is written through, and what an import has to know of the mailbox."""

from __future__ import annotations

import errno
import os
import ssl
from dataclasses import dataclass
from functools import partial
from typing import Callable, List, Mapping, Optional, Sequence, Tuple

from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.mail import MailFiles, MailSession, StoreLocation
from ..state.records import Deliveries, FolderMark, SourceMessages
from ..store.base import MessageStore
from ..store.imap.deliveries import DeliveryBook, UnreadableError
from ..store.imap.network import Dialler
from ..store.imap.store import ImapStore
from ..store.imap.uid_map import UidMap
from ..store.maildir.held import MaildirMail
from ..store.maildir.store import MaildirStore
from ..store.maildir.tree import MaildirTree
from ..store.origin import Origin
from .news import Emit, Note
from .patience import pause
from .session_broker import SessionBroker

# What others may have put in the place of files or directories.
_IN_THE_WAY = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EACCES)

# A folder of the mailbox, and why
_NOT_READ = "the files of folder %s are not read, so flags of messages that came as files are not carried there: %s"


@dataclass(frozen=True)
class Target:
    """The mailbox an import writes to, and what is known from earlier runs.

    `marks` say how far they came, by raw folder name, `deliveries` what they put into a store that chooses the UIDs,
    `messages` what the source's messages were then. `last_run_incomplete`: the latest of them did not get to the end;
    `may_hold_unrecorded_mail`: one was killed, so more may be there than that; `killed_since` is when the first of
    those began to write, if that is known; `crashed_since` the same of all that were ever killed, when the import
    begins again. `aside` is where the present content is moved first, None to keep it.
    `proof` is the host's, for the marker of this import: the key that it is made with stays with the parent. `broker`
    hands out sessions of the mailbox. `room` is what its quota leaves, in bytes, None without a limit.
    `wait_if_crowded`: wait when the source admits no more connections. `spent` are bytes that came from the source
    account within the last day, if it gives only so many. `untouched`: no import has brought anything into the mailbox
    before, whatever names of messages say. `tls` is how a mail host over the network is trusted, None without TLS.
    `others` are deliveries of other imports into the mailbox.
    """

    location: StoreLocation
    broker: SessionBroker
    marks: Mapping[bytes, FolderMark]
    deliveries: Sequence[Deliveries]
    messages: Sequence[SourceMessages]
    last_run_incomplete: bool
    may_hold_unrecorded_mail: bool
    killed_since: Optional[float]
    aside: Optional[str]
    proof: bytes
    room: Optional[int]
    wait_if_crowded: bool = True
    spent: int = 0
    untouched: bool = False
    tls: Optional[ssl.SSLContext] = None
    crashed_since: Optional[float] = None
    others: Sequence[Deliveries] = ()


def store_kind(request: ImportRequest, location: StoreLocation) -> str:
    """Return which store is to write to a location, `maildir` or `imap`.

    Raises:
        MailImportError: `store_unsupported` when it is not the one that was asked for.
    """
    if request.message_store == "auto":
        return "imap" if location.unsupported else "maildir"
    if request.message_store == "maildir" and location.unsupported:
        raise MailImportError(
            "store_unsupported",
            "the mailbox's files cannot be written directly, %s: use message_store=auto" % location.unsupported,
        )
    return request.message_store


def open_store(
    request: ImportRequest, target: Target, emit: Emit, note_delivered: Callable[[Deliveries], None]
) -> MessageStore:
    """Return the store of a mailbox, for an importing process.

    Args:
        note_delivered: takes what a store that chooses the UIDs has delivered, during its `commit`.
    """
    location = target.location
    if store_kind(request, location) == "maildir" and isinstance(location, MailFiles):
        return MaildirStore(
            location, lambda: target.broker.open_pipe(emit), target.may_hold_unrecorded_mail, target.proof
        )

    def note(origin: Origin, target_uidvalidity: int, delivered: UidMap) -> None:
        note_delivered(Deliveries(origin.raw_name, origin.uidvalidity, target_uidvalidity, delivered.runs))

    written = partial(_written, location, target.marks, emit)
    folders = {raw_name: mark.target_name for raw_name, mark in target.marks.items()}
    others = [(each.target_uidvalidity, UidMap(each.runs)) for each in target.others]
    passed = {(raw_name, mark.uidvalidity) for raw_name, mark in target.marks.items() if mark.last_uid}
    book = DeliveryBook(target.may_hold_unrecorded_mail, note, written, folders, others, passed)
    _load(book, target.deliveries)
    return _imap_store(target, book, emit)


def _written(
    location: StoreLocation, marks: Mapping[bytes, FolderMark], emit: Emit, origin: Origin
) -> Tuple[int, UidMap]:
    """What earlier runs wrote as files, before the host's server was to write: their names and its list of UIDs tell
    which message is which.

    Raises:
        UnreadableError: something else is in their place, whatever the server makes of the folder.
    """
    mark, found = marks.get(origin.raw_name), UidMap()
    if not isinstance(location, MailFiles) or location.driver != "maildir" or not mark:
        return 0, found
    if not os.path.isdir(location.root) or not os.path.isdir(location.control):
        return 0, found
    try:
        uidvalidity, pairs = _targets(location, mark.target_name, origin)
    except (OSError, MailImportError) as error:
        if isinstance(error, OSError) and error.errno not in _IN_THE_WAY:
            raise
        why = error.strerror if isinstance(error, OSError) else error.message
        emit(Note(_NOT_READ % (mark.target_name, why)))
        if mark.uidvalidity != origin.uidvalidity:
            return 0, found
        raise UnreadableError(why) from error
    for uid, target in pairs:
        found.add(uid, target)
    return uidvalidity, found


def _targets(location: MailFiles, name: str, origin: Origin) -> Tuple[int, List[Tuple[int, int]]]:
    tree = MaildirTree(location)
    try:
        return MaildirMail(tree).targets(tuple(name.split("/")), origin)
    finally:
        tree.close()


def imap_store_to_look_at(
    location: StoreLocation,
    broker: SessionBroker,
    tls: Optional[ssl.SSLContext],
    deliveries: Sequence[Deliveries],
    marks: Mapping[bytes, FolderMark],
    emit: Emit,
) -> ImapStore:
    """Return the store of a mailbox into which nothing is to be written."""
    book = DeliveryBook(False, lambda *_noted: None, partial(_written, location, marks, emit))
    _load(book, deliveries)
    dialler = dialler_to(location, tls, emit)
    return ImapStore(location, dialler.open if dialler else partial(broker.open_pipe, emit), book)


def _load(book: DeliveryBook, deliveries: Sequence[Deliveries]) -> None:
    for earlier in deliveries:
        book.load(earlier.raw_name, earlier.uidvalidity, earlier.target_uidvalidity, earlier.runs)


def _imap_store(target: Target, book: DeliveryBook, emit: Emit) -> ImapStore:
    dialler = dialler_to(target.location, target.tls, emit)
    if dialler is None:
        open_pipe = partial(target.broker.open_pipe, emit)
        return ImapStore(
            target.location,
            open_pipe,
            book,
            target.proof,
            killed_since=target.killed_since,
            crashed_since=target.crashed_since,
        )
    if not target.marks:  # otherwise there may be nothing to bring
        dialler.begin()
    return ImapStore(
        target.location,
        dialler.open,
        book,
        target.proof,
        dialler.open_more,
        partial(pause, emit),
        target.killed_since,
        target.crashed_since,
    )


def dialler_to(location: StoreLocation, tls: Optional[ssl.SSLContext], emit: Emit) -> Optional[Dialler]:
    """Return what opens sessions of a mailbox over the network; None where a process of this machine serves it."""
    if not isinstance(location, MailSession) or location.account is None:
        return None
    return Dialler(location.account, tls, partial(pause, emit))
