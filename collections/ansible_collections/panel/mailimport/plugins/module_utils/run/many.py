# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any number of mailboxes in one run: looked at together, checked before anything is made, then imported over the
host's queues.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Callable, Dict, List, Mapping, Optional, Sequence, Set

from ..host.mail_host import MailHost
from ..model.address import Address
from ..model.errors import MailImportError
from ..model.imports import ImportRequest, ImportResult
from ..process.stop import stopping_on_signals
from ..queue.dispatcher import run_over_queues
from ..queue.jobs import Bounds, Job, Work
from ..queue.messages import JobNews
from ..state.database import State
from ..state.records import ImportRecord
from ..state.shared import SharedState
from .examination import known_outcome
from .outcome import Outcome, conclude_with
from .outcomes import Item, MailboxesMade, RunOutcomes
from .progress import Progress
from .settings import HostSettings

if TYPE_CHECKING:
    from .work import ImportWork

# So many mailboxes are made with one edit of the host's accounts.
_MADE_TOGETHER = 50

_TWICE = "%s is listed twice with the same source: remove one of the two"

# Where nobody says how many.
_USUAL_QUEUES = 2


@dataclass(frozen=True)
class Scheduling:
    """How a run uses the host's import queues.

    Everything goes to queue 1 unless `parallel`, then to whichever of the queues 1 to `queues` has the least to do;
    None is as many as the host's own administrator admits, else two.
    `source_max_connections` is the most that one source host may have from this mail host, None without a limit.
    `preflight`: log in everywhere before anything is made anywhere.
    """

    parallel: bool = False
    queues: Optional[int] = None
    source_max_connections: Optional[int] = None
    preflight: bool = True

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the queues that are used."""
        return range(1, (self.queues or _USUAL_QUEUES) + 1) if self.parallel else (1,)


def import_many(
    items: Sequence[Item],
    settings: HostSettings,
    how: Scheduling,
    check_mode: bool = False,
    progress: Optional[Progress] = None,
    shows: bool = False,
) -> List[Outcome]:
    """Import all mailboxes, as far as that is left to do.

    Args:
        shows: outcomes tell each mailbox before and after.

    Returns:
        An outcome for each item, in their order. One that fails stops no other.
    """
    progress = progress or Progress()
    if how.parallel and how.queues is None:
        how = replace(how, queues=settings.open_host().import_queues())
    progress.begin(len(items))
    gathered = RunOutcomes(items, not check_mode, progress, shows)
    outcomes = _Imports(gathered, settings, how, check_mode, progress).run()
    progress.finish()
    return outcomes


class _Imports:
    def __init__(
        self, outcomes: RunOutcomes, settings: HostSettings, how: Scheduling, check_mode: bool, progress: Progress
    ) -> None:
        self._outcomes = outcomes
        self._requests = outcomes.requests
        self._settings = settings
        self._how = how
        self._check_mode = check_mode
        self._progress = progress
        self._checked: Set[int] = set()
        # For worker processes; this one opens the state anew each time, and never has it open while it forks.
        self._shared = SharedState(settings.state_dir, check_mode)

    def run(self) -> List[Outcome]:
        """Do it all; a signal to stop ends it early, with an outcome for each all the same."""
        with stopping_on_signals():
            self._run()
        return self._outcomes.all()

    def _run(self) -> None:
        try:
            self._look()
        except (MailImportError, OSError) as error:
            # The state cannot be used: that is the end of all of them.
            for number in self._outcomes.left():
                self._outcomes.settle(number, error)
        self._outcomes.tell_all()
        if not self._check_mode and self._outcomes.left():
            self._prepare(self._settings.open_host())
        self._import()
        if not self._check_mode:
            self._flush()

    def _flush(self) -> None:
        """Make durable what the whole run has recorded, before anybody is told."""
        try:
            with State(self._settings.state_dir) as state:
                state.flush()
        except (MailImportError, OSError) as error:
            self._progress.note("a power failure may take what this run has recorded: %s" % error)

    def _prepare(self, host: MailHost) -> None:
        """Visit the sources and make the mailboxes, before the first import."""
        try:
            self._visit_sources(host)
            self._make_mailboxes(host)
        except (MailImportError, OSError) as error:
            # The host does not tell its mailboxes any more.
            for number in self._outcomes.left():
                self._outcomes.fail(number, error)

    def _look(self) -> None:
        """End what needs neither a source nor a change here, and what contradicts itself; let everybody see the rest as
        queued.
        """
        for number, error in contradictions(self._requests).items():
            self._outcomes.settle(number, error)
        with self._open_state() as state:
            for number in self._outcomes.left():
                outcome = known_outcome(self._requests[number], self._settings, state)
                if outcome:
                    self._outcomes.settle(number, outcome)
                    self._remember(self._requests[number], outcome.result, state)
            waiting = [self._requests[number] for number in self._outcomes.left()]
            if not self._check_mode:
                state.enqueue([(request.key, request.owner) for request in waiting], os.getpid())
        self._restore_domains(self._outcomes.results())

    def _open_state(self) -> State:
        return (State.open_readonly if self._check_mode else State)(self._settings.state_dir)

    def _remember(self, request: ImportRequest, result: ImportResult, state: State) -> None:
        """Record that a mailbox was skipped or refused, which nobody could tell from one that was never imported."""
        record = state.import_record(request.key)
        untouched = record is None or not (record.contacted or record.waiting or record.result.state == "running")
        if untouched and result.state in ("skipped", "failed") and not self._check_mode:
            state.begin(request.key, request.owner, os.getpid())
            state.record_result(request.key, result, False)

    def _restore_domains(self, results: Mapping[int, ImportResult]) -> None:
        """Somebody may have lost or altered the map of domains since; an import that is done does not look at it."""
        done = {number: result for number, result in results.items() if result.state == "completed"}
        try:
            if done:
                with self._open_state() as state:
                    host = self._settings.open_host()
                    if host.publish_domains(state.domains, write=not self._check_mode):
                        next(iter(done.values())).changed = True
        except (MailImportError, OSError) as error:
            for number, result in done.items():
                conclude_with(result, error, self._requests[number])

    def _work(self) -> ImportWork:
        """What workers do. It is loaded here, before they are forked: a run with nothing to do does without all that
        talks to servers and writes mail.
        """
        from .work import ImportWork

        return ImportWork(
            self._requests, self._settings, self._check_mode, self._how.source_max_connections, self._shared
        )

    def _visit_sources(self, host: MailHost) -> None:
        """Check the logins of imports that begin, and look at the sources of finished ones whether anything is new."""
        from .visits import SourceVisits, VisitRecords, may_have_nothing_new

        unproved: Set[int] = set()
        finished: Set[int] = set()
        with State.open_readonly(self._settings.state_dir) as state:
            for number in self._outcomes.left():
                record = state.import_record(self._requests[number].key)
                if self._how.preflight and _needs_a_login(self._requests[number], record, host):
                    unproved.add(number)
                elif may_have_nothing_new(self._requests[number], record):
                    finished.add(number)
        chosen = sorted(unproved | finished)
        bounds = Bounds(self._how.numbers, self._how.source_max_connections, self._settings.state_dir, imports=False)
        records = VisitRecords(self._settings)

        def handle(number: int, news: JobNews) -> None:
            if isinstance(news, Outcome) and news.result.state != "queued":
                records.add(self._requests[number].key, news.result)
            self._outcomes.handle(number, news)

        visits = SourceVisits(self._requests, finished, self._settings, self._shared)
        self._run_jobs(self._jobs(chosen), bounds, visits.visit, handle, self._outcomes.lose)
        records.write()
        self._checked = unproved
        ended = [number for number in finished if number in self._outcomes]
        self._restore_domains({number: self._outcomes[number].result for number in ended})

    def _make_mailboxes(self, host: MailHost) -> None:
        """Make all that are missing, so that the host's Dovecot, which looks for new ones once a second, is waited for
        once.

        One whose login at the source nobody has tried yet is left to its import: the password may be a wrong one.
        """
        proved = [
            number
            for number in self._outcomes.left()
            if number in self._checked or not self._requests[number].import_content
        ]
        # One import of each; those of other sources into the same mailbox find it there.
        missing: Dict[Address, int] = {}
        for number in proved:
            address = self._requests[number].address
            if address not in missing and not host.mailbox_exists(address):
                missing[address] = number
        if len(missing) > 1:
            self._make_together(list(missing.values()))

    def _make_together(self, missing: Sequence[int]) -> None:
        size = min(_MADE_TOGETHER, -(-len(missing) // len(self._how.numbers)))
        groups = [missing[start : start + size] for start in range(0, len(missing), size)]
        work = self._work()

        def handle(group: int, news: JobNews) -> None:
            made = news.outcomes if isinstance(news, MailboxesMade) else (news,)
            for number, each in zip(groups[group], made):
                self._outcomes.handle(number, each)

        def lose(group: int, why: str) -> None:
            for number in groups[group]:
                self._outcomes.lose(number, why)

        jobs = [Job(group, "") for group in range(len(groups))]
        self._run_jobs(jobs, Bounds(self._how.numbers), partial(work.make, groups), handle, lose)

    def _import(self) -> None:
        left = self._outcomes.left()
        if not left:
            return
        bounds = Bounds(
            self._how.numbers, self._most_imports_of_a_source(), None if self._check_mode else self._settings.state_dir
        )
        with suppress(MailImportError):  # each import will tell
            self._settings.open_host().expect([self._requests[number].address for number in left])
        work = self._work()
        work.made, work.login_checked = self._outcomes.made.keys(), self._checked
        self._run_jobs(self._jobs(left), bounds, work.import_one, self._outcomes.handle, self._outcomes.lose)

    def _most_imports_of_a_source(self) -> Optional[int]:
        """How many imports may read from one source at a time, as each has so many connections."""
        most = self._how.source_max_connections
        return most and max(1, most // max((each.connections.most for each in self._requests.values()), default=1))

    def _jobs(self, numbers: Sequence[int]) -> List[Job]:
        return [Job(number, self._requests[number].source.host.casefold()) for number in numbers]

    def _run_jobs(
        self,
        jobs: Sequence[Job],
        bounds: Bounds,
        work: Work,
        handle: Callable[[int, JobNews], None],
        lose: Callable[[int, str], None],
    ) -> None:
        run_over_queues(jobs, bounds, work, handle, lose, self._progress.note, self._progress.is_abandoned)


def contradictions(requests: Dict[int, ImportRequest]) -> Dict[int, MailImportError]:
    """Return what is wrong with requests that cannot be met together, by number: the later of two is the one that is
    wrong.
    """
    found: Dict[int, MailImportError] = {}
    keys: Set[object] = set()
    # By address, whether the first import of it keeps what others have brought: which of them comes first, nobody can
    # tell.
    adds: Dict[str, bool] = {}
    owners: Dict[str, str] = {}
    for number, request in sorted(requests.items()):
        address, domain = str(request.address), request.address.domain
        adding = not request.ignore_existing and request.existing_content == "merge"
        if request.key in keys:
            found[number] = MailImportError("invalid_row", _TWICE % address)
        elif address in adds and not (adding and adds[address]):
            message = (
                "%s is listed twice: to bring several sources into one mailbox, set ignore_existing=false and "
                "existing_content=merge for each of them"
            )
            found[number] = MailImportError("invalid_row", message % address)
        elif owners.setdefault(domain, request.owner) != request.owner:
            message = "the mail domain %s would belong to %s and to %s" % (domain, owners[domain], request.owner)
            found[number] = MailImportError("domain_owned_by_other", message)
        keys.add(request.key)
        adds.setdefault(address, adding)
    return found


def _needs_a_login(request: ImportRequest, record: Optional[ImportRecord], host: MailHost) -> bool:
    """Whether the source is to be contacted and has not been, for the mailbox that is there now."""
    known = record is not None and record.contacted and host.mailbox_exists(request.address)
    return request.import_content and not known
