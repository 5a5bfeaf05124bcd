# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders of a source are carried over, and what each is called on the host."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import AbstractSet, Dict, Iterable, List, Mapping, Sequence

from ..imap.folder_names import encode_folder_name
from ..model.errors import MailImportError
from ..model.imports import FolderRules
from ..model.mail import SourceFolder, StoreLocation
from ..store.base import FolderPath

# A Maildir++ folder is one directory name (255 bytes), and Dovecot adds suffixes of its own while it works on it.
_LONGEST_NAME = 230

# What a folder has in its own directory, among those of the folders below it. Files with `.lock` and `.new` are there
# while another one is written.
_RESERVED = {
    "maildir": (
        "cur",
        "new",
        "tmp",
        "maildirfolder",
        "maildirsize",
        "maildirsize.lock",
        "subscriptions",
        "subscriptions.lock",
        "subscriptions.new",
    ),
    "sdbox": ("dbox-Mails",),
    "mdbox": ("dbox-Mails",),
}
# What names of other files of Dovecot's in a Maildir begin with: indexes, uidlist, keywords, rights and more.
_RESERVED_BEGINNINGS = ("dovecot-", "dovecot.")

# How Exchange shows a slash within a name.
_EXCHANGES_SLASH = "_xF8FF_"

# Control characters, lone surrogates, and the line and paragraph ends of Unicode; Dovecot takes all others.
_REFUSED_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))

_WILDCARD = re.compile(r"[*?]")

# Special uses of folders that are no views of others.
_OWN_USES = ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")
# RFC 6154, in capitals.
SPECIAL_USE = ("\\ALL", "\\ARCHIVE", "\\DRAFTS", "\\FLAGGED", "\\JUNK", "\\SENT", "\\TRASH")


@dataclass(frozen=True)
class FolderPlan:
    """One folder of the source and the path it gets on the host; `renamed` when its name, its own or that of
    `folder_map`, cannot be kept there. `partial`: only some of its messages are meant, the others are in other folders.
    """

    source: SourceFolder
    target: FolderPath
    renamed: bool
    partial: bool = False


def plan_folders(
    folders: Sequence[SourceFolder], rules: FolderRules, location: StoreLocation, known: Mapping[bytes, str]
) -> List[FolderPlan]:
    """Choose the folders to import and name their targets. Only `rules.mapping` lets two of them share a target.

    Args:
        known: targets of an earlier run by raw name, components joined with `/`; they stay what they are.

    Raises:
        MailImportError: `invalid_row` when `rules.mapping` names no folder to go to.
    """
    chosen = [folder for folder in folders if folder.selectable and is_wanted(folder, rules)]
    mapping = {_comparable(name): target for name, target in rules.mapping.items()}
    mapped = {
        folder.raw_name: _mapped(folder, mapping[_comparable(folder.name)], location)
        for folder in chosen
        if _comparable(folder.name) in mapping
    }
    special = (
        _special_use_targets([folder for folder in chosen if folder.raw_name not in mapped], location)
        if rules.automap
        else {}
    )
    stay = {raw_name: tuple(target.split("/")) for raw_name, target in known.items()}
    ruled: Dict[bytes, FolderPath] = {**special, **mapped, **stay}
    taken = {*special.values(), *stay.values()}
    numbers: Dict[FolderPath, int] = {}
    plans: Dict[bytes, FolderPlan] = {}
    for folder in sorted(chosen, key=lambda folder: _claim(folder, location)):
        target = ruled.get(folder.raw_name)
        if target is None:
            target = _free_name(clean_path(folder.landing or folder.path, location), taken, numbers, location)
            taken.add(target)
        own = folder.landing or folder.path
        if folder.raw_name in ruled:
            own = target
        if folder.raw_name in mapped and folder.raw_name not in stay:
            own = _parts(mapping[_comparable(folder.name)])
        plans[folder.raw_name] = FolderPlan(folder, target, renamed=target != own)
    return [plans[folder.raw_name] for folder in chosen]


