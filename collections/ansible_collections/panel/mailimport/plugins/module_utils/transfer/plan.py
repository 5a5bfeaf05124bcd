# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which folders of a source are carried over, and what each is called on the host."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Dict, Iterable, List, Mapping, Sequence

from ..model.imports import FolderRules
from ..model.mail import SourceFolder, StoreLocation
from ..model.mutf7 import encode_folder_name
from ..store.base import FolderPath

# A Maildir++ folder is one directory name (255 bytes), and Dovecot adds suffixes of its own while it works on it.
_LONGEST_NAME = 230

# Directories of a folder's own among those of the folders below it.
_RESERVED = {"maildir": ("cur", "new", "tmp"), "sdbox": ("dbox-Mails",), "mdbox": ("dbox-Mails",)}

_SPECIAL_USE = ("\\ALL", "\\ARCHIVE", "\\DRAFTS", "\\FLAGGED", "\\JUNK", "\\SENT", "\\TRASH")


@dataclass(frozen=True)
class FolderPlan:
    """One folder of the source and the path it gets on the host; `renamed` when its own name cannot be kept there."""

    source: SourceFolder
    target: FolderPath
    renamed: bool


def plan_folders(
    folders: Sequence[SourceFolder], rules: FolderRules, location: StoreLocation, known: Mapping[bytes, str]
) -> List[FolderPlan]:
    """Choose the folders to import and name their targets. No two of them share a target unless the rules say so.

    Args:
        known: targets of an earlier run by raw name, components joined with `/`; they stay what they are.
    """
    chosen = [folder for folder in folders if folder.selectable and _is_wanted(folder, rules)]
    special = _special_use_targets(chosen, location) if rules.automap else {}
    plans: List[FolderPlan] = []
    taken: Dict[FolderPath, bytes] = {tuple(target.split("/")): raw_name for raw_name, target in known.items()}
    # Folders that keep their name go first, so that a renamed one never takes a name from its rightful owner.
    for folder in sorted(chosen, key=lambda folder: clean_path(folder.path, location) != folder.path):
        if folder.raw_name in known:
            target = tuple(known[folder.raw_name].split("/"))
            plans.append(FolderPlan(folder, target, False))
            continue
        if folder.name in rules.mapping:
            target = clean_path(tuple(part for part in rules.mapping[folder.name].split("/") if part), location)
            plans.append(FolderPlan(folder, target, False))
            continue
        if folder.raw_name in special:
            plans.append(FolderPlan(folder, special[folder.raw_name], False))
            continue
        target = _free_name(clean_path(folder.path, location), taken)
        taken[target] = folder.raw_name
        plans.append(FolderPlan(folder, target, target != folder.path))
    order = {folder.raw_name: index for index, folder in enumerate(chosen)}
    return sorted(plans, key=lambda plan: order[plan.source.raw_name])


def _is_wanted(folder: SourceFolder, rules: FolderRules) -> bool:
    if rules.include and not _matches(folder.name, rules.include):
        return False
    return not _matches(folder.name, rules.exclude)


def _matches(name: str, globs: Iterable[str]) -> bool:
    """A glob matches a folder and everything below it."""
    return any(fnmatchcase(name, glob) or fnmatchcase(name, glob + "/*") for glob in globs)


def _special_use_targets(folders: Sequence[SourceFolder], location: StoreLocation) -> Mapping[bytes, FolderPath]:
    """Land special-use folders (RFC 6154) on the host's own, where exactly one folder of the source has that use."""
    targets = {}
    hosts = {use.upper(): name for use, name in location.special_use.items()}
    for use in _SPECIAL_USE:
        having = [folder for folder in folders if use.encode() in folder.attributes]
        if len(having) == 1 and use in hosts:
            targets[having[0].raw_name] = tuple(hosts[use].split(location.separator))
    return targets


def clean_path(path: Sequence[str], location: StoreLocation) -> FolderPath:
    """Return the path with everything replaced that the host's store cannot have in a folder name."""
    cleaned = tuple(_clean_part(part, location) for part in path)
    encoded = b".".join(encode_folder_name(part) for part in cleaned)
    if len(encoded) > _LONGEST_NAME:
        return _shorten(cleaned)
    return cleaned


def _clean_part(part: str, location: StoreLocation) -> str:
    forbidden = {"/", location.separator} | ({"."} if location.layout == "maildir++" else set())
    cleaned = "".join("_" if char in forbidden or not (char.isprintable() or char == " ") else char for char in part)
    reserved = _RESERVED.get(location.driver, ()) if location.layout == "fs" else ()
    if cleaned in (".", "..") or cleaned in reserved:
        return cleaned.replace(".", "_") if "." in cleaned else cleaned + "_"
    # Dovecot refuses a name that could be a home directory.
    return "_" + cleaned[1:] if cleaned.startswith("~") else cleaned


def _shorten(path: FolderPath) -> FolderPath:
    """Cut a name that is too long and tell it apart by a digest of the whole."""
    digest = hashlib.blake2b("/".join(path).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    text = "_".join(path)
    while len(encode_folder_name(text)) > _LONGEST_NAME - len(digest) - 1:
        text = text[:-1]
    return ("%s-%s" % (text.rstrip(), digest),)


def _free_name(path: FolderPath, taken: Mapping[FolderPath, bytes]) -> FolderPath:
    number = 2
    candidate = path
    while candidate in taken:
        candidate = path[:-1] + ("%s-%d" % (path[-1], number),)
        number += 1
    return candidate
