# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Folders of an account out of LIST, LSUB, STATUS and NAMESPACE responses."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Set, Tuple, cast

from ..imap.folder_names import decode_folder_name
from ..imap.responses import Parts, figure, parse_parts, without_escapes
from ..model.errors import MailImportError
from ..model.mail import SourceFolder

LIST_STATUS_ITEMS = [b"MESSAGES", b"UIDNEXT", b"UIDVALIDITY"]
MAX_FOLDERS = 50_000
# So many folders with names of a usual length need half of that, in bytes; and none has as many attributes.
_MOST_BYTES = 64 << 20
_MOST_ATTRIBUTES = 64

_BARE_STATUS = re.compile(rb'STATUS ([^"].*) \(([^()]*)\)\s*$', re.IGNORECASE | re.DOTALL)

# A LIST response in whatever shape. What stands behind the separator is the name, all of it.
_LISTED = re.compile(
    rb'(?:\((?P<attributes>[^()"]*)\)?)?[ \t]*(?:(?P<separator>NIL|"(?:\\.|[^"\\])?")[ \t]+)?(?P<name>.*)',
    re.IGNORECASE | re.DOTALL,
)
_QUOTED_NAME = re.compile(rb'"((?:[^"\\]|\\.)*)"(?:[ \t]+\(.*\))?', re.DOTALL)
# Extended data items (RFC 5258 section 3.5, RFC 9051 section 6.3.9.7) behind a name without quotes.
_EXTENDED_DATA = re.compile(rb'[ \t]+\("?(?:CHILDINFO|OLDNAME)"? .*\)$', re.IGNORECASE | re.DOTALL)
# Prefixes that a user's name follows without a separator (RFC 2342 section 5, example 5.6).
_WITHOUT_SEPARATOR = re.compile(rb"[~#]+")

# What a folder is called whose name is empty; it is told that it cannot be opened.
_NO_NAME = "(no name)"

_FIGURES = frozenset((*LIST_STATUS_ITEMS, b"HIGHESTMODSEQ"))
_NOT_SELECTABLE = frozenset((b"\\NOSELECT", b"\\NONEXISTENT"))


@dataclass
class _Entry:
    separator: Optional[bytes]
    attributes: FrozenSet[bytes]
    figures: Dict[bytes, Optional[int]] = field(default_factory=dict)


class _Listed(NamedTuple):
    """What one LIST or LSUB response says. `separator` is None for a flat name."""

    attributes: FrozenSet[bytes]
    separator: Optional[bytes]
    name: bytes