def overruled(plans: Sequence[FolderPlan], rules: FolderRules, location: StoreLocation) -> List[FolderPlan]:
    """Return the folders that `rules.mapping` calls otherwise than an earlier run did: they stay where their messages
    are.
    """
    mapping = {_comparable(name): target for name, target in rules.mapping.items()}
    named = [(plan, mapping.get(_comparable(plan.source.name))) for plan in plans]
    return [
        plan for plan, target in named if target is not None and _mapped(plan.source, target, location) != plan.target
    ]


def keeps_names(plans: Sequence[FolderPlan], rules: FolderRules) -> bool:
    """Whether `rules.mapping` calls the folders just what they are called already."""
    mapping = {_comparable(name): target for name, target in rules.mapping.items()}
    wanted = [(plan, mapping.get(_comparable(plan.source.name))) for plan in plans]
    return all(target in (None, "/".join(plan.target)) for plan, target in wanted)


def missing_folders(folders: Sequence[SourceFolder], rules: FolderRules) -> List[str]:
    """Return the names in `rules.include` that no folder has; a pattern may match nothing.

    Raises:
        MailImportError: `folder_missing` when the rules leave no folder to import.
    """
    names = [folder.name for folder in folders if folder.selectable]
    unmatched = [glob for glob in rules.include if not any(_matches(name, (glob,)) for name in names)]
    has = "it has %s" % (", ".join(names) or "none")
    if unmatched and len(unmatched) == len(rules.include):
        raise MailImportError(
            "folder_missing", "no folder of the source matches %s (option folders): %s" % (", ".join(unmatched), has)
        )
    if not any(is_wanted(folder, rules) for folder in folders if folder.selectable):
        chosen = " that options folders and exclude_folders leave to import" if rules.include or rules.exclude else ""
        raise MailImportError("folder_missing", "the source has no folder%s: %s" % (chosen, has))
    return [glob for glob in unmatched if not _WILDCARD.search(glob)]


def _claim(folder: SourceFolder, location: StoreLocation) -> int:
    """Rank of a folder's claim to its name: a renamed one never takes a name from its rightful owner."""
    if folder.raw_name == b"INBOX":
        return 0
    return 1 if not folder.landing and clean_path(folder.path, location) == folder.path else 2


def _mapped(folder: SourceFolder, name: str, location: StoreLocation) -> FolderPath:
    parts = _parts(name)
    if not parts:
        raise MailImportError("invalid_row", "folder_map names no folder for %s" % folder.name)
    return clean_path(parts, location)


def _parts(name: str) -> FolderPath:
    return tuple(part for part in name.split("/") if part)


def is_wanted(folder: SourceFolder, rules: FolderRules) -> bool:
    """True when options folders and exclude_folders let a folder be imported."""
    if rules.include and not _matches(folder.name, rules.include):
        return False
    return not _matches(folder.name, rules.exclude)


def is_named(folder: SourceFolder, rules: FolderRules) -> bool:
    """True when option folders names a folder, or one above it, in full."""
    return is_wanted(folder, rules) and any(
        _is_within(_comparable(folder.name), _comparable(name)) for name in rules.include
    )


def _matches(name: str, globs: Iterable[str]) -> bool:
    """A glob, or a name that looks like one (`[Gmail]`), matches a folder and everything below it."""
    name = _comparable(name)
    return any(
        _is_within(name, glob) or fnmatchcase(name, glob) or fnmatchcase(name, glob + "/*")
        for glob in map(_comparable, globs)
    )


def _comparable(name: str) -> str:
    """The name of a folder, or what people wrote for it, in the form in which they are compared.

    An umlaut may be one character or a letter and a sign: programs differ in which they write, and nobody sees it
    (Unicode Standard Annex 15). INBOX is the same in any letters (RFC 3501 section 5.1), and those below it are taken
    for so by people.
    """
    name = unicodedata.normalize("NFC", name)
    first, slash, rest = name.partition("/")
    return "INBOX" + slash + rest if first.upper() == "INBOX" else name


def _is_within(name: str, folder: str) -> bool:
    return name == folder or name.startswith(folder + "/")


