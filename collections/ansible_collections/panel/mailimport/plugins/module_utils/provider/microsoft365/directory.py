# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of a Microsoft 365 tenant: its users, domains and groups (Microsoft Graph v1.0,
https://learn.microsoft.com/graph/api/overview).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple, TypeVar
from urllib.parse import quote, urlsplit

from ...model.errors import MailImportError, one_line
from ..advice import with_advice
from ..base import Domain
from ..http import Call, Http, ServiceError
from ..paging import Entry, Trail, read_steadily
from . import schemas
from .tokens import Tokens
from .usage import PATH, UsageReport, read_report

_Answer = TypeVar("_Answer")

_USERS_PER_PAGE = 999
_USER_FIELDS = "id,userPrincipalName,mail,proxyAddresses,userType,assignedPlans"
_GROUP_FIELDS = "id,mail,displayName,mailEnabled,groupTypes,proxyAddresses"

# The permission of the application that each call needs.
USERS, DOMAINS, GROUPS = "User.Read.All", "Domain.Read.All", "Group.Read.All"
SETTINGS, ORGANIZATION, USAGE = "MailboxSettings.Read", "Organization.Read.All", "Reports.Read.All"

# What Graph says of a user without a mailbox of the cloud.
_NO_MAILBOX = frozenset(("MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ResourceNotFound"))
_ON_PREMISES = "hosted on-premise"

# Plans in these states are served (https://learn.microsoft.com/graph/api/resources/assignedplan).
_SERVED = frozenset(("Enabled", "Warning"))
# Plans of Exchange's that come with licences for something else, and with no mailbox
# (https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference): EXCHANGE_S_FOUNDATION and
# EXCHANGE_S_ARCHIVE_ADDON.
_WITHOUT_MAILBOX = frozenset(("113feb6c-3fe4-4440-bddc-54d774bf0318", "176a09a6-7ec5-4039-ac02-b2791c6ba793"))


@dataclass(frozen=True)
class User:
    """An account. `email` is its main address, empty without one; `aliases` are the others. `login` is its name for
    logins. `has_plan` tells whether a licence with a mailbox is assigned to it.
    """

    id: str
    login: str
    email: str
    aliases: Tuple[str, ...]
    is_guest: bool
    has_plan: bool


@dataclass(frozen=True)
class Group:
    """A group with an address. `members` are addresses; it is not `complete` when others are in it. `has_mailbox`: its
    conversations are in a mailbox of its own.
    """

    email: str
    name: str
    aliases: Tuple[str, ...]
    members: Tuple[str, ...]
    complete: bool
    has_mailbox: bool


