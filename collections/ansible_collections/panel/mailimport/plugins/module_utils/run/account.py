# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account of one mailbox while it is imported: creation, password, mail domain."""

from __future__ import annotations

import os
from typing import Dict, Optional

from ..model.errors import MailImportError
from ..model.mail import MailFiles, StoreLocation
from .job import MailboxJob
from .status import MailboxStatus, check_holder


class MailboxAccount:
    """See the module."""

    def __init__(self, job: MailboxJob) -> None:
        self._job = job
        self._request, self._host, self._state = job.request, job.host, job.state
        self._result = job.result

    def make(self, found: MailboxStatus) -> None:
        """Claim the mail domain, and create the mailbox if it is missing."""
        address, owner = self._request.address, self._request.owner
        # First, so that of two runs with different owners the one that loses makes no mailbox.
        holder = self._host.owner_of(address.domain, owner) or self._state.claim_domain(address.domain, owner)
        check_holder(address.domain, owner, holder)
        if not found.exists:
            try:
                self._host.create_mailbox(address, self._request.password, owner)
            except (MailImportError, OSError):
                if not found.domain_known:
                    self._state.release_domain(address.domain, self._request.key)
                raise
            self._result.created = self._result.changed = True
        self._result.changed = self._result.changed or not found.domain_known
        # The map may have been missing or altered though the domain was known.
        if self._host.publish_domains(self._state.domains):
            self._result.changed = True

    def withdraw(self, found: MailboxStatus, location: Optional[StoreLocation]) -> None:
        """Take back a mailbox of this run that no mail can be put into: what it was made with is wrong, and would stay
        so.
        """
        made = self._result.created or self._job.context.made
        untouched = location is None or (isinstance(location, MailFiles) and not os.path.lexists(location.root))
        if made and untouched:
            self._host.remove_mailbox(self._request.address)
            self._result.created, self._result.changed = False, not found.domain_known
            self._job.outcome.after["mailbox"] = None

    def update_password(self, wanted: bool) -> None:
        """Make sure that the mailbox opens with the task's password, if that is wanted; check mode only looks."""
        if wanted and not self._host.verify_password(self._request.address, self._request.password):
            if self._job.lock is not None or not self._host.sets_passwords:
                self._host.set_password(self._request.address, self._request.password)
            self._result.changed = True

    def would_publish_domain(self) -> bool:
        """Whether an import changes what the mail transfer agent knows of mail domains."""
        return self._host.publish_domains(self._owners_to_be, write=False)

    def _owners_to_be(self) -> Dict[str, str]:
        """Owners of the mail domains as an import leaves them."""
        domain, owners = self._request.address.domain, self._state.domains()
        owner = self._request.owner
        return owners if self._host.owner_of(domain, owner) else {domain: owner, **owners}
