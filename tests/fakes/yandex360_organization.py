# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a made-up organization at Yandex 360 holds, in the shapes of the service's own answers."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

FIRST_UID = 1130000000000001
_CREATED = "2022-10-13T15:54:42.189Z"


@dataclass
class Organization:
    """An organization; entries are JSON objects as the service gives them.

    `passwords` are those of its accounts by id, None for one that was never given; `unopened` are the ids of mailboxes
    their users have never opened.
    """

    id: int = 7654321
    name: str = "Рога и Копыта"
    users: list[dict[str, Any]] = field(default_factory=list)
    domains: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    shared: list[dict[str, Any]] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)
    unopened: set[str] = field(default_factory=set)
    imap_enabled: bool = True
    _uids: Any = field(default_factory=lambda: itertools.count(FIRST_UID))

    def add_domain(self, name: str, master: bool = False, verified: bool = True) -> None:
        """Add a domain; one that is not `master` is an alias."""
        match = {"match": verified, "value": "…"}
        self.domains.append(
            {
                "name": name,
                "country": "ru",
                "mx": verified,
                "delegated": False,
                "master": master,
                "verified": verified,
                "status": {
                    "name": name,
                    "lastCheck": _CREATED,
                    "lastAdded": _CREATED,
                    "spf": match,
                    "mx": match,
                    "ns": None,
                    "dkim": None,
                },
            }
        )

    def add_user(self, email: str, **changes: Any) -> str:
        """Add an account and return its id; `changes` are values of its object."""
        uid = str(changes.pop("id", None) or next(self._uids))
        nickname = email.partition("@")[0]
        self.users.append(
            {
                "id": uid,
                "nickname": nickname,
                "departmentId": 1,
                "email": email,
                "name": {"first": nickname, "last": "", "middle": ""},
                "gender": "",
                "position": "",
                "avatarId": "",
                "about": "",
                "birthday": "",
                "contacts": [{"type": "email", "value": email, "main": True, "alias": False, "synthetic": True}],
                "aliases": [],
                "groups": [],
                "externalId": "",
                "isAdmin": False,
                "isRobot": False,
                "isDismissed": False,
                "isEnabled": True,
                "timezone": "Europe/Moscow",
                "language": "ru",
                "createdAt": _CREATED,
                "updatedAt": _CREATED,
                "futureKey": {"of": "the service"},
                **changes,
            }
        )
        return uid

    def add_group(self, name: str, email: str = "", members: tuple[str, ...] = (), kind: str = "generic") -> None:
        """Add a group of users; with an address it is a mailing list."""
        number = len(self.groups) + 1
        self.groups.append(
            {
                "id": number,
                "name": name,
                "type": kind,
                "description": "",
                "membersCount": len(members),
                "label": email.partition("@")[0],
                "email": email,
                "aliases": [],
                "externalId": "",
                "removed": False,
                "members": [{"type": "user", "id": uid} for uid in members],
                "adminIds": [],
                "authorId": "0",
                "memberOf": [],
                "createdAt": _CREATED,
            }
        )

    def add_shared(self, email: str) -> str:
        """Add a shared mailbox and return its id."""
        uid = str(next(self._uids))
        self.shared.append(
            {"id": uid, "email": email, "name": email, "description": "", "createdAt": _CREATED, "updatedAt": _CREATED}
        )
        return uid

    def user(self, uid: str) -> dict[str, Any]:
        """The account of that id.

        Raises:
            KeyError: there is none.
        """
        for user in self.users:
            if user["id"] == uid:
                return user
        raise KeyError(uid)

    def find(self, subject: str) -> tuple[str, str]:
        """The id and the address of the mailbox of an id or an address.

        Raises:
            KeyError: there is none.
        """
        for entry in [*self.users, *self.shared]:
            if subject in (entry["id"], entry["email"]):
                return entry["id"], entry["email"]
        raise KeyError(subject)


def company(users: int = 60) -> Organization:
    """A company of so many people on two domains, with everything else that an organization may have.

    Every third person is on `two.example`. There are an alias domain without mailboxes, one that is not verified and an
    IDN among 13 domains; robots, a blocked, a dismissed and a portal account; two shared mailboxes; groups of all
    kinds.
    """
    made = Organization()
    made.add_domain("one.example", master=True)
    made.add_domain("two.example")
    made.add_domain("alias.example")
    made.add_domain("unverified.example", verified=False)
    made.add_domain("xn--e1afmkfd.example")
    for number in range(8):
        made.add_domain("spare%d.example" % number)
    people = []
    for number in range(users):
        domain = "two.example" if number % 3 == 2 else "one.example"
        aliases = ["other%d" % number] if number % 10 == 0 else []
        people.append(made.add_user("person%d@%s" % (number, domain), aliases=aliases))
    made.user(people[0])["isAdmin"] = True
    made.user(people[1])["name"] = {"first": "", "last": "", "middle": ""}
    robot = made.add_user(
        "yndx-forms-cnt-robot@yandex.ru", id="987654321", isRobot=True, isEnabled=False, departmentId=0
    )
    made.add_user("blocked@one.example", isEnabled=False)
    made.add_user("dismissed@one.example", isEnabled=False, isDismissed=True)
    made.add_user("guest@yandex.ru", id="48989999")
    made.add_shared("info@one.example")
    made.add_shared("sales@two.example")
    made.add_group("Everybody", "all@one.example", tuple(people))
    made.add_group("Nobody's list")
    made.add_group("Robots", members=(robot,), kind="robots")
    made.add_group("Administrators", members=(people[0],), kind="organization_admin")
    return made
