# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a made-up organization at Microsoft 365 holds, in the shapes of Microsoft Graph's own answers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass
class Tenant:
    """What an organization has: users, domains and groups as Graph has them, and what each mailbox is for, by user."""

    users: list[dict[str, Any]] = field(default_factory=list)
    domains: list[dict[str, Any]] = field(default_factory=list)
    groups: list[dict[str, Any]] = field(default_factory=list)
    members: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    purposes: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, domain: str = "one.example", purpose: Optional[str] = "user", **changes: Any) -> str:
        """Add a user with a licence, or with a mailbox without one when `purpose` is another; return the address.
        `changes` to what Graph tells, None takes it away.
        """
        address = "%s@%s" % (name, domain)
        plans = [
            {"service": "exchange", "capabilityStatus": "Deleted"},
            {"service": "exchange", "capabilityStatus": "Enabled"},
        ]
        user = {
            "id": hashlib.sha256(address.encode()).hexdigest()[:32],
            "userPrincipalName": address,
            "mail": address,
            "proxyAddresses": ["SMTP:" + address, "SIP:" + address, "x500:/o=Example/cn=" + name],
            "userType": "Member",
            "accountEnabled": purpose == "user",
            "assignedPlans": plans if purpose == "user" else [],
            **changes,
        }
        self.users.append(user)
        if purpose is not None:
            self.purposes[user["id"]] = purpose
        return address


def company(people: int = 40) -> Tenant:
    """An organization of so many people on two domains, and of every other kind of account."""
    tenant = Tenant()
    for number in range(people):
        tenant.add("person%d" % number, "two.example" if number % 4 == 1 else "one.example")
    tenant.users[0]["proxyAddresses"] += ["smtp:boss@one.example", "smtp:boss@two.example"]
    tenant.domains = [
        {"id": "one.example", "isDefault": True, "isVerified": True, "supportedServices": ["Email", "Intune"]},
        {"id": "two.example", "isDefault": False, "isVerified": True, "supportedServices": ["Email"]},
        {"id": "new.example", "isDefault": False, "isVerified": False, "supportedServices": ["Email"]},
        {"id": "web.example", "isDefault": False, "isVerified": True, "supportedServices": []},
        {"id": "example.onmicrosoft.com", "isInitial": True, "isVerified": True, "supportedServices": ["Email"]},
    ]
    tenant.add("info", purpose="shared")
    tenant.add("room", purpose="room")
    tenant.add("beamer", purpose="equipment")
    # What comes with a licence for another service.
    foundation = {"servicePlanId": "113feb6c-3fe4-4440-bddc-54d774bf0318", "capabilityStatus": "Enabled"}
    tenant.add("no-licence", purpose=None, assignedPlans=[{"service": "exchange", **foundation}])
    tenant.add("hybrid", purpose="on_premises")
    guest = "guest_else.example#EXT#@example.onmicrosoft.com"
    tenant.add("guest", "else.example", userType="Guest", userPrincipalName=guest)
    tenant.add("admin", "example.onmicrosoft.com")
    tenant.add("early", "new.example")
    tenant.add("nobody", mail=None, proxyAddresses=[], purpose=None)
    tenant.add("grace", assignedPlans=[{"service": "exchange", "capabilityStatus": "Warning"}])
    tenant.groups = [
        _group("sales", ["Unified"]),
        _group("all", []),
        {**_group("security", []), "mailEnabled": False, "mail": None},
    ]
    people_of = [{"id": user["id"], "mail": user["mail"]} for user in tenant.users[:3]]
    tenant.members = {"group-sales": people_of, "group-all": [*people_of, {"id": "group-sales", "mail": None}]}
    return tenant


def _group(name: str, kinds: list[str]) -> dict[str, Any]:
    address = "%s@one.example" % name
    return {
        "id": "group-" + name,
        "displayName": name.title(),
        "mail": address,
        "mailEnabled": True,
        "groupTypes": kinds,
        "proxyAddresses": ["SMTP:" + address, "smtp:%s@two.example" % name],
    }
