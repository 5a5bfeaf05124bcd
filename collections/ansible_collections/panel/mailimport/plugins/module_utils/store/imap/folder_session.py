# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with the IMAP server of the host: its folders."""

from __future__ import annotations

import time
from functools import partial
from types import MappingProxyType
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ...imap.responses import Parts, Status, parse_parts, quote, separator_and_name
from ...model.errors import MailImportError
from .appending import AppendingSession

# Folders that commands in one piece may name; they fit the pipe.
FOLDERS_AHEAD = 128

# Seconds between looks at a folder that is to be quiet, and those after which it is taken as it is.
_LOOK = 0.25
_LONGEST_UNREST = 60.0

_LIST_WILDCARDS = frozenset(b"*%")
_LSUB = b'LSUB "" "*"'

# Codes of RFC 5530 and 3501 for a folder that is not there.
_NO_FOLDER = frozenset((b"NONEXISTENT", b"TRYCREATE"))
# What a folder is listed with that is only there for those below it, in small letters.
_NEVER_OPENED = frozenset((b"\\noselect", b"\\nonexistent"))


class Figures(NamedTuple):
    """What STATUS says of a folder; `append_limit` is the size of the largest message that it takes (RFC 7889), None
    when nobody says.
    """

    messages: int
    uidnext: int
    uidvalidity: int
    append_limit: Optional[int] = None


class FoldersSeen(NamedTuple):
    """What folders hold, without those that cannot be opened, and what the host itself calls them."""

    figures: Dict[bytes, Figures]
    listed: Dict[bytes, bytes]


def _note_figures(said: Dict[bytes, int], parts: Parts) -> None:
    values = parse_parts(parts)
    # GNU Mailutils writes names without quotes, whatever is in them.
    if len(values) >= 3 and values[0].upper() == b"STATUS" and isinstance(values[-1], list):
        items = zip(values[-1][::2], values[-1][1::2])
        said.update((item.upper(), int(figure)) for item, figure in items if figure.isdigit())


def _note_listed(found: List[bytes], parts: Parts) -> None:
    told = separator_and_name(parts, b"LIST")
    if told and len(found) < 2:
        found.append(told[1])


