# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How whole a copy is, in one word.

| grade | what it says |
| --- | --- |
| `perfect` | everything of the source is here, as it was |
| `good` | every message is here; a keyword could not be kept, the store altered a message, or flags differ |
| `investigate` | at most one message in a thousand is missing, each for a reason that no further run changes |
| `poor` | anything else is missing: more messages, a folder, or nobody knows what |
| None | nothing was compared: the import has not begun, has not ended, or was skipped |
"""

from __future__ import annotations

from typing import Any, Iterable, List, Mapping, Optional

# From the best to the worst.
GRADES = ("perfect", "good", "investigate", "poor")

# Reasons of what is told and leaves no message behind.
HARMLESS_REASONS = frozenset(("date_differs", "flags_differ", "keyword_refused", "message_altered"))

# Reasons of messages that no further run brings over.
LASTING_REASONS = frozenset(("message_refused",))

# So many messages of a mailbox may be missing for one that is.
_ONE_IN = 1000


def grade_of(entry: Mapping[str, Any]) -> Optional[str]:
    """Grade an import by its entry in the results."""
    if entry["state"] not in ("completed", "failed"):
        return None
    lacking = lacking_of(entry)
    missing = max(entry["messages_failed"], len(lacking))
    if entry["state"] == "completed" and not missing:
        return "good" if entry["not_imported"] else "perfect"
    are_messages = all(each["uid"] is not None and each["reason"] in LASTING_REASONS for each in lacking)
    all_listed = bool(lacking) and missing == len(lacking) and entry["reason"] in (None, *LASTING_REASONS)
    if are_messages and all_listed and missing * _ONE_IN <= entry["messages_total"]:
        return "investigate"
    return "poor"


def lacking_of(entry: Mapping[str, Any]) -> List[Mapping[str, Any]]:
    """What of `not_imported` did not arrive."""
    return [each for each in entry["not_imported"] if each["reason"] not in HARMLESS_REASONS]


def worst(grades: Iterable[Optional[str]]) -> Optional[str]:
    """The worst of several grades; those that are None do not count."""
    return max((grade for grade in grades if grade), key=GRADES.index, default=None)
