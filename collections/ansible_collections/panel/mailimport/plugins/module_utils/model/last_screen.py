# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run came to, in lines for people: a headline, a line for each problem, and how to go on.

Entries are those of `imports` in a result.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from .readable import readable_size, readable_time

Entry = Mapping[str, Any]
Cause = Tuple[str, ...]

# States in the order of a headline, and what they are called there.
_STATES = {
    "completed": "completed",
    "queued": "to do",
    "running": "running",
    "paused": "paused",
    "skipped": "skipped",
    "failed": "failed",
}
_AGAIN = "Run it again as it is, and what is done is left alone. For %s alone:"
_SEE_ALL = "see imports in the result"
# As many mailboxes are named; the rest is counted.
MOST_NAMED = 100
# So many that failed or were skipped for the same cause, as when no server answers, are one line; of those that failed,
# a few are named.
_MANY, _FEW = 5, 2
_PLACE = re.compile(r"^(line|entry) \d+: ")
# Names that mean themselves to a shell, and in `name=value` to Ansible.
_PLAIN = re.compile(r"[\w.@+-]+")


def last_screen(entries: Sequence[Entry], seconds: Optional[float] = None) -> List[str]:
    """The headline of a run over many mailboxes, and its problems."""
    return [headline(entries, seconds), *_at_most(MOST_NAMED, problems(entries))]


def problems(entries: Sequence[Entry]) -> List[str]:
    """A line for each problem, or for each that many mailboxes share."""
    by_cause: Dict[Cause, List[Entry]] = {}
    for entry in entries:
        by_cause.setdefault(_cause(entry), []).append(entry)
    shared = {cause: alike for cause, alike in by_cause.items() if cause and len(alike) >= _MANY}
    lines: List[str] = []
    for entry in entries:
        alike = shared.get(_cause(entry), [])
        if not alike:
            lines += notable(entry)
        elif entry is alike[0]:
            lines.append(_of_many(alike))
    return lines


def _cause(entry: Entry) -> Cause:
    """Why an import failed or was skipped, without the place of its row; empty when neither is so, or when its own line
    is needed: of a row that is wrong people look for the place.
    """
    if entry["state"] not in ("failed", "skipped") or entry["reason"] == "invalid_row" or any(moved_aside(entry)):
        return ()
    return entry["state"], _PLACE.sub("", entry["message"]), entry["reason"] or ""


def _of_many(alike: Sequence[Entry]) -> str:
    state, message, reason = _cause(alike[0])
    # What failed is tried again; of what is left alone, people want all names.
    most = _FEW if state == "failed" else MOST_NAMED
    named = ", ".join(entry["email"] for entry in alike[:most])
    more = " and %d more" % (len(alike) - most) if len(alike) > most else ""
    if more and most == MOST_NAMED:
        more += " (%s)" % _SEE_ALL
    return "%s%s: %s: %s%s" % (named, more, state, message, " (%s)" % reason if state == "failed" else "")


def how_to_go_on(entries: Sequence[Entry], option: str) -> List[str]:
    """The line that says how to import the failed ones again, if there are others.

    Args:
        option: it picks mailboxes of the list.
    """
    failed = [entry["email"] for entry in entries if entry["state"] == "failed"]
    named = list(dict.fromkeys(filter(None, failed)))  # several hosts may have failed to import one
    if not named or len(failed) == len(entries):
        return []
    return ["%s %s" % (_again(named), _variable(option, named[:MOST_NAMED]))]


def _again(failed: Sequence[str]) -> str:
    most = MOST_NAMED
    return _AGAIN % (
        "the failed ones" if len(failed) <= most else "the first %d of %d failed ones" % (most, len(failed))
    )


def _variable(option: str, names: Sequence[str]) -> str:
    """A list of names as it is typed behind `-e`; with that, where it takes quotes to be no more than names."""
    if all(map(_PLAIN.fullmatch, names)):
        return "%s=%s" % (option, ",".join(names))
    return "-e %s" % shlex.quote('{"%s": [%s]}' % (option, ", ".join(map(_item, names))))


