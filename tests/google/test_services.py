# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens and the directory of Google Workspace: a trouble ends well, or in one sentence that says what is missing."""

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.provider.base import Organization, select
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google import service_account
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.access import DelegatedAccess
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.directory import Directory
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.mailboxes import survey
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.service_account import ServiceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.provider.google.tokens import (
    ALL_SCOPES,
    MAIL_SCOPE,
    Tokens,
    delegation_link,
)
from fakes.google import DIRECTORY, INTERNAL, MAIL, RATE_LIMIT, RATE_TEXT, SCOPES, Service
from fakes.http_service import reset, status, throttled

from .conftest import ADMIN

CUSTOMER = Organization("my_customer", "my_customer")
# The token of a page that begins the list anew.
FIRST_PAGE = base64.urlsafe_b64encode(b"0").decode()
# Nothing of these may be in what people are shown.
SECRET_PARTS = ("PRIVATE KEY", "eyJ", "ya29.")


def refusal(action: object, *arguments: object) -> MailImportError:
    """The error of a call, which shows no secret."""
    with pytest.raises(MailImportError) as caught:
        action(*arguments)  # type: ignore[operator]
    assert not [part for part in SECRET_PARTS if part in str(caught.value)]
    assert not caught.value.message.endswith("…"), "a sentence is cut"
    return caught.value


def test_everything_of_a_customer_is_listed(directory: Directory, service: Service) -> None:
    for text, size, honours in ((False, 500, True), (True, 7, False)):
        service.text_lifetimes, service.page_size, service.honours_fields = text, size, honours
        contents = survey(directory, CUSTOMER)
        reasons = {mailbox.email: mailbox.skip.reason for mailbox in contents.mailboxes if mailbox.skip}
        assert reasons == {
            "fired@one.example": "suspended",
            "spammer@one.example": "suspended",
            "left@one.example": "archived",
            "unlicensed@one.example": "no_mailbox",
            "guest@one.example": "guest",
            "early@unverified.example": "domain_unverified",
            "c_188@resource.calendar.google.com": "resource",
        }
        assert len(contents.mailboxes) == 67 and contents.organization.name == "one.example"
        assert contents.warnings == ()
        (aliased,) = [mailbox for mailbox in contents.mailboxes if mailbox.email == "person0@one.example"]
        assert aliased.aliases == ("other0@one.example", "person0@alias.example")
        assert {domain.name: domain.alias_of for domain in contents.domains if domain.alias_of} == {
            "alias.example": "one.example"
        }
        lists = {entry.email: (len(entry.members), entry.complete) for entry in contents.mailing_lists}
        assert lists == {
            "all@one.example": (60, True),
            "everybody@one.example": (0, False),
            "mixed@two.example": (1, False),
            "partners@one.example": (2, True),
        }
    spammer = next(mailbox for mailbox in contents.mailboxes if mailbox.email.startswith("spammer"))
    assert spammer.skip and "for abuse" in spammer.skip.message and "reactivate it" in spammer.skip.message
    assert service.requests.count("POST /token") == 1, "a token is kept as long as it is good"
    assert len(select(contents, ["two.example"], [], []).mailboxes) == 20
    assert (
        "is an alias of the organization's domain one.example"
        in refusal(select, contents, ["alias.example"], [], []).message
    )


def test_a_customer_with_nobody_and_nothing(directory: Directory, service: Service) -> None:
    service.customer.groups.clear()
    del service.customer.users[1:]
    service.customer.domains.clear()
    contents = survey(directory, CUSTOMER)
    assert (len(contents.mailboxes), contents.domains, contents.mailing_lists) == (1, (), ())
    service.customer.users[0]["isAdmin"] = True
    users, service.customer.users = service.customer.users, []
    directory.scopes()
    assert "no administrator" in refusal(directory.users).message
    service.customer.users = users


