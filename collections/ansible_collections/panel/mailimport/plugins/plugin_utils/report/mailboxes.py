# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mailboxes of a report: what the list asks for beside what the mail hosts know."""

from __future__ import annotations

import typing as t
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from ansible_collections.panel.mailimport.plugins.module_utils.model.grade import HARMLESS_REASONS, grade_of
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportResult
from ansible_collections.panel.mailimport.plugins.module_utils.rows.row import BadRow, Row, mailbox_of

from .acceptance import Acceptance

Entry = t.Mapping[str, t.Any]

# In the order in which people want to read of them, with what they are called.
STATES = {
    "failed": "failed",
    "unknown": "not known",
    "paused": "paused",
    "running": "running",
    "queued": "waiting",
    "not_begun": "not begun",
    "skipped": "skipped",
    "completed": "completed",
}
_DONE = ("completed", "skipped")
_KEPT_FORMATS = "\u200c\u200d"  # join letters and emoji
# What an entry of the results has that says nothing yet.
_NOTHING = {**ImportResult("", "").as_dict(), "bytes_imported": 0}


@dataclass
class Lack:
    """Something that did not arrive as it was, and the note of whoever accepted that."""

    folder: str
    reason: str
    message: str
    uid: int | None = None
    message_id: str | None = None
    size: int | None = None
    accepted: bool = False
    note: str | None = None

    @property
    def is_loss(self) -> bool:
        return self.reason not in HARMLESS_REASONS


@dataclass
class Mailbox:
    """A row of the report. `listed`: the list asks for it. `accepted`: all that it lacks was accepted."""

    email: str
    mail_host: str | None
    source: str | None
    listed: bool
    state: str
    reason: str | None = None
    message: str = ""
    grade: str | None = None
    accepted: bool = False
    messages_at_source: int = 0
    messages_here: int = 0
    messages_missing: int = 0
    bytes_imported: int = 0
    last_success: str | None = None
    last_run: str | None = None
    last_new: str | None = None
    duration: float = 0.0
    not_imported: list[Lack] = field(default_factory=list)

    @property
    def was_compared(self) -> bool:
        """Whether its figures say something."""
        return self.state == "completed" or self.messages_at_source > 0

    @property
    def is_done(self) -> bool:
        return self.state in _DONE or self.accepted


def compare(
    rows: t.Sequence[Row],
    bad_rows: t.Sequence[BadRow],
    hosts: t.Mapping[str, t.Any],
    source_host: str | None,
    acceptances: t.Sequence[Acceptance],
) -> list[Mailbox]:
    """Return the mailboxes of the list in its order, and those that only hosts know behind them.

    Args:
        hosts: the result of `mail_import_info` by host; one without `imports` could not be asked.
        source_host: where mailboxes come from whose rows do not say it.
    """
    known = _Known(hosts)
    once: dict[tuple[t.Any, ...], Row] = {}
    repeated = []
    for row in rows:
        if once.setdefault(_identity(row), row) is not row:
            repeated.append(BadRow(row.place, mailbox_of(row), "the list has this mailbox twice, from the same source"))
    times = Counter(map(mailbox_of, once.values()))
    found = [box for row in once.values() for box in known.of_row(row, source_host, times[mailbox_of(row)] > 1)]
    for bad in (*bad_rows, *repeated):
        message = clean("%s: %s" % (bad.place, bad.message))
        found.append(Mailbox(bad.email, None, None, True, "failed", "invalid_row", message))
    found += known.rest()
    for mailbox in found:
        _accept(mailbox, acceptances)
    return found