class Directory:
    """What an application may read of a tenant.

    Args:
        api_url: of Microsoft Graph, without a path. Tokens are asked for it.
    """

    def __init__(self, http: Http, tokens: Tokens, api_url: str) -> None:
        self._http = http
        self._tokens = tokens
        self._api_url = api_url.rstrip("/")

    @property
    def resource(self) -> str:
        """What the tokens of this directory are for."""
        return self._api_url

    def users(self) -> List[User]:
        """Everybody, guests and shared mailboxes too; not those that were deleted."""
        params = {"$top": _USERS_PER_PAGE, "$select": _USER_FIELDS}
        return [_user_of(entry) for entry in self._list("/users", schemas.USERS, params, USERS)]

    def domains(self) -> List[Domain]:
        """The domains on which there can be mail."""
        return [
            Domain(entry["id"].lower(), bool(entry.get("isDefault")), entry.get("isVerified") is not False)
            for entry in self._list("/domains", schemas.DOMAINS, {}, DOMAINS)
            if entry.get("supportedServices") is None or "Email" in entry["supportedServices"]
        ]

    def groups(self) -> List[Group]:
        """The groups with an address, with the addresses of their members."""
        found = self._list("/groups", schemas.GROUPS, {"$top": _USERS_PER_PAGE, "$select": _GROUP_FIELDS}, GROUPS)
        return [self._group_of(entry) for entry in found if entry.get("mail") and entry.get("mailEnabled")]

    def _group_of(self, entry: Entry) -> Group:
        path = "/groups/%s/members" % quote(entry["id"], safe="")
        members = self._list(path, schemas.MEMBERS, {"$select": "id,mail,userPrincipalName"}, GROUPS)
        addresses = {member["mail"].lower() for member in members if member.get("mail")}
        email = entry["mail"].lower()
        return Group(
            email=email,
            name=one_line(entry.get("displayName") or ""),
            aliases=_addresses(entry.get("proxyAddresses"), email)[1],
            members=tuple(sorted(addresses)),
            complete=len(addresses) == len(members),
            has_mailbox="Unified" in (entry.get("groupTypes") or ()),
        )

    def organization_name(self) -> Optional[str]:
        """What the tenant is called; None where the application may not know."""
        try:
            found = self._list("/organization", schemas.ORGANIZATION, {}, ORGANIZATION)
        except MailImportError as error:
            if error.reason not in ("permission_denied", "not_found"):
                raise
            return None
        return one_line(found[0].get("displayName") or "") if found else None

    def purpose_of(self, user: str) -> str:
        """Return what a user's mailbox is for: `user`, `shared`, `room`, `equipment` and others; `none` without a
        mailbox, `on_premises` when it is on a server of the organization's own.
        """
        path = "/users/%s/mailboxSettings" % quote(user, safe="")
        try:
            answer = self._get(self._api_url + "/v1.0" + path, schemas.MAILBOX_SETTINGS, {}, SETTINGS)
        except ServiceError as error:
            if _ON_PREMISES in error.said:
                return "on_premises"
            if error.word in _NO_MAILBOX or error.status == 404:
                return "none"
            raise
        return str(answer.get("userPurpose") or "user")

    def usage(self) -> UsageReport:
        """How much is in the mailboxes."""
        url = self._api_url + "/v1.0" + PATH
        return read_report(self._with_token(lambda token: self._http.text_behind(Call("GET", url, {}, token)), USAGE))

    def _list(self, path: str, schema: Mapping[str, Any], params: Mapping[str, Any], permission: str) -> List[Entry]:
        return read_steadily(lambda: self._pages(path, schema, params, permission), "id")

    def _pages(
        self, path: str, schema: Mapping[str, Any], params: Mapping[str, Any], permission: str
    ) -> Iterator[List[Entry]]:
        trail, url, asked = Trail(path), self._api_url + "/v1.0" + path, dict(params)
        while True:
            answer = self._get(url, schema, asked, permission)
            yield answer["value"]
            following = trail.onward(answer.get("@odata.nextLink"))
            if following is None:
                return
            # Whole, as the service gives it; but the token goes nowhere else.
            if _origin(following) != _origin(self._api_url):
                message = "the list of %s goes on at another address than api_url, which is not followed: %s"
                raise MailImportError("protocol_error", message % (path, one_line(_origin(following), 80)))
            url, asked = following, {}

    def _get(self, url: str, schema: Mapping[str, Any], params: Mapping[str, Any], permission: str) -> Dict[str, Any]:
        return self._with_token(lambda token: self._call(url, schema, params, token), permission)

    def _with_token(self, ask: Callable[[str], _Answer], permission: str) -> _Answer:
        try:
            return ask(self._tokens.token(self.resource))
        except ServiceError as error:
            if error.status != 401:
                raise _explained(error, permission, self._tokens.KIND) from None
        try:  # a token that was revoked, or has expired before its time
            return ask(self._tokens.new_token(self.resource))
        except ServiceError as error:
            raise _explained(error, permission, self._tokens.KIND) from None

    def _call(self, url: str, schema: Mapping[str, Any], params: Mapping[str, Any], token: str) -> Dict[str, Any]:
        return self._http.call(Call("GET", url, schema, token=token, params=params))


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.netloc.lower()
        return "%s://%s" % (parts.scheme, host.removesuffix(":443") if parts.scheme == "https" else host)
    except ValueError:
        return ""


def _user_of(entry: Entry) -> User:
    login = entry.get("userPrincipalName") or ""
    email, aliases = _addresses(entry.get("proxyAddresses"), (entry.get("mail") or "").lower())
    return User(
        id=entry["id"],
        login=login,
        email=email,
        aliases=aliases,
        # Their names have the mark also where nobody says what they are.
        is_guest=entry.get("userType") == "Guest" or "#EXT#" in login,
        has_plan=any(map(_gives_mailbox, entry.get("assignedPlans") or ())),
    )


def _gives_mailbox(plan: Mapping[str, Any]) -> bool:
    return (
        plan.get("service") == "exchange"
        and plan.get("capabilityStatus") in _SERVED
        and plan.get("servicePlanId") not in _WITHOUT_MAILBOX
    )


def _addresses(proxies: Optional[List[str]], mail: str) -> Tuple[str, Tuple[str, ...]]:
    """Return the main address and the others: `SMTP:` in capitals stands before the main one, and what is no address of
    mail has another word before it.
    """
    main, others = mail, set()
    for proxy in proxies or ():
        kind, _colon, address = proxy.partition(":")
        if kind == "SMTP":
            main = address.lower()
        if kind.lower() == "smtp":
            others.add(address.lower())
    if mail and mail != main:
        others.add(mail)
    return main, tuple(sorted(others - {main}))


def _explained(error: ServiceError, permission: str, kind: str) -> ServiceError:
    """The same error, with what to do about it."""
    advice = ""
    if error.status == 403:
        advice = (
            "the application has no permission %s (of the kind %s) of Microsoft Graph, or nobody has granted "
            "admin consent since it was added; microsoft365_info returns the link" % (permission, kind)
        )
    elif error.status == 401:
        advice = "the token is refused, a new one too: is api_url of the same cloud as login_url?"
    elif error.status == 404 and not error.word:
        advice = "is api_url right?"
    return with_advice(error, advice)
