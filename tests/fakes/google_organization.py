# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a made-up customer of Google Workspace holds, in the shapes of the Directory API's own answers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any, Optional


def _without_empty(entry: dict[str, Any]) -> dict[str, Any]:
    """As Google's JSON is made: what is empty or zero is not there."""
    return {name: value for name, value in entry.items() if value is False or value not in (None, "", 0, [])}


@dataclass
class Customer:
    """A customer; entries are JSON objects as the service gives them.

    `gmail` holds what the Gmail API tells of a mailbox by address: settings of IMAP, and the number of its messages.
    `deleted` are addresses of users that were deleted.
    """

    id: str = "C0fake123"
    users: list[dict[str, Any]] = field(default_factory=list)
    domains: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    gmail: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    _ids: Any = field(default_factory=lambda: itertools.count(113000000000000000001))

    def add_domain(
        self, name: str, primary: bool = False, verified: bool = True, aliases: tuple[str, ...] = ()
    ) -> None:
        """Add a domain, with the domains that mirror it."""
        self.domains.append(
            _without_empty(
                {
                    "kind": "admin#directory#domain",
                    "etag": '"x"',
                    "domainName": name,
                    "isPrimary": primary,
                    "verified": verified,
                    "creationTime": "1398000000000",
                    "domainAliases": [
                        {"domainAliasName": alias, "parentDomainName": name, "verified": True, "creationTime": "1398"}
                        for alias in aliases
                    ],
                }
            )
        )

    def add_user(self, email: str, **changes: Any) -> dict[str, Any]:
        """Add an account; `changes` are values of its object."""
        local = email.partition("@")[0]
        user = {
            "kind": "admin#directory#user",
            "id": str(next(self._ids)),
            "etag": '"x"',
            "primaryEmail": email,
            "name": {"givenName": local, "familyName": "Smith", "fullName": "%s Smith" % local},
            "isAdmin": False,
            "isDelegatedAdmin": False,
            "lastLoginTime": "2026-09-01T08:00:00.000Z",
            "creationTime": "2019-04-25T08:03:56.000Z",
            "agreedToTerms": True,
            "suspended": False,
            "archived": False,
            "emails": [{"address": email, "primary": True}],
            "nonEditableAliases": ["%s.test-google-a.com" % email],
            "customerId": self.id,
            "orgUnitPath": "/",
            "isMailboxSetup": True,
            "isEnrolledIn2Sv": True,
            "futureKey": {"of": "the service"},
            **changes,
        }
        self.users.append(_without_empty(user))
        return self.users[-1]

    def add_group(self, email: str, *members: dict[str, Any]) -> None:
        """Add a group with its members."""
        number = "g%d" % len(self.groups)
        self.groups.append(
            {
                "kind": "admin#directory#group",
                "id": number,
                "email": email,
                "name": "Group %s" % email,
                "directMembersCount": str(len(members)),
                "adminCreated": True,
                "nonEditableAliases": ["%s.test-google-a.com" % email],
            }
        )
        self.members[number] = list(members)

    def user(self, email: str) -> Optional[dict[str, Any]]:
        """The account whose primary address that is."""
        return next((user for user in self.users if user["primaryEmail"] == email), None)


def member(email: Optional[str], kind: str = "USER") -> dict[str, Any]:
    """A member of a group; everybody of the customer has no address."""
    entry = {"kind": "admin#directory#member", "role": "MEMBER", "type": kind, "status": "ACTIVE"}
    return entry if email is None else dict(entry, email=email, id="m-" + email)


def company(users: int = 60) -> Customer:
    """A company of so many people on two domains, with everything else that a customer may have.

    Every third person is on `two.example`. There are an alias domain, one that is not verified and an IDN; accounts
    that are suspended in several ways, archived, without a licence, a guest's and a room's; groups of all kinds of
    members.
    """
    made = Customer()
    made.add_domain("one.example", primary=True, aliases=("alias.example",))
    made.add_domain("two.example")
    made.add_domain("unverified.example", verified=False)
    made.add_domain("xn--e1afmkfd.example")
    people = []
    for number in range(users):
        domain = "two.example" if number % 3 == 2 else "one.example"
        aliases = ["other%d@one.example" % number] if number % 10 == 0 else []
        email = "person%d@%s" % (number, domain)
        mirrored = ["person%d@alias.example" % number] if domain == "one.example" else []
        made.add_user(
            email, aliases=aliases, nonEditableAliases=[*mirrored, "%s.test-google-a.com" % email], isAdmin=number == 0
        )
        people.append(email)
    made.add_user("fired@one.example", suspended=True, suspensionReason="ADMIN")
    made.add_user("spammer@one.example", suspended=True, suspensionReason="ABUSIVE")
    made.add_user("left@one.example", suspended=True, archived=True)
    made.add_user("unlicensed@one.example", isMailboxSetup=False)
    made.add_user("guest@one.example", isGuestUser=True)
    made.add_user("early@unverified.example")
    made.add_user("c_188@resource.calendar.google.com")
    made.deleted.add("gone@one.example")
    made.add_group("all@one.example", *(member(email) for email in people))
    made.add_group("mixed@two.example", member(people[0]), member("all@one.example", "GROUP"))
    made.add_group("everybody@one.example", member(None, "CUSTOMER"))
    made.add_group("partners@one.example", member(people[0]), member("friend@elsewhere.example", "EXTERNAL"))
    return made
