# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake of Yandex 360 for business: its directory, admin and OAuth services, over real HTTP on loopback.

Nothing here is Yandex. What it does was read in Yandex's documentation and in recorded answers; where those are silent,
it is inferred, and then an attribute of `Switches`. Its IMAP side is a real Dovecot (support/yandex.py) that asks
`/tokeninfo` here whether a token opens a mailbox. Only what an importer calls is there: nothing that makes or removes
accounts.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

from .http_service import Answer, Handler, HttpService, RefusedError
from .yandex360_oauth import FIRST_DOMAIN_UID, Application, Grant, device_endpoint, oauth_error, token_endpoint
from .yandex360_organization import Organization

ADMIN_SCOPES = frozenset(
    (
        "directory:read_organization",
        "directory:read_domains",
        "directory:read_users",
        "directory:read_groups",
        "directory:write_users",
        "ya360_admin:mail_read_shared_mailbox_inventory",
        "ya360_admin:mail_read_user_settings",
        "ya360_admin:mail_read_organization_settings",
    )
)


@dataclass
class Switches:
    """Behaviours that nobody has verified; each can be the other way round."""

    # The number of pages of an empty list.
    empty_list_pages: int = 1
    # Settings of a mailbox that was never opened: 404, or 200 as for any other.
    unopened_has_settings: bool = False
    # Whether the exchange of a token must name a scope.
    exchange_needs_scope: bool = False
    # Whether a refresh gives the access token that there is.
    refresh_keeps_token: bool = True
    # Whether the plan has shared mailboxes.
    shared_in_plan: bool = True
    # Whether `/whoami`, which is not in the public reference, is there.
    whoami: bool = True


def _error(code: int, grpc: int, message: str) -> RefusedError:
    return RefusedError(Answer(code, {"code": grpc, "message": message, "details": []}))


class Service(HttpService):
    """The services around one organization, started by entering the context.

    `changed_passwords` holds the ids of accounts as they were changed. `on_password` is called with an address and its
    new password.
    """

    def __init__(self, organization: Organization, certificate: Any = None) -> None:
        super().__init__(YandexHandler, certificate)
        self.organization = organization
        self.switches = Switches()
        self.applications: dict[str, Application] = {}
        self.grants: dict[str, Grant] = {}
        self.refresh_tokens: dict[str, str] = {}
        self.device_codes: dict[str, dict[str, Any]] = {}
        self.changed_passwords: list[str] = []
        self.on_password: Callable[[str, str], None] = lambda address, password: None

    def urls(self) -> dict[str, str]:
        """The options of the modules that name the services."""
        return {"api_url": self.url, "cloud_api_url": self.url + "/cloud", "oauth_url": self.url + "/oauth"}

    def admin_token(self, scopes: frozenset[str] = ADMIN_SCOPES) -> str:
        """A new token of an administrator."""
        return self.issue(Grant(scopes, "admin@one.example"))

    def service_application(self, scopes: frozenset[str] = frozenset(("mail:imap_ro",))) -> dict[str, str]:
        """A new service application, as the modules' options name it."""
        client_id, secret = secrets.token_hex(16), secrets.token_hex(16)
        self.applications[client_id] = Application(secret, scopes)
        return {"client_id": client_id, "client_secret": secret}

    def issue(self, grant: Grant, prefix: str = "y0_") -> str:
        """Make a token for a grant."""
        token = prefix + secrets.token_urlsafe(40)
        self.grants[token] = grant
        return token

    def revoke(self, mailbox: Optional[str] = None) -> None:
        """Revoke all tokens of a mailbox, or of the administrators."""
        for grant in self.grants.values():
            grant.revoked = grant.revoked or grant.mailbox == mailbox

    def opens(self, token: str, address: Optional[str] = None) -> Optional[Grant]:
        """The grant of a token that is good, for that mailbox or any."""
        grant = self.grants.get(token)
        good = grant and not grant.revoked and grant.expires_at > self.now
        return grant if good and address in (None, grant.mailbox if grant else None) else None

    def expires(self, seconds: float) -> float:
        """So many seconds from now, in the time of the fake."""
        return self.now + seconds

    def enter_code(self, user_code: str) -> None:
        """What a person does at the address of the device flow."""
        for code in self.device_codes.values():
            if code["user_code"] == user_code:
                code["approved"] = True
                return
        raise KeyError(user_code)


