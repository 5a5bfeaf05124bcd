# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of a Yandex 360 organization: who it is, its domains, people, groups and shared mailboxes.

The calls are those of https://yandex.ru/dev/api360/doc/ru/ on api360.yandex.net, and one of the newer
cloud-api.yandex.net.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from ...model.errors import one_line
from ..advice import advice_in, with_advice
from ..base import Domain, Organization, OrganizationId
from ..http import Call, Http, ServiceError
from ..paging import MAX_PAGES, Entry, Trail, endless, read_steadily
from . import schemas

API_URL = "https://api360.yandex.net"
CLOUD_API_URL = "https://cloud-api.yandex.net"

# Before a token in a request's header, https://yandex.ru/dev/api360/doc/ru/access.
_SCHEME = "OAuth"

# What a page may hold at most, by the documentation; the server's own figures decide when the list is at its end.
_ORGANIZATIONS_PER_PAGE = 100
_DOMAINS_PER_PAGE = 10
_USERS_PER_PAGE = 1000
_GROUPS_PER_PAGE = 1000
_SHARED_PER_PAGE = 100


@dataclass(frozen=True)
class User:
    """A person's or a robot's account. `aliases` are local parts, valid on every domain of the organization."""

    id: str
    email: str
    aliases: Tuple[str, ...]
    is_robot: bool
    is_dismissed: bool
    is_enabled: bool


@dataclass(frozen=True)
class Group:
    """A group; with an `email` it is a mailing list. `members` are users' ids; `others` are in it as well."""

    id: str
    name: str
    email: str
    aliases: Tuple[str, ...]
    members: Tuple[str, ...]
    others: bool


@dataclass(frozen=True)
class SharedMailbox:
    """A mailbox of several people."""

    id: str
    email: str


