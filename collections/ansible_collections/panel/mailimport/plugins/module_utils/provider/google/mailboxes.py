# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Google Workspace customer has, and which of its mailboxes can be imported."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from ...model.errors import MailImportError
from ..base import (
    NO_ADDRESS,
    Domain,
    MailingList,
    Organization,
    OrganizationContents,
    OrganizationDirectory,
    SkipReason,
    SourceMailbox,
    as_ascii,
    domains_or_those_of,
    excuse,
    usable_domain,
)
from .directory import Directory, Group, User

_ARCHIVED = SkipReason(
    "archived",
    "the account has an Archived User licence, with which Google lets nobody in; give it a full licence for the import",
)
_NO_MAILBOX = SkipReason("no_mailbox", "the account has no Gmail licence, or its mailbox was never set up")
_GUEST = SkipReason("guest", "a guest's account has no mail of the organization's")
_RESOURCE = SkipReason("resource", "a room or a thing to be booked has no mail")
_UNVERIFIED = SkipReason("domain_unverified", "the domain of the address is not verified at Google")

_SUSPENDED = "the account is suspended%s, and Google lets nobody into it: reactivate it, import, and suspend it again"
# Google's words for why, and ours.
_SUSPENSIONS = {
    "ADMIN": " by an administrator",
    "ABUSIVE": " for abuse",
    "UNDER13": " for the age of its user",
    "WEB_LOGIN_REQUIRED": " until its user has logged in on the web",
}
_RESOURCE_DOMAIN = "resource.calendar.google.com"


class GoogleOrganization(OrganizationDirectory):
    """The one customer that an administrator belongs to."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def organizations(self) -> Sequence[Organization]:
        return [Organization(self._directory.customer, self._directory.customer)]

    def contents(self, organization: Organization) -> OrganizationContents:
        return survey(self._directory, organization)


def survey(directory: Directory, organization: Organization) -> OrganizationContents:
    """Read everything of a customer. What an optional scope is needed for (domains, groups) is left out with a warning
    when it is missing.
    """
    warnings: List[str] = []
    users = directory.users()
    domains = domains_or_those_of((user.email for user in users), directory.domains, warnings)
    groups: List[Group] = []
    try:
        groups = directory.groups()
    except MailImportError as error:
        excuse(error, "groups, so no mailing lists are in the results", warnings)
    mailboxes = sorted((_mailbox_of(user, domains) for user in users), key=lambda mailbox: mailbox.email)
    lists = [MailingList(group.email, group.name, group.aliases, group.members, group.complete) for group in groups]
    return OrganizationContents(
        Organization(organization.id, _name_of(domains) or organization.name),
        tuple(domains),
        tuple(mailboxes),
        tuple(sorted(lists, key=lambda entry: entry.email)),
        tuple(warnings),
    )


def _name_of(domains: Sequence[Domain]) -> str:
    """What people call the customer: its main domain."""
    return next((domain.name for domain in domains if domain.master), "")


def _mailbox_of(user: User, domains: Sequence[Domain]) -> SourceMailbox:
    aliases: Tuple[str, ...] = tuple(alias for alias in user.aliases if alias != user.email)
    return SourceMailbox(user.id, user.email, "user", aliases, _skip_reason(user, domains))


def _skip_reason(user: User, domains: Sequence[Domain]) -> Optional[SkipReason]:
    if user.email.endswith(_RESOURCE_DOMAIN):
        return _RESOURCE
    if user.is_guest:
        return _GUEST
    if user.is_archived:  # such an account is suspended, too
        return _ARCHIVED
    if user.is_suspended:
        return SkipReason("suspended", _SUSPENDED % _SUSPENSIONS.get(user.suspension, ""))
    if not user.has_mailbox:
        return _NO_MAILBOX
    return _address_skip_reason(user.email, domains)


def _address_skip_reason(email: str, domains: Sequence[Domain]) -> Optional[SkipReason]:
    name = usable_domain(email)
    if name is None:
        return NO_ADDRESS
    unverified = any(as_ascii(domain.name) == name and not domain.verified for domain in domains)
    return _UNVERIFIED if unverified else None
