# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The directory of a Google Workspace customer: its users, domains and groups (Admin SDK, Directory API).

The calls are those of https://developers.google.com/workspace/admin/directory/reference/rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import quote

from ...model.errors import MailImportError, one_line
from ..advice import advice_in, with_advice
from ..base import Domain
from ..http import Call, Http, ServiceError
from ..paging import Entry, Trail, read_steadily
from . import schemas
from .tokens import DIRECTORY_SCOPES, DOMAINS_SCOPE, GROUPS_SCOPE, MAIL_SCOPE, USERS_SCOPE, Tokens

API_URL = "https://admin.googleapis.com"
GMAIL_API_URL = "https://gmail.googleapis.com"
MY_CUSTOMER = "my_customer"

_USERS_PER_PAGE = 500
_GROUPS_PER_PAGE = 200
_USER_FIELDS = (
    "nextPageToken,users(id,primaryEmail,aliases,nonEditableAliases,suspended,suspensionReason,archived,isMailboxSetup,"
    "isGuestUser)"
)


@dataclass(frozen=True)
class User:
    """An account. `aliases` are whole addresses; `suspension` is why it is suspended, empty when it is not or nobody
    says.
    """

    id: str
    email: str
    aliases: Tuple[str, ...]
    is_suspended: bool
    suspension: str
    is_archived: bool
    has_mailbox: bool
    is_guest: bool


@dataclass(frozen=True)
class Group:
    """A group with its address. `members` are addresses; it is not `complete` when others are in it."""

    email: str
    name: str
    aliases: Tuple[str, ...]
    members: Tuple[str, ...]
    complete: bool


@dataclass(frozen=True)
class MailboxFacts:
    """What Gmail tells of a mailbox; None is what it does not tell. `most_shown` is how many messages of a folder IMAP
    shows at most, None for all.
    """

    imap_enabled: Optional[bool] = None
    most_shown: Optional[int] = None
    messages: Optional[int] = None
    trouble: str = ""


class Directory:
    """What an administrator's rights open.

    Args:
        admin: the address of the administrator for whom the service account acts.
        customer: which one of a reseller's; `my_customer` is the administrator's own.
        api_url, gmail_api_url: of the services, without a path.
    """

    def __init__(
        self,
        http: Http,
        tokens: Tokens,
        admin: str,
        customer: str = MY_CUSTOMER,
        api_url: str = API_URL,
        gmail_api_url: str = GMAIL_API_URL,
    ) -> None:
        self._http = http
        self._tokens = tokens
        self._admin = admin
        self._customer = customer
        self._api_url = api_url.rstrip("/")
        self._gmail_api_url = gmail_api_url.rstrip("/")
        self._allowed: Optional[Tuple[str, ...]] = None

    @property
    def customer(self) -> str:
        return self._customer

    def scopes(self) -> Tuple[str, ...]:
        """The scopes for the directory that are delegated.

        Raises:
            MailImportError: `permission_denied` when users cannot be listed; `auth_failed` when the administrator is
                none.
        """
        if self._allowed is None:
            self._allowed = tuple(self._tokens.allowed(self._admin, DIRECTORY_SCOPES))
            if USERS_SCOPE not in self._allowed:
                self._tokens.new_token(self._admin, (USERS_SCOPE,))  # says what is missing
        return self._allowed

    def users(self) -> List[User]:
        """Everybody, suspended and archived ones too; not those that were deleted."""
        params = {
            "customer": self._customer,
            "maxResults": _USERS_PER_PAGE,
            "orderBy": "email",
            "fields": _USER_FIELDS,
        }
        found = self._list("/admin/directory/v1/users", schemas.USERS, "users", params, USERS_SCOPE, "id")
        return [_user_of(entry) for entry in found]

    def domains(self) -> List[Domain]:
        """The domains, with those that are aliases of them."""
        path = "/admin/directory/v1/customer/%s/domains" % quote(self._customer, safe="")
        domains = []
        for entry in self._list(path, schemas.DOMAINS, "domains", {}, DOMAINS_SCOPE, "domainName"):
            name = entry["domainName"].lower()
            domains.append(Domain(name, bool(entry.get("isPrimary")), entry.get("verified") is not False))
            domains += [
                Domain(alias["domainAliasName"].lower(), False, alias.get("verified") is not False, alias_of=name)
                for alias in entry.get("domainAliases") or ()
            ]
        return domains

    def groups(self) -> List[Group]:
        """The groups, with the addresses of their members."""
        params = {"customer": self._customer, "maxResults": _GROUPS_PER_PAGE}
        found = self._list("/admin/directory/v1/groups", schemas.GROUPS, "groups", params, GROUPS_SCOPE, "id")
        return [self._group_of(entry) for entry in found if entry.get("email")]

    def _group_of(self, entry: Entry) -> Group:
        path = "/admin/directory/v1/groups/%s/members" % quote(entry["id"], safe="")
        params = {"maxResults": _GROUPS_PER_PAGE}
        # A member of no address, everybody in the organization say, has no id of its own either.
        found = list(self._pages(path, schemas.MEMBERS, "members", params, GROUPS_SCOPE))
        members = [member for page in found for member in page]
        people = [member for member in members if member.get("email") and member["type"] in ("USER", "EXTERNAL")]
        return Group(
            email=entry["email"].lower(),
            name=one_line(entry.get("name") or ""),
            aliases=_addresses(entry),
            members=tuple(sorted({member["email"].lower() for member in people})),
            complete=len(people) == len(members),
        )

    def facts_of(self, email: str) -> MailboxFacts:
        """What Gmail tells of a mailbox, when the Gmail API is switched on and lets the service account in."""
        base = "%s/gmail/v1/users/me" % self._gmail_api_url
        try:
            token = self._tokens.token(email, (MAIL_SCOPE,))
            settings = self._http.call(Call("GET", base + "/settings/imap", schemas.IMAP_SETTINGS, token=token))
            profile = self._http.call(Call("GET", base + "/profile", schemas.PROFILE, token=token))
        except ServiceError as error:
            return MailboxFacts(trouble=_explained(error, MAIL_SCOPE, email).message)
        except MailImportError as error:
            return MailboxFacts(trouble=error.message)
        most = int(settings.get("maxFolderSize") or 0)
        # What is false is left out of an answer.
        return MailboxFacts(bool(settings.get("enabled")), most or None, int(profile.get("messagesTotal") or 0))

    def _list(
        self, path: str, schema: Mapping[str, Any], key: str, params: Mapping[str, Any], scope: str, known_by: str
    ) -> List[Entry]:
        return read_steadily(lambda: self._pages(path, schema, key, params, scope), known_by)

    def _pages(
        self, path: str, schema: Mapping[str, Any], key: str, params: Mapping[str, Any], scope: str
    ) -> Iterator[List[Entry]]:
        trail, asked = Trail(key), dict(params)
        while True:
            answer = self._get(path, schema, asked, scope)
            yield answer.get(key) or []
            following = trail.onward(answer.get("nextPageToken"))
            if following is None:
                return
            asked = dict(params, pageToken=following)

    def _get(self, path: str, schema: Mapping[str, Any], params: Mapping[str, Any], scope: str) -> Dict[str, Any]:
        if scope not in self.scopes():
            self._tokens.new_token(self._admin, (scope,))  # says that it is missing, and what to do
        scopes = self.scopes()
        try:
            return self._call(path, schema, params, self._tokens.token(self._admin, scopes))
        except ServiceError as error:
            if error.status != 401:
                raise _explained(error, scope, self._admin) from None
        try:  # a token that was revoked, or has expired before its time
            return self._call(path, schema, params, self._tokens.new_token(self._admin, scopes))
        except ServiceError as error:
            raise _explained(error, scope, self._admin) from None

    def _call(self, path: str, schema: Mapping[str, Any], params: Mapping[str, Any], token: str) -> Dict[str, Any]:
        return self._http.call(Call("GET", self._api_url + path, schema, token=token, params=params))