class FolderSession(AppendingSession):
    """A session that makes folders and looks at them. Raises as its base does."""

    def figures_of(self, names: Sequence[bytes]) -> Dict[bytes, Figures]:
        """Return what folders hold; one that cannot be opened is left out."""
        return self.look_at(names, with_listed=False).figures

    def look_at(self, names: Sequence[bytes], with_listed: bool) -> FoldersSeen:
        """Look what folders hold and, if that is wanted, what the host itself calls them, in one round trip."""
        return self._look_after([], names, with_listed)[1]

    def _look_after(
        self, others: Sequence[bytes], names: Sequence[bytes], with_listed: bool
    ) -> Tuple[List[Status], FoldersSeen]:
        """Send other commands and look at folders in the same round trip; return the answers to those."""
        limits = b" APPENDLIMIT" if b"APPENDLIMIT" in self.capabilities else b""
        commands = [b"STATUS %s (MESSAGES UIDNEXT UIDVALIDITY%s)" % (quote(name), limits) for name in names]
        plain = [name for name in names if with_listed and not _LIST_WILDCARDS & set(name)]
        seen = FoldersSeen({}, {name: name for name in names})
        asking = names if with_listed and self.asks_quota else []
        questions = [*(b'LIST "" ' + quote(name) for name in plain), *map(self.quota_question, asking)]
        with self._process():
            tags = self.send(*others, *commands, *questions)
            statuses = [self._answer(tags.pop(0)) for _command in others]
            for name, tag in zip(names, tags):
                said: Dict[bytes, int] = {}
                if self._answer(tag, partial(_note_figures, said)).ok:
                    seen.figures[name] = Figures(
                        said.get(b"MESSAGES", 0),
                        said.get(b"UIDNEXT", 1),
                        said.get(b"UIDVALIDITY", 0),
                        said.get(b"APPENDLIMIT", self._append_limit),
                    )
            for name, tag in zip(plain, tags[len(names) :]):
                found: List[bytes] = []
                self._answer(tag, partial(_note_listed, found))
                seen.listed[name] = found[0] if len(found) == 1 else name
            for name, tag in zip(asking, tags[len(names) + len(plain) :]):
                self._answer(tag, partial(self.quota.note, name))
        return statuses, seen

    def names_listed(self, names: Sequence[bytes]) -> Dict[bytes, bytes]:
        """Return what the host itself calls folders that it opens by these names: some take `work` for `Work`, or an
        umlaut for a letter and its sign. The same where it does not say so.
        """
        return self.look_at(names, with_listed=True).listed

    def await_quiet(self, names: Sequence[bytes], seconds: float) -> None:
        """Wait until nothing has come into any of these folders for so long."""
        began = changed = time.monotonic()
        before = self.figures_of(names)
        while time.monotonic() < min(changed + seconds, began + max(seconds, _LONGEST_UNREST)):
            time.sleep(min(_LOOK, seconds))
            figures = self.figures_of(names)
            if figures != before:
                before, changed = figures, time.monotonic()

    def create(
        self, names: Sequence[bytes], uses: Mapping[bytes, bytes] = MappingProxyType({}), with_listed: bool = False
    ) -> Tuple[Dict[bytes, MailImportError], FoldersSeen]:
        """Create folders, which may be there, and look at them; return the errors of those that the host does not make,
        and what was seen.

        Args:
            uses: what folders are for; a host that knows such uses is told (CREATE-SPECIAL-USE, RFC 6154).
        """
        with_use = [name for name in names if name in uses and b"CREATE-SPECIAL-USE" in self.capabilities]
        commands = [
            b"CREATE " + quote(name) + (b" (USE (%s))" % uses[name] if name in with_use else b"") for name in names
        ]
        answers, seen = self._look_after(commands, names, with_listed)
        statuses = dict(zip(names, answers))
        # One that cannot have that use is made without it.
        plain = [name for name in with_use if not statuses[name].ok]
        if plain:
            answers, again = self._look_after([b"CREATE " + quote(name) for name in plain], plain, with_listed)
            statuses.update(zip(plain, answers))
            seen.figures.update(again.figures)
            seen.listed.update(again.listed)
        refused = {
            name: self._not_made(status)
            for name, status in statuses.items()
            if not status.ok and status.code.upper() != b"ALREADYEXISTS"
        }
        return refused, seen

    def _not_made(self, status: Status) -> MailImportError:
        error = self.refusal(status, "folder_refused", "this host does not make the folder")
        if error.reason != "folder_refused" or self.is_own_process:
            return error
        return MailImportError(error.reason, "%s (folder_map can give it another name)" % error.message)

    def remove_if_empty(self, name: bytes) -> None:
        """Remove a folder of our own making."""
        figures = self.figures_of([name]).get(name)
        if figures and not figures.messages:
            self.ask(b"DELETE " + quote(name))

    def subscribe(self, names: Sequence[bytes]) -> Tuple[int, Dict[bytes, MailImportError]]:
        """Subscribe to folders; return how many were not before, and the errors of those that cannot be.

        Raises:
            MailImportError: `disk_full` or `over_quota`.
        """
        known: Set[bytes] = set()

        def handle(parts: Parts) -> None:
            told = separator_and_name(parts, b"LSUB")
            if told:
                known.add(told[1])

        wanted = list(dict.fromkeys(names))
        if self.is_far:  # those that were subscribed to before cost less than another round trip
            statuses = self.ask_all([_LSUB, *(b"SUBSCRIBE " + quote(name) for name in wanted)], handle)[1:]
        else:
            self.ask(_LSUB, handle)
            wanted = [name for name in wanted if name not in known]
            statuses = self.ask_all([b"SUBSCRIBE " + quote(name) for name in wanted])
        new = 0
        errors: Dict[bytes, MailImportError] = {}
        for name, status in zip(wanted, statuses):
            if name in known:
                continue
            if status.ok:
                new += 1
            elif self.has_folder(name, status):
                error = self.refusal(status, "folder_refused", "this host does not subscribe to the folder")
                if error.reason != "folder_refused":
                    raise error
                errors[name] = error
        return new, errors

    def names(self, command: bytes) -> List[Tuple[bytes, bytes]]:
        """Return separators and names of what LIST or LSUB answers."""
        found = []

        def handle(parts: Parts) -> None:
            told = separator_and_name(parts, command.split(b" ", 1)[0])
            if told:
                found.append(told)

        self.ask(command, handle)
        return found

    def has_folder(self, name: bytes, refusal: Status) -> bool:
        """False when a folder was not opened because it is not there. Dovecot says so in words alone."""
        if refusal.code.upper() in _NO_FOLDER:
            return False
        found: List[bytes] = []

        def handle(parts: Parts) -> None:
            values = parse_parts(parts)
            if len(values) > 3 and values[0].upper() == b"LIST" and isinstance(values[1], list):
                found.extend([] if _NEVER_OPENED & {word.lower() for word in values[1]} else [values[3]])

        return not self.ask(b'LIST "" ' + quote(name), handle).ok or bool(found)
