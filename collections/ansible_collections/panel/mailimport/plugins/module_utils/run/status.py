# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What there is of a mailbox and its import before a run does anything."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from ..host.mail_host import MailHost
from ..model.errors import MailImportError
from ..model.imports import ImportRequest
from ..model.mail import MailFiles
from ..model.moment import is_past
from ..state.database import State
from ..state.records import ImportRecord
from ..store.marker import stamp_of


class MailboxStatus(NamedTuple):
    """See the module.

    `existed`: it did before the first contact of its import. `record` is None when the mailbox it speaks of was removed
    (`outdated`). `final_state` is the state a result has when there is nothing to import, None otherwise. `replacing`:
    its contents are to be moved aside. `recovered`: the state knows nothing of the import, and its mail is in the
    mailbox. `mail_removed`: the state knows of mail, and the store that held it is gone, or was restored as it was
    before. `state_is_behind`: it is the state that was restored, and runs have written of which it knows nothing.
    `half_made`: a run was killed while it made the mailbox, so nobody knows of its password. After any other its owner
    may have changed it.
    """

    exists: bool
    existed: bool
    domain_known: bool
    record: Optional[ImportRecord]
    outdated: bool
    final_state: Optional[str]
    replacing: bool
    recovered: bool = False
    mail_removed: bool = False
    state_is_behind: bool = False
    half_made: bool = False

    @property
    def contacted(self) -> bool:
        return self.record is not None and self.record.contacted


def examine(request: ImportRequest, state: State, host: MailHost) -> MailboxStatus:
    """Find out what there is, and what is left to do.

    Raises:
        MailImportError: `domain_owned_by_other`, or `invalid_row` for an owner that is no name.
    """
    domain, owner = request.address.domain, request.owner
    if not owner or owner != owner.strip() or not owner.isprintable():
        raise MailImportError("invalid_row", "owner must be a name of printable characters, without blanks around it")
    holder = host.owner_of(domain, owner) or state.owner_of(domain)
    check_holder(domain, owner, holder)
    exists = host.mailbox_exists(request.address)
    known = state.import_record(request.key)
    # Nothing is known of an import when somebody has removed the mailbox since.
    record = known if exists else None
    contacted = record is not None and record.contacted
    recovered = exists and not contacted and _holds_our_mail(request, state, host)
    mail_removed = record is not None and contacted and _is_mail_removed(request, record, state, host)
    existed = bool(record.mailbox_existed) if record is not None and contacted else exists and not recovered
    done = record is not None and record.completed_once and not request.force and not mail_removed
    final_state = None
    if existed and request.ignore_existing:
        final_state = "skipped"
    elif done and request.state == "present":
        final_state = "completed"
    elif known is not None and _is_paused(request, known):
        final_state = "paused"
    return MailboxStatus(
        exists=exists,
        existed=existed,
        domain_known=holder is not None or domain in host.domains(),
        record=record,
        outdated=known is not None and not exists and known.contacted,
        final_state=final_state,
        # Once: an interrupted import is resumed and a finished one kept, whatever was wiped stays wiped only then.
        replacing=existed and request.existing_content == "replace" and not done,
        recovered=recovered,
        mail_removed=mail_removed,
        state_is_behind=record is not None and _is_state_behind(record),
        half_made=record is not None and record.being_made,
    )


def _is_paused(request: ImportRequest, record: ImportRecord) -> bool:
    """Whether the source is to be left alone for now. Who forces an import does not wait."""
    retry_at = record.result.retry_at
    return record.result.state == "paused" and bool(retry_at) and not request.force and not is_past(retry_at or "")


def _holds_our_mail(request: ImportRequest, state: State, host: MailHost) -> bool:
    """Whether a mailbox that the state knows nothing of is ours all the same: the state was lost. Who merges need not
    know.
    """
    from .evidence import is_ours  # it is seldom needed, and loads half of the engine

    matters = request.ignore_existing or request.existing_content == "replace"
    return matters and is_ours(host.store_of(request.address), request.key, state)


def _is_mail_removed(request: ImportRequest, record: ImportRecord, state: State, host: MailHost) -> bool:
    """Whether the mail of an import that is known was removed on the host, store and all. One look where it was not."""
    if record.store_root is None:
        return False
    stamp = stamp_of(record.store_root, request.key)
    if stamp is not None:
        is_known = record.store_stamp is not None and not record.may_hold_unrecorded_mail
        return is_known and stamp < (record.store_stamp or 0)
    if not record.completed_once and not state.folders.marks(request.key):
        return False  # nothing has come yet
    location = host.store_of(request.address)
    if not isinstance(location, MailFiles):
        return False
    if location.root != record.store_root:
        return not os.path.lexists(location.root)  # kept elsewhere now: converted, or moved
    from .evidence import holds_mail_of_import

    return not holds_mail_of_import(location, request.key)


def _is_state_behind(record: ImportRecord) -> bool:
    """Whether runs of the import have written to the store of which the state knows nothing."""
    if record.store_root is None or record.store_stamp is None:
        return False
    return (stamp_of(record.store_root, record.key) or 0) > record.store_stamp


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