class _Known:
    """The imports that hosts know, each of them given to one row."""

    def __init__(self, hosts: t.Mapping[str, t.Any]) -> None:
        self._silent = {name for name, result in hosts.items() if "imports" not in result}
        self._hosts = set(hosts)
        self._entries: dict[str, list[tuple[str, Entry]]] = {}
        for name, result in sorted(hosts.items()):
            for entry in result.get("imports", ()):
                self._entries.setdefault(str(entry["email"]).lower(), []).append((name, entry))

    def of_row(self, row: Row, source_host: str | None, several: bool) -> t.Iterator[Mailbox]:
        """What became of a row: an entry of each host that it is for, `several` rows being for its mailbox."""
        address, mail_host = mailbox_of(row), row.values.get("mail_host")
        source = _Source(row.values.get("source_host") or source_host, _user_of(row) if several else None)
        entries = self._entries.get(address, [])
        taken = [each for each in entries if mail_host in (None, each[0]) and source.is_that_of(each[1])]
        self._entries[address] = [each for each in entries if each not in taken]
        for name, entry in taken:
            yield _known_mailbox(name, entry, listed=True)
        if not taken:
            yield self._absent(address, mail_host, source.host)

    def _absent(self, address: str, mail_host: str | None, source: str | None) -> Mailbox:
        silent = self._silent if mail_host is None else {mail_host} & self._silent
        if mail_host is not None and mail_host not in self._hosts:
            state, message = "unknown", "nothing was asked of mail host %s" % mail_host
        elif silent or not self._hosts:
            state, message = "unknown", "no answer from %s" % (", ".join(sorted(silent)) or "any mail host")
        else:
            state, message = "not_begun", ""
        return Mailbox(clean(address), mail_host and clean(mail_host), source, True, state, None, clean(message))

    def rest(self) -> t.Iterator[Mailbox]:
        """What no row asks for."""
        for address in sorted(self._entries):
            for name, entry in self._entries[address]:
                yield _known_mailbox(name, entry, listed=False)


class _Source(t.NamedTuple):
    """Where a row says that its mail comes from; None is what it does not say."""

    host: str | None
    user: str | None

    def is_that_of(self, entry: Entry) -> bool:
        user, _at, host = str(entry["source"]).lower().rpartition("@")
        return (self.host is None or host == self.host.lower()) and (self.user is None or user == self.user.lower())


def _identity(row: Row) -> tuple[t.Any, ...]:
    """What no two rows have alike."""
    values = row.values
    return mailbox_of(row), values.get("mail_host"), str(values.get("source_host") or "").lower(), _user_of(row).lower()


def _user_of(row: Row) -> str:
    return str(row.values.get("source_user") or row.values.get("email") or "")


def _known_mailbox(host: str, known: Entry, listed: bool) -> Mailbox:
    entry = {**_NOTHING, **known}
    return Mailbox(
        email=clean(entry["email"]),
        mail_host=clean(host),
        source=clean(entry["source"]),
        listed=listed,
        state=entry["state"] if entry["state"] in STATES else "unknown",
        reason=entry["reason"] and clean(entry["reason"]),
        message=clean(entry["message"]),
        grade=grade_of(entry),
        messages_at_source=entry["messages_total"],
        messages_here=entry["messages_copied"] + entry["messages_present"],
        messages_missing=entry["messages_failed"],
        bytes_imported=entry["bytes_imported"],
        last_success=_moment(entry, "last_success"),
        last_run=_moment(entry, "last_run"),
        last_new=_moment(entry, "last_new"),
        duration=entry["duration"],
        not_imported=[
            Lack(
                clean(lack["folder"]),
                clean(lack["reason"]),
                clean(lack["message"]),
                lack["uid"],
                lack["message_id"] and clean(lack["message_id"]),
                lack["size"],
            )
            for lack in entry["not_imported"]
        ],
    )


def _moment(entry: Entry, name: str) -> str | None:
    return clean(entry[name]) if entry.get(name) else None


def _accept(mailbox: Mailbox, acceptances: t.Sequence[Acceptance]) -> None:
    """Note what of the mailbox's lacks is accepted, and whether that is all that keeps it from being done."""
    for lack in mailbox.not_imported:
        for acceptance in acceptances:
            if acceptance.covers(mailbox.email, lack.folder, lack.uid, lack.message_id, lack.reason):
                acceptance.used = True
                lack.accepted, lack.note = True, acceptance.note and clean(acceptance.note)
                break
    losses = [lack for lack in mailbox.not_imported if lack.is_loss]
    # More may be missing than is listed, or the run has ended for a reason of its own.
    whole_folders = any(lack.uid is None and lack.folder for lack in losses)
    all_listed = whole_folders or mailbox.messages_missing <= len(losses)
    told = mailbox.reason in {lack.reason for lack in losses}
    mailbox.accepted = mailbox.state == "failed" and told and all_listed and all(lack.accepted for lack in losses)


def clean(text: t.Any) -> str:
    """A text without characters that act instead of being shown; line breaks and tabs become blanks."""
    return "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char not in _KEPT_FORMATS else char
        for char in str(text)
    )
