# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Yandex 360 organization has, and which of its mailboxes can be imported.

At Yandex, an address and its aliases are valid on every verified domain of the organization.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Iterable, Iterator, List, Optional, Sequence, Tuple

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
    count_on,
    excuse,
    usable_domain,
)
from .directory import Directory, Group, User

# Accounts of an organization's own domains have numbers above it; those of Yandex's own (yandex.ru, ya.ru) below.
_FIRST_DOMAIN_UID = 1130000000000000

_ROBOT = SkipReason("robot", "a robot of Yandex has no mail to import")
_DISMISSED = SkipReason("dismissed", "the person was dismissed, and Yandex lets nobody into the mailbox")
_BLOCKED = SkipReason(
    "blocked", "the account is blocked, and Yandex lets nobody into it; unblock it to import its mail"
)
_PORTAL = SkipReason(
    "portal_account", "a personal account of Yandex's own domains: the organization has no rights to its mail"
)
_FOREIGN = SkipReason("foreign_domain", "the address is on none of the organization's domains")
_UNVERIFIED = SkipReason("domain_unverified", "the domain of the address is not verified at Yandex")


class YandexOrganizations(OrganizationDirectory):
    """The organizations of a token's owner."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def organizations(self) -> Sequence[Organization]:
        return self._directory.organizations()

    def contents(self, organization: Organization) -> OrganizationContents:
        return survey(self._directory, organization)


def survey(directory: Directory, organization: Organization) -> OrganizationContents:
    """Read everything of an organization.

    What an optional right or plan is needed for (groups, shared mailboxes) is left out with a warning when it is
    missing.
    """
    warnings: List[str] = []
    domains = directory.domains(organization.id)
    users = directory.users(organization.id)
    groups: List[Group] = []
    try:
        groups = directory.groups(organization.id)
    except MailImportError as error:
        excuse(error, "groups, so no mailing lists are in the results", warnings)
    mailboxes = [_mailbox_of(user, domains) for user in users]
    try:
        mailboxes += [
            SourceMailbox(shared.id, shared.email.lower(), "shared", (), _address_skip_reason(shared.email, domains))
            for shared in directory.shared_mailboxes(organization.id)
        ]
    except MailImportError as error:
        excuse(error, "shared mailboxes, so none of them is in the results", warnings)
    mailboxes.sort(key=lambda mailbox: mailbox.email)
    return OrganizationContents(
        organization,
        tuple(_aliases_marked(domains, mailboxes)),
        tuple(mailboxes),
        tuple(_mailing_lists(groups, users)),
        tuple(warnings),
    )


def _aliases_marked(domains: Sequence[Domain], mailboxes: Sequence[SourceMailbox]) -> Iterator[Domain]:
    """What has no mailboxes of its own is an alias of the main domain, unless it is that itself."""
    main = next((domain.name for domain in domains if domain.master), None)
    for domain in domains:
        is_alias = not domain.master and not count_on(domain.name, mailboxes)
        yield replace(domain, alias_of=main) if is_alias else domain


def _mailbox_of(user: User, domains: Sequence[Domain]) -> SourceMailbox:
    email = user.email.lower()
    skip = _user_skip_reason(user, domains)
    return SourceMailbox(user.id, email, "user", _whole(user.aliases, email), skip)


def _whole(aliases: Iterable[str], email: str) -> Tuple[str, ...]:
    """Aliases, which Yandex gives as local parts, on the domain of the address that they belong to."""
    return tuple(
        sorted(
            alias.lower() if "@" in alias else "%s@%s" % (alias.lower(), email.rpartition("@")[2]) for alias in aliases
        )
    )


def _user_skip_reason(user: User, domains: Sequence[Domain]) -> Optional[SkipReason]:
    if user.is_robot:
        return _ROBOT
    if int(user.id) < _FIRST_DOMAIN_UID:
        return _PORTAL
    if user.is_dismissed:
        return _DISMISSED
    if not user.is_enabled:
        return _BLOCKED
    return _address_skip_reason(user.email, domains)


def _address_skip_reason(email: str, domains: Sequence[Domain]) -> Optional[SkipReason]:
    domain = usable_domain(email)
    if domain is None:
        return NO_ADDRESS
    for known in domains:
        if as_ascii(known.name) == domain:
            return None if known.verified else _UNVERIFIED
    return _FOREIGN


def _mailing_lists(groups: Iterable[Group], users: Iterable[User]) -> List[MailingList]:
    # The members of a group come without their addresses.
    addresses = {user.id: user.email.lower() for user in users if user.email}
    lists = []
    for group in groups:
        if group.email:
            members = sorted(addresses[member] for member in group.members if member in addresses)
            email, complete = group.email.lower(), not group.others and len(members) == len(group.members)
            lists.append(MailingList(email, group.name, _whole(group.aliases, email), tuple(members), complete))
    return sorted(lists, key=lambda entry: entry.email)
