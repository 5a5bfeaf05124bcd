# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this run and earlier ones delivered into the host's folders."""

from __future__ import annotations

from types import MappingProxyType
from typing import AbstractSet, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ...model.mail import FORGOTTEN_EPOCH
from ..origin import Origin
from .uid_map import DeliveryRecord, UidMap


class UnreadableError(Exception):
    """Messages of a folder came as files, which cannot be read; the text says why."""


class DeliveryBook:
    """Delivery records by source folder.

    Args:
        may_hold_unrecorded_mail: a run was killed, which may have stored messages that are in no record.
        note: takes origin, UIDVALIDITY of the target folder, and UIDs of messages that are delivered for good.
        written: finds UIDVALIDITY and UIDs of messages that came when their files were written, and nothing recorded;
            raises UnreadableError.
        folders: the names of folders here that source folders go into, as far as they are known.
        others: what other imports put into this mailbox, by UIDVALIDITY of its folders.
        passed: raw name and UIDVALIDITY of the source folders that a run has been through.
    """

    def __init__(
        self,
        may_hold_unrecorded_mail: bool,
        note: Callable[[Origin, int, UidMap], None],
        written: Optional[Callable[[Origin], Tuple[int, UidMap]]] = None,
        folders: Mapping[bytes, str] = MappingProxyType({}),
        others: Sequence[Tuple[int, UidMap]] = (),
        passed: AbstractSet[Tuple[bytes, int]] = frozenset(),
    ) -> None:
        self.may_hold_unrecorded_mail = may_hold_unrecorded_mail
        self._note = note
        self._written = written
        self._folders = dict(folders)
        self._others = others
        self._passed = passed
        self._unreadable: Dict[Tuple[bytes, int], str] = {}
        self._asked: Set[Tuple[bytes, int]] = set()
        self._records: Dict[Tuple[bytes, int], Tuple[int, UidMap]] = {}

    def load(self, raw_name: bytes, uidvalidity: int, target_uidvalidity: int, runs: Sequence[int]) -> None:
        """Enter what earlier runs recorded of a source folder; `runs` as UidMap takes them."""
        self._records[raw_name, uidvalidity] = target_uidvalidity, UidMap(runs)

    def note_folder(self, raw_name: bytes, folder: str) -> None:
        """Take note of the name of the folder here that a source folder goes into."""
        self._folders[raw_name] = folder

    def record_of(self, origin: Origin) -> DeliveryRecord:
        self._load_written(origin)
        place = origin.raw_name, origin.uidvalidity
        target_uidvalidity, delivered = self._records.get(place, (0, UidMap()))
        return DeliveryRecord(
            delivered,
            target_uidvalidity,
            self.may_hold_unrecorded_mail,
            place in self._passed,
            self._unreadable.get(place),
        )

    def _load_written(self, origin: Origin) -> None:
        place = origin.raw_name, origin.uidvalidity
        if self._written is None or place in self._asked:
            return
        self._asked.add(place)
        try:
            uidvalidity, written = self._written(origin)
        except UnreadableError as error:
            self._unreadable[place] = str(error)
            return
        known_uidvalidity, known = self._records.get(place, (uidvalidity, UidMap()))
        if written and known_uidvalidity == uidvalidity:
            self._records[place] = uidvalidity, written + known

    def add(self, origin: Origin, target_uidvalidity: int, delivered: UidMap) -> None:
        """Record messages; those recorded of another target folder are forgotten."""
        place = origin.raw_name, origin.uidvalidity
        known_uidvalidity, known = self._records.get(place, (0, UidMap()))
        if known_uidvalidity != target_uidvalidity:
            known = UidMap()
        self._records[place] = target_uidvalidity, known + delivered
        self._note(origin, target_uidvalidity, delivered)

    def earlier(self, origin: Origin) -> Iterator[Tuple[int, List[int]]]:
        """Yield the UIDs of messages that are recorded of the same source folder when its UIDs meant something else,
        with the UIDVALIDITY of the target folder: each once, however often they did, and none of those that are
        recorded under the UIDs of today.
        """
        record = self.record_of(origin)
        targets: Dict[int, Set[int]] = {}
        for (raw_name, uidvalidity), (target_uidvalidity, delivered) in self._records.items():
            if raw_name == origin.raw_name and uidvalidity != origin.uidvalidity:
                targets.setdefault(target_uidvalidity, set()).update(uid for uid in delivered.targets() if uid)
        if record.target_uidvalidity in targets:
            targets[record.target_uidvalidity].difference_update(record.delivered.targets())
        for target_uidvalidity, uids in targets.items():
            yield target_uidvalidity, sorted(uids)

    def runs_in(self, target_uidvalidity: int, folder: Optional[str] = None) -> Iterator[Tuple[int, int, int]]:
        """Yield the runs of all messages that are recorded of a target folder, from whatever source folder.

        Args:
            folder: its name, to leave out what is known to have gone into others: they may have the same UIDVALIDITY.
        """
        for (raw_name, epoch), (uidvalidity, delivered) in self._records.items():
            of_another = folder is not None and self._folders.get(raw_name, folder) != folder
            if uidvalidity == target_uidvalidity and epoch != FORGOTTEN_EPOCH and not of_another:
                yield from delivered.triples()

    def all_runs_in(self, target_uidvalidity: int) -> Iterator[Tuple[int, int, int]]:
        """Yield the runs of all messages that any record has of a target folder: forgotten ones, and those of other
        imports.
        """
        for uidvalidity, delivered in [*self._records.values(), *self._others]:
            if uidvalidity == target_uidvalidity:
                yield from delivered.triples()
