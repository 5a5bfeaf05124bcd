# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mailbox on the mail host, before mail goes into it: its creation, its password, its mail domain."""

from __future__ import annotations

import os
from typing import Dict, Optional

from ..host.base import Failure, NewMailbox
from ..model.errors import MailImportError
from ..model.mail import MailFiles, StoreLocation
from .import_run import ImportRun
from .status import MailboxStatus, check_holder


class MailboxProvisioning:
    """See the module."""

    def __init__(self, run: ImportRun) -> None:
        self._run = run
        self._request, self._host, self._state = run.request, run.host, run.state
        self._result = run.result

    def make(self, found: MailboxStatus) -> None:
        """Claim the mail domain, and create the mailbox if it is missing."""
        self.claim_domain()
        if found.exists:
            self._tell_domain(found)
            return
        self._state.note_new([self._request.key])
        failure: Optional[Failure] = None
        try:
            self._host.create_mailbox(*self.wanted)
        except (MailImportError, OSError) as error:
            failure = error
        self.conclude_creation(found, failure)

    @property
    def wanted(self) -> NewMailbox:
        """The mailbox as it is to be created."""
        return NewMailbox(self._request.address, self._request.target_password, self._request.owner)

    def claim_domain(self) -> None:
        """Make sure that the mail domain is the owner's. Before the mailbox is created, so that of two runs with
        different owners the one that loses makes none.
        """
        domain, owner = self._request.address.domain, self._request.owner
        check_holder(domain, owner, self._host.owner_of(domain, owner) or self._state.claim_domain(domain, owner))

    def conclude_creation(self, found: MailboxStatus, failure: Optional[Failure]) -> None:
        """The mailbox was created, or that failed."""
        self._state.note_made(self._request.key)
        if failure is not None:
            if not found.domain_known:
                self._state.release_domain(self._request.address.domain, self._request.key)
            raise failure
        self._result.created = True
        self._result.changed = True
        self._tell_domain(found)

    def _tell_domain(self, found: MailboxStatus) -> None:
        self._result.changed = self._result.changed or not found.domain_known
        # The map may have been missing or altered though the domain was known.
        if self._host.publish_domains(self._state.domains):
            self._result.changed = True

    def withdraw(self, found: MailboxStatus, location: Optional[StoreLocation]) -> None:
        """Take back a mailbox of this run that no mail can be put into: what it was made with is wrong, and would stay
        so.
        """
        made = self._result.created or self._run.context.made
        untouched = location is None or (isinstance(location, MailFiles) and not os.path.lexists(location.root))
        if made and untouched:
            self._host.remove_mailbox(self._request.address)
            self._result.created, self._result.changed = False, not found.domain_known
            self._run.outcome.after.mailbox = None

    def update_password(self, wanted: bool) -> None:
        """Make sure that the mailbox opens with the task's password, if that is wanted; check mode only looks."""
        if wanted and not self._host.verify_password(self._request.address, self._request.target_password):
            if self._run.lock is not None or not self._host.sets_passwords:
                self._host.set_password(self._request.address, self._request.target_password)
            self._result.changed = True

    def complete_half_made(self) -> None:
        """Make sure that a mailbox has its password that a killed run may have left without one."""
        self.update_password(True)
        self._state.note_made(self._request.key)

    def would_publish_domain(self) -> bool:
        """Whether an import changes what the mail transfer agent knows of mail domains."""
        return self._host.publish_domains(self._owners_to_be, write=False)

    def _owners_to_be(self) -> Dict[str, str]:
        """Owners of the mail domains as an import leaves them."""
        domain, owners = self._request.address.domain, self._state.domains()
        owner = self._request.owner
        return owners if self._host.owner_of(domain, owner) else {domain: owner, **owners}