class Listing:
    """Collects responses in any order; `folders()` then says what they amount to."""

    def __init__(self) -> None:
        self._entries: Dict[bytes, _Entry] = {}
        self._subscribed: Set[bytes] = set()
        self._bytes = 0
        self._personal_prefix = b""
        self._foreign_spaces: Tuple[Tuple[bytes, bytes], ...] = ()

    def handle(self, parts: Parts) -> None:
        """Take one untagged response; others than the four kinds are none of our business here."""
        word = b"".join(parts[0].split(None, 1)[:1]).upper()
        self._bytes += sum(map(len, parts))
        if self._bytes > _MOST_BYTES:
            raise MailImportError(
                "protocol_error", "the source says more than %d bytes to list its folders" % _MOST_BYTES
            )
        if word == b"LIST":
            self._take_list(_listed(parts))
        elif word == b"LSUB":
            self._take_lsub(_listed(parts))
        elif word == b"STATUS":
            self._take_status(status_values(parts))
        elif word == b"NAMESPACE":
            self._take_namespace(_values(parts)[1:])

    def _take_list(self, listed: _Listed) -> None:
        name = canonical(listed.name)
        if not (name or listed.attributes or listed.separator):
            return
        self._check_number(len(self._entries))
        if b"\\SUBSCRIBED" in listed.attributes:
            self._subscribed.add(name)
        known = self._entries.get(name)
        if known:  # some servers list a folder twice
            known.attributes |= listed.attributes
        else:
            known = self._entries[name] = _Entry(listed.separator, listed.attributes)
        if len(known.attributes) > _MOST_ATTRIBUTES:
            raise MailImportError(
                "protocol_error", "the source lists a folder with more than %d attributes" % _MOST_ATTRIBUTES
            )

    def _take_lsub(self, listed: _Listed) -> None:
        # \Noselect says that only folders below it are subscribed (RFC 3501 section 6.3.9).
        if b"\\NOSELECT" not in listed.attributes:
            self._subscribed.add(canonical(listed.name))
            self._check_number(len(self._subscribed))

    def _check_number(self, folders: int) -> None:
        if folders >= MAX_FOLDERS:
            raise MailImportError("protocol_error", "the source lists more than %d folders" % MAX_FOLDERS)

    def _take_status(self, values: List[Any]) -> None:
        if len(values) < 2 or not isinstance(values[0], bytes) or not isinstance(values[1], list):
            return  # seen from servers whose STATUS failed half-way; SELECT tells the same figures
        name = canonical(values[0])
        if name == b"INBOX":  # it is there, whether it is listed or not (RFC 3501 section 5.1)
            self._entries.setdefault(name, _Entry(None, frozenset()))
        entry = self._entries.get(name)
        if entry is None:
            return
        for item, value in zip(values[1][::2], values[1][1::2]):
            if isinstance(item, bytes) and isinstance(value, bytes) and item.upper() in _FIGURES:
                entry.figures[item.upper()] = figure(item, value)

    def _take_namespace(self, values: List[Any]) -> None:
        kinds = [
            [space for space in kind if isinstance(space, list) and space and isinstance(space[0], bytes)]
            if isinstance(kind, list)
            else []
            for kind in values[:3]
        ]
        self._personal_prefix = b""
        if kinds and kinds[0]:
            prefix, separator = [*kinds[0][0], None][:2]
            # A folder whose name begins like a prefix without its separator is not in that namespace.
            is_whole = not prefix or not isinstance(separator, bytes) or prefix.endswith(separator)
            self._personal_prefix = prefix if is_whole else prefix + separator
        # A shared namespace with an empty prefix (classic Cyrus) cannot be told from the personal one by its names.
        self._foreign_spaces = tuple(
            (space[0], space[1] if len(space) > 1 and isinstance(space[1], bytes) else b"")
            for kind in kinds[1:]
            for space in kind
            if space[0]
        )

    def _is_foreign(self, name: bytes) -> bool:
        """True for a folder in another user's namespace or in a shared one."""
        return any(
            name.startswith(prefix)
            and (
                prefix.endswith(separator)
                or name[len(prefix) :].startswith((separator,))
                or name == prefix
                or bool(_WITHOUT_SEPARATOR.fullmatch(prefix))
            )
            for prefix, separator in self._foreign_spaces
        )

    @property
    def has_inbox(self) -> bool:
        """False when nothing was said of INBOX."""
        return b"INBOX" in self._entries

    def foreign_folders(self) -> List[str]:
        """Return readable names of the folders of other users and of shared ones, which `folders` leaves out."""
        return [decode_folder_name(name) for name in self._entries if self._is_foreign(name)]

    def folders(self) -> List[SourceFolder]:
        """Return the personal folders; those of other users and shared ones belong to somebody else's import."""
        found = []
        for name, entry in self._entries.items():
            if self._is_foreign(name) or name == self._personal_prefix != b"":
                continue
            path = self._path(name, entry.separator)
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
        if not pieces:  # a folder called like its separator, or not at all
            return (decode_folder_name(name) or _NO_NAME,)
        return tuple(decode_folder_name(piece) for piece in (canonical(pieces[0]), *pieces[1:]))


def _values(parts: Parts) -> List[Any]:
    """Return the values of a response, none of one whose parentheses or quotes do not match."""
    try:
        return parse_parts(parts)
    except MailImportError:
        return []


def _listed(parts: Parts) -> _Listed:
    """Return what a LIST or LSUB response says, whatever its shape: a name that is not quoted may hold blanks, be NIL,
    or have a quote in it.
    """
    values = _values(parts)[1:]
    if len(values) >= 3 and isinstance(values[0], list) and not isinstance(values[1], list):
        is_all = len(values) == 3 or (len(parts) > 1 and all(isinstance(value, list) for value in values[3:]))
        if isinstance(values[2], bytes) and is_all:
            return _Listed(_attributes(values[0]), values[1], bytes(values[2]))
    # Every text matches: whatever is not understood is a part of the name.
    found = cast("re.Match[bytes]", _LISTED.match(b" ".join(parts[0].split(None, 1)[1:])))
    separator = found.group("separator")
    unquoted = without_escapes(separator[1:-1]) if separator and separator[:1] == b'"' else None
    text = b"".join([found.group("name"), *parts[1:]]).strip()
    quoted = _QUOTED_NAME.fullmatch(text)
    name = without_escapes(quoted.group(1)) if quoted else _EXTENDED_DATA.sub(b"", text)
    return _Listed(_attributes((found.group("attributes") or b"").split()), unquoted, name)


def _attributes(values: List[Any]) -> FrozenSet[bytes]:
    return frozenset(value.upper() for value in values if isinstance(value, bytes))


def status_values(parts: Parts) -> List[Any]:
    """Name and items of a STATUS response. GNU Mailutils writes names without quotes, whatever is in them."""
    bare = _BARE_STATUS.match(parts[0]) if len(parts) == 1 else None
    return [bare.group(1), bare.group(2).split()] if bare else _values(parts)[1:]


def canonical(name: bytes) -> bytes:
    """INBOX is one folder in any case of letters (RFC 3501 section 5.1)."""
    return b"INBOX" if name.upper() == b"INBOX" else bytes(name)