def test_what_changes_between_two_pages_is_not_missed(directory: Directory, service: Service) -> None:
    service.page_size = 20
    asked: list[str] = []

    def somebody_comes(request: str) -> None:
        if request.endswith("/users"):
            asked.append(request)
            if len(asked) == 2:  # sorts before all that were read
                service.customer.add_user("aaron@one.example")

    service.before = somebody_comes
    emails = [user.email for user in directory.users()]
    assert len(emails) == len(set(emails)) == 68


@pytest.mark.parametrize(
    "trouble",
    [RATE_LIMIT, RATE_TEXT, INTERNAL, throttled("3"), throttled(), status(503), reset(), reset(200)],
    ids=["rate_limit", "rate_text", "internal", "429_after", "429", "503", "reset", "torn"],
)
def test_troubles_that_pass_are_waited_for(
    directory: Directory, service: Service, pauses: list[float], trouble: object
) -> None:
    for path in ("/token", "/users", "/domains", "/members"):
        service.trouble(path, trouble, trouble)  # type: ignore[arg-type]
    assert len(survey(directory, CUSTOMER).mailboxes) == 67
    assert len(pauses) >= 8 and max(pauses) <= 3


def test_a_limit_that_does_not_pass_ends_with_its_own_reason(directory: Directory, service: Service) -> None:
    service.trouble("/users", *[RATE_LIMIT] * 10)
    error = refusal(directory.users)
    assert error.reason == "throttled" and "userRateLimitExceeded" in error.message and "later" in error.message


def test_a_missing_scope_is_named(directory: Directory, tokens: Tokens, service: Service) -> None:
    service.delegated = {MAIL, DIRECTORY + "user.readonly"}
    contents = survey(directory, CUSTOMER)
    assert len(contents.mailboxes) == 67
    assert {domain.name for domain in contents.domains} >= {"one.example", "two.example"}
    told = " ".join(contents.warnings)
    assert "domain.readonly" in told and "group.readonly" in told and "110000000000000000001" in told
    assert tokens.allowed(ADMIN, ALL_SCOPES) == [MAIL, DIRECTORY + "user.readonly"]

    service.delegated = {DIRECTORY + "user.readonly"}
    error = refusal(tokens.new_token, ADMIN, (MAIL_SCOPE,))
    assert error.reason == "permission_denied" and MAIL in error.message and "Domain-wide delegation" in error.message

    service.delegated = set()
    error = refusal(Directory(directory._http, tokens, ADMIN, api_url=service.url).users)
    assert "user.readonly" in error.message and "within minutes" in error.message


def test_a_delegation_takes_its_time(tokens: Tokens, service: Service) -> None:
    service.effective_after = 1
    assert refusal(tokens.token, ADMIN, (MAIL_SCOPE,)).reason == "permission_denied"
    assert tokens.token(ADMIN, (MAIL_SCOPE,)).startswith("ya29.")


def test_refusals_of_one_user_say_why(tokens: Tokens, service: Service) -> None:
    service.policy_refuses.add("person1@one.example")

    def why(user: str) -> str:
        error = refusal(tokens.token, user, (MAIL_SCOPE,))
        assert error.reason == "auth_failed" and user in error.message
        return error.message

    assert "no user of this address" in why("nobody@one.example")
    assert "has been deleted" in why("gone@one.example")
    assert "keeps this application out" in why("person1@one.example")
    assert "suspended" in why("fired@one.example")
    service.clock = 900.0
    assert "the clock of this host is wrong" in why(ADMIN)
    service.clock, service.key_is_alive = 0.0, False
    assert "make a new key" in why(ADMIN)
    service.trouble("/token", status(404))
    assert "is oauth_url right?" in refusal(tokens.token, ADMIN, (MAIL_SCOPE,)).message


