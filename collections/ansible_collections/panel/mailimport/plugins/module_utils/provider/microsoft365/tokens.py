# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access tokens of an application that an administrator of the tenant has consented to: one opens all mailboxes,
another one the directory (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
"""

from __future__ import annotations

import base64
import json
import re
import time
from abc import ABC, abstractmethod
from typing import Any, Dict, FrozenSet, Mapping, Optional, Tuple
from urllib.parse import quote

from ...model.errors import MailImportError
from ..http import Call, Http, ServiceError
from ..oauth import LIFETIME, lifetime_of
from .credentials import Credential
from .shared_token import SharedToken

# A token in place of a refused one: for so many seconds, a refusal of it is not for its age. Mailboxes that the
# application must not open would ask for one after the other otherwise.
_NEWEST = 120.0
# A token that is good for less than this is not used for anything new, in seconds; they are good for 60 to 90 minutes.
# A session that Exchange ends with its token goes on over another one, which costs less than asking for tokens often.
_SPARE = 600.0
USUAL_LIFETIME = 3600.0
DEFAULT_SCOPES = "/.default"

_TOKEN: Mapping[str, Any] = {
    "type": "object",
    "required": ["access_token"],
    "properties": {
        "access_token": {"type": "string", "minLength": 1, "maxLength": 32768, "pattern": "^[!-~]+$"},
        "expires_in": LIFETIME,
    },
}

# What the numbers in Microsoft's refusals mean
# (https://learn.microsoft.com/entra/identity-platform/reference-error-codes).
_NUMBER = re.compile(r"AADSTS(\d+)")
_MEANINGS = {
    "7000215": "client_secret is wrong; it is the secret's Value, not its Secret ID",
    "7000222": "the secret has expired: make a new one on the application's page, Certificates & secrets",
    "7000216": "client_secret or client_certificate is missing",
    "700016": "there is no such application in this tenant: client_id or tenant is wrong, or nobody has consented",
    "90002": "there is no such tenant: tenant is the Directory (tenant) ID, or a domain of it",
    "900023": "there is no such tenant: tenant is the Directory (tenant) ID, or a domain of it",
    "700027": "the certificate is not registered on the application's page, or is another one",
    "700024": "the clock of this host is wrong: set it (NTP)",
    "70011": "the application cannot be given this scope",
    "53003": "a Conditional Access policy keeps this application, or this way of logging in, out",
    "7000218": "the application must allow it: on its page, Authentication, Allow public client flows: Yes",
    "65001": "nobody has consented to what the application asks for: let the person, or an administrator, consent",
    "65004": "the person who was asked has declined",
    "90094": "only an administrator may consent to what the application asks for",
    "70008": "the token has expired, or was not used for 90 days",
    "700082": "the token has expired, or was not used for 90 days",
    "70043": "a policy on how often people log in ends the token",
    "50173": "the token was revoked: the person's password was changed, or an administrator ended all logins",
    "50076": "the person has to log in anew with a second factor",
    "50079": "the person has to set up a second factor",
    "50034": "there is no such user in this tenant",
    "50057": "the user's account is disabled",
    "50020": "the account is of another tenant: tenant is the Directory (tenant) ID of its own, or common",
    "50194": "the application is of one tenant only: tenant is its Directory (tenant) ID",
    "9002346": "the application is for personal accounts only: tenant=consumers",
    "9002331": "the application is for personal accounts only: tenant=consumers",
    "7000112": "the application is disabled in this tenant (Enterprise applications, Properties)",
    "500011": "the service behind the scope is not in this tenant, or the scope is another cloud's: see option cloud",
}


class Tokens(ABC):
    """Gets tokens, and keeps them for this process and those that are forked from it, as long as they are good.

    Args:
        resources: what there will be tokens for.

    Attributes: `KIND`, of the permissions that they have, as Microsoft calls it.
    """

    KIND = "Application"

    def __init__(self, resources: FrozenSet[str]) -> None:
        self._shared: Dict[str, SharedToken] = {resource: SharedToken() for resource in resources}

    @abstractmethod
    def _ask(self, resource: str) -> Tuple[str, float]:
        """Ask for a token; return it, and for how many seconds it is good."""

    def token(self, resource: str) -> str:
        """Return a token for a service; the same one as long as it is good.

        Raises:
            MailImportError: `auth_failed` with what to do when there is none; see Http.call for the rest.
        """
        return self._shared[resource].get() or self.new_token(resource)

    def new_token(self, resource: str, newest_for: float = 0.0) -> str:
        """Return another token than before; raises as `token` does."""
        token, lifetime = self._ask(resource)
        self._shared[resource].put(token, max(0.0, lifetime - _SPARE), newest_for)
        return token

    def in_place_of(self, resource: str, refused: str) -> Optional[str]:
        """Return a token in place of one that was refused, None where that was not for the token; raises as `token`
        does.
        """
        found = self._shared[resource].find()
        if found and found.token != refused:
            return found.token
        if found and time.monotonic() < found.newest_until:
            return None
        return self.new_token(resource, _NEWEST)


class AppTokens(Tokens):
    """Tokens of the application itself.

    Args:
        tenant: Directory (tenant) ID, or a domain of it.
        login_url: of the service, without a path.
        resources: what there will be tokens for.
    """

    def __init__(
        self,
        http: Http,
        tenant: str,
        client_id: str,
        credential: Credential,
        login_url: str,
        resources: FrozenSet[str],
    ) -> None:
        super().__init__(resources)
        self._http = http
        self._client_id = client_id
        self._credential = credential
        self._url = "%s/%s/oauth2/v2.0/token" % (login_url.rstrip("/"), quote(tenant, safe=""))

    def _ask(self, resource: str) -> Tuple[str, float]:
        form = {
            "client_id": self._client_id,
            "scope": resource + DEFAULT_SCOPES,
            "grant_type": "client_credentials",
            **self._credential.form(self._client_id, self._url),
        }
        secrets = (*self._credential.secrets(), form.get("client_assertion", ""))
        try:
            answer = self._http.call(Call("POST", self._url, _TOKEN, form=form, secrets=secrets))
        except ServiceError as error:
            raise _explained(error) from None
        lifetime = lifetime_of(answer)
        return str(answer["access_token"]), USUAL_LIFETIME if lifetime is None else lifetime


def _explained(error: ServiceError) -> MailImportError:
    """Return what a refusal means for people. The words decide, the numbers only help to understand: Microsoft changes
    them.
    """
    if error.status == 429 or error.status >= 500:
        return error
    if error.status == 404 and not error.word:
        return MailImportError("not_found", "%s: is login_url right?" % error.message)
    advice = meaning_of(error)
    if not advice and error.word == "invalid_client":
        advice = "client_id, client_secret or client_certificate is wrong"
    words = ", ".join(filter(None, (error.word, error.said))) or "HTTP %d" % error.status
    return MailImportError(
        "auth_failed", "no token: Microsoft refuses (%s)%s" % (words, ": %s" % advice if advice else "")
    )


def meaning_of(error: ServiceError) -> str:
    """Return what the number in a refusal means, empty when nobody knows."""
    number = _NUMBER.search(error.said)
    return _MEANINGS.get(number.group(1), "") if number else ""


def roles_in(token: str) -> Optional[FrozenSet[str]]:
    """Return the permissions that a token names, as a hint for people; None when it cannot be read, for Microsoft may
    change what tokens are at any time. Nothing is decided by it, and no signature is checked.
    """
    try:
        claims = token.split(".")[1]
        roles = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))).get("roles", [])
        return frozenset(role for role in roles if isinstance(role, str))
    except (IndexError, ValueError, AttributeError, TypeError):
        return None