def _item(name: str) -> str:
    # An address may hold what a template looks like.
    return "%s%s" % ("!unsafe " if "{" in name else "", json.dumps(name, ensure_ascii=False))


def how_to_go_on_with_hosts(hosts: Sequence[str]) -> List[str]:
    """The same where `--limit` picks hosts."""
    return ["%s --limit %s" % (_again(hosts), shlex.quote(",".join(hosts[:MOST_NAMED])))] if hosts else []


def headline(entries: Sequence[Entry], seconds: Optional[float] = None) -> str:
    """The one line that says it, such as `41 mailboxes: 38 completed, 1 skipped, 2 failed · 2,936 messages, 142 MB`."""
    counts = {word: sum(entry["state"] == state for entry in entries) for state, word in _STATES.items()}
    told = ", ".join("%s %s" % (format(count, ","), word) for word, count in counts.items() if count)
    mailboxes = "%s mailbox%s" % (format(len(entries), ","), "" if len(entries) == 1 else "es")
    return _joined("%s: %s" % (mailboxes, told or "nothing to do"), figures(entries, seconds))


def of_one(entry: Entry, seconds: Optional[float] = None) -> str:
    """The line for a single mailbox."""
    name = entry["email"] or "a row"
    if entry["state"] in ("failed", "paused"):
        return "%s: %s (%s)" % (name, entry["message"], entry["reason"])
    if entry["state"] == "queued":  # the message has the number of messages
        return _joined(
            "%s: %s" % (name, entry["message"]), readable_size(entry["bytes_copied"]) if entry["bytes_copied"] else ""
        )
    return _joined("%s: %s" % (name, entry["message"]), figures([entry], seconds))


def figures(entries: Sequence[Entry], seconds: Optional[float] = None) -> str:
    """Messages, bytes and time, as far as there is something to say."""
    copied = sum(entry["messages_copied"] for entry in entries)
    size = sum(entry["bytes_copied"] for entry in entries)
    parts = []
    if copied:
        parts.append("%s message%s" % (format(copied, ","), "" if copied == 1 else "s"))
    elif any(entry["messages_total"] for entry in entries):
        parts += _nothing_new(entries)
    if size:
        parts.append(readable_size(size))
    if seconds is not None and parts:
        parts.append(readable_time(seconds))
    return ", ".join(parts)


def _nothing_new(entries: Sequence[Entry]) -> Iterator[str]:
    """That a source has nothing new is said only of one that was asked: then the mailbox was opened."""
    if any(entry["message_store"] for entry in entries):
        yield "no new messages"
    elif all(entry["state"] == "completed" for entry in entries):
        yield "done earlier, the source was not asked"


def notable(entry: Entry) -> Iterator[str]:
    """Lines for what somebody may have to do something about."""
    if entry["state"] in ("failed", "paused"):
        yield "%s%s: %s (%s)" % (_named(entry), entry["state"], entry["message"], entry["reason"])
    elif entry["state"] == "skipped":
        yield "%s: skipped: %s" % (entry["email"], entry["message"])
    yield from moved_aside(entry)


def moved_aside(entry: Entry) -> Iterator[str]:
    """The line for a mailbox whose mail had to make room; of a run that did nothing to it, nobody needs to hear."""
    if entry["changed"] and entry["replaced_to"]:
        yield "%sthe mail that was there before is in %s" % (_named(entry), entry["replaced_to"])


def _named(entry: Entry) -> str:
    # A row that could not be read has no address; its message begins with its place.
    return "%s: " % entry["email"] if entry["email"] else ""


def _joined(said: str, more: str) -> str:
    return "%s · %s" % (said, more) if more else said


def _at_most(most: int, lines: List[str]) -> List[str]:
    if len(lines) <= most:
        return lines
    return [*lines[:most], "and %d more, %s" % (len(lines) - most, _SEE_ALL)]
