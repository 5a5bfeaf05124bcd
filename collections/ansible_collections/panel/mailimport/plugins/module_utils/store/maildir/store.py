# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Maildir store: Dovecot's Maildir++ (or LAYOUT=fs) written directly, folder by folder."""

from __future__ import annotations

import os
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

from ...imap.folder_names import encode_folder_name
from ...imap.uids import UidSet
from ...model.errors import MailImportError
from ...model.imports import ImportKey
from ...model.mail import MailFiles
from ..aside import move_directories_aside
from ..base import (
    EarlierMessage,
    FlagChange,
    FolderPath,
    FolderWriter,
    HeldCopy,
    MessageStore,
    Subscribed,
    joined_path,
)
from ..imap.pipe import HostPipe
from ..marker import place_marker
from ..origin import Origin
from .control_files import SUBSCRIPTIONS, dotlock, uidlist_entries
from .files import exists, make_directory, syncfs
from .flusher import Flusher
from .held import MaildirMail
from .letters import FolderFlags
from .linked import copy_held
from .more_keywords import ExcessKeywords
from .shown import ShownRecord
from .stage import import_stages, origin_stages, remove_stages, stage_name
from .subscriptions import add_subscriptions
from .tree import MaildirTree
from .writer import MaildirWriter

# How often a message is looked for again that a mail program renames at the same time.
_RENAME_PASSES = 5


