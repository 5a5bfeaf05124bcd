# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake of Google Workspace: its tokens, its directory, and what the Gmail API tells, over real HTTP on loopback.

Nothing here is Google. What it does was read in Google's descriptions of its APIs and in clients that work with them;
the vendor's own clients are content with it (tests/google/test_services.py). Its IMAP side is a real Dovecot
(support/google.py) that asks `/tokeninfo` here whether a token opens a mailbox, or a scripted server for what only
Gmail does.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any, Optional

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from .google_organization import Customer
from .http_service import Answer, Handler, HttpService, RefusedError, status

AUDIENCE = "https://oauth2.googleapis.com/token"
MAIL = "https://mail.google.com/"
DIRECTORY = "https://www.googleapis.com/auth/admin.directory."
SCOPES = (MAIL, DIRECTORY + "user.readonly", DIRECTORY + "domain.readonly", DIRECTORY + "group.readonly")

# What Google says with a 403 that another attempt gets over, as JSON and as text.
RATE_LIMIT = status(
    403,
    {
        "error": {
            "code": 403,
            "message": "User Rate Limit Exceeded",
            "errors": [{"domain": "usageLimits", "reason": "userRateLimitExceeded", "message": "Slow down"}],
        }
    },
)
RATE_TEXT = status(403, b"Request rate higher than configured. Try again in a minute.")
INTERNAL = status(500, {"error": "internal_failure", "error_description": "Backend Error"})


@dataclass
class Grant:
    """What a token opens: the user it acts for, and scopes."""

    user: str
    scopes: frozenset[str]
    expires_at: float
    revoked: bool = False


