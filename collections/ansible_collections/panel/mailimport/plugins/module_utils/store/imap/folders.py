# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Opening folders of the host, many at a time: a folder alone costs three round trips."""

from __future__ import annotations

import unicodedata
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple, Union

from ...imap.folder_names import decode_folder_name
from ...model.errors import MailImportError
from .folder_session import FOLDERS_AHEAD, Figures
from .session import HostSession
from .sessions import HostSessions


class OpenedFolder(NamedTuple):
    """A folder that is there now; `created`: it was not. `listed` is what the host itself calls it."""

    figures: Figures
    created: bool
    listed: bytes


class Folders:
    """Opens folders, creating those that are missing."""

    def __init__(self, sessions: HostSessions) -> None:
        self._sessions = sessions
        self._expected: List[bytes] = []
        self._results: Dict[bytes, Union[OpenedFolder, MailImportError]] = {}
        # What folders are for, as far as it is to be told when they are made.
        self.uses: Dict[bytes, bytes] = {}
        # The names that folders were opened by first, by what the host itself calls them
        self._opened_as: Dict[bytes, bytes] = {}
        # All names in the order in which they are to be given, by what some host may take for the same
        self._claims: Dict[str, List[bytes]] = {}

    def expect(self, names: Iterable[bytes]) -> None:
        """Take note which folders are going to be opened, in this order."""
        self._expected = list(dict.fromkeys(names))[::-1]

    def claim(self, names: Iterable[bytes]) -> None:
        """Take note of the names of all folders, also of those that an earlier run has filled."""
        for name in dict.fromkeys(names):
            self._claims.setdefault(_folded(name), []).append(name)

    def open(self, name: bytes) -> OpenedFolder:
        """Open a folder, together with those that are expected next.

        Raises:
            MailImportError: `folder_refused` when the host does not make it or takes it for one that has another name,
                `disk_full` when it has no room for it.
        """
        if name not in self._results:
            names = [name]
            while self._expected and len(names) < FOLDERS_AHEAD:
                following = self._expected.pop()
                if following not in self._results and following != name:
                    names.append(following)
            self._results.update(self._sessions.attempt(lambda session: _open_all(session, names, self.uses)))
        result = self._results.pop(name)  # its figures are true once
        if isinstance(result, MailImportError):
            raise result
        first = self._opened_as.setdefault(result.listed, self._first_claim(name, result.listed))
        if first != name:
            text = "this host takes it for folder %s, which is filled already (folder_map can give it another name)"
            raise MailImportError("folder_refused", text % decode_folder_name(first))
        return result

    def _first_claim(self, name: bytes, listed: bytes) -> bytes:
        """Return the first of the names by which the host knows a folder that one of them opens."""
        claims = self._claims.get(_folded(name), [])
        earlier = claims[: claims.index(name)] if name in claims else []
        known = self._sessions.attempt(lambda session: session.names_listed(earlier)) if earlier else {}
        return next((other for other in earlier if known[other] == listed), name)


def all_figures(sessions: HostSessions) -> Iterator[Tuple[bytes, Figures]]:
    """Yield all folders of a mailbox and what they hold."""
    names = sessions.attempt(lambda session: [name for _separator, name in session.names(b'LIST "" "*"')])
    yield from figures_of(sessions, names).items()


def figures_of(sessions: HostSessions, names: Sequence[bytes]) -> Dict[bytes, Figures]:
    """Return what folders hold, any number of them; one that cannot be opened is left out."""
    found: Dict[bytes, Figures] = {}
    for start in range(0, len(names), FOLDERS_AHEAD):
        some = names[start : start + FOLDERS_AHEAD]
        found.update(sessions.attempt(lambda session: session.figures_of(some)))  # noqa: B023 - called at once
    return found


def _folded(name: bytes) -> str:
    return unicodedata.normalize("NFKC", decode_folder_name(name)).casefold()


def _open_all(
    session: HostSession, names: Sequence[bytes], uses: Mapping[bytes, bytes]
) -> Dict[bytes, Union[OpenedFolder, MailImportError]]:
    results: Dict[bytes, Union[OpenedFolder, MailImportError]] = {}
    listing = not session.is_own_process
    there = session.look_at(names, listing)
    missing = [name for name in names if name not in there.figures]
    refused, made = session.create(missing, uses, listing)
    for name in names:
        seen = there if name in there.figures else made
        if name in seen.figures and name not in refused:
            results[name] = OpenedFolder(seen.figures[name], name not in there.figures, seen.listed[name])
        else:
            results[name] = refused.get(name) or MailImportError(
                "folder_refused", "this host makes the folder and does not open it"
            )
    return results