def _user_of(entry: Entry) -> User:
    return User(
        id=entry["id"],
        email=(entry.get("primaryEmail") or "").lower(),
        aliases=_addresses(entry),
        is_suspended=bool(entry.get("suspended")),
        suspension=entry.get("suspensionReason") or "",
        is_archived=bool(entry.get("archived")),
        # Only false says that there is none.
        has_mailbox=entry.get("isMailboxSetup") is not False,
        is_guest=bool(entry.get("isGuestUser")),
    )


# Google gives every account an address on a domain of its own for tests, which nobody writes to.
_TEST_DOMAIN = ".test-google-a.com"


def _addresses(entry: Entry) -> Tuple[str, ...]:
    """The other addresses of a user or a group, on alias domains too."""
    both: Sequence[str] = [*(entry.get("aliases") or ()), *(entry.get("nonEditableAliases") or ())]
    return tuple(sorted({alias.lower() for alias in both if not alias.lower().endswith(_TEST_DOMAIN)}))


_NOT_SWITCHED_ON = (
    "the API is not switched on in the Google Cloud project of the service account: follow the link, and wait some "
    "minutes"
)
_NO_ADMINISTRATOR = "{user} is no administrator with the right to read this (scope {scope}), or customer is another one"
_NO_GMAIL = "the user has no Gmail licence, or Gmail is switched off for the unit"
# What to do about a refusal: HTTP status, Google's word or a part of what it says (small letters), and the advice. The
# first that fits.
_ADVICE = (
    (401, "", "the token is refused, a new one too: see whether the service account still exists"),
    (403, "accessnotconfigured", _NOT_SWITCHED_ON),
    (403, "has not been used in project", _NOT_SWITCHED_ON),
    (403, "insufficient", "the scope {scope} is not delegated to the service account"),
    (403, "forbidden", _NO_ADMINISTRATOR),
    (403, "not authorized", _NO_ADMINISTRATOR),
    (403, "domain cannot use apis", "switch API access on: Admin console, Security, API controls"),
    (403, "", "{user} has no right to this (scope {scope})"),
    (400, "mail service not enabled", _NO_GMAIL),
    (400, "failedprecondition", _NO_GMAIL),
    (404, "", "is the address of the API right?"),
)


def _explained(error: ServiceError, scope: str, user: str) -> ServiceError:
    said = "%s %s" % (error.word, error.said)
    return with_advice(error, advice_in(_ADVICE, error.status, said, scope=scope, user=user))
