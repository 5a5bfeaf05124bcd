# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of an account out of LIST, LSUB, STATUS and NAMESPACE responses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Tuple

from ..imap.folder_names import decode_folder_name
from ..imap.responses import Parts, figure, parse_parts
from ..model.errors import MailImportError
from ..model.mail import SourceFolder

LIST_STATUS_ITEMS = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"]
MAX_FOLDERS = 50_000
# So many folders with names of a usual length need half of that, in bytes; and none has as many attributes.
_MOST_BYTES = 64 << 20
_MOST_ATTRIBUTES = 64

_BARE_STATUS = re.compile(rb'STATUS ([^"].*) \(([^()]*)\)\s*$', re.IGNORECASE | re.DOTALL)

_FIGURES = frozenset((*LIST_STATUS_ITEMS, b"HIGHESTMODSEQ"))
_NOT_SELECTABLE = frozenset((b"\\NOSELECT", b"\\NONEXISTENT"))


@dataclass
class _Entry:
    separator: Optional[bytes]
    attributes: frozenset
    figures: Dict[bytes, Optional[int]] = field(default_factory=dict)


class Listing:
    """Collects responses in any order; `folders()` then says what they amount to."""

    def __init__(self) -> None:
        self._entries: Dict[bytes, _Entry] = {}
        self._subscribed: set = set()
        self._bytes = 0
        self._personal_prefix = b""
        self._foreign_prefixes: Tuple[bytes, ...] = ()

    def handle(self, parts: Parts) -> None:
        """Take one untagged response; others than the four kinds are none of our business here."""
        word = parts[0].split(b" ", 1)[0].upper()
        self._bytes += sum(map(len, parts))
        if self._bytes > _MOST_BYTES:
            raise MailImportError(
                "protocol_error", "the source says more than %d bytes to list its folders" % _MOST_BYTES
            )
        if word == b"LIST":
            self._take_list(parse_parts(parts)[1:])
        elif word == b"LSUB":
            self._take_lsub(parse_parts(parts)[1:])
        elif word == b"STATUS":
            self._take_status(_status_values(parts))
        elif word == b"NAMESPACE":
            self._take_namespace(parse_parts(parts)[1:])

    def _take_list(self, values: list) -> None:
        if (
            len(values) < 3
            or not isinstance(values[0], list)
            or isinstance(values[1], list)
            or not isinstance(values[2], bytes)
        ):
            raise MailImportError("protocol_error", "a LIST response of an unknown shape")
        attributes = frozenset(value.upper() for value in values[0] if isinstance(value, bytes))
        name = _canonical(values[2])
        self._check_number(len(self._entries))
        if b"\\SUBSCRIBED" in attributes:
            self._subscribed.add(name)
        known = self._entries.get(name)
        if known:  # some servers list a folder twice
            known.attributes |= attributes
        else:
            known = self._entries[name] = _Entry(values[1], attributes)
        if len(known.attributes) > _MOST_ATTRIBUTES:
            raise MailImportError(
                "protocol_error", "the source lists a folder with more than %d attributes" % _MOST_ATTRIBUTES
            )

    def _take_lsub(self, values: list) -> None:
        if len(values) != 3 or not isinstance(values[0], list) or not isinstance(values[2], bytes):
            return
        # \Noselect says that only folders below it are subscribed (RFC 3501 section 6.3.9).
        if b"\\NOSELECT" not in {value.upper() for value in values[0] if isinstance(value, bytes)}:
            self._subscribed.add(_canonical(values[2]))
            self._check_number(len(self._subscribed))

    def _check_number(self, folders: int) -> None:
        if folders >= MAX_FOLDERS:
            raise MailImportError("protocol_error", "the source lists more than %d folders" % MAX_FOLDERS)

    def _take_status(self, values: list) -> None:
        if len(values) < 2 or not isinstance(values[0], bytes) or not isinstance(values[1], list):
            return  # seen from servers whose STATUS failed half-way; SELECT tells the same figures
        entry = self._entries.get(_canonical(values[0]))
        if entry is None:
            return
        for item, value in zip(values[1][::2], values[1][1::2]):
            if isinstance(item, bytes) and isinstance(value, bytes) and item.upper() in _FIGURES:
                entry.figures[item.upper()] = figure(item, value)

    def _take_namespace(self, values: list) -> None:
        kinds = [
            [space[0] for space in kind if isinstance(space, list) and space] if isinstance(kind, list) else []
            for kind in values[:3]
        ]
        personal = [prefix for prefix in (kinds[0] if kinds else []) if isinstance(prefix, bytes)]
        self._personal_prefix = personal[0] if personal else b""
        # A shared namespace with an empty prefix (classic Cyrus) cannot be told from the personal one by its names.
        self._foreign_prefixes = tuple(prefix for kind in kinds[1:] for prefix in kind if prefix)

    def folders(self) -> List[SourceFolder]:
        """Return the personal folders; those of other users and shared ones belong to somebody else's import."""
        found = []
        for name, entry in self._entries.items():
            if self._foreign_prefixes and name.startswith(self._foreign_prefixes):
                continue
            path = self._path(name, entry.separator)
            if not path:
                continue
            figures = entry.figures
            found.append(
                SourceFolder(
                    raw_name=name,
                    path=path,
                    attributes=entry.attributes,
                    selectable=not entry.attributes & _NOT_SELECTABLE,
                    subscribed=name in self._subscribed,
                    messages=figures.get(b"MESSAGES"),
                    uidvalidity=figures.get(b"UIDVALIDITY"),
                    uidnext=figures.get(b"UIDNEXT"),
                    highest_modseq=figures.get(b"HIGHESTMODSEQ")
                    or None,  # 0 says that there is none (RFC 7162 section 3.1.5)
                )
            )
        return found

    def _path(self, name: bytes, separator: Optional[bytes]) -> Tuple[str, ...]:
        if name == b"INBOX":
            return ("INBOX",)
        inner = name[len(self._personal_prefix) :] if name.startswith(self._personal_prefix) else name
        # INBOX.INBOX is another folder than INBOX, and keeps its prefix.
        outer = name if inner.upper() == b"INBOX" else inner
        pieces = [piece for piece in (outer.split(separator) if separator else [outer]) if piece]
        # What is below INBOX is below it in any case of letters (Exchange says Inbox).
        return tuple(decode_folder_name(piece) for piece in (_canonical(pieces[0]), *pieces[1:])) if pieces else ()


def _status_values(parts: Parts) -> list:
    """Name and items of a STATUS response. GNU Mailutils writes names without quotes, whatever is in them."""
    bare = _BARE_STATUS.match(parts[0]) if len(parts) == 1 else None
    return [bare.group(1), bare.group(2).split()] if bare else parse_parts(parts)[1:]


def _canonical(name: bytes) -> bytes:
    """INBOX is one folder in any case of letters (RFC 3501 section 5.1)."""
    return b"INBOX" if name.upper() == b"INBOX" else bytes(name)