def test_refusals_of_the_directory_say_why(directory: Directory, service: Service, tokens: Tokens) -> None:
    def why(admin: str, **changes: str) -> str:
        urls = {"api_url": service.url, **changes}
        return refusal(Directory(directory._http, tokens, admin, **urls).users).message

    assert "person1@one.example is no administrator" in why("person1@one.example")
    assert "customer is another one" in why(ADMIN, customer="C0other")
    assert "is the address of the API right?" in why(ADMIN, api_url=service.url + "/elsewhere")
    said = {"error": {"code": 403, "message": "Access Not Configured", "errors": [{"reason": "accessNotConfigured"}]}}
    service.trouble("/users", status(403, said))
    assert "not switched on in the Google Cloud project" in why(ADMIN)
    service.trouble("/users", status(403, b"Domain cannot use apis."))
    assert "switch API access on" in why(ADMIN)
    service.trouble("/users", status(302, b"", Location="https://elsewhere.example/users"))
    assert "redirected elsewhere" in why(ADMIN)
    service.trouble("/users", status(200, {"users": [{"primaryEmail": "x"}]}))
    assert "unknown shape" in why(ADMIN)


def test_a_token_that_was_revoked_is_replaced_once(directory: Directory, service: Service) -> None:
    directory.scopes()
    service.revoke()
    assert len(directory.users()) == 67
    service.advance(4000)
    assert len(directory.users()) == 67
    service.trouble(
        "/users", *[status(401, {"error": {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}})] * 3
    )
    assert "a new one too" in refusal(directory.users).message


def test_pages_without_end_are_an_error(directory: Directory, service: Service) -> None:
    """What is behind a page that leads back is not known, so the list is no shorter list."""
    pages = {name: status(200, {"users": [], "nextPageToken": name}) for name in "abc"}
    for names in ("aa", "aba", "abca"):
        service.trouble("/users", *(pages[name] for name in names))
        error = refusal(directory.users)
        assert (error.reason, error.message) == ("protocol_error", "the list of users has no end"), names
    # Only the token of a page is taken, never an address.
    service.trouble(
        "/users", status(200, {"users": [], "nextPageToken": "http://127.0.0.1:1/steal?x=", "nextLink": "x"})
    )
    error = refusal(directory.users)
    assert error.reason == "request_refused" and service.url in error.message


def test_a_page_with_nobody_is_not_the_end(directory: Directory, service: Service) -> None:
    """Nor one that half of comes, or on which somebody is once more."""
    everybody = len(directory.users())
    again = base64.urlsafe_b64encode(b"00").decode()
    twice = {"users": [service.customer.users[0]], "nextPageToken": again}
    torn = status(200, b'{"users": [{"id": "1", "primaryEmail": "a@one.ex')
    service.trouble("/users", status(200, {"nextPageToken": FIRST_PAGE}), torn, status(200, twice))
    users = directory.users()
    assert len(users) == len({user.id for user in users}) == everybody


def test_what_gmail_tells_of_a_mailbox(directory: Directory, service: Service) -> None:
    service.customer.gmail["person1@one.example"] = {"enabled": True, "maxFolderSize": 1000, "messagesTotal": 5000}
    service.customer.gmail["person3@one.example"] = {"enabled": False}
    facts = directory.facts_of("person1@one.example")
    assert (facts.imap_enabled, facts.most_shown, facts.messages) == (True, 1000, 5000)
    assert directory.facts_of("person3@one.example").imap_enabled is False
    assert "no Gmail licence" in directory.facts_of("unlicensed@one.example").trouble
    service.gmail_api = False
    assert "not switched on in the Google Cloud project" in directory.facts_of("person1@one.example").trouble


