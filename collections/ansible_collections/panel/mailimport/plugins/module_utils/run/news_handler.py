# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the unprivileged process of an import tells, taken into the result and the state."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, Type

from ..model.errors import one_line
from ..model.grade import HARMLESS_REASONS
from ..model.imports import ImportRequest, NotImported
from ..source.listing import MAX_FOLDERS
from ..state.database import State
from ..transfer.login import SecretBroker
from ..transfer.news import (
    AllAnswersKnown,
    Committed,
    Copied,
    FlagsUpdated,
    FolderFilled,
    LeftBehind,
    Listed,
    News,
    Note,
    Replaced,
    Sampled,
    SecretWanted,
    SessionWanted,
    Sized,
    Spent,
    Subscribed,
    Verified,
    Waiting,
)
from ..transfer.session_broker import SessionBroker
from .outcome import Outcome, without_secret
from .reporter import Reporter

# So much of what did not arrive is listed of one import; the rest is counted.
MOST_ENTRIES = 50_000
# Characters of a text that comes from the source, and of a folder's name.
_LONGEST_TEXT = 500
_LONGEST_NAME = 1000
# Control characters and what else begins a new line: a terminal would act on them.
_ACTING_CATEGORIES = frozenset(("Cc", "Cs", "Zl", "Zp"))


