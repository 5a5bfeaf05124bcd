# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of a mailbox and its import before a run does anything."""

from __future__ import annotations

from typing import NamedTuple, Optional

from ..host.mail_host import MailHost
from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..state.database import State
from ..state.records import ImportRecord


class Findings(NamedTuple):
    """See the module.

    `existed`: it did before the first contact of its import. `record` is None when the mailbox it speaks of was removed
    (`outdated`). `final_state` is the state a result has when there is nothing to import, None otherwise. `replacing`:
    its contents are to be moved aside.
    """

    exists: bool
    existed: bool
    domain_known: bool
    record: Optional[ImportRecord]
    outdated: bool
    final_state: Optional[str]
    replacing: bool

    @property
    def contacted(self) -> bool:
        return self.record is not None and self.record.contacted


def examine(request: ImportRequest, state: State, host: MailHost) -> Findings:
    """Find out what there is, and what is left to do.

    Raises:
        MailImportError: `domain_owned_by_other`, or `invalid_row` for an owner that is no name.
    """
    domain, owner = request.address.domain, request.owner
    if not owner or owner != owner.strip() or not owner.isprintable():
        raise MailImportError("invalid_row", "owner must be a name of printable characters, without blanks around it")
    holder = host.owner_of(domain) or state.owner_of(domain)
    check_holder(domain, owner, holder)
    exists = host.mailbox_exists(request.address)
    known = state.import_record(request.key)
    # Nothing is known of an import when somebody has removed the mailbox since.
    record = known if exists else None
    existed = exists if record is None or record.mailbox_existed is None else record.mailbox_existed
    done = record is not None and record.completed_once and not request.force
    final_state = None
    if existed and request.ignore_existing:
        final_state = "skipped"
    elif done and request.state == "present":
        final_state = "completed"
    return Findings(
        exists=exists,
        existed=existed,
        domain_known=holder is not None or domain in host.domains(),
        record=record,
        outdated=known is not None and not exists and known.contacted,
        final_state=final_state,
        # Once: an interrupted import is resumed and a finished one kept, whatever was wiped stays wiped only then.
        replacing=existed and request.existing_content == "replace" and not done,
    )


def check_holder(domain: str, owner: str, holder: Optional[str]) -> None:
    """Make sure that a domain is nobody else's.

    Raises:
        MailImportError: `domain_owned_by_other`.
    """
    if holder not in (None, owner):
        raise MailImportError(
            "domain_owned_by_other",
            "the mail domain %s belongs to %s, not to %s: set owner to its own" % (domain, holder, owner),
        )
