# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mailboxes of a Yandex 360 organization: which there are, which of them can be imported, and which are asked
for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ...model.address import parse_address
from ...model.errors import MailImportError
from .directory import Directory, Domain, Group, Organization, User

# Accounts of an organization's own domains have numbers above it; those of Yandex's own (yandex.ru, ya.ru) below.
_FIRST_DOMAIN_UID = 1130000000000000

_GLOB = re.compile(r"[*?\[]")


class Obstacle(NamedTuple):
    """Why a mailbox is not imported: one word, and one line for people."""

    reason: str
    message: str


_ROBOT = Obstacle("robot", "a robot of Yandex has no mail to import")
_DISMISSED = Obstacle("dismissed", "the person was dismissed, and Yandex lets nobody into the mailbox")
_BLOCKED = Obstacle("blocked", "the account is blocked, and Yandex lets nobody into it; unblock it to import its mail")
_PORTAL = Obstacle(
    "portal_account", "a personal account of Yandex's own domains: the organization has no rights to its mail"
)
_FOREIGN = Obstacle("foreign_domain", "the address is on none of the organization's domains")
_UNVERIFIED = Obstacle("domain_unverified", "the domain of the address is not verified at Yandex")
_NO_ADDRESS = Obstacle("no_address", "the account has no usable address")


@dataclass(frozen=True)
class SourceMailbox:
    """A mailbox at Yandex. `kind` is `user` or `shared`; `aliases` are addresses on its own domain; `obstacle` None
    when it can be imported.

    At Yandex, an address and its aliases are valid on every verified domain of the organization.
    """

    id: str
    email: str
    kind: str
    aliases: Tuple[str, ...] = ()
    obstacle: Optional[Obstacle] = None


@dataclass(frozen=True)
class MailingList:
    """A group's address, and the addresses of the people in it."""

    email: str
    name: str
    aliases: Tuple[str, ...]
    members: Tuple[str, ...]


@dataclass(frozen=True)
class Holdings:
    """All that an organization has. `warnings` name what could not be listed, and why."""

    organization: Organization
    domains: Tuple[Domain, ...]
    mailboxes: Tuple[SourceMailbox, ...]
    mailing_lists: Tuple[MailingList, ...]
    warnings: Tuple[str, ...]

    def mailboxes_on(self, name: str) -> int:
        """Number of mailboxes that have their address on a domain."""
        return sum(_domain_of(mailbox.email) == _as_ascii(name) for mailbox in self.mailboxes)


