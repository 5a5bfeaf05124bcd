# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From an organization at a provider to the imports of its mailboxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, List, NamedTuple, Optional, Sequence, Set

from ..model.errors import MailImportError, one_line
from ..model.imports import ImportRequest, ImportResult
from ..provider.base import (
    Access,
    OrganizationContents,
    OrganizationDirectory,
    Selection,
    SourceMailbox,
    find_organization,
    select,
)
from ..state.database import State
from .outcomes import Item
from .passwords import NewPasswords
from .settings import HostSettings
from .status import examine

RequestFor = Callable[[str], ImportRequest]


@dataclass(frozen=True)
class Choice:
    """What is to be imported: organization by number or name (None for the only one), domains, and globs of
    mailboxes."""

    organization: Optional[str] = None
    domains: Sequence[str] = ()
    mailboxes: Sequence[str] = ()
    excluded: Sequence[str] = ()


class Chosen(NamedTuple):
    """The mailboxes that are asked for; `contents` is None when nobody could be asked for the organization."""

    contents: Optional[OrganizationContents]
    selection: Selection


def choose(directory: Optional[OrganizationDirectory], choice: Choice, key: str) -> Chosen:
    """Find the mailboxes that are asked for.

    Args:
        key: the option without which there is no directory.

    Raises:
        MailImportError: what keeps the organization from being read; `invalid_row` when there is no directory and no
            address.
    """
    if directory is None:
        return Chosen(None, _named(choice, key))
    contents = directory.contents(find_organization(directory.organizations(), choice.organization))
    return Chosen(contents, select(contents, choice.domains, choice.mailboxes, choice.excluded))


def _named(choice: Choice, key: str) -> Selection:
    """The mailboxes that a choice names by their addresses."""
    if not choice.mailboxes or any(char in address for address in choice.mailboxes for char in "*?["):
        raise MailImportError("invalid_row", "%s is required, unless mailboxes names the addresses themselves" % key)
    if choice.organization or choice.domains or choice.excluded:
        raise MailImportError(
            "invalid_row",
            "%s is required with organization, domains and exclude_mailboxes: without it, mailboxes alone says "
            "which" % key,
        )
    return Selection([SourceMailbox("", address.strip().lower(), "user") for address in choice.mailboxes], [])


def organization_items(
    selection: Selection,
    access: Access,
    request_for: RequestFor,
    source_host: str,
    passwords: NewPasswords,
    settings: HostSettings,
    check_mode: bool,
) -> List[Item]:
    """Turn the chosen mailboxes into imports; those that cannot be imported have their result at once.

    Args:
        request_for: makes the request for an address; raises MailImportError when it cannot be one.

    Raises:
        MailImportError: the state or the file of the passwords cannot be used. Nothing was made by then.
    """
    drafts = [_draft(mailbox, access, request_for, source_host) for mailbox in selection.mailboxes]
    requests = [draft for draft in drafts if isinstance(draft, ImportRequest)]
    with State.open_readonly(settings.state_dir) as state:
        needy = {
            str(request.address)
            for request in requests
            if _needs_password(request, state, settings, access.sets_passwords)
        }
    passwords.generate(needy, write=not check_mode)
    items: List[Item] = []
    for mailbox, draft in zip(selection.mailboxes, drafts):
        items.append(
            _finished(draft, mailbox, access, passwords, needy, check_mode)
            if isinstance(draft, ImportRequest)
            else draft
        )
    return items + [
        _result(address, source_host, "failed", "not_found", "the organization has no mailbox of this address")
        for address in selection.missing
    ]


def _draft(mailbox: SourceMailbox, access: Access, request_for: RequestFor, source_host: str) -> Item:
    skip = mailbox.skip
    if not skip:
        try:
            request = request_for(mailbox.email)
        except MailImportError as error:
            return _result(mailbox.email, source_host, "failed", error.reason, error.message)
        skip = access.skip_reason(mailbox) if request.import_content else None
        if not skip:
            return request
    return _result(mailbox.email, source_host, "skipped", skip.reason, skip.message)


def _result(email: str, source_host: str, state: str, reason: str, message: str) -> ImportResult:
    return ImportResult(
        one_line(email), "%s@%s" % (one_line(email), source_host), state=state, reason=reason, message=message
    )


def _needs_password(request: ImportRequest, state: State, settings: HostSettings, sets_passwords: bool) -> bool:
    try:
        found = examine(request, state, settings.open_host())
    except MailImportError:
        return False  # it fails of this
    if request.update_password == "always" and found.final_state != "skipped":
        return True
    if found.final_state:
        return False
    return not found.exists or found.replacing or (sets_passwords and request.import_content)


def _finished(
    draft: ImportRequest,
    mailbox: SourceMailbox,
    access: Access,
    passwords: NewPasswords,
    needy: Set[str],
    check_mode: bool,
) -> Item:
    address = str(draft.address)
    request = replace(draft, target_password=passwords.of(address))
    if not request.target_password and address in needy:
        message = "no password for this mailbox: give it in passwords, or name a file in generated_passwords"
        return _result(address, draft.source.host, "failed", "invalid_row", message)
    if not request.import_content:
        return request
    if access.sets_passwords and check_mode:
        # No password is set at the provider in check mode, so nobody can log in there and count.
        return replace(request, import_content=False)
    return access.open(request, mailbox)
