# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The IMAP store: any format of the host's Dovecot, written by its own IMAP process in a session without a login."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from ...imap.folder_names import decode_folder_name, encode_folder_name
from ...imap.responses import parse_parts, quote
from ...model.errors import MailImportError
from ...model.mail import StoreLocation
from ..aside import check_movable, move_directories_aside
from ..base import FlagChange, FolderPath, FolderWriter, MessageStore, Origin
from .appender import Appender
from .flags import carry_flags
from .pipe import HostPipe
from .session import HostSession, HostSessions
from .uid_map import DeliveryRecord, UidMap
from .writer import ImapWriter

TakeDelivered = Callable[[Origin, int, UidMap], None]


class ImapStore(MessageStore):
    """The mail of one mailbox, through APPEND (RFC 3501, 3502, 4315, 7888). Messages get UIDs of the host's own.

    Args:
        location: as `MailHost.store_of` reports it.
        open_pipe: starts an IMAP process of the mailbox.
        repair: makes the host bring the indexes of a folder, given by its readable name, into line with its mail.
        record_of: tells what earlier runs delivered of an origin.
        delivered: takes, before what is committed is recorded otherwise, the origin, the target folder's UIDVALIDITY
            and the UIDs of messages that are durable.
    """

    def __init__(
        self,
        location: StoreLocation,
        open_pipe: Callable[[], HostPipe],
        repair: Callable[[str], None],
        record_of: Callable[[Origin], DeliveryRecord],
        delivered: TakeDelivered,
    ) -> None:
        self._location = location
        self._repair = repair
        self._record_of = record_of
        self._delivered = delivered
        self.sessions = HostSessions(open_pipe)
        self.appender = Appender(self.sessions)
        self._writers: List[ImapWriter] = []
        self._uncertain = False
        self._left_behind: Set[FolderPath] = set()
        self._lost_keywords: Set[bytes] = set()
        self._namespace: Optional[Tuple[bytes, bytes]] = None

    def name_of(self, path: FolderPath) -> bytes:
        """Return a folder's name on the wire.

        Raises:
            MailImportError: `folder_refused` when the host cannot have such a name.
        """
        if path == ("INBOX",):
            return b"INBOX"
        if self._namespace is None:
            self._namespace = self.sessions.attempt(self._ask_namespace)
        prefix, separator = self._namespace
        parts = [encode_folder_name(part) for part in path]
        if separator and any(separator in part for part in parts):
            raise MailImportError(
                "folder_refused", "a folder's name on this host cannot hold %r" % separator.decode("latin-1")
            )
        return prefix + separator.join(parts)

    def _ask_namespace(self, session: HostSession) -> Tuple[bytes, bytes]:
        """Return prefix and separator of the user's own folders (RFC 2342): where the host says INBOX is, or the
        first."""
        found: Dict[bytes, bytes] = {}

        def handle(parts: List[bytes]) -> None:
            values = parse_parts(parts)
            if values[:1] == [b"NAMESPACE"] and isinstance(values[1], list):
                found.update((bytes(prefix), bytes(separator or b"")) for prefix, separator, *_rest in values[1])

        if b"NAMESPACE" in session.capabilities:
            session.ask(b"NAMESPACE", handle)
        own = self._location.prefix.encode("utf-8")
        if found:
            prefix = own if own in found else next(iter(found))
            return prefix, found[prefix]
        return own, self._location.separator.encode("utf-8")

    def open_folder(self, path: FolderPath, origin: Origin, by_content: bool) -> FolderWriter:
        record = self._record_of(origin)
        if path in self._left_behind:  # this run has begun the folder before, under another UIDVALIDITY of its source
            record = record._replace(last_run_incomplete=True)
        writer = ImapWriter(self.appender, path, self.name_of(path), origin, record, self.repair, by_content)
        self._writers.append(writer)
        return writer

    def repair(self, name: bytes) -> None:
        """Let the host find messages that an IMAP process stored and did not live to enter into the folder's index."""
        self.sessions.close()
        self._repair(decode_folder_name(name))

    def commit(self) -> None:
        # A message is stored for good when APPEND is answered. Its UIDs are told before the caller records how far the
        # folder has come: a run that is killed in between finds them in the map.
        self.appender.drain()
        for writer in [writer for writer in self._writers if writer.has_work]:
            new = writer.verify()
            if new:
                self._delivered(writer.origin, writer.target_uidvalidity, new)
            self._lost_keywords |= writer.keywords.lost
            self._uncertain = self._uncertain or writer.uncertain
        self._writers = [writer for writer in self._writers if not writer.finished]

    def discard(self, writer: FolderWriter) -> None:
        mine = next(known for known in self._writers if known is writer)
        self.appender.drain()
        self._writers.remove(mine)
        if mine.written:
            self._left_behind.add(mine.path)
        elif mine.fresh:
            self.sessions.attempt(lambda session: session.remove_if_empty(mine.name))

    def subscribe(self, paths: Sequence[FolderPath]) -> int:
        names = [self.name_of(path) for path in paths]
        return self.sessions.attempt(lambda session: _subscribe(session, names))

    def change_flags(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> int:
        name = self.name_of(path)
        record = self._record_of(origin)
        figures = self.sessions.attempt(lambda session: session.figures(name))
        if figures is None or figures.uidvalidity != record.target_uidvalidity:
            return 0  # another folder than the one the messages were delivered into
        wanted = {target: changes[uid] for uid, target in record.delivered.targets_of(changes).items()}
        carried = carry_flags(self.sessions, name, wanted)
        self._lost_keywords |= carried.refused
        return len(carried.changed)

    def move_aside(self, path: str) -> Optional[str]:
        if not os.path.lexists(path):
            self.sessions.close()
            move_directories_aside(check_movable(self._location), path)
        return path if os.path.lexists(path) else None

    @property
    def settled(self) -> bool:
        return self.appender.idle and not self._uncertain and not any(writer.has_work for writer in self._writers)

    def finish(self) -> None:
        """Nothing is left to do: the mailbox's server wrote all of it."""

    def lost_keywords(self) -> List[str]:
        return sorted(keyword.decode("ascii", "replace") for keyword in self._lost_keywords)


def _subscribe(session: HostSession, names: Sequence[bytes]) -> int:
    known = {name for _separator, name in session.names(b'LSUB "" "*"')}
    missing = [name for name in names if name not in known]
    for name in missing:
        status = session.ask(b"SUBSCRIBE " + quote(name))
        if not status.ok:
            raise MailImportError(
                "host_refused", "this host does not subscribe to %r: %s" % (name.decode("ascii", "replace"), status)
            )
    return len(missing)
