# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Microsoft 365 tenant has, and which of its mailboxes can be imported."""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

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

_GUEST = SkipReason("guest", "a guest's mail is elsewhere")
_NO_MAILBOX = SkipReason(
    "no_mailbox", "the account has no mailbox: no licence with Exchange Online, or it is not served"
)
_ON_PREMISES = SkipReason(
    "on_premises", "the mailbox is on an Exchange server of the organization's own: import it with mail_import_imap"
)
_RESOURCE = SkipReason("resource", "a room or a thing to be booked: set include_resources=true for its mail")
_UNVERIFIED = SkipReason("domain_unverified", "the domain of the address is not verified at Microsoft")
_ONMICROSOFT = SkipReason(
    "foreign_domain", "the address is on a domain of Microsoft's own: set include_onmicrosoft=true to have it here"
)
_MICROSOFTS = ".onmicrosoft.com"
_RESOURCES = ("room", "equipment")


class MicrosoftOrganization(OrganizationDirectory):
    """The one tenant that an application's token opens.

    Args:
        resources, onmicrosoft: whether rooms and things, and addresses on Microsoft's own domains, are imported.

    Attributes: `logins`, what each mailbox is opened as, by address, once the contents have been read.
    """

    def __init__(self, directory: Directory, tenant: str, resources: bool = False, onmicrosoft: bool = False) -> None:
        self._directory = directory
        self._tenant = tenant
        self._resources = resources
        self._onmicrosoft = onmicrosoft
        self._purposes_unknown = False
        self.logins: Dict[str, str] = {}

    def organizations(self) -> Sequence[Organization]:
        return [Organization(self._tenant, self._directory.organization_name() or self._tenant)]

    def contents(self, organization: Organization) -> OrganizationContents:
        """Read everything. What an optional permission is needed for is left out with a warning when it is missing."""
        warnings: List[str] = []
        users = self._directory.users()
        domains = domains_or_those_of((user.email for user in users), self._directory.domains, warnings)
        mailboxes = [self._mailbox_of(user, domains, warnings) for user in users]
        self.logins = {user.email: user.login for user in users if user.email and user.login}
        groups: Sequence[Group] = ()
        try:
            groups = self._directory.groups()
        except MailImportError as error:
            excuse(error, "groups, so no mailing lists are in the results", warnings)
        own = sum(group.has_mailbox for group in groups)
        if own:
            message = "%d groups have a mailbox of their own, which IMAP does not open: their conversations stay behind"
            warnings.append(message % own)
        lists = [MailingList(group.email, group.name, group.aliases, group.members, group.complete) for group in groups]
        return OrganizationContents(
            organization,
            tuple(domains),
            tuple(sorted(mailboxes, key=lambda mailbox: mailbox.email)),
            tuple(sorted(lists, key=lambda entry: entry.email)),
            tuple(warnings),
        )

    def _mailbox_of(self, user: User, domains: Sequence[Domain], warnings: List[str]) -> SourceMailbox:
        skip = _GUEST if user.is_guest else None
        kind = "user"
        if skip is None and not user.has_plan:
            purpose = self._purpose_of(user, warnings)
            skip = self._without_plan(purpose)
            kind = "shared" if purpose == "shared" else "user"
        email = user.email or user.login.lower()
        return SourceMailbox(user.id, email, kind, user.aliases, skip or self._address_skip_reason(user, domains))

    def _purpose_of(self, user: User, warnings: List[str]) -> str:
        """What the mailbox of a user without a licence is for; `none` where nobody may know."""
        if self._purposes_unknown:
            return "none"
        try:
            return self._directory.purpose_of(user.id)
        except MailImportError as error:
            excuse(error, "shared mailboxes and rooms, so users without a licence count as without a mailbox", warnings)
        self._purposes_unknown = True
        return "none"

    def _without_plan(self, purpose: str) -> Optional[SkipReason]:
        if purpose in _RESOURCES:
            return None if self._resources else _RESOURCE
        if purpose == "on_premises":
            return _ON_PREMISES
        return _NO_MAILBOX if purpose == "none" else None

    def _address_skip_reason(self, user: User, domains: Sequence[Domain]) -> Optional[SkipReason]:
        name = usable_domain(user.email)
        if name is None:
            return NO_ADDRESS
        if name.endswith(_MICROSOFTS):
            return None if self._onmicrosoft else _ONMICROSOFT
        return _UNVERIFIED if any(as_ascii(each.name) == name and not each.verified for each in domains) else None


def commands_for(application: str, mailboxes: Sequence[SourceMailbox], logins: Mapping[str, str]) -> List[str]:
    """Return what an administrator enters in Exchange Online PowerShell, once, so that the application opens mailboxes.

    Args:
        application: its client ID.
        mailboxes: those that are to be imported.
    """
    commands = [
        "Connect-ExchangeOnline",
        "New-ServicePrincipal -AppId %s -ObjectId <Object ID under Enterprise applications> "
        '-DisplayName "Mailbox import"' % application,
    ]
    for mailbox in mailboxes:
        if mailbox.skip is None:
            commands.append(permission_command(application, logins.get(mailbox.email, mailbox.email)))
    return commands


def permission_command(application: str, login: str) -> str:
    """Return what lets the application into one mailbox."""
    line = "Add-MailboxPermission -Identity %s -User %s -AccessRights FullAccess -AutoMapping:$false"
    return line % (_quoted(login), application)


def _quoted(text: str) -> str:
    """A text as one word for PowerShell: nothing in single quotes is evaluated."""
    return "'%s'" % "".join(char + char if char in "'\u2018\u2019\u201a\u201b" else char for char in text)