class NewsHandler:
    """Takes the news of one import. Their sender is not trusted with more than that import.

    Attributes:
        recorded: the state has a record of the import, which follows the result.
        broker: hands out sessions of the mailbox; None as long as there is none.
        login: gives other secrets for the source; None as long as nobody logs in.
        replaced: told whether there was mail in the mailbox that is moved aside now; None when it is to stay.
        sampled: how fast mail came that was thrown away; None as long as none was.
    """

    def __init__(self, request: ImportRequest, state: State, outcome: Outcome, reporter: Reporter) -> None:
        self._request = request
        self._state = state
        self._outcome = outcome
        self._result = outcome.result
        self._reporter = reporter
        self._arrived: Dict[str, Dict[str, int]] = {}
        self.recorded = False
        self.broker: Optional[SessionBroker] = None
        self.login: Optional[SecretBroker] = None
        self.replaced: Optional[Callable[[bool], None]] = None
        self.sampled: Optional[Sampled] = None
        self._listed_before: Dict[Tuple[str, Optional[int], str, str], NotImported] = {}
        self._handlers: Dict[Type[News], Callable[[Any], None]] = {
            Committed: self._on_committed,
            Copied: self._on_copied,
            FlagsUpdated: self._on_flags,
            FolderFilled: self._on_folder,
            LeftBehind: self._on_left_behind,
            Listed: self._on_listed,
            Note: self._on_note,
            Replaced: self._on_replaced,
            Sampled: self._on_sampled,
            SecretWanted: self._on_secret,
            SessionWanted: self._on_session,
            AllAnswersKnown: self._on_all_answers_known,
            Sized: self._on_sized,
            Spent: self._on_spent,
            Subscribed: self._on_subscribed,
            Verified: self._on_verified,
            Waiting: self._on_waiting,
        }

    def remember(self, listed: Sequence[NotImported]) -> None:
        """Take note of what the run before did not import."""
        self._listed_before = {_matter_of(entry): entry for entry in listed}

    def handle(self, news: News) -> None:
        """Do what a piece of news asks for.

        Raises:
            ValueError: it is none that an importing process sends now.
        """
        self._handlers[type(news)](news)

    def _on_listed(self, news: Listed) -> None:
        self._result.folders, self._result.messages_total = news.folders, news.messages
        self._show_progress()

    def _show_progress(self) -> None:
        if self.recorded:
            self._state.progress(self._request.key, self._result)
        self._reporter.progress(self._result)

    def _on_replaced(self, news: Replaced) -> None:
        # Where it is, is not told: this process may rename any directory there is.
        if self.replaced is None:
            raise ValueError("nothing was to be moved aside")
        self.replaced(news.moved)
        self._result.changed = self._result.changed or news.moved

    def _on_folder(self, news: FolderFilled) -> None:
        # Of messages that a killed run has brought, keywords may be all that changes.
        self._result.changed = self._result.changed or news.keywords > 0
        if news.created or news.before != news.after:
            self._result.changed = True
            name = self._name(news.name)
            if len(self._arrived) > MAX_FOLDERS:
                raise ValueError("more folders than a source may have")
            before = self._outcome.before.folders.setdefault(name, None if news.created else news.before)
            # Several folders of the source may go into one.
            arrived = self._arrived.setdefault(name, {})
            arrived[news.source] = news.after - news.before
            self._outcome.after.folders[name] = (before or 0) + sum(arrived.values())

    def _on_committed(self, news: Committed) -> None:
        self._state.folders.commit(self._request.key, news.marks, news.messages, news.deliveries)

    def _on_secret(self, news: SecretWanted) -> None:
        if self.login is None:
            raise ValueError("there is no login that a secret could be for")
        self.login.serve(news.refused)

    def _on_session(self, _news: SessionWanted) -> None:
        if self.broker is None:
            raise ValueError("there is no mailbox to open a session of")
        self.broker.serve()

    def _on_all_answers_known(self, _news: AllAnswersKnown) -> None:
        self._state.note_all_recorded(self._request.key, self._request.force)

    def _on_spent(self, news: Spent) -> None:
        self._state.budgets.note_spent(self._request.key, news.bytes)

    def _on_copied(self, news: Copied) -> None:
        result = self._result
        result.messages_copied, result.messages_present, result.bytes_copied = news.messages, news.present, news.bytes
        result.messages_linked = news.linked
        self._show_progress()
        here = news.messages + news.present
        if here < result.messages_total:  # that all have come is said when the import has ended
            self._reporter.note("%s: %d of %d messages" % (result.email, here, result.messages_total))

    def _on_sized(self, news: Sized) -> None:
        if self.recorded:
            raise ValueError("an import counts what it copies")
        look = self._outcome.look
        self._result.bytes_copied, look.size_estimated, look.daily_bytes = news.bytes, news.estimated, news.daily
        look.at_most = news.at_most

    def _on_sampled(self, news: Sampled) -> None:
        self.sampled = news

    def _on_verified(self, news: Verified) -> None:
        self._result.messages_present = news.present
        parts = ["%d messages compared" % news.compared]
        parts += ["%d missing here" % news.missing] if news.missing else []
        parts += ["%d differ" % news.differing] if news.differing else []
        parts += ["%d with other flags" % news.other_flags] if news.other_flags else []
        parts += ["%d with other dates" % news.other_dates] if news.other_dates else []
        self._result.message = "Verified: " + ", ".join(parts if len(parts) > 1 else [*parts, "nothing differs"])

    def _on_flags(self, news: FlagsUpdated) -> None:
        self._result.flags_updated = news.messages
        self._result.changed = self._result.changed or news.messages > 0

    def _on_subscribed(self, news: Subscribed) -> None:
        self._result.changed = self._result.changed or news.folders > 0

    def _on_left_behind(self, news: LeftBehind) -> None:
        listed = self._result.not_imported
        for entry in news.entries:
            if len(listed) < MOST_ENTRIES:
                listed.append(self._shown(entry))
                continue
            if entry.reason not in HARMLESS_REASONS and listed[MOST_ENTRIES - 1].reason in HARMLESS_REASONS:
                listed[MOST_ENTRIES - 1] = self._shown(entry)  # how an import ends is not for harmless entries to say
            if len(listed) == MOST_ENTRIES:
                text = "more than %d entries, of which only the first are listed" % MOST_ENTRIES
                listed.append(NotImported("", entry.reason, text))
        self._result.messages_failed += news.messages

    def _shown(self, entry: NotImported) -> NotImported:
        """An entry as people can be shown it. What it is about is known from the run before where a message that stays
        behind was not fetched again.
        """
        message_id = None if entry.message_id is None else self._masked(entry.message_id)
        shown = replace(
            entry, folder=self._name(entry.folder), message=self._masked(entry.message), message_id=message_id
        )
        if shown.uid is None or shown.size is not None or shown.message_id is not None:
            return shown
        earlier = self._listed_before.get(_matter_of(shown), shown)
        return replace(shown, size=earlier.size, message_id=earlier.message_id)

    def _on_waiting(self, news: Waiting) -> None:
        self._reporter.note(
            "%s: waiting %g seconds: %s" % (self._result.email, news.seconds, self._masked(news.message))
        )

    def _on_note(self, news: Note) -> None:
        self._reporter.note("%s: %s" % (self._result.email, self._masked(news.message)))

    def _masked(self, text: str) -> str:
        """A text that may hold words of the source, as one line that people can be shown."""
        return one_line(without_secret(text, self._request), _LONGEST_TEXT)

    def _name(self, text: str) -> str:
        """A folder's name as it is, but for what must not be shown."""
        shown = without_secret(text, self._request)[:_LONGEST_NAME]
        return "".join(" " if unicodedata.category(char) in _ACTING_CATEGORIES else char for char in shown)


def _matter_of(entry: NotImported) -> Tuple[str, Optional[int], str, str]:
    """What makes an entry the same as that of an earlier run. A UID alone may have become another message's: but of one
    that the source was not asked for again, the words are those of the earlier run.
    """
    return entry.folder, entry.uid, entry.reason, entry.message
