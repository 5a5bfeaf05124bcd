# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has come of each mailbox of a run so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Optional, Sequence, Tuple, Union

from ..model.errors import MailImportError
from ..model.imports import ImportRequest, ImportResult
from ..queue.messages import JobNews, JobResult
from .job_news import Moved, Noted
from .outcome import Outcome, conclude_with, new_outcome
from .progress import Progress

# What is to be done about one mailbox, or what has come of it already: of a malformed row, of an account that has no
# mailbox.
Item = Union[ImportRequest, ImportResult]


@dataclass(frozen=True)
class MailboxesMade(JobResult):
    """What making several mailboxes together came to."""

    outcomes: Tuple[Outcome, ...]


class RunOutcomes:
    """Gathers the outcomes of a run by number, and tells whoever watches of each.

    Args:
        imports: what is queued goes on to its import; in check mode that is an outcome.
        shows: somebody wants to see each mailbox before and after.

    Attributes:
        requests: what there is to do, by number.
        made: mailboxes that were made ahead of their imports, which are still to come: what there was of their domains.
    """

    def __init__(self, items: Sequence[Item], imports: bool, progress: Progress, shows: bool) -> None:
        self.requests = {number: item for number, item in enumerate(items) if isinstance(item, ImportRequest)}
        self.made: Dict[int, Optional[str]] = {}
        self._known: Dict[int, Outcome] = {
            number: Outcome(item) for number, item in enumerate(items) if isinstance(item, ImportResult)
        }
        self._size = len(items)
        self._imports = imports
        self._progress = progress
        self._shows = shows

    def __contains__(self, number: int) -> bool:
        return number in self._known

    def __getitem__(self, number: int) -> Outcome:
        return self._known[number]

    def left(self) -> List[int]:
        """Numbers of what has no outcome yet."""
        return [number for number in sorted(self.requests) if number not in self._known]

    def all(self) -> List[Outcome]:
        """The outcomes of everything, in order."""
        return [self._known[number] for number in range(self._size)]

    def results(self) -> Dict[int, ImportResult]:
        """What is known so far, by number."""
        return {number: outcome.result for number, outcome in self._known.items()}

    def settle(self, number: int, outcome: Union[Outcome, MailImportError, OSError]) -> None:
        """This comes of a mailbox, before anything has begun; `tell_all` tells it."""
        self._keep(number, outcome if isinstance(outcome, Outcome) else self._failed(number, outcome))

    def tell_all(self) -> None:
        """Tell what is known, in order."""
        for number in sorted(self._known):
            self._progress.ended(self._known[number].result)

    def fail(self, number: int, error: Union[MailImportError, OSError]) -> None:
        """A mailbox comes to this error."""
        self._end(number, self._failed(number, error))

    def lose(self, number: int, why: str) -> None:
        """The work on a mailbox has ended without a result."""
        self.fail(number, MailImportError("interrupted", why))

    def handle(self, number: int, news: JobNews) -> None:
        """A worker tells this of a mailbox."""
        if isinstance(news, Noted):
            self._progress.note(news.text)
        elif isinstance(news, Moved):
            self._progress.moved(number, news.total, news.copied, news.bytes)
        elif isinstance(news, Outcome):
            self._handle_outcome(number, news)

    def _handle_outcome(self, number: int, outcome: Outcome) -> None:
        if number in self.made and outcome.after.mailbox:
            # What was made ahead belongs to this import: the mailbox was not there before.
            outcome = replace(outcome, before=replace(outcome.before, domain=self.made[number], mailbox=None))
            outcome.result.created = outcome.result.changed = True
        if outcome.result.state != "queued" or not self._imports:
            self._end(number, outcome)
        elif outcome.result.created:
            # What a login that works comes to says nothing of the mailbox.
            self.made[number] = outcome.before.domain

    def _end(self, number: int, outcome: Outcome) -> None:
        self._keep(number, outcome)
        self._progress.ended(outcome.result, number)

    def _keep(self, number: int, outcome: Outcome) -> None:
        self._known[number] = outcome if self._shows else outcome.unshown()
        self.made.pop(number, None)

    def _failed(self, number: int, error: Union[MailImportError, OSError]) -> Outcome:
        outcome = new_outcome(self.requests[number])
        conclude_with(outcome.result, error, self.requests[number])
        return outcome
