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
from typing import Any, Dict, FrozenSet, Mapping, Optional
from urllib.parse import quote

from ...model.errors import MailImportError
from ..http import Call, Http, ServiceError
from .credentials import Credential
from .shared_token import SharedToken

# A token that is good for less than this is not used for anything new, in seconds; they are good for 60 to 90 minutes.
# A session that Exchange ends with its token goes on over another one, which costs less than asking for tokens often.
_SPARE = 600.0
_USUAL_LIFETIME = 3600.0
_DEFAULT = "/.default"

_TOKEN: Mapping[str, Any] = {
    "type": "object",
    "required": ["access_token"],
    "properties": {
        "access_token": {"type": "string", "minLength": 1, "maxLength": 32768, "pattern": "^[!-~]+$"},
        "expires_in": {"anyOf": [{"type": ["integer", "null"]}, {"type": "string", "pattern": "^[0-9]{1,9}$"}]},
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
    "53003": "a Conditional Access policy for workload identities keeps this application out",
    "7000112": "the application is disabled in this tenant (Enterprise applications, Properties)",
    "500011": "the service behind the scope is not in this tenant, or the scope is another cloud's: see option cloud",
}


class AppTokens:
    """Gets tokens, and keeps them for this process and those that are forked from it, as long as they are good.

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
        self._http = http
        self._client_id = client_id
        self._credential = credential
        self._url = "%s/%s/oauth2/v2.0/token" % (login_url.rstrip("/"), quote(tenant, safe=""))
        self._shared: Dict[str, SharedToken] = {resource: SharedToken() for resource in resources}

    def token(self, resource: str) -> str:
        """Return a token for a service; the same one as long as it is good.

        Raises:
            MailImportError: `auth_failed` with what to do when there is none; see Http.call for the rest.
        """
        return self._shared[resource].get() or self.new_token(resource)

    def new_token(self, resource: str) -> str:
        """Return another token than before; raises as `token` does."""
        form = {
            "client_id": self._client_id,
            "scope": resource + _DEFAULT,
            "grant_type": "client_credentials",
            **self._credential.form(self._client_id, self._url),
        }
        secrets = (*self._credential.secrets(), form.get("client_assertion", ""))
        try:
            answer = self._http.call(Call("POST", self._url, _TOKEN, form=form, secrets=secrets))
        except ServiceError as error:
            raise _explained(error) from None
        token = str(answer["access_token"])
        lifetime = float(answer.get("expires_in") or _USUAL_LIFETIME)
        self._shared[resource].put(token, max(0.0, lifetime - _SPARE))
        return token


def _explained(error: ServiceError) -> MailImportError:
    """Return what a refusal means for people. The words decide, the numbers only help to understand: Microsoft changes
    them.
    """
    if error.status == 429 or error.status >= 500:
        return error
    if error.status == 404 and not error.word:
        return MailImportError("not_found", "%s: is login_url right?" % error.message)
    number = _NUMBER.search(error.said)
    advice = _MEANINGS.get(number.group(1), "") if number else ""
    if not advice and error.word == "invalid_client":
        advice = "client_id, client_secret or client_certificate is wrong"
    words = ", ".join(filter(None, (error.word, error.said))) or "HTTP %d" % error.status
    return MailImportError(
        "auth_failed", "no token: Microsoft refuses (%s)%s" % (words, ": %s" % advice if advice else "")
    )


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
