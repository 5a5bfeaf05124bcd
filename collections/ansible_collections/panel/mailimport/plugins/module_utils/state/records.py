# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the state remembers of an import and of its folders."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any, Dict, Optional, Sequence, Tuple

from ..model.imports import ImportKey, ImportResult

INTERRUPTED_MESSAGE = "The run that imported this mailbox ended before it was done; the next one continues"

# What the fields of a result may be, by their annotations.
_KINDS: Dict[Any, Any] = {
    "str": str,
    "Optional[str]": (str, type(None)),
    "bool": bool,
    "int": int,
    "Optional[int]": (int, type(None)),
    "float": (int, float),
    "List[NotImported]": list,
}


@dataclass(frozen=True)
class ImportRecord:
    """One import as this host knows it.

    `mailbox_existed` is what the first contact with the mailbox found, None before it. `replaced_to` is where the
    contents that `replace` takes away go, None when there are none; `replaced` tells that this has been done.
    `completed_once`: the source was imported once, to the end. `may_hold_unrecorded_mail`: a run began to write and did
    not live to say what became of it; `killed_since` is when it began, the first of them, if that is known, and
    `crashed_since` the same of all that there were, also when later runs have found out what became of it. `result` is
    the latest one; that of a run whose process is gone reads `failed`, `interrupted`. `waiting`: a run that is alive
    has yet to come to this import. `store_root` is the root of the store that it writes to, None when nothing there can
    show whether its mail is still there; `store_stamp` is the time of its marker when a run last wrote.
    `stop_requested`: whoever runs it, or is going to, is to end it. `being_made`: a run is creating the mailbox, or did
    not live to say what came of that. `last_success` is when a run last ended `completed`, in seconds since the epoch,
    `last_new` when one last brought a message, or was killed while it wrote. `bytes_imported` is what all runs that
    ended have brought into the mail that is there. The latest run began at `started_at` and ended at `finished_at`,
    None when it has not.
    """

    key: ImportKey
    mailbox_existed: Optional[bool]
    owner: str
    replaced_to: Optional[str]
    result: ImportResult
    completed_once: bool
    replaced: bool = False
    may_hold_unrecorded_mail: bool = False
    killed_since: Optional[float] = None
    crashed_since: Optional[float] = None
    waiting: bool = False
    store_root: Optional[str] = None
    store_stamp: Optional[int] = None
    stop_requested: bool = False
    being_made: bool = False
    last_success: Optional[float] = None
    last_new: Optional[float] = None
    bytes_imported: int = 0
    started_at: float = 0.0
    finished_at: Optional[float] = None

    @property
    def contacted(self) -> bool:
        """True when the source has been reached, so that the mailbox may have been made."""
        return self.mailbox_existed is not None


@dataclass(frozen=True)
class FolderMark:
    """How far a folder has come; `raw_name` is the source's name of it, `last_uid` the last committed UID.

    `uidnext`, `messages` and `highest_modseq` are the source's figures when the folder was copied to its end
    (`copied`). `missing` are UIDs that did not arrive and are tried again, or arrived damaged and are compared
    again; `flagless` (an IMAP sequence set) are those of messages that arrived without a word on their flags, which are
    asked for again.
    """

    raw_name: bytes
    target_name: str
    uidvalidity: int
    last_uid: int = 0
    uidnext: Optional[int] = None
    messages: Optional[int] = None
    highest_modseq: Optional[int] = None
    copied: bool = False
    missing: Tuple[int, ...] = ()
    flagless: str = ""

    def with_missing(self, uids: Sequence[int]) -> FolderMark:
        """Return the mark of a folder in which these messages were found that did not arrive."""
        if not uids:
            return self
        return replace(self, missing=tuple(sorted({*self.missing, *uids})), copied=False)


@dataclass(frozen=True)
class SourceMessages:
    """What a run remembers of the messages of a source folder for the next one, packed."""

    raw_name: bytes
    uidvalidity: int
    packed: bytes


@dataclass(frozen=True)
class Deliveries:
    """Which message of the target folder each delivered message of a source folder is.

    Both UIDVALIDITYs say what the UIDs belong to. `runs` holds source UID, target UID and length of runs in which
    both count up by one.
    """

    raw_name: bytes
    uidvalidity: int
    target_uidvalidity: int
    runs: Sequence[int]


def result_to_json(result: ImportResult) -> str:
    return json.dumps(result.as_dict(), ensure_ascii=True)


def result_from_json(text: str) -> ImportResult:
    """Raises ValueError, TypeError, KeyError or AttributeError for anything that `result_to_json` does not make."""
    result = ImportResult.from_dict(json.loads(text))
    for field in fields(ImportResult):
        if not isinstance(getattr(result, field.name), _KINDS[field.type]):
            raise TypeError("%s is no %s" % (field.name, field.type))
    return result


def interrupted(result: ImportResult) -> ImportResult:
    """The result of a run that did not live to tell it."""
    result.state, result.reason, result.message = "failed", "interrupted", INTERRUPTED_MESSAGE
    return result