class MaildirStore(MessageStore):
    """The Maildir of one mailbox.

    Args:
        location: as `MailHost.store_of` reports it; its `unsupported` must be None.
        open_pipe: starts an IMAP process of the mailbox, for what only Dovecot itself can write: keywords beyond the 26
            that file names have letters for. Without it they count as lost.
        after_kill: an earlier run was killed, and may have shown messages that nothing else tells of.
        proof: the host's, for the marker of the import.
    """

    def __init__(
        self,
        location: MailFiles,
        open_pipe: Optional[Callable[[], HostPipe]] = None,
        after_kill: bool = True,
        proof: bytes = b"",
    ) -> None:
        self.location = location
        self._after_kill = after_kill
        self._proof = proof
        self._keywords = ExcessKeywords(open_pipe) if open_pipe else None
        self._writers: List[MaildirWriter] = []
        self._lost_keywords: Set[bytes] = set()
        self._shown: Optional[ShownRecord] = None
        self._publishing = False
        self._is_marked = False
        self._is_new = not any(map(os.path.lexists, filter(None, (location.root, location.control, location.index))))
        os.umask(0)  # files and directories have the rights of the directory that they are in
        self._open()

    def _open(self) -> None:
        self._tree = MaildirTree.make(self.location)
        self._flusher = Flusher(self._tree.root)

    def refused_folders(self, paths: Sequence[FolderPath]) -> Mapping[FolderPath, str]:
        return self._tree.refused_folders(paths)

    def open_folder(self, path: FolderPath, origin: Origin, by_content: bool) -> FolderWriter:
        # As durable as what comes: `commit` flushes before anything is in sight.
        if not self._is_marked:
            place_marker(self.location, origin.key, self._proof, durable=False)
            self._is_marked = True
        # What was staged of a folder that had this name before.
        remove_stages(self._tree, origin_stages(origin), keep=(stage_name(origin),))
        writer = MaildirWriter(self._tree, self._flusher, self._record_of(origin), path, origin, by_content)
        self._writers.append(writer)
        return writer

    def held_uids(self, path: FolderPath, origin: Origin) -> UidSet:
        return MaildirMail(self._tree).held_uids(path, origin)

    def renumbered(self, path: FolderPath, origin: Origin) -> int:
        return MaildirMail(self._tree).renumbered(path, origin)

    def beginnings(self, path: FolderPath, origin: Origin, uids: UidSet, size: int) -> Iterator[Tuple[int, bytes]]:
        return MaildirMail(self._tree).beginnings(path, origin, uids, size)

    def earlier(self, path: FolderPath, origin: Origin, size: int) -> Iterator[Tuple[EarlierMessage, bytes]]:
        return MaildirMail(self._tree).earlier(path, origin, size)

    def _record_of(self, origin: Origin) -> ShownRecord:
        """Return the record of the import, which is the store's only one."""
        if self._shown is None:
            self._shown = ShownRecord(origin, self._tree.root, self._after_kill)
        return self._shown

    def copy_held(self, writer: FolderWriter, copies: Sequence[HeldCopy]) -> Dict[int, int]:
        mine = next(known for known in self._writers if known is writer)
        return copy_held(self._tree, self._writers, mine, copies)

    def commit(self) -> None:
        # The order is what makes a message exist exactly once: bytes, compared as they were written, become durable,
        # then named in the journal or visible, then that durable too; only after this does the caller record it in the
        # state.
        waiting = [writer for writer in self._writers if writer.has_work]
        if not waiting:
            return
        self._flusher.wait()
        for writer in waiting:
            writer.waiting.save()
        self._flusher.start()
        for writer in waiting:
            writer.verify()
        self._flusher.wait()
        self._publishing = True  # and so it stays when this fails
        if self._shown:
            self._shown.record((writer.origin, writer.to_be_shown) for writer in waiting)
        for writer in waiting:
            writer.publish()
            self._lost_keywords |= writer.lost_keywords
        if self._tree.separate_control:
            syncfs(self._tree.control)
        syncfs(self._tree.root)
        self._publishing = False
        for writer in self._writers:  # also those that a commit which failed has published
            if (writer.waiting.uids or writer.waiting.is_written) and (writer.done or not writer.fresh):
                self._add_excess_keywords(writer)
        self._writers = [writer for writer in self._writers if not writer.done]

    def _add_excess_keywords(self, writer: MaildirWriter) -> None:
        """Give messages that have just become visible the keywords without a letter, or count these as lost: the
        messages stay where they are.
        """
        try:
            writer.keywords_set += len(self._change_keywords(writer.path, writer.origin, b"+", writer.waiting.uids))
        except MailImportError:
            self._lost_keywords.update(writer.waiting.uids)
        writer.waiting.forget()

    def _change_keywords(
        self, path: FolderPath, origin: Origin, sign: bytes, keywords: Mapping[bytes, Sequence[int]]
    ) -> Set[int]:
        """Give visible messages keywords that their file names have no letters for (`+`), or take them away (`-`).

        `keywords` hold UIDs of the source, and so does what is returned: the messages that changed.
        """
        if self._keywords is None:
            self._lost_keywords.update(keywords)
            return set()
        name = self.location.prefix.encode("utf-8") + self.location.separator.encode("utf-8").join(
            encode_folder_name(part) for part in path
        )
        if path == ("INBOX",):
            name = b"INBOX"
        self._keywords.notice(name)
        control = self._tree.make_control(path)
        targets = {origin.uid_of(base_name): uid for uid, base_name in uidlist_entries(control)}
        os.close(control)
        here = {keyword: [targets[uid] for uid in uids if uid in targets] for keyword, uids in keywords.items()}
        changed = self._keywords.change(name, sign, here)
        self._lost_keywords |= self._keywords.refused
        return {uid for uids in keywords.values() for uid in uids if targets.get(uid) in changed}

    @property
    def all_answers_known(self) -> bool:
        return not self._publishing

    def discard(self, writer: FolderWriter) -> None:
        mine = next(known for known in self._writers if known is writer)
        self._writers.remove(mine)
        mine.remove_stage()
        if mine.fresh:
            mine.waiting.forget()

    def forget(self, key: ImportKey, keep: Iterable[bytes]) -> None:
        self._record_of(Origin(key, b"", 0))
        kept = tuple(origin_stages(Origin(key, raw_name, 0)) for raw_name in keep)
        remove_stages(self._tree, import_stages(Origin(key, b"", 0)), kept)

    def clean_up(self) -> None:
        """Let Dovecot's maildir quota count anew: it knows nothing of files that it did not write."""
        if self._keywords:
            self._keywords.close()
        if self._shown:
            self._shown.forget()
        if exists("maildirsize", self._tree.root):
            os.unlink("maildirsize", dir_fd=self._tree.root)

    def subscribe(self, paths: Sequence[FolderPath]) -> Subscribed:
        names = [tuple(encode_folder_name(part) for part in path) for path in paths]
        with dotlock(self._tree.control, SUBSCRIPTIONS):
            separator = b"/" if self.location.layout == "fs" else b"."
            return Subscribed(add_subscriptions(self._tree.control, names, separator), {})

    def change_flags(self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange]) -> int:
        name = self._tree.directory_name(path)
        if not exists(name, self._tree.root):
            return 0  # its owner has removed the folder
        control = self._tree.make_control(path)
        letters = FolderFlags(control, shared=True)
        changed = self._rename_for_flags(path, origin, changes, letters)
        for sign, keywords in ((b"+", _excess_added(changes, letters)), (b"-", _excess_removed(changes, letters))):
            if keywords:
                changed |= self._change_keywords(path, origin, sign, keywords)
        self._lost_keywords |= letters.lost
        os.close(control)
        return len(changed)

    def _rename_for_flags(
        self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange], letters: FolderFlags
    ) -> Set[int]:
        """Give messages the file names that say their new flags; return the UIDs of those that changed."""
        folder = make_directory(self._tree.directory_name(path), self._tree.root)
        changed = set()
        left = changes
        for _pass in range(_RENAME_PASSES):
            again = {}
            for uid, (old, new) in self._flag_renames(path, origin, left, letters).items():
                try:
                    os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)
                    changed.add(uid)
                except FileNotFoundError:
                    again[uid] = changes[uid]  # a mail program was faster: look again what the message is called now
            if not again:
                break
            left = again
        os.close(folder)
        if again:  # nothing of this window is remembered as carried, so that the next run does it
            text = "another program keeps renaming %d messages of %s, whose flags changed: run the task again"
            raise MailImportError("host_refused", text % (len(again), joined_path(path)))
        return changed

    def _flag_renames(
        self, path: FolderPath, origin: Origin, changes: Mapping[int, FlagChange], letters: FolderFlags
    ) -> Dict[int, Tuple[str, str]]:
        """Return the old and the new name of messages whose letters are to change."""
        renames = {}
        for part, found in self._tree.message_names(path):
            base_name, _colon, info = found.partition(":2,")
            uid = origin.uid_of(base_name)
            if uid not in changes:
                continue
            change = changes[uid]
            wanted = ({*info} - {*letters.letters_in_use(change.remove)}) | {*letters.letters(change.add)}
            if wanted != {*info}:
                renames[uid] = "%s/%s" % (part, found), "cur/%s:2,%s" % (base_name, "".join(sorted(wanted)))
        return renames

    def move_aside(self, path: str) -> Optional[str]:
        if not os.path.lexists(path) and not self._is_new:
            self._tree.close()
            move_directories_aside(self.location, path)
            self._open()
        return path if os.path.lexists(path) else None

    def lost_keywords(self) -> List[str]:
        return sorted(keyword.decode("ascii", "replace") for keyword in self._lost_keywords)


def _excess_added(changes: Mapping[int, FlagChange], letters: FolderFlags) -> Dict[bytes, List[int]]:
    """Return the UIDs of messages by the keywords without a letter that they are to get."""
    return _by_keyword((uid, letters.beyond_letters(change.add)) for uid, change in changes.items())


def _excess_removed(changes: Mapping[int, FlagChange], letters: FolderFlags) -> Dict[bytes, List[int]]:
    """The same for those that are to be taken away."""
    return _by_keyword((uid, letters.without_letter(change.remove)) for uid, change in changes.items())


def _by_keyword(keywords: Iterable[Tuple[int, Tuple[bytes, ...]]]) -> Dict[bytes, List[int]]:
    found: Dict[bytes, List[int]] = {}
    for uid, names in keywords:
        for name in names:
            found.setdefault(name, []).append(uid)
    return found
