# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every provider of mailboxes offers: organizations, what is in them, and access to the mail.

A provider is a package beside this file. It derives `OrganizationDirectory` (who is there) and `Access` (how a mailbox
is opened) and knows nothing of IMAP. Everything else, from the choice of mailboxes to their imports, is the same for
all of them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Callable, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

try:
    import idna
except ImportError:
    # Python's own does without, and knows the rules of 2003: it takes ß for ss.
    idna = None  # type: ignore[assignment]

from ..model.address import parse_address
from ..model.errors import SKIP_REASONS, MailImportError
from ..model.imports import ImportRequest

OrganizationId = Union[int, str]

_GLOB = re.compile(r"[*?\[]")
# As many names are listed in an error.
_MOST_LISTED = 20


@dataclass(frozen=True)
class SkipReason:
    """Why a mailbox is not imported: one word of SKIP_REASONS, and one line for people."""

    reason: str
    message: str

    def __post_init__(self) -> None:
        if self.reason not in SKIP_REASONS:
            raise ValueError("unknown skip reason: %s" % self.reason)


NO_ADDRESS = SkipReason("no_address", "the account has no usable address")


@dataclass(frozen=True)
class Organization:
    """A customer of the provider; `name` is for people."""

    id: OrganizationId
    name: str


@dataclass(frozen=True)
class Domain:
    """A domain of an organization, its name in lower case. `master` is its main one; `alias_of` is the domain whose
    addresses are valid on this one, which has no mailboxes of its own.
    """

    name: str
    master: bool
    verified: bool
    alias_of: Optional[str] = None


@dataclass(frozen=True)
class SourceMailbox:
    """A mailbox at the provider. `kind` is `user` or `shared`; `skip` is None when it can be imported."""

    id: str
    email: str
    kind: str
    aliases: Tuple[str, ...] = ()
    skip: Optional[SkipReason] = None


@dataclass(frozen=True)
class MailingList:
    """A group's address, and the addresses of the people in it; with others in it, it is not `complete`."""

    email: str
    name: str
    aliases: Tuple[str, ...]
    members: Tuple[str, ...]
    complete: bool = True


@dataclass(frozen=True)
class OrganizationContents:
    """All that an organization has. `warnings` name what could not be listed, and why."""

    organization: Organization
    domains: Tuple[Domain, ...]
    mailboxes: Tuple[SourceMailbox, ...]
    mailing_lists: Tuple[MailingList, ...]
    warnings: Tuple[str, ...]

    def mailboxes_on(self, name: str) -> int:
        """Number of mailboxes that have their address on a domain."""
        return count_on(name, self.mailboxes)


def count_on(name: str, mailboxes: Iterable[SourceMailbox]) -> int:
    """Return how many mailboxes have their address on a domain."""
    return sum(_domain_of(mailbox.email) == as_ascii(name) for mailbox in mailboxes)


class OrganizationDirectory(ABC):
    """What an administrator's key opens. Every method raises MailImportError with a line that says what to do."""

    @abstractmethod
    def organizations(self) -> Sequence[Organization]:
        """Return the organizations that the key's owner may look into."""

    @abstractmethod
    def contents(self, organization: Organization) -> OrganizationContents:
        """Read everything of an organization. What needs an optional right or plan is left out with a warning."""


class Access(ABC):
    """How the mail of a mailbox is opened.

    Attributes: `sets_passwords`, whether opening a mailbox replaces its password at the provider by the new one here.
    """

    sets_passwords = False

    def skip_reason(self, _mailbox: SourceMailbox) -> Optional[SkipReason]:
        """Return why this way does not open the mailbox, None when it does."""
        return None

    @abstractmethod
    def open(self, request: ImportRequest, mailbox: SourceMailbox) -> ImportRequest:
        """Return the request with what it needs to log in: a secret, or how to get one (`renew`), and `diagnose`."""


class NoAccess(Access):
    """No mailbox is opened, because no content is wanted."""

    def open(self, request: ImportRequest, _mailbox: SourceMailbox) -> ImportRequest:
        return request


