# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading back what was stored, and what is said of a message that the host keeps otherwise than it was sent."""

from __future__ import annotations

import time
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ...imap.fetch import FetchRequest
from ...imap.responses import Status
from ...imap.uids import sequence_set
from ...model.mail import SourceFolder
from .digests import Digests
from .pending import PendingMessage
from .session import HostSession, Kept
from .sessions import HostSessions


class Sent(NamedTuple):
    """What was sent of a message: what the host keeps of it is compared with that.

    `date` is the source's, in seconds since the epoch, None when it told none.
    """

    source_uid: int
    size: int
    digests: Optional[Digests]
    date: Optional[int]
    flags: Tuple[bytes, ...]


def sent_of(message: PendingMessage) -> Sent:
    flags = message.flags.storable
    return Sent(message.uid, message.size, message.digests, message.source_date, flags)


class Difference(NamedTuple):
    """What a user is told of a stored message: a reason word, and the rest of a sentence."""

    reason: str
    text: str


class ReadBack:
    """Messages of one folder that are to be read back.

    `kept` holds those that were read, `unread` those that the host did not give, `trouble` what it said then. A message
    in neither is gone: its owner has moved or deleted it.
    """

    def __init__(self, name: bytes, uidvalidity: int, uids: Iterable[int]) -> None:
        self.name = name
        self.uidvalidity = uidvalidity
        self.unread: Set[int] = set(uids)
        self.kept: Dict[int, Kept] = {}
        self.trouble: Optional[str] = None


def read_back(sessions: HostSessions, folders: Sequence[ReadBack], bodies: bool = True) -> None:
    """Read messages of many folders in one pipelined go.

    Args:
        bodies: False to ask for flags only.

    Raises:
        SessionEndedError: the IMAP process ends again and again.
    """
    for _again in range(2):  # what failed because a message vanished while it was read does not fail twice
        if not any(folder.unread for folder in folders):
            return
        sessions.attempt(lambda session: _read_all(session, folders, bodies))


def _read_all(session: HostSession, folders: Sequence[ReadBack], bodies: bool) -> None:
    asked = list(_requests(folders, bodies, session.message_limit))
    answers = session.open_each(request for _folder, _uids, request in asked)
    refused: List[Tuple[ReadBack, Status]] = []
    for (folder, uids, _request), opened in zip(asked, answers):
        if opened.refusal is not None:
            folder.trouble = str(opened.refusal)
            refused.append((folder, opened.refusal))
            continue
        if opened.uidvalidity and opened.uidvalidity != folder.uidvalidity:
            folder.unread.clear()  # the owner has put another folder in its place
            continue
        for uid, kept in session.messages(opened, bodies):
            if uid in folder.unread:
                folder.kept[uid] = kept
                folder.unread.discard(uid)
        if opened.complete:
            folder.unread -= uids
        else:
            folder.trouble = str(opened.status)
    for folder, refusal in refused:
        if folder.unread and not session.has_folder(folder.name, refusal):
            folder.unread.clear()  # the owner has removed or renamed it


def _requests(
    folders: Sequence[ReadBack], bodies: bool, most: Optional[int]
) -> Iterator[Tuple[ReadBack, Set[int], FetchRequest]]:
    for folder in folders:
        left: List[int] = sorted(folder.unread)
        step = most or max(1, len(left))
        for start in range(0, len(left), step):
            some = left[start : start + step]
            for uids in sequence_set(some):
                request = FetchRequest(SourceFolder(folder.name, ()), uids, flags_only=not bodies)
                yield folder, set(some), request


def differences(sent: Sent, kept: Kept, target: int, altered: bool = False) -> Iterator[Difference]:
    """Yield how a message of the host differs from what was sent.

    Args:
        altered: the server is one that may alter messages.
    """
    if sent.digests and kept.digests and kept.digests.exact != sent.digests.exact:
        if kept.digests.folded == sent.digests.folded:
            own = "with header fields of its own, or " if altered else ""
            yield Difference("message_altered", "is kept by this host %swithout its NUL bytes or stray CRs" % own)
        elif altered and kept.digests.loose == sent.digests.loose:
            text = "is kept by this host as UID %d with its header or its last line altered"
            yield Difference("message_altered", text % target)
        else:
            text = "is kept by this host as UID %d with other bytes than the source sent; compare the two" % target
            yield Difference("verification_failed", text)
    if sent.date is not None and kept.date is not None and kept.date != sent.date:
        dates = _readable(kept.date), _readable(sent.date)
        yield Difference("message_altered", "is kept by this host with the date %s instead of %s" % dates)
    here = {flag.lower() for flag in kept.flags}
    lacking = [flag for flag in sent.flags if flag.lower() not in here]
    if lacking:
        flags = b" ".join(lacking).decode("ascii", "replace")
        yield Difference("message_altered", "is kept by this host without %s" % flags)


def _readable(date: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(date))
