# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fake of Microsoft 365: its tokens and Microsoft Graph, over real HTTP on loopback.

Nothing here is Microsoft. What it does was read in Microsoft's descriptions and in clients that work with it;
Microsoft's own client for tokens is content with it (tests/microsoft365/test_services.py). Its IMAP side is
`exchange_relay.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import time
from dataclasses import dataclass
from typing import Any, Optional

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from .http_service import Answer, Handler, HttpService, RefusedError
from .microsoft365_organization import Tenant
from .microsoft365_people import DEVICE_GRANT, PERSON_GRAPH, PERSON_ROLE, People

TENANT = "aaaaaaaa-1111-2222-3333-444444444444"
CLIENT_ID = "bbbbbbbb-1111-2222-3333-444444444444"
SECRET = "~8Q~the.secret-of_the.application"  # noqa: S105 - of a service that lives for one test
MAIL_ROLE = "IMAP.AccessAsApp"
GRAPH_ROLES = (
    "User.Read.All",
    "Domain.Read.All",
    "Group.Read.All",
    "MailboxSettings.Read",
    "Organization.Read.All",
    "Reports.Read.All",
)
_ANY_TENANT = ("common", "organizations", "consumers")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_TRACE = "\r\nTrace ID: 0\r\nCorrelation ID: 0\r\nTimestamp: 2026-01-01 00:00:00Z"


@dataclass
class Grant:
    """What a token opens; `owner` is the person with whose rights, None for the application itself."""

    resource: str
    roles: frozenset[str]
    expires_at: float
    revoked: bool = False
    owner: Optional[str] = None


def _refused(code: int, word: str, message: str, **headers: str) -> RefusedError:
    body = {"error": {"code": word, "message": message, "innerError": {"request-id": "0"}}}
    return RefusedError(Answer(code, body, {name.replace("_", "-"): value for name, value in headers.items()}))


def _oauth_error(code: int, word: str, number: int, text: str) -> RefusedError:
    description = "AADSTS%d: %s%s" % (number, text, _TRACE)
    body = {"error": word, "error_description": description, "error_codes": [number], "trace_id": "0"}
    return RefusedError(Answer(code, body))


class Service(HttpService):
    """The services around one tenant, started by entering the context.

    `consented` are the permissions of new tokens, `certificates` (PEM) those registered at the application.

    Attributes that change its ways: `page_size`, the most entries of a page; `next_link_host`, where lists go on;
    `clock`, seconds by which its clock differs; `secret_expired`; `usage`, items, bytes and archive by login, and
    `conceals_names` in the report on that, which is at `report_url`; `disabled`.
    """

    def __init__(self, tenant: Tenant, certificate: Any = None) -> None:
        super().__init__(MicrosoftHandler, certificate)
        self.tenant = tenant
        self.consented = {MAIL_ROLE, *GRAPH_ROLES}
        self.certificates: list[str] = []
        self.page_size = 999
        self.next_link_host: Optional[str] = None
        self.clock = 0.0
        self.secret_expired = False
        self.people = People(_oauth_error)
        self.usage: dict[str, tuple[int, int, bool]] = {}
        self.conceals_names = False
        self.report_url = ""
        self.grants: dict[str, Grant] = {}
        self.replays: set[str] = set()
        self._random = random.Random(365)

    def revoke(self) -> None:
        """Revoke all tokens."""
        for grant in self.grants.values():
            grant.revoked = True

    def issue(self, resource: str, owner: Optional[str] = None) -> tuple[str, int]:
        """Make a token for a service; one without permissions where nobody has consented."""
        is_graph = resource == self.url
        if owner is None:
            roles = frozenset(self.consented & set(GRAPH_ROLES if is_graph else (MAIL_ROLE,)))
        else:
            roles = frozenset(PERSON_GRAPH if is_graph else (PERSON_ROLE,))
        lifetime = self._random.randrange(3600, 5400)
        claims: dict[str, Any] = {"aud": resource, "idtyp": "user" if owner else "app", "jti": str(len(self.grants))}
        if owner:
            claims["scp"] = " ".join(sorted(roles))
        elif roles:
            claims["roles"] = sorted(roles)
        parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)]
        token = ".".join([*parts, _base64(b"signature " * 60)])
        self.grants[token] = Grant(resource, roles, self.now + lifetime, owner=owner)
        return token, lifetime

    def opens(self, token: str, role: str) -> bool:
        """Whether a token is good and has a permission."""
        grant = self.grants.get(token)
        return bool(grant and not grant.revoked and grant.expires_at > self.now and role in grant.roles)

    def opens_mailbox(self, token: str, login: str) -> bool:
        """Whether a token opens a mailbox over IMAP."""
        grant = self.grants.get(token)
        if grant is None or grant.owner is None:
            return self.opens(token, MAIL_ROLE)
        theirs = {grant.owner, *self.people.full_access.get(grant.owner, ())}
        return login in theirs and self.opens(token, PERSON_ROLE)

    def check_proof(self, form: dict[str, str], url: str) -> None:
        """Make sure that the application has proved itself.

        Raises:
            RefusedError: as Microsoft refuses.
        """
        if form.get("client_assertion_type") == _ASSERTION:
            self._check_assertion(form.get("client_assertion", ""), url)
        elif form.get("client_secret") != SECRET:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value"
            )
            raise _oauth_error(401, "invalid_client", 7000215, text)
        elif self.secret_expired:
            raise _oauth_error(401, "invalid_client", 7000222, "The provided client secret keys are expired.")

    def _check_assertion(self, assertion: str, url: str) -> None:
        refused = _oauth_error(401, "invalid_client", 700027, "Client assertion failed signature validation.")
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.exceptions.PyJWTError:
            raise refused from None
        for pem in self.certificates:
            certificate = x509.load_pem_x509_certificate(pem.encode())
            der = certificate.public_bytes(Encoding.DER)
            digests = {"x5t#S256": hashlib.sha256(der), "x5t": hashlib.sha1(der)}  # noqa: S324 - as older clients do
            if not any(header.get(name) == _base64(digest.digest()) for name, digest in digests.items()):
                continue
            try:
                options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
                claims = jwt.decode(assertion, certificate.public_key(), ["PS256", "RS256"], options, audience=url)  # type: ignore[arg-type]
            except jwt.exceptions.PyJWTError:
                raise refused from None
            now = time.time() + self.clock
            if not claims["nbf"] - 300 <= now <= claims["exp"] + 300 or claims["exp"] - claims["nbf"] > 600:
                raise _oauth_error(
                    401, "invalid_client", 700024, "Client assertion is not within its valid time range."
                )
            if claims["jti"] in self.replays or claims["iss"] != CLIENT_ID or claims["sub"] != CLIENT_ID:
                raise refused
            self.replays.add(claims["jti"])
            return
        raise refused


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class MicrosoftHandler(Handler):
    """One request."""

    service: Service

    def version_string(self) -> str:
        """The name that the service gives itself."""
        return "Microsoft-IIS/10.0"

    def unknown_path(self, path: str) -> Answer:
        """What a path that is none is answered."""
        return Answer(404, {"error": {"code": "ResourceNotFound", "message": "Resource not found for the segment."}})

    def token(self, tenant: str) -> Any:
        """A token for the application."""
        form, service = self.form(), self.service
        is_person = form.get("grant_type") in (DEVICE_GRANT, "refresh_token")
        if tenant not in (TENANT, "one.example") and not (is_person and tenant in _ANY_TENANT):
            raise _oauth_error(400, "invalid_request", 90002, "Tenant '%s' not found." % tenant)
        if form.get("client_id") != CLIENT_ID:
            text = "Application with identifier '%s' was not found in the directory" % form.get("client_id")
            raise _oauth_error(400, "unauthorized_client", 700016, text)
        if is_person:
            return self._person_token(form)
        service.check_proof(form, "%s/%s/oauth2/v2.0/token" % (service.url, tenant))
        resource, _slash, default = form.get("scope", "").rpartition("/")
        if form.get("grant_type") != "client_credentials" or default != ".default":
            raise _oauth_error(400, "invalid_scope", 70011, "The provided value for scope is not valid.")
        token, lifetime = service.issue(resource)
        return {"token_type": "Bearer", "expires_in": lifetime, "ext_expires_in": lifetime, "access_token": token}

    def _person_token(self, form: dict[str, str]) -> Any:
        service = self.service
        user, scope = service.people.redeem(form, service.now)
        resource = next(word.rpartition("/")[0] for word in scope.split() if "/" in word)
        token, lifetime = service.issue(resource, user)
        answer = {"token_type": "Bearer", "scope": scope, "expires_in": lifetime, "access_token": token}
        if "offline_access" in scope.split():
            answer["refresh_token"] = service.people.refresh_token(user)
        return answer

    def device_code(self, tenant: str) -> Any:
        """A code for a person to enter."""
        if tenant not in (TENANT, "one.example", *_ANY_TENANT):
            raise _oauth_error(400, "invalid_request", 90002, "Tenant '%s' not found." % tenant)
        if self.form().get("client_id") != CLIENT_ID:
            raise _oauth_error(400, "unauthorized_client", 700016, "Application was not found in the directory")
        return self.service.people.begin(self.form(), self.service.now)

    def _check_role(self, role: str) -> None:
        token = self.headers.get("Authorization", "").partition("Bearer ")[2]
        grant = self.service.grants.get(token)
        if not grant or grant.revoked or grant.expires_at <= self.service.now:
            raise _refused(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        if role not in grant.roles:
            raise _refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")

    def _page(self, entries: list[dict[str, Any]], path: str) -> Any:
        top = int(self.query.get("$top", 100))
        if top > 999:
            raise _refused(400, "Request_UnsupportedQuery", "Invalid page size specified: '%d'." % top)
        start, size = int(self.query.get("$skiptoken", 0)), min(top, self.service.page_size)
        wanted = self.query.get("$select")
        fields = set(wanted.split(",")) if wanted else {"id", "displayName", "mail", "userPrincipalName"}
        page = [{name: entry[name] for name in entry if name in fields} for entry in entries[start : start + size]]
        answer: dict[str, Any] = {"@odata.context": "$metadata", "value": page}
        if start + size < len(entries):
            host = self.service.next_link_host or self.service.url
            link = "%s/v1.0%s?$top=%d&$select=%s&$skiptoken=%d"
            answer["@odata.nextLink"] = link % (host, path, top, wanted or "", start + size)
        return answer

    def users(self) -> Any:
        """Everybody."""
        self._check_role("User.Read.All")
        return self._page(self.service.tenant.users, "/users")

    def domains(self) -> Any:
        """All domains, in one page."""
        self._check_role("Domain.Read.All")
        return {"value": self.service.tenant.domains}

    def groups(self) -> Any:
        """All groups."""
        self._check_role("Group.Read.All")
        return self._page(self.service.tenant.groups, "/groups")

    def members(self, group: str) -> Any:
        """Who is in a group."""
        self._check_role("Group.Read.All")
        return self._page(self.service.tenant.members.get(group, []), "/groups/%s/members" % group)

    def organization(self) -> Any:
        """What the tenant is called."""
        self._check_role("Organization.Read.All")
        return {"value": [{"id": TENANT, "displayName": "Example"}]}

    def mailbox_settings(self, user: str) -> Any:
        """What a mailbox is for."""
        self._check_role("MailboxSettings.Read")
        purpose = self.service.tenant.purposes.get(user)
        if purpose is None:
            raise _refused(404, "MailboxNotEnabledForRESTAPI", "The mailbox is either inactive or soft-deleted.")
        if purpose == "on_premises":
            text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            raise _refused(404, "MailboxNotEnabledForRESTAPI", text)
        return {"userPurpose": purpose}

    def usage_report(self) -> Any:
        """Where the report is to be had for some minutes, whoever asks."""
        self._check_role("Reports.Read.All")
        where = (
            self.service.report_url or self.service.url
        ) + "/reports/path-as-good-as-a-token/usage.csv?sig=as-good-as-a-token"
        raise RefusedError(Answer(302, b"", {"Location": where}))

    def usage_table(self) -> Any:
        """The report itself, to which no token belongs."""
        if self.headers.get("Authorization") or self.query.get("sig") != "as-good-as-a-token":
            raise RefusedError(Answer(400, b"<html>InvalidAuthenticationInfo</html>"))
        lines = ["Report Refresh Date,User Principal Name,Is Deleted,Item Count,Storage Used (Byte),Has Archive"]
        for login, (items, size, archive) in self.service.usage.items():
            concealed = hashlib.md5(login.encode()).hexdigest().upper()  # noqa: S324 - as the real one
            name = concealed if self.service.conceals_names else login
            lines.append("2026-01-01,%s,False,%d,%d,%s" % (name, items, size, archive))
        lines.append("2026-01-01,gone@one.example,True,9,9,False")
        raise RefusedError(Answer(200, ("\ufeff" + "\r\n".join(lines)).encode()))

    def openid_configuration(self, tenant: str) -> Any:
        """What Microsoft's own client asks for first."""
        url = "%s/%s" % (self.service.url, tenant)
        return {
            "issuer": url + "/v2.0",
            "authorization_endpoint": url + "/oauth2/v2.0/authorize",
            "token_endpoint": url + "/oauth2/v2.0/token",
            "device_authorization_endpoint": url + "/oauth2/v2.0/devicecode",
        }


MicrosoftHandler.routes = [
    ("POST", r"/([^/]+)/oauth2/v2\.0/token", MicrosoftHandler.token),
    ("POST", r"/([^/]+)/oauth2/v2\.0/devicecode", MicrosoftHandler.device_code),
    ("GET", r"/([^/]+)/v2\.0/\.well-known/openid-configuration", MicrosoftHandler.openid_configuration),
    ("GET", r"/v1\.0/reports/getMailboxUsageDetail\(period='D7'\)", MicrosoftHandler.usage_report),
    ("GET", r"/reports/path-as-good-as-a-token/usage\.csv", MicrosoftHandler.usage_table),
    ("GET", r"/v1\.0/users", MicrosoftHandler.users),
    ("GET", r"/v1\.0/users/([^/]+)/mailboxSettings", MicrosoftHandler.mailbox_settings),
    ("GET", r"/v1\.0/domains", MicrosoftHandler.domains),
    ("GET", r"/v1\.0/groups", MicrosoftHandler.groups),
    ("GET", r"/v1\.0/groups/([^/]+)/members", MicrosoftHandler.members),
    ("GET", r"/v1\.0/organization", MicrosoftHandler.organization),
]
