# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Events about folders and messages, in pieces that the pipe to the parent takes."""

from __future__ import annotations

import base64
from typing import Sequence

from ..model.imports import NotImported
from ..state.records import FolderMark, SourceMessages
from ..store.base import joined_path
from .folder_copy import FolderCopy
from .sandbox import Emit

_MARKS_PER_EVENT = 500
_MOST_PACKED = 1 << 20
_ENTRIES_PER_EVENT = 500


def emit_marks(emit: Emit, marks: Sequence[FolderMark], messages: Sequence[SourceMessages] = ()) -> None:
    """Tell how far folders have come, and what is to be remembered of their messages."""
    told = [dict(vars(mark), raw_name=mark.raw_name.decode("latin-1")) for mark in marks]
    remembered = [
        dict(vars(each), raw_name=each.raw_name.decode("latin-1"), packed=base64.b64encode(each.packed).decode("ascii"))
        for each in messages
    ]
    while told or remembered:
        # One that is large goes alone: the pipe takes only so much at once.
        some = _MARKS_PER_EVENT if sum(len(each["packed"]) for each in remembered) < _MOST_PACKED else 1
        emit({"event": "marks", "marks": told[:_MARKS_PER_EVENT], "messages": remembered[:some]})
        told, remembered = told[_MARKS_PER_EVENT:], remembered[some:]


def emit_not_imported(emit: Emit, entries: Sequence[NotImported], messages: int = 0) -> None:
    """Tell what did not arrive, and how many messages that are."""
    for start in range(0, len(entries), _ENTRIES_PER_EVENT):
        some = [vars(entry) for entry in entries[start : start + _ENTRIES_PER_EVENT]]
        emit({"event": "not_imported", "entries": some, "messages": messages if start == 0 else 0})


def emit_folder(emit: Emit, copy: FolderCopy) -> None:
    """Tell how many messages a folder had and has now, and how many got keywords when they were in it."""
    writer = copy.writer
    emit(
        {
            "event": "folder",
            "source": copy.name,
            "name": joined_path(copy.plan.target),
            "created": writer.created,
            "before": writer.before,
            "after": len(writer.held) if writer.fresh else writer.before + writer.written,
            "keywords": writer.keywords_set,
        }
    )


def emit_failures(emit: Emit, copy: FolderCopy) -> None:
    """Tell what of a finished folder did not arrive, or not as it was sent."""
    emit_not_imported(emit, [*copy.failed.values(), *copy.problems, *copy.altered], copy.left_behind)