class Directory:
    """What an administrator's token opens.

    Args:
        api_url, cloud_api_url: of the two services, without a path.
    """

    def __init__(self, http: Http, token: str, api_url: str = API_URL, cloud_api_url: str = CLOUD_API_URL) -> None:
        self._http = http
        self._token = token
        self._api_url = api_url.rstrip("/")
        self._cloud_api_url = cloud_api_url.rstrip("/")

    def scopes(self) -> Optional[List[str]]:
        """The scopes of the token; None when the service does not tell."""
        try:
            return self._get("/whoami", schemas.WHOAMI, "").get("scopes")
        except ServiceError as error:
            if error.status == 404:  # not in the public reference
                return None
            raise

    def organizations(self) -> List[Organization]:
        """The organizations that the token's owner may look into."""
        found = read_steadily(
            lambda: self._token_pages("/directory/v1/org", schemas.ORGANIZATIONS, "organizations"), "id"
        )
        return [Organization(int(entry["id"]), one_line(entry.get("name") or "")) for entry in found]

    def domains(self, organization: OrganizationId) -> List[Domain]:
        """The organization's domains, aliases of its main one among them."""
        path = "/directory/v1/org/%s/domains" % organization
        found = read_steadily(
            lambda: self._pages(path, schemas.DOMAINS, "domains", _DOMAINS_PER_PAGE, "directory:read_domains"), "name"
        )
        return [
            Domain(entry["name"].lower(), bool(entry.get("master")), bool(entry.get("verified"))) for entry in found
        ]

    def users(self, organization: OrganizationId) -> List[User]:
        """Everybody in the organization, robots and blocked ones too."""
        path = "/directory/v1/org/%s/users" % organization
        found = read_steadily(
            lambda: self._pages(path, schemas.USERS, "users", _USERS_PER_PAGE, "directory:read_users"), "id"
        )
        return [
            User(
                id=str(entry["id"]),
                email=entry.get("email") or "",
                aliases=tuple(entry.get("aliases") or ()),
                is_robot=bool(entry.get("isRobot")),
                is_dismissed=bool(entry.get("isDismissed")),
                is_enabled=entry.get("isEnabled") is not False,
            )
            for entry in found
        ]

    def groups(self, organization: OrganizationId) -> List[Group]:
        """The organization's groups."""
        path = "/directory/v1/org/%s/groups" % organization
        found = read_steadily(
            lambda: self._pages(path, schemas.GROUPS, "groups", _GROUPS_PER_PAGE, "directory:read_groups"), "id"
        )
        return [
            Group(
                id=str(entry["id"]),
                name=one_line(entry.get("name") or ""),
                email=entry.get("email") or "",
                aliases=tuple(entry.get("aliases") or ()),
                members=tuple(str(member["id"]) for member in entry.get("members") or () if member["type"] == "user"),
                others=any(member["type"] != "user" for member in entry.get("members") or ()),
            )
            for entry in found
        ]

    def shared_mailboxes(self, organization: OrganizationId) -> List[SharedMailbox]:
        """The organization's shared mailboxes.

        Raises:
            MailImportError: `permission_denied` also when the organization's plan has none.
        """
        path, scope = (
            "/admin/v1/org/%s/mailboxes/shared" % organization,
            "ya360_admin:mail_read_shared_mailbox_inventory",
        )
        found = read_steadily(
            lambda: self._pages(path, schemas.SHARED, "resources", _SHARED_PER_PAGE, scope), "resourceId"
        )
        mailboxes = []
        for entry in found:
            identifier = str(entry["resourceId"])
            facts = self._get("%s/%s" % (path, identifier), schemas.SHARED_MAILBOX, scope)
            mailboxes.append(SharedMailbox(identifier, facts["email"]))
        return mailboxes

    def imap_enabled(self, organization: OrganizationId) -> Optional[bool]:
        """Whether the organization lets its people use IMAP; None when the service does not tell, as older ones do
        not."""
        path, scope = "/v1/admin/org/%s/mail-settings" % organization, "ya360_admin:mail_read_organization_settings"
        try:
            return self._call("GET", self._cloud_api_url + path, schemas.MAIL_SETTINGS, scope).get("enable_imap")
        except ServiceError as error:
            if error.status in (403, 404):
                return None
            raise

    def mailbox_opened(self, organization: OrganizationId, user: str) -> Optional[bool]:
        """Whether there is a mailbox with settings behind an account; None when the token has no right to ask.

        That Yandex knows no settings of a mailbox that was never opened is inferred, not documented.
        """
        path, scope = (
            "/admin/v1/org/%s/mail/users/%s/settings/sender_info" % (organization, user),
            "ya360_admin:mail_read_user_settings",
        )
        try:
            self._get(path, schemas.SENDER_INFO, scope)
        except ServiceError as error:
            if error.status == 404:
                return False
            if error.status == 403:
                return None
            raise
        return True

    def set_password(self, organization: OrganizationId, user: str, password: str) -> None:
        """Give an account this password, for good.

        Raises:
            MailImportError: `request_refused` when Yandex does not take it, as for accounts of a single sign-on or a
                weak password.
        """
        path = "/directory/v1/org/%s/users/%s" % (organization, user)
        body = {"password": password, "passwordChangeRequired": False}
        self._call("PATCH", self._api_url + path, schemas.USER, "directory:write_users", body=body, secrets=(password,))

    def _pages(self, path: str, schema: Mapping[str, Any], key: str, size: int, scope: str) -> Iterator[List[Entry]]:
        """Yield all pages."""
        seen = 0
        for page in range(1, MAX_PAGES + 1):
            answer = self._get(path, schema, scope, {"page": page, "perPage": size})
            yield answer[key]
            seen += len(answer[key])
            # Where it is known how many there are, one with nobody on it is not the last.
            if page >= answer["pages"] if "pages" in answer else not answer[key] or seen >= answer.get("total", 0):
                return
        raise endless(key)

    def _token_pages(self, path: str, schema: Mapping[str, Any], key: str) -> Iterator[List[Entry]]:
        trail = Trail(key)
        params: Dict[str, Any] = {"pageSize": _ORGANIZATIONS_PER_PAGE}
        while True:
            answer = self._get(path, schema, "directory:read_organization", params)
            yield answer[key]
            following = trail.onward(answer.get("nextPageToken"))
            if following is None:
                return
            params["pageToken"] = following

    def _get(
        self, path: str, schema: Mapping[str, Any], scope: str, params: Optional[Mapping[str, Any]] = None
    ) -> Dict[str, Any]:
        return self._call("GET", self._api_url + path, schema, scope, params=params)

    def _call(self, method: str, url: str, schema: Mapping[str, Any], scope: str, **more: Any) -> Dict[str, Any]:
        try:
            return self._http.call(Call(method, url, schema, token=self._token, scheme=_SCHEME, **more))
        except ServiceError as error:
            raise _explained(error, scope) from None


# As advice_in takes it; the words are in what Yandex says.
_ADVICE = (
    (401, "", "the token is wrong, has expired or was revoked: get a new one (panel.mailimport.yandex360_token)"),
    (
        403,
        "scope",
        "the token lacks the scope {scope}: add it to the application and get a new token, for an old one keeps its "
        "scopes",
    ),
    (
        403,
        "not an admin",
        "the token is not an administrator's, or the organization is another one: Yandex says the same of both",
    ),
    (403, "", "the token's owner has no right to this (scope {scope}), or the organization's plan does not have it"),
    # The entry that was asked for is not there, and nothing else is wrong.
    (404, "not_found", ""),
    (404, "", "is the address of the API right?"),
)


def _explained(error: ServiceError, scope: str) -> ServiceError:
    return with_advice(error, advice_in(_ADVICE, error.status, error.said, scope=scope))