def _refused(code: int, reason: str, message: str, **more: Any) -> RefusedError:
    error = {"code": code, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    return RefusedError(Answer(code, {"error": {**error, **more}}))


def _oauth_error(word: str, description: str, code: int = 400) -> RefusedError:
    return RefusedError(Answer(code, {"error": word, "error_description": description}))


class Service(HttpService):
    """The services around one customer, started by entering the context.

    `delegated` are the scopes that the administrator has allowed the service account.

    Attributes that change its ways: `text_lifetimes`, `expires_in` is a text; `page_size`, the most entries of a page;
    `gmail_api`, whether that API is switched on; `clock`, seconds by which its clock differs; `key_is_alive`;
    `policy_refuses`, users that a policy keeps out; `honours_fields`.
    """

    def __init__(self, customer: Customer, certificate: Any = None) -> None:
        super().__init__(GoogleHandler, certificate)
        self.customer = customer
        self.delegated = set(SCOPES)
        self.effective_after = 0
        self.text_lifetimes = False
        self.page_size = 500
        self.gmail_api = True
        self.clock = 0.0
        self.key_is_alive = True
        self.honours_fields = True
        self.policy_refuses: set[str] = set()
        self.grants: dict[str, Grant] = {}
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def urls(self) -> dict[str, str]:
        """The options of the modules that name the services."""
        return {"api_url": self.url, "oauth_url": self.url}

    def key(self, **changes: Any) -> dict[str, Any]:
        """The content of the key's file, with `changes`; None takes a value out."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        values = {
            "type": "service_account",
            "project_id": "fake",
            "private_key_id": "kid-1",
            "private_key": pem.decode(),
            "client_email": "mailimport@fake.iam.gserviceaccount.com",
            "client_id": "110000000000000000001",
            "token_uri": self.url + "/token",
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}

    def key_text(self, **changes: Any) -> str:
        """The same as the file has it."""
        return json.dumps(self.key(**changes), indent=2)

    def revoke(self) -> None:
        """Revoke all tokens."""
        for grant in self.grants.values():
            grant.revoked = True

    def issue(self, user: str, scopes: frozenset[str]) -> str:
        """Make a token that acts for a user."""
        token = "ya29." + secrets.token_urlsafe(120)
        self.grants[token] = Grant(user, scopes, self.now + 3599)
        return token

    def opens(self, token: str, scope: str) -> Optional[Grant]:
        """The grant of a token that is good and has a scope."""
        grant = self.grants.get(token)
        good = grant and not grant.revoked and grant.expires_at > self.now
        return grant if grant and good and scope in grant.scopes else None

    def claims_of(self, assertion: str) -> dict[str, Any]:
        """The claims of an assertion that the service account's key has signed, for this service and this time.

        Raises:
            RefusedError: as Google refuses.
        """
        try:
            if not self.key_is_alive:
                raise _oauth_error("invalid_grant", "Invalid JWT: No valid verifier found for issuer.")
            options: Any = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(assertion, self._key.public_key(), ["RS256"], options, audience=AUDIENCE)
        except jwt.exceptions.PyJWTError:
            raise _oauth_error("invalid_grant", "Invalid JWT Signature.") from None
        now = time.time() + self.clock
        if claims["exp"] - claims["iat"] > 3600 or abs(claims["iat"] - now) > 300:
            said = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            raise _oauth_error("invalid_grant", said)
        if claims["iss"] != self.key()["client_email"]:
            raise _oauth_error("invalid_grant", "Invalid JWT: No valid verifier found for issuer.")
        return dict(claims)


class GoogleHandler(Handler):
    """One request to one of the services."""

    def unknown_path(self, path: str) -> Answer:
        """What a path that is none is answered: a page."""
        return Answer(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>")

    def version_string(self) -> str:
        """The name that the service gives itself."""
        return "ESF"

    def user(self, scope: str) -> str:
        """The user for whom the request's token acts.

        Raises:
            RefusedError: as Google refuses.
        """
        scheme, _blank, token = self.headers.get("Authorization", "").partition(" ")
        grant = self.service.grants.get(token)
        if scheme != "Bearer" or grant is None or not self.service.opens(token, next(iter(grant.scopes))):
            raise _refused(401, "authError", "Invalid Credentials", status="UNAUTHENTICATED")
        if scope not in grant.scopes:
            raise _refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        return grant.user

    def administrator(self, scope: str) -> None:
        """Make sure that the token acts for an administrator."""
        user = self.service.customer.user(self.user(DIRECTORY + scope))
        if not (user and user.get("isAdmin")):
            raise _refused(403, "forbidden", "Not Authorized to access this resource/api")
        if self.query.get("customer", "my_customer") not in ("my_customer", self.service.customer.id):
            raise _refused(403, "forbidden", "Not Authorized to access this resource/api")

    def page_of(self, key: str, entries: list[Any], usual: int, largest: int) -> dict[str, Any]:
        """A page of a list; an empty one has no such key, and the last one names no other."""
        size = int(self.query.get("maxResults", usual))
        if not 1 <= size <= largest:
            raise _refused(
                400, "invalid", "Invalid value '%d'. Values must be within the range: [1, %d]" % (size, largest)
            )
        size = min(size, self.service.page_size)
        start = 0
        if self.query.get("pageToken"):
            try:
                start = int(base64.urlsafe_b64decode(self.query["pageToken"]))
            except ValueError:
                raise _refused(400, "invalid", "Invalid Input: pageToken") from None
        answer: dict[str, Any] = {"kind": "admin#directory#" + key, "etag": '"x"'}
        if entries[start : start + size]:
            answer[key] = entries[start : start + size]
        if start + size < len(entries):
            answer["nextPageToken"] = base64.urlsafe_b64encode(b"%d" % (start + size)).decode()
        return answer


def _token(handler: GoogleHandler) -> Any:
    service, form = handler.service, handler.form()
    if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
        raise _oauth_error("unsupported_grant_type", "Invalid grant_type")
    claims = service.claims_of(form["assertion"])
    user, scopes = claims.get("sub", ""), frozenset(claims["scope"].split())
    service.effective_after -= 1
    if service.effective_after >= 0 or not scopes <= service.delegated:
        said = (
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of "
            "the scopes requested."
        )
        raise _oauth_error("unauthorized_client", said, 401)
    if user in service.customer.deleted:
        raise _oauth_error("invalid_grant", "The account has been deleted")
    if user in service.policy_refuses:
        raise _oauth_error("access_denied", "Requested client not authorized.", 403)
    account = service.customer.user(user)
    if account is None:
        raise _oauth_error("invalid_grant", "Invalid email or User ID")
    if account.get("suspended"):
        raise _oauth_error("invalid_account", "Forbidden", 403)
    lifetime: Any = "3599" if service.text_lifetimes else 3599
    return {"access_token": service.issue(user, scopes), "expires_in": lifetime, "token_type": "Bearer"}


def _tokeninfo(handler: GoogleHandler) -> Any:
    """For the Dovecot behind: whose mailbox a token opens. A token is bound to one address."""
    grant = handler.service.opens(handler.query.get("oauth") or handler.query.get("access_token", ""), MAIL)
    if grant is None:
        raise RefusedError(Answer(400, {"error": "invalid_token"}))
    return {"email": grant.user, "scope": MAIL}


def _users(handler: GoogleHandler) -> Any:
    handler.administrator("user.readonly")
    if not {"customer", "domain"} & set(handler.query):
        raise _refused(400, "badRequest", "Bad Request")
    users = handler.service.customer.users
    if handler.query.get("orderBy") == "email":
        users = sorted(users, key=lambda user: user["primaryEmail"])
    fields = handler.query.get("fields", "")
    if fields and handler.service.honours_fields:
        names = set(fields.partition("users(")[2].partition(")")[0].split(","))
        users = [{name: value for name, value in user.items() if name in names} for user in users]
    return handler.page_of("users", users, 100, 500)


def _domains(handler: GoogleHandler, _customer: str) -> Any:
    handler.administrator("domain.readonly")
    return {"kind": "admin#directory#domains", "domains": handler.service.customer.domains}


def _groups(handler: GoogleHandler) -> Any:
    handler.administrator("group.readonly")
    return handler.page_of("groups", handler.service.customer.groups, 200, 200)


def _members(handler: GoogleHandler, group: str) -> Any:
    handler.administrator("group.readonly")
    if group not in handler.service.customer.members:
        raise _refused(404, "notFound", "Resource Not Found: groupKey")
    return handler.page_of("members", handler.service.customer.members[group], 200, 200)


def _gmail(handler: GoogleHandler, what: str) -> Any:
    service, user = handler.service, handler.user(MAIL)
    if not service.gmail_api:
        said = (
            "Gmail API has not been used in project 42 before or it is disabled. Enable it by visiting "
            "https://console.developers.google.com/apis/api/gmail.googleapis.com/overview?project=42 then retry."
        )
        raise _refused(403, "accessNotConfigured", said, status="PERMISSION_DENIED")
    account = service.customer.user(user)
    if not account or account.get("isMailboxSetup") is False:
        raise _refused(400, "failedPrecondition", "Mail service not enabled")
    known = service.customer.gmail.get(user, {"enabled": True, "messagesTotal": 0})
    if what == "profile":
        return {"emailAddress": user, "messagesTotal": known.get("messagesTotal", 0), "historyId": "1"}
    return {name: value for name, value in known.items() if name in ("enabled", "maxFolderSize") and value}


GoogleHandler.routes = [
    ("POST", "/token", _token),
    ("GET", "/tokeninfo", _tokeninfo),
    ("GET", "/admin/directory/v1/users", _users),
    ("GET", "/admin/directory/v1/customer/([^/]+)/domains", _domains),
    ("GET", "/admin/directory/v1/groups", _groups),
    ("GET", "/admin/directory/v1/groups/([^/]+)/members", _members),
    ("GET", "/gmail/v1/users/me/(?:settings/)?(imap|profile)", _gmail),
]