def find_organization(organizations: Sequence[Organization], wanted: Optional[str]) -> Organization:
    """Return the organization of that number or name; without either, the only one there is.

    Raises:
        MailImportError: `not_found` when it is not there, or it cannot be told which one is meant.
    """
    found = [
        organization
        for organization in organizations
        if not wanted or wanted in (str(organization.id), organization.name)
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join("%d (%s)" % (organization.id, organization.name) for organization in organizations[:20]) or "none"
    if not found:
        raise MailImportError(
            "not_found", "the token opens no organization%s; it opens: %s" % (" %s" % wanted if wanted else "", known)
        )
    raise MailImportError("not_found", "organization must name one of: %s" % known)


def survey(directory: Directory, organization: Organization) -> Holdings:
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
        _excuse(error, "groups, so no mailing lists are", warnings)
    mailboxes = [_mailbox_of(user, domains) for user in users]
    try:
        mailboxes += [
            SourceMailbox(shared.id, shared.email.lower(), "shared", (), _address_obstacle(shared.email, domains))
            for shared in directory.shared_mailboxes(organization.id)
        ]
    except MailImportError as error:
        _excuse(error, "shared mailboxes, so none of them is", warnings)
    mailboxes.sort(key=lambda mailbox: mailbox.email)
    return Holdings(
        organization, tuple(domains), tuple(mailboxes), tuple(_mailing_lists(groups, users)), tuple(warnings)
    )


def _excuse(error: MailImportError, what: str, warnings: List[str]) -> None:
    if error.reason not in ("permission_denied", "not_found"):
        raise error
    warnings.append("cannot list %s in the results: %s" % (what, error.message))


def _mailbox_of(user: User, domains: Sequence[Domain]) -> SourceMailbox:
    email = user.email.lower()
    obstacle = _user_obstacle(user, domains)
    return SourceMailbox(user.id, email, "user", _whole(user.aliases, email), obstacle)


def _whole(aliases: Iterable[str], email: str) -> Tuple[str, ...]:
    """Aliases, which Yandex gives as local parts, on the domain of the address that they belong to."""
    return tuple(
        sorted(
            alias.lower() if "@" in alias else "%s@%s" % (alias.lower(), email.rpartition("@")[2]) for alias in aliases
        )
    )


def _user_obstacle(user: User, domains: Sequence[Domain]) -> Optional[Obstacle]:
    if user.is_robot:
        return _ROBOT
    if int(user.id) < _FIRST_DOMAIN_UID:
        return _PORTAL
    if user.is_dismissed:
        return _DISMISSED
    if not user.is_enabled:
        return _BLOCKED
    return _address_obstacle(user.email, domains)


def _address_obstacle(email: str, domains: Sequence[Domain]) -> Optional[Obstacle]:
    try:
        domain = _as_ascii(parse_address(email).domain)
    except MailImportError:
        return _NO_ADDRESS
    for known in domains:
        if _as_ascii(known.name) == domain:
            return None if known.verified else _UNVERIFIED
    return _FOREIGN


def _mailing_lists(groups: Iterable[Group], users: Iterable[User]) -> List[MailingList]:
    # The members of a group come without their addresses.
    addresses = {user.id: user.email.lower() for user in users if user.email}
    lists = []
    for group in groups:
        if group.email:
            members = sorted(addresses[member] for member in group.members if member in addresses)
            lists.append(
                MailingList(group.email.lower(), group.name, _whole(group.aliases, group.email.lower()), tuple(members))
            )
    return sorted(lists, key=lambda entry: entry.email)


class Selection(NamedTuple):
    """The mailboxes that are asked for, the addresses asked for that are not there, and what else of the choice no
    mailbox has.
    """

    mailboxes: List[SourceMailbox]
    missing: List[str]
    unmatched: Sequence[str] = ()


def select(holdings: Holdings, domains: Sequence[str], mailboxes: Sequence[str], excluded: Sequence[str]) -> Selection:
    """Choose mailboxes.

    Args:
        domains: names of domains; empty for all.
        mailboxes, excluded: addresses or globs of them; an empty `mailboxes` means all.

    Raises:
        MailImportError: `not_found` when a domain is none of the organization's, or an alias without mailboxes of its
            own.
    """
    wanted = [_known_domain(holdings, name) for name in domains]
    chosen = [
        mailbox
        for mailbox in holdings.mailboxes
        if (not wanted or _domain_of(mailbox.email) in wanted)
        and (not mailboxes or _matches(mailbox, mailboxes))
        and not _matches(mailbox, excluded)
    ]
    idle = [
        pattern
        for pattern in (*mailboxes, *excluded)
        if not any(_matches(mailbox, [pattern]) for mailbox in holdings.mailboxes)
    ]
    missing = [pattern for pattern in mailboxes if pattern in idle and not _GLOB.search(pattern)]
    return Selection(chosen, missing, [pattern for pattern in idle if pattern not in missing])


def _known_domain(holdings: Holdings, name: str) -> str:
    for domain in holdings.domains:
        if _as_ascii(domain.name) == _as_ascii(name.strip()):
            if not holdings.mailboxes_on(domain.name) and not domain.master:
                main = ", ".join(known.name for known in holdings.domains if known.master)
                raise MailImportError(
                    "not_found",
                    "%s is an alias of the organization's domain %s and has no mailboxes of its own"
                    % (domain.name, main),
                )
            return _as_ascii(domain.name)
    known = ", ".join(domain.name for domain in holdings.domains[:20]) or "none"
    raise MailImportError("not_found", "the organization has no domain %s; it has: %s" % (name, known))


def _matches(mailbox: SourceMailbox, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(mailbox.email, pattern.strip().lower()) for pattern in patterns)


def _domain_of(email: str) -> str:
    return _as_ascii(email.rpartition("@")[2])


def _as_ascii(domain: str) -> str:
    """A domain in the one form that can be compared, whether it is given in Unicode or not (RFC 5890)."""
    try:
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain.lower()
