# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the worker processes of a run do: imports, one after the other, and mailboxes, many at a time."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Collection, Mapping, Optional, Sequence

from ..model.imports import ImportRequest
from ..process.title import set_title
from ..queue.jobs import Assignment, Tell
from ..state.shared import SharedState
from .import_run import RunContext
from .job_news import reporter_to
from .mailbox import import_mailbox, make_mailboxes
from .outcome import Outcome
from .outcomes import MailboxesMade
from .settings import HostSettings
from .visits import CROWDED
from .watch import worker_title


class ImportWork:
    """See the module.

    Args:
        requests: all of the run, by number.
        most_connections: to one source, None without a limit.

    Attributes:
        made: numbers of imports whose mailboxes were made ahead.
        login_checked: numbers of those whose login at the source was found to work.
    """

    def __init__(
        self,
        requests: Mapping[int, ImportRequest],
        settings: HostSettings,
        check_mode: bool,
        most_connections: Optional[int],
        shared: SharedState,
    ) -> None:
        self._requests = requests
        self._settings = settings
        self._check_mode = check_mode
        self._most_connections = most_connections
        self._shared = shared
        self.made: Collection[int] = ()
        self.login_checked: Collection[int] = ()

    def make(self, groups: Sequence[Sequence[int]], assignment: Assignment, tell: Tell) -> MailboxesMade:
        """Make the mailboxes of a group of imports; the assignment's number is the group's."""
        requests = [self._requests[number] for number in groups[assignment.number]]
        set_title("queue %d: makes %d mailboxes" % (assignment.queue, len(requests)))
        return MailboxesMade(tuple(make_mailboxes(requests, self._settings, reporter_to(tell), self._shared)))

    def import_one(self, assignment: Assignment, tell: Tell) -> Optional[Outcome]:
        """Do one import; None when its source admits no more connections."""
        request = self._requests[assignment.number]
        set_title(worker_title(request.address, assignment.queue))
        context = RunContext(
            queue=None if self._check_mode else assignment.queue,
            made=assignment.number in self.made,
            login_checked=assignment.number in self.login_checked,
            wait_if_crowded=assignment.wait_if_crowded,
            # A single import that is turned away tells so at once; one of many has its turn when others are done.
            login_waits_if_crowded=assignment.wait_if_crowded and len(self._requests) > 1,
            shared=self._shared,
        )
        request = replace(request, connections=request.connections.at_most(self._most_connections))
        outcome = import_mailbox(request, self._settings, self._check_mode, reporter_to(tell), context)
        if outcome.result.reason == CROWDED and not assignment.wait_if_crowded:
            if not self._check_mode:
                # It waits again.
                self._shared.state.enqueue([(request.key, request.owner)], os.getppid())
            return None
        return outcome