def _special_use_targets(folders: Sequence[SourceFolder], location: StoreLocation) -> Mapping[bytes, FolderPath]:
    """Land special-use folders (RFC 6154) on the host's own, where exactly one folder of the source has that use."""
    targets = {}
    hosts = {use.upper(): name for use, name in location.special_use.items()}
    for use in SPECIAL_USE:
        having = [folder for folder in folders if use.encode() in folder.attributes]
        if len(having) == 1 and use in hosts:
            targets[having[0].raw_name] = tuple(hosts[use].split(location.separator))
    return targets


def uses_to_tell(plans: Sequence[FolderPlan], rules: FolderRules, location: StoreLocation) -> Dict[FolderPath, str]:
    """Return what folders are for that the host has no folder of its own for, where one of the source is for that."""
    if not rules.automap:
        return {}
    hosts = {use.upper() for use in location.special_use}
    uses = {}
    for use in _OWN_USES:
        having = [plan for plan in plans if use.upper().encode() in plan.source.attributes]
        if len(having) == 1 and use.upper() not in hosts:
            uses[having[0].target] = use
    return uses


def clean_path(path: Sequence[str], location: StoreLocation) -> FolderPath:
    """Return the path with everything replaced that the host's store cannot have in a folder name."""
    cleaned = _shortened(_apart_from_others(tuple(_clean_part(part, location) for part in path), location))
    # Dovecot takes a folder called inbox, in any letters, for INBOX.
    return ("INBOX",) if len(cleaned) == 1 and cleaned[0].upper() == "INBOX" else cleaned


def _apart_from_others(path: FolderPath, location: StoreLocation) -> FolderPath:
    """Call a folder otherwise that would be in a namespace of others: in files nobody would see it, and through the
    host's IMAP it might be everybody's.
    """
    separator = location.separator
    for prefix in location.others_prefixes if separator and path != ("INBOX",) else ():
        if (separator.join(path) + separator).startswith(prefix):
            last = prefix.rstrip(separator).count(separator)
            path = (*path[:last], "_" + path[last], *path[last + 1 :])
    return path


def _clean_part(part: str, location: StoreLocation) -> str:
    forbidden = {"/", location.separator} | ({"."} if location.layout == "maildir++" else set())
    cleaned = "".join(
        "_" if char in forbidden or unicodedata.category(char) in _REFUSED_CATEGORIES else char
        for char in part.replace(_EXCHANGES_SLASH, "_")
    )
    reserved = _RESERVED.get(location.driver, ()) if location.layout == "fs" else ()
    if cleaned in (".", "..") or cleaned in reserved:
        return cleaned.replace(".", "_") if "." in cleaned else cleaned + "_"
    if location.layout == "fs" and location.driver == "maildir" and cleaned.startswith(_RESERVED_BEGINNINGS):
        return "_" + cleaned
    # Dovecot refuses a name that could be a home directory.
    return "_" + cleaned[1:] if cleaned.startswith("~") else cleaned


def _shortened(path: FolderPath) -> FolderPath:
    """Cut a name that is too long and tell it apart by a digest of the whole."""
    if len(b".".join(encode_folder_name(part) for part in path)) <= _LONGEST_NAME:
        return path
    digest = hashlib.blake2b("/".join(path).encode("utf-8"), digest_size=4).hexdigest()
    text = "_".join(path)[:_LONGEST_NAME]
    while len(encode_folder_name(text)) > _LONGEST_NAME - len(digest) - 1:
        text = text[:-1]
    return ("%s-%s" % (text.rstrip(), digest),)


def _free_name(
    path: FolderPath, taken: AbstractSet[FolderPath], numbers: Dict[FolderPath, int], location: StoreLocation
) -> FolderPath:
    """Return the path, with a number when it is taken; `numbers` holds the one to try next: a source may list very many
    folders for one name.
    """
    candidate = path
    while candidate in taken:
        number = numbers.get(path, 2)
        candidate = clean_path((*path[:-1], "%s-%d" % (path[-1], number)), location)
        numbers[path] = number + 1
    return candidate
