# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Gmail calls its messages (X-GM-MSGID): a message has the same number in every folder that shows it.

https://developers.google.com/workspace/gmail/imap/imap-extensions
"""

from __future__ import annotations

from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from ..imap.fetch import FetchRequest
from ..imap.refusals import refusal_error
from ..imap.responses import Parts, fetched_items, figure, parse_status
from ..imap.uids import MAX_UID
from ..model.errors import MailImportError
from ..model.mail import SourceFolder
from .session import SourceSession

CAPABILITY = b"X-GM-EXT-1"

_ITEMS = b"(UID FLAGS RFC822.SIZE X-GM-MSGID)"
# Folders that are asked for ahead; the answers may be long.
_FOLDERS_AHEAD = 32
_HIGHEST = 2**64 - 1


class KnownMessage(NamedTuple):
    """A message of a folder: its UID there, its number, its size in bytes (0 when it is not told) and its flags."""

    uid: int
    number: int
    size: int
    flags: Tuple[bytes, ...]


def list_messages(
    session: SourceSession,
    wanted: Sequence[Tuple[SourceFolder, int]],
    take: Callable[[SourceFolder, KnownMessage], None],
) -> None:
    """Call `take` with the messages of folders, each from a UID on. A folder that does not open, or is another one by
    now, is passed over.

    Raises:
        MailImportError: the connection is lost, or the server wants to be left alone.
    """
    for begin in range(0, len(wanted), _FOLDERS_AHEAD):
        some = wanted[begin : begin + _FOLDERS_AHEAD]
        commands: List[bytes] = []
        for folder, first in some:
            commands += [session.opening(FetchRequest(folder)), b"UID FETCH %d:* %s" % (first, _ITEMS)]
        tags = iter(session.send(*commands))
        for folder, first in some:
            _read_folder(session, folder, first, (next(tags), next(tags)), take)


def _read_folder(
    session: SourceSession,
    folder: SourceFolder,
    first: int,
    tags: Tuple[bytes, bytes],
    take: Callable[[SourceFolder, KnownMessage], None],
) -> None:
    epochs: List[Optional[int]] = []

    def note_epoch(parts: Parts) -> None:
        status = parse_status(parts[0])
        words = status.code.split() if status else []
        if len(words) == 2 and words[0].upper() == b"UIDVALIDITY":
            epochs.append(figure(words[0], words[1]))

    def note_message(parts: Parts) -> None:
        message = _message_of(parts)
        if message and message.uid >= first:  # `N:*` always has the last one
            take(folder, message)

    opened = session.reader.collect([tags[0]], note_epoch)
    is_it = opened.ok and all(epoch == folder.uidvalidity for epoch in epochs if folder.uidvalidity)
    answer = session.reader.collect([tags[1]], note_message if is_it else None)
    for status in (opened, answer):
        trouble = None if status.ok else refusal_error(status, session.peer)
        if trouble:
            raise trouble


def _message_of(parts: Parts) -> Optional[KnownMessage]:
    """Return what a FETCH response says, whatever the order of its items. Returns None if it lacks UID or number."""
    try:
        found = fetched_items(parts)
    except MailImportError:
        return None
    uid, number = _number(found.get(b"UID"), MAX_UID), _number(found.get(b"X-GM-MSGID"), _HIGHEST)
    flags = found.get(b"FLAGS")
    if not uid or not number or not isinstance(flags, list):
        return None
    told = tuple(flag for flag in flags if isinstance(flag, bytes))
    return KnownMessage(uid, number, _number(found.get(b"RFC822.SIZE"), 2**62) or 0, told)


def _number(value: Any, highest: int) -> Optional[int]:
    is_one = isinstance(value, bytes) and value.isdigit() and len(value) < 21
    return int(value) if is_one and int(value) <= highest else None