def test_a_key_that_is_none_is_told_before_anybody_is_asked(service: Service) -> None:
    def why(text: str) -> str:
        return refusal(ServiceAccount.from_json, text).message

    assert "it is no JSON" in why("{'type': 'service_account'}")
    assert "no JSON object" in why("[]")
    assert "OAuth client" in why(json.dumps({"installed": {"client_id": "x"}}))
    assert "gcloud's own login" in why(service.key_text(type="authorized_user"))
    assert "its type is not service_account" in why(service.key_text(type=None))
    assert "a private key alone (PEM)" in why(service.key()["private_key"])
    assert "name the file in service_account_src" in why("$ANSIBLE_VAULT;1.1;AES256\n6162")
    encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIF\n-----END ENCRYPTED PRIVATE KEY-----\n"
    assert "is encrypted" in why(service.key_text(private_key=encrypted))
    assert "lacks private_key" in why(service.key_text(private_key=None))
    broken = service.key()["private_key"].replace("MII", "", 1)
    assert "no RSA key" in why(service.key_text(private_key=broken))
    assert service.requests == [] and "private" not in repr(ServiceAccount.from_json(service.key_text())).replace(
        "private_key_id", ""
    )


def test_the_link_allows_all_scopes(service: Service) -> None:
    link = delegation_link("110000000000000000001")
    assert "clientIdToAdd=110000000000000000001&" in link and link.startswith("https://admin.google.com/ac/owl/")
    assert "clientScopeToAdd=" + ",".join(SCOPES) in link


def test_the_assertion_is_googles_own(service: Service, tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same claims as google-auth makes, for the same time."""
    auth = pytest.importorskip("google.oauth2.service_account")
    jwt = pytest.importorskip("jwt")
    monkeypatch.setattr(service_account.time, "time", lambda: 1_900_000_000.5)
    ours = ServiceAccount.from_json(service.key_text()).assertion(ADMIN, SCOPES)
    theirs = auth.Credentials.from_service_account_info(service.key(), scopes=SCOPES, subject=ADMIN)
    monkeypatch.undo()
    made = theirs._make_authorization_grant_assertion().decode()
    claims, other = (jwt.decode(text, options={"verify_signature": False}) for text in (ours, made))
    assert {**claims, "iat": 0, "exp": 0} == {**other, "iat": 0, "exp": 0}
    assert claims["exp"] - claims["iat"] == other["exp"] - other["iat"] == 3600
    assert jwt.get_unverified_header(ours) == jwt.get_unverified_header(made)


def test_googles_own_clients_are_content_with_the_fake(service: Service) -> None:
    auth = pytest.importorskip("google.oauth2.service_account")
    discovery = pytest.importorskip("googleapiclient.discovery")
    service.page_size = 25
    key = auth.Credentials.from_service_account_info(service.key(), scopes=SCOPES[1:], subject=ADMIN)
    api = discovery.build(
        "admin", "directory_v1", credentials=key, client_options={"api_endpoint": service.url}, cache_discovery=False
    )
    users: list[str] = []
    request = api.users().list(customer="my_customer", orderBy="email")
    while request is not None:
        answer = request.execute()
        users += [user["primaryEmail"] for user in answer.get("users", ())]
        request = api.users().list_next(request, answer)
    assert len(users) == 67 and users == sorted(users)
    assert api.domains().list(customer="my_customer").execute()["domains"][0]["domainName"] == "one.example"
    group = api.groups().list(customer="my_customer").execute()["groups"][0]
    assert len(api.members().list(groupKey=group["id"]).execute()["members"]) == 25
    refused = auth.Credentials.from_service_account_info(service.key(), scopes=SCOPES, subject="nobody@one.example")
    requests = pytest.importorskip("google.auth.transport.requests")
    with pytest.raises(Exception, match="Invalid email or User ID"):
        refused.refresh(requests.Request())


def test_a_new_token_is_asked_for_each_login(tokens: Tokens, service: Service) -> None:
    first, second = (tokens.new_token(ADMIN, (MAIL_SCOPE,)) for _time in range(2))
    assert first != second and tokens.token(ADMIN, (MAIL_SCOPE,)) == second
    assert DelegatedAccess(tokens).sets_passwords is False
