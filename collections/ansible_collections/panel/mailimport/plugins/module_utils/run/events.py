# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the unprivileged process of an import tells, taken into the result and the state."""

from __future__ import annotations

import base64
import unicodedata
from typing import Any, Callable, Dict, Optional

from ..model.errors import REASONS, one_line
from ..model.imports import ImportRequest, NotImported
from ..source.listing import MAX_FOLDERS
from ..state.database import State
from ..state.records import Deliveries, FolderMark, SourceMessages
from ..transfer.login import Login
from ..transfer.sandbox import Event
from ..transfer.session_desk import SessionDesk
from .outcome import Outcome, without_secret
from .reporter import Reporter

# So much of what did not arrive is listed of one import; the rest is counted.
MOST_ENTRIES = 50_000
# Characters of a text that comes from the source, and of a folder's name.
_LONGEST_TEXT = 500
_LONGEST_NAME = 1000
# Control characters and what else begins a new line: a terminal would act on them.
_ACTING_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))


class ImportEvents:
    """Takes the events of one import. Their sender is not trusted with more than that import.

    Attributes:
        recorded: the state has a record of the import, which follows the result.
        desk: hands out sessions of the mailbox; None as long as there is none.
        login: gives other secrets for the source; None as long as nobody logs in.
        replaced: told whether there was mail in the mailbox that is moved aside now; None when it is to stay.
    """

    def __init__(self, request: ImportRequest, state: State, outcome: Outcome, reporter: Reporter) -> None:
        self._request = request
        self._state = state
        self._outcome = outcome
        self._result = outcome.result
        self._reporter = reporter
        self._arrived: Dict[str, Dict[str, int]] = {}
        self.recorded = False
        self.desk: Optional[SessionDesk] = None
        self.login: Optional[Login] = None
        self.replaced: Optional[Callable[[bool], None]] = None

    def take(self, event: Event) -> None:
        """Take one event.

        Raises:
            Exception: of any kind, when it is none that an importing process sends.
        """
        getattr(self, "_on_" + event["event"])(event)

    def _on_listed(self, event: Event) -> None:
        self._result.folders, self._result.messages_total = int(event["folders"]), int(event["messages"])
        self._show_progress()

    def _show_progress(self) -> None:
        if self.recorded:
            self._state.progress(self._request.key, self._result)
        self._reporter.progress(self._result)

    def _on_replaced(self, event: Event) -> None:
        # Where it is, is not taken from the event: this process may rename any directory there is.
        if self.replaced is None:
            raise ValueError("nothing was to be moved aside")
        moved = bool(event["moved"])
        self.replaced(moved)
        self._result.changed = self._result.changed or moved

    def _on_folder(self, event: Event) -> None:
        created, before, after = bool(event["created"]), int(event["before"]), int(event["after"])
        # Of messages that a killed run has brought, keywords may be all that changes.
        self._result.changed = self._result.changed or int(event["keywords"]) > 0
        if created or before != after:
            self._result.changed = True
            name = self._name(event["name"])
            if len(self._arrived) > MAX_FOLDERS:
                raise ValueError("more folders than a source may have")
            self._outcome.before["folders"].setdefault(name, None if created else before)
            # Several folders of the source may go into one.
            arrived = self._arrived.setdefault(name, {})
            arrived[event["source"]] = after - before
            self._outcome.after["folders"][name] = (self._outcome.before["folders"][name] or 0) + sum(arrived.values())

    def _on_marks(self, event: Event) -> None:
        marks = [
            FolderMark(**dict(mark, raw_name=mark["raw_name"].encode("latin-1"), missing=tuple(mark["missing"])))
            for mark in event["marks"]
        ]
        messages = [
            SourceMessages(
                each["raw_name"].encode("latin-1"), int(each["uidvalidity"]), base64.b64decode(each["packed"])
            )
            for each in event["messages"]
        ]
        self._state.commit_folders(self._request.key, marks, messages)

    def _on_secret(self, _event: Event) -> None:
        if self.login is None:
            raise ValueError("there is no login that a secret could be for")
        self.login.serve()

    def _on_session(self, _event: Event) -> None:
        self._sessions_desk().serve()

    def _sessions_desk(self) -> SessionDesk:
        if self.desk is None:
            raise ValueError("there is no mailbox to open a session of")
        return self.desk

    def _on_settled(self, _event: Event) -> None:
        self._state.note_all_recorded(self._request.key)

    def _on_delivered(self, event: Event) -> None:
        folder = event["raw_name"].encode("latin-1"), event["uidvalidity"], event["target_uidvalidity"]
        self._state.add_deliveries(self._request.key, Deliveries(*folder, event["runs"]))

    def _on_copied(self, event: Event) -> None:
        copied, present, size = int(event["messages"]), int(event["present"]), int(event["bytes"])
        self._result.messages_copied, self._result.messages_present, self._result.bytes_copied = copied, present, size
        self._show_progress()
        self._reporter.note("%s: %d of %d messages" % (self._result.email, copied, self._result.messages_total))

    def _on_flags(self, event: Event) -> None:
        self._result.flags_updated = int(event["messages"])
        self._result.changed = self._result.changed or self._result.flags_updated > 0

    def _on_subscribed(self, event: Event) -> None:
        self._result.changed = self._result.changed or event["folders"] > 0

    def _on_not_imported(self, event: Event) -> None:
        listed = self._result.not_imported
        for entry in map(self._entry, event["entries"][: MOST_ENTRIES + 1 - len(listed)]):
            if len(listed) == MOST_ENTRIES:
                entry = NotImported(
                    "", entry.reason, "more than %d entries, of which only the first are listed" % MOST_ENTRIES
                )
            listed.append(entry)
        self._result.messages_failed += int(event["messages"])

    def _entry(self, values: Dict[str, Any]) -> NotImported:
        entry = NotImported(**values)
        if entry.reason not in REASONS:
            raise ValueError("an unknown reason word")
        entry.folder, entry.message = self._name(entry.folder), self._masked(entry.message)
        entry.uid, entry.size = (None if number is None else int(number) for number in (entry.uid, entry.size))
        entry.message_id = None if entry.message_id is None else self._masked(entry.message_id)
        return entry

    def _on_waiting(self, event: Event) -> None:
        self._reporter.note(
            "%s: waiting %g seconds: %s" % (self._result.email, event["seconds"], self._masked(event["message"]))
        )

    def _on_note(self, event: Event) -> None:
        self._reporter.note("%s: %s" % (self._result.email, self._masked(event["message"])))

    def _masked(self, text: str) -> str:
        """A text that may hold words of the source, as one line that people can be shown."""
        return one_line(without_secret(text, self._request), _LONGEST_TEXT)

    def _name(self, text: str) -> str:
        """A folder's name as it is, but for what must not be shown."""
        shown = without_secret(text, self._request)[:_LONGEST_NAME]
        return "".join(" " if unicodedata.category(char) in _ACTING_CATEGORIES else char for char in shown)
