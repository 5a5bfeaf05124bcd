# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much an import would bring, for check mode."""

from __future__ import annotations

from typing import List, Mapping, Optional, Sequence

from ..source.session import FetchRequest, SourceSession
from ..state.records import FolderMark
from .flags import may_have_changed
from .folder_copy import has_nothing_new, mark_of
from .plan import FolderPlan


def count_new(session: SourceSession, plan: FolderPlan, mark: Optional[FolderMark]) -> int:
    """Return how many messages of a folder have not been delivered."""
    source = plan.source
    known = mark_of(source, mark)
    if known is None and source.messages is not None:
        return source.messages
    if known and has_nothing_new(source, known):
        return 0
    uids: List[int] = []
    session.search_uids(source, uids.append, known.last_uid + 1 if known else 1)
    return len(uids) + (len(known.missing) if known else 0)


def count_flag_changes(session: SourceSession, plans: Sequence[FolderPlan], marks: Mapping[bytes, FolderMark]) -> int:
    """Return how many delivered messages had their flags changed at the source; 0 where the server does not tell."""
    if b"CONDSTORE" not in session.capabilities:
        return 0
    requests = []
    for plan in plans:
        mark = marks.get(plan.source.raw_name)
        if mark and mark.last_uid and mark.highest_modseq is not None and may_have_changed(plan, mark, True):
            requests.append(FetchRequest(plan.source, b"1:%d" % mark.last_uid, flags_only=True, changed_since=mark.highest_modseq))
    return sum(1 for opened in session.fetch(requests) for _fetched in opened.messages())