def excuse(error: MailImportError, what: str, warnings: List[str]) -> None:
    """Go on without what an optional right or plan is needed for, with a warning.

    Args:
        what: what cannot be listed, and what follows from it.

    Raises:
        MailImportError: `error` itself, when it says something else.
    """
    if error.reason not in ("permission_denied", "not_found"):
        raise error
    warnings.append("cannot list %s: %s" % (what, error.message))


def domains_or_those_of(
    emails: Iterable[str], list_domains: Callable[[], Sequence[Domain]], warnings: List[str]
) -> Sequence[Domain]:
    """Return the domains, or, where nobody may list them, those of the users' addresses."""
    try:
        return list_domains()
    except MailImportError as error:
        excuse(error, "domains, so only those of the users are known", warnings)
    names = sorted({email.rpartition("@")[2] for email in emails if "@" in email})
    return [Domain(name, False, True) for name in names]


class Selection(NamedTuple):
    """The mailboxes that are asked for, the addresses asked for that are not there, and what else of the choice no
    mailbox has.
    """

    mailboxes: List[SourceMailbox]
    missing: List[str]
    unmatched: Sequence[str] = ()


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
    known = (
        ", ".join("%s (%s)" % (organization.id, organization.name) for organization in organizations[:_MOST_LISTED])
        or "none"
    )
    if not found:
        raise MailImportError(
            "not_found", "the token opens no organization%s; it opens: %s" % (" %s" % wanted if wanted else "", known)
        )
    raise MailImportError("not_found", "organization must name one of: %s" % known)


def select(
    contents: OrganizationContents, domains: Sequence[str], mailboxes: Sequence[str], excluded: Sequence[str]
) -> Selection:
    """Choose mailboxes.

    Args:
        domains: names of domains; empty for all.
        mailboxes, excluded: addresses or globs of them; an empty `mailboxes` means all.

    Raises:
        MailImportError: `not_found` when a domain is none of the organization's, or an alias without mailboxes of its
            own.
    """
    wanted = [_known_domain(contents, name) for name in domains]
    chosen = [
        mailbox
        for mailbox in contents.mailboxes
        if (not wanted or _domain_of(mailbox.email) in wanted)
        and (not mailboxes or _matches(mailbox, mailboxes))
        and not _matches(mailbox, excluded)
    ]
    idle = [
        pattern
        for pattern in (*mailboxes, *excluded)
        if not any(_matches(mailbox, [pattern]) for mailbox in contents.mailboxes)
    ]
    missing = [pattern for pattern in mailboxes if pattern in idle and not _GLOB.search(pattern)]
    return Selection(chosen, missing, [pattern for pattern in idle if pattern not in missing])


def _known_domain(contents: OrganizationContents, name: str) -> str:
    for domain in contents.domains:
        if as_ascii(domain.name) == as_ascii(name.strip()):
            if domain.alias_of:
                message = "%s is an alias of the organization's domain %s and has no mailboxes of its own"
                raise MailImportError("not_found", message % (domain.name, domain.alias_of))
            return as_ascii(domain.name)
    known = ", ".join(domain.name for domain in contents.domains[:_MOST_LISTED]) or "none"
    raise MailImportError("not_found", "the organization has no domain %s; it has: %s" % (name, known))


def _matches(mailbox: SourceMailbox, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(mailbox.email, pattern.strip().lower()) for pattern in patterns)


def _domain_of(email: str) -> str:
    return as_ascii(email.rpartition("@")[2])


def usable_domain(email: str) -> Optional[str]:
    """The domain of an address as `as_ascii` has it; None when it is no address that a mailbox can have."""
    try:
        return as_ascii(parse_address(email).domain)
    except MailImportError:
        return None


def as_ascii(domain: str) -> str:
    """A domain in the one form that can be compared, whether it is given in Unicode or not (RFC 5890)."""
    try:
        if idna:
            return idna.encode(domain, uts46=True).decode("ascii").lower()
        return domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return domain.lower()
