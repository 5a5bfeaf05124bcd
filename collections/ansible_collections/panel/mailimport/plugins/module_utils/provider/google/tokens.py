# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access tokens for the users of a Google Workspace customer, got with the key of a service account to which an
administrator has delegated the customer's domains once.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Sequence, Tuple
from urllib.parse import urlencode

from ...model.errors import MailImportError
from ..http import Call, Http, ServiceError
from ..oauth import LIFETIME, lifetime_of
from .service_account import ServiceAccount

OAUTH_URL = "https://oauth2.googleapis.com"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_DELEGATION = "https://admin.google.com/ac/owl/domainwidedelegation"

# The one scope that IMAP takes; there is none for reading alone.
MAIL_SCOPE = "https://mail.google.com/"
_DIRECTORY = "https://www.googleapis.com/auth/admin.directory."
USERS_SCOPE = _DIRECTORY + "user.readonly"
DOMAINS_SCOPE = _DIRECTORY + "domain.readonly"
GROUPS_SCOPE = _DIRECTORY + "group.readonly"
# Without the first nobody can be listed; what the others would give is left out.
DIRECTORY_SCOPES = (USERS_SCOPE, DOMAINS_SCOPE, GROUPS_SCOPE)
ALL_SCOPES = (MAIL_SCOPE, *DIRECTORY_SCOPES)

# A token that is good for less than this is not used any more, in seconds.
_SPARE = 120.0
_USUAL_LIFETIME = 3600.0

_TOKEN: Mapping[str, Any] = {
    "type": "object",
    "required": ["access_token"],
    "properties": {
        "access_token": {"type": "string", "minLength": 1, "maxLength": 16384, "pattern": "^[!-~]+$"},
        "expires_in": LIFETIME,
    },
}

# What a refusal means: the service's word, a part of what it says (small letters), and what to do. The first that fits.
_MEANINGS = (
    ("invalid_grant", "reasonable timeframe", "the clock of this host is wrong: set it (NTP)"),
    ("invalid_grant", "deleted", "the account has been deleted at Google"),
    (
        "invalid_grant",
        "invalid jwt",
        "the key was deleted or disabled, or is another service account's: make a new key in the Google Cloud console",
    ),
    ("invalid_grant", "email", "Google Workspace has no user of this address in the organization; it takes no aliases"),
    ("invalid_grant", "", "Google gives no token for this user"),
    ("access_denied", "restricted", "a policy restricts the account (Admin console, Context-Aware Access)"),
    (
        "access_denied",
        "",
        "a policy of the organization keeps this application out: Admin console, Security, API controls, App access "
        "control",
    ),
    ("admin_policy_enforced", "", "a policy of the organization keeps this application out (App access control)"),
    ("invalid_account", "", "the account is suspended, or has no service at Google"),
    ("invalid_scope", "", "Google does not know one of the scopes"),
    ("invalid_client", "", "the service account was deleted, or its key is another one's"),
)
_UNDELEGATED = "unauthorized_client"
_NOT_DELEGATED = (
    "the organization does not allow the service account (client ID %s) to use %s: a super administrator adds that in "
    "the Admin console, Security, API controls, Domain-wide delegation (google_workspace_info returns the link that "
    "fills it in), and it takes effect within minutes, a day at most"
)


def delegation_link(client_id: str, scopes: Sequence[str] = ALL_SCOPES) -> str:
    """Return the address of the Admin console's form that allows scopes to a service account, filled in."""
    form = {"clientIdToAdd": client_id, "clientScopeToAdd": ",".join(scopes), "overwriteClientId": "true"}
    return "%s?%s" % (_DELEGATION, urlencode(form, safe=":/,"))


class UndelegatedError(MailImportError):
    """The service account is not allowed what was asked for: that is so for all users. `scopes` are those."""

    def __init__(self, message: str, scopes: Sequence[str]) -> None:
        super().__init__("permission_denied", message)
        self.scopes = tuple(scopes)


class Tokens:
    """Gets tokens, and keeps them as long as they are good.

    Args:
        url: of the service, without a path.
    """

    def __init__(self, http: Http, account: ServiceAccount, url: str = OAUTH_URL) -> None:
        self._http = http
        self._account = account
        self._url = url.rstrip("/") + "/token"
        self._known: Dict[Tuple[str, Tuple[str, ...]], Tuple[str, float]] = {}

    def token(self, user: str, scopes: Sequence[str]) -> str:
        """Return a token that acts for a user; the same one as long as it is good.

        Raises:
            UndelegatedError: scopes are not delegated; it names them, and the form that does it.
            MailImportError: `auth_failed` when there is none for this user; see Http.call for the rest.
        """
        known = self._known.get((user, tuple(scopes)))
        return known[0] if known and known[1] > time.monotonic() else self.new_token(user, scopes)

    def new_token(self, user: str, scopes: Sequence[str]) -> str:
        """Return another token than before; raises as `token` does."""
        try:
            return self._get(user, scopes)
        except ServiceError as error:
            if error.word != _UNDELEGATED:
                raise _explained(error, user) from None
        # Google refuses all when one is missing: which one, only single requests tell.
        missing = [scope for scope in scopes if len(scopes) == 1 or not self.is_allowed(user, scope)]
        message = _NOT_DELEGATED % (self._account.client_id, ", ".join(missing or scopes))
        raise UndelegatedError(message, missing or scopes)

    def is_allowed(self, user: str, scope: str) -> bool:
        """True when a scope is delegated; raises as `token` does, but for that."""
        try:
            self._get(user, (scope,))
        except ServiceError as error:
            if error.word != _UNDELEGATED:
                raise _explained(error, user) from None
            return False
        return True

    def allowed(self, user: str, scopes: Sequence[str]) -> List[str]:
        """Return which scopes are delegated; one request when all of them are."""
        try:
            self.token(user, scopes)
        except UndelegatedError as error:
            return [scope for scope in scopes if scope not in error.scopes]
        return list(scopes)

    def _get(self, user: str, scopes: Sequence[str]) -> str:
        assertion = self._account.assertion(user, scopes)
        form = {"grant_type": _GRANT, "assertion": assertion}
        answer = self._http.call(Call("POST", self._url, _TOKEN, form=form, secrets=(assertion,)))
        token = str(answer["access_token"])
        lifetime = lifetime_of(answer)
        ends_in = _USUAL_LIFETIME if lifetime is None else lifetime
        self._known[user, tuple(scopes)] = token, time.monotonic() + ends_in - _SPARE
        return token


def _explained(error: ServiceError, user: str) -> MailImportError:
    """Return what a refusal means for people."""
    if error.status == 404:
        return MailImportError("not_found", "%s: is oauth_url right?" % error.message)
    if error.status == 429 or error.status >= 500 or error.reason == "throttled":
        return error
    said = error.said.lower()
    meaning = next((text for word, part, text in _MEANINGS if word == error.word and part in said), "")
    words = ", ".join(filter(None, (error.word, error.said))) or "HTTP %d" % error.status
    advice = ": %s" % meaning if meaning else ""
    return MailImportError("auth_failed", "no token for %s: Google refuses (%s)%s" % (user, words, advice))