class YandexHandler(Handler):
    """One request to one of the services."""

    def unknown_path(self, path: str) -> Answer:
        """The two hosts of the API answer in different shapes."""
        if path.startswith("/cloud"):
            return Answer(404, {"message": "Не найдено", "description": "Not found", "error": "NotFoundError"})
        return Answer(404, {"code": 5, "message": "Not Found", "details": []})

    def authorized(self, scope: str, organization: Optional[str] = None) -> Grant:
        """The grant of the request's token, when it has the scope, or the one to write that goes with it.

        Raises:
            RefusedError: as Yandex refuses.
        """
        scheme, _blank, token = self.headers.get("Authorization", "").partition(" ")
        grant = self.service.opens(token) if scheme == "OAuth" else None
        if grant is None:
            raise _error(401, 16, "Unauthorized")
        if grant.mailbox or not {scope, scope.replace("read_", "write_")} & grant.scopes:
            raise _error(403, 7, "No required scope")
        if organization is not None and int(organization) != self.service.organization.id:
            raise _error(403, 7, "Not an admin")
        return grant

    def page_of(self, key: str, entries: list[Any], largest: int, with_pages: bool = True) -> dict[str, Any]:
        """A page of a list, by `page` and `perPage`."""
        page, size = int(self.query.get("page", 1)), min(int(self.query.get("perPage", 10)), largest)
        answer = {key: entries[(page - 1) * size : page * size], "page": page, "perPage": size, "total": len(entries)}
        if with_pages:
            answer["pages"] = -(-len(entries) // size) or self.service.switches.empty_list_pages
        return answer

    def application(self) -> Application:
        """The application whose secret the form holds."""
        form = self.form()
        application = self.service.applications.get(form.get("client_id", ""))
        if application is None or application.secret != form.get("client_secret"):
            raise oauth_error("invalid_client", "Wrong client secret")
        return application


def _whoami(handler: YandexHandler) -> Any:
    scheme, _blank, token = handler.headers.get("Authorization", "").partition(" ")
    grant = handler.service.opens(token) if scheme == "OAuth" else None
    if not handler.service.switches.whoami:
        raise _error(404, 5, "Not Found")
    if grant is None:
        raise _error(401, 16, "Unauthorized")
    return {"login": grant.login, "orgIds": [handler.service.organization.id], "scopes": sorted(grant.scopes)}


def _organizations(handler: YandexHandler) -> Any:
    handler.authorized("directory:read_organization")
    size, start = int(handler.query.get("pageSize", 10)), handler.query.get("pageToken") or "0"
    if not start.isdigit():
        raise _error(400, 3, "bad pageToken")
    made = handler.service.organization
    entries = [
        {
            "id": made.id,
            "name": made.name,
            "email": "",
            "phone": "",
            "fax": "",
            "language": "ru",
            "subscriptionPlan": "business",
        }
    ]
    following = int(start) + size
    return {
        "organizations": entries[int(start) : following],
        "nextPageToken": str(following) if following < len(entries) else "",
    }


def _domains(handler: YandexHandler, organization: str) -> Any:
    handler.authorized("directory:read_domains", organization)
    return handler.page_of("domains", handler.service.organization.domains, 10)


def _users(handler: YandexHandler, organization: str) -> Any:
    handler.authorized("directory:read_users", organization)
    return handler.page_of("users", handler.service.organization.users, 1000)


def _groups(handler: YandexHandler, organization: str) -> Any:
    handler.authorized("directory:read_groups", organization)
    return handler.page_of("groups", handler.service.organization.groups, 1000)


def _change_user(handler: YandexHandler, organization: str, uid: str) -> Any:
    handler.authorized("directory:write_users", organization)
    user = _own_user(handler, uid)
    body = json.loads(handler.data)
    password = body.get("password")
    if int(uid) < FIRST_DOMAIN_UID:
        raise _error(403, 7, "portal account")
    if password is not None and len(password) < 8:
        raise _error(400, 3, "password is too weak: %s" % password)
    if password is not None:
        made = handler.service.organization
        made.passwords[uid] = password
        handler.service.changed_passwords.append(uid)
        # One that has to be changed at the next login opens nothing but the page on which it is changed.
        if not body.get("passwordChangeRequired"):
            handler.service.on_password(user["email"], password)
    return user


def _own_user(handler: YandexHandler, uid: str) -> dict[str, Any]:
    try:
        return handler.service.organization.user(uid)
    except KeyError:
        raise _error(404, 5, "not_found") from None


def _shared(handler: YandexHandler, organization: str) -> Any:
    handler.authorized("ya360_admin:mail_read_shared_mailbox_inventory", organization)
    if not handler.service.switches.shared_in_plan:
        raise _error(403, 7, "Feature is not available")
    entries = [{"resourceId": entry["id"], "count": 3} for entry in handler.service.organization.shared]
    return handler.page_of("resources", entries, 100, with_pages=False)


def _shared_mailbox(handler: YandexHandler, organization: str, uid: str) -> Any:
    handler.authorized("ya360_admin:mail_read_shared_mailbox_inventory", organization)
    for entry in handler.service.organization.shared:
        if entry["id"] == uid:
            return entry
    raise _error(404, 5, "not_found")


def _sender_info(handler: YandexHandler, organization: str, uid: str) -> Any:
    handler.authorized("ya360_admin:mail_read_user_settings", organization)
    made = handler.service.organization
    if uid in made.unopened and not handler.service.switches.unopened_has_settings:
        raise _error(404, 5, "not_found")
    return {"fromName": "", "defaultFrom": made.find(uid)[1], "signs": [], "signPosition": "bottom"}


def _mail_settings(handler: YandexHandler, organization: str) -> Any:
    handler.authorized("ya360_admin:mail_read_organization_settings", organization)
    return {
        "enable_imap": handler.service.organization.imap_enabled,
        "enable_pop": True,
        "disable_disk_attachments": False,
    }


def _tokeninfo(handler: YandexHandler) -> Any:
    """What Dovecot asks: the mailbox that a token opens by IMAP. Refused for all four causes alike."""
    made = handler.service.organization
    grant = handler.service.opens(handler.query.get("oauth", ""))
    readable = grant is not None and grant.mailbox is not None and {"mail:imap_ro", "mail:imap_full"} & grant.scopes
    if grant is None or not readable or not made.imap_enabled or made.find(str(grant.mailbox))[0] in made.unopened:
        raise oauth_error("invalid_token", code=401)
    return {"email": grant.mailbox, "scope": " ".join(grant.scopes)}


_ORGANIZATION = r"/directory/v1/org/(\d+)"
YandexHandler.routes = [
    ("GET", r"/whoami", _whoami),
    ("GET", r"/directory/v1/org", _organizations),
    ("GET", _ORGANIZATION + "/domains", _domains),
    ("GET", _ORGANIZATION + "/users", _users),
    (
        "GET",
        _ORGANIZATION + r"/users/(\d+)",
        lambda handler, org, uid: handler.authorized("directory:read_users", org) and _own_user(handler, uid),
    ),
    ("PATCH", _ORGANIZATION + r"/users/(\d+)", _change_user),
    ("GET", _ORGANIZATION + "/groups", _groups),
    ("GET", r"/admin/v1/org/(\d+)/mailboxes/shared", _shared),
    ("GET", r"/admin/v1/org/(\d+)/mailboxes/shared/(\d+)", _shared_mailbox),
    ("GET", r"/admin/v1/org/(\d+)/mail/users/(\d+)/settings/sender_info", _sender_info),
    ("GET", r"/cloud/v1/admin/org/(\d+)/mail-settings", _mail_settings),
    ("POST", r"/oauth/token", token_endpoint),
    ("POST", r"/oauth/device/code", device_endpoint),
    ("GET", r"/tokeninfo", _tokeninfo),
]
