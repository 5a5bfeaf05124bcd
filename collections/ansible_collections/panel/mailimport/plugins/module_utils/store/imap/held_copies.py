# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages that a folder of the host holds already, copied into another one: they do not come from the source again."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, List, Mapping, Sequence, Set, Tuple

from ...imap.uids import sequence_set
from ..base import FolderPath, HeldCopy, wanted_in_each_folder
from .deliveries import DeliveryBook
from .session import HostSession, Kept
from .sessions import HostSessions
from .uid_map import DeliveryRecord
from .writer import ImapWriter


def copy_held(
    sessions: HostSessions,
    book: DeliveryBook,
    name_of: Callable[[FolderPath], bytes],
    writer: ImapWriter,
    copies: Sequence[HeldCopy],
) -> Dict[int, int]:
    """Copy messages into the folder of a writer; return the sizes of those that are in it now, by UID at the source."""
    left = {held.uid: held for held in copies}
    found: Dict[int, int] = {}
    for path, origin, wanted in wanted_in_each_folder(left):
        for held, target in _copied(sessions, book.record_of(origin), name_of(path), writer, wanted):
            writer.copied(held, target)
            found[held.uid] = held.size
            del left[held.uid]
    return found


def _copied(
    sessions: HostSessions,
    record: DeliveryRecord,
    name: bytes,
    writer: ImapWriter,
    wanted: Mapping[int, HeldCopy],
) -> Iterator[Tuple[HeldCopy, int]]:
    """Copy messages of an origin out of its folder, by their UIDs at the source; yield them with their new UIDs."""
    targets = {target: wanted[uid] for uid, target in record.delivered.targets_of(wanted).items()}
    if writer.may_hold_more:
        known = _recognized(sessions, writer, name, record.target_uidvalidity, targets)
        targets = {target: held for target, held in targets.items() if held.uid not in known}
    most = sessions.attempt(lambda session: session.message_limit) or max(1, len(targets))
    groups = [sorted(targets)[start : start + most] for start in range(0, len(targets), most)]
    for uids in (each for group in groups for each in sequence_set(group)):
        # Not to be done twice: whether a session that ended has copied them, the next run finds out.
        before, writer.all_answers_known = writer.all_answers_known, False
        new = sessions.session().copy(name, record.target_uidvalidity, uids, len(targets), writer.name)
        writer.all_answers_known = before
        yield from ((targets[old], target) for old, target in new.items() if old in targets)


def _recognized(
    sessions: HostSessions, writer: ImapWriter, name: bytes, uidvalidity: int, targets: Mapping[int, HeldCopy]
) -> Set[int]:
    """Let a folder that may hold more than is recorded look for messages of another one, by their content; return
    those that are not to be copied any more.
    """

    def read(session: HostSession) -> List[Tuple[int, Kept]]:
        figures = session.figures_of([name]).get(name)
        if figures is None or figures.uidvalidity != uidvalidity:
            return []
        return [each for uids in sequence_set(targets) for each in session.kept(name, uids)]

    found = set()
    for target, kept in sessions.attempt(read):
        held = targets.get(target)
        if held and kept.digests and writer.recognizes(held, kept.digests):
            found.add(held.uid)
    return found
