# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization is read to its end, in whatever pages, and what is refused is explained."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.provider.base import (
    Organization,
    OrganizationContents,
    find_organization,
    select,
)
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360 import directory as directory_module
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360.directory import Directory
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360.mailboxes import survey
from fakes.http_service import status
from fakes.yandex360 import ADMIN_SCOPES, Service

ORG = 7654321


@pytest.fixture
def contents(directory: Directory) -> OrganizationContents:
    """All that the company has."""
    return survey(directory, Organization(ORG, "company"))


def test_lists_of_several_pages_are_read_to_their_end(
    directory: Directory, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "_USERS_PER_PAGE", 7)
    monkeypatch.setattr(directory_module, "_SHARED_PER_PAGE", 1)
    assert [user.id for user in directory.users(ORG)] == [user["id"] for user in service.organization.users]
    assert [domain.name for domain in directory.domains(ORG)] == [
        domain["name"] for domain in service.organization.domains
    ]
    assert {mailbox.email for mailbox in directory.shared_mailboxes(ORG)} == {"info@one.example", "sales@two.example"}


@pytest.mark.parametrize("pages", [0, 1])
def test_lists_may_be_empty(directory: Directory, service: Service, pages: int) -> None:
    service.switches.empty_list_pages = pages
    service.organization.groups.clear()
    service.organization.shared.clear()
    assert directory.groups(ORG) == [] and directory.shared_mailboxes(ORG) == []


def test_who_moves_over_the_border_of_a_page_is_not_missed(
    directory: Directory, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "_USERS_PER_PAGE", 10)
    users = service.organization.users

    def change(request: str) -> None:
        # Behind the first page: all others move up by one, and the eleventh is on the page that was read already.
        if request.endswith("/users") and len(service.requests) == 2:
            users.append(users.pop(0))

    service.before = change
    assert {user.id for user in directory.users(ORG)} == {user["id"] for user in users}


def test_a_list_that_never_rests_is_an_error(
    directory: Directory, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "_USERS_PER_PAGE", 10)
    service.before = lambda request: service.organization.add_user("new%d@one.example" % len(service.requests)) and None
    with pytest.raises(MailImportError, match="keeps changing"):
        directory.users(ORG)


def test_a_page_with_nobody_is_not_the_end(
    directory: Directory, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was on it has moved, or was dismissed meanwhile."""
    monkeypatch.setattr(directory_module, "_USERS_PER_PAGE", 10)
    everybody = len(directory.users(ORG))
    empty = status(200, {"users": [], "page": 1, "pages": 7, "perPage": 10, "total": 64})
    service.trouble("/users", empty)
    assert len(directory.users(ORG)) == everybody


def test_organizations_without_end_are_an_error(directory: Directory, service: Service) -> None:
    page = status(200, {"organizations": [], "nextPageToken": "again"})
    service.trouble("/org", page, page)
    with pytest.raises(MailImportError, match="the list of organizations has no end"):
        directory.organizations()


def test_pages_without_end_are_an_error(
    directory: Directory, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory_module, "MAX_PAGES", 3)
    service.organization.users[:] = service.organization.users * 100
    with pytest.raises(MailImportError, match="has no end"):
        directory.users(ORG)


def test_identifiers_may_be_numbers_or_strings(directory: Directory, service: Service) -> None:
    for user in service.organization.users:
        user["id"] = int(user["id"])
    assert {user.id for user in directory.users(ORG)} == {str(user["id"]) for user in service.organization.users}


@pytest.mark.parametrize(
    ("token", "organization", "reason", "words"),
    [
        ("wrong", ORG, "auth_failed", "wrong, has expired or was revoked"),
        ("foreign", 123, "permission_denied", "not an administrator's, or the organization is another one"),
        (
            "narrow",
            ORG,
            "permission_denied",
            "lacks the scope directory:read_users: add it to the application and get a new token",
        ),
    ],
)
def test_a_refusal_says_what_to_do(
    http: Http, service: Service, token: str, organization: int, reason: str, words: str
) -> None:
    tokens = {
        "wrong": "y0_wrong",
        "foreign": service.admin_token(),
        "narrow": service.admin_token(frozenset(("directory:read_domains",))),
    }
    with pytest.raises(MailImportError, match=words) as error:
        Directory(http, tokens[token], service.url).users(organization)
    assert error.value.reason == reason and tokens[token] not in error.value.message


def test_the_wrong_host_of_the_api_is_told(http: Http, service: Service) -> None:
    with pytest.raises(MailImportError, match="is the address of the API right") as error:
        Directory(http, service.admin_token(), service.url + "/cloud").users(ORG)
    assert error.value.reason == "not_found"


def test_a_token_may_write_what_it_may_read(http: Http, service: Service) -> None:
    token = service.admin_token(frozenset(("directory:write_users",)))
    assert len(Directory(http, token, service.url).users(ORG)) == 64


def test_the_organization_is_found(directory: Directory, service: Service) -> None:
    found = directory.organizations()
    for wanted in (None, str(ORG), "Рога и Копыта"):
        assert find_organization(found, wanted).id == ORG
    with pytest.raises(MailImportError, match=r"no organization 99; it opens: 7654321 \(Рога и Копыта\)"):
        find_organization(found, "99")
    with pytest.raises(MailImportError, match=r"organization must name one of: 1 \(One\), 2 \(Two\)"):
        find_organization([Organization(1, "One"), Organization(2, "Two")], None)


def test_whose_password_cannot_be_set(directory: Directory) -> None:
    for uid, reason in (("48989999", "permission_denied"), ("1130000000009999", "not_found")):
        with pytest.raises(MailImportError) as error:
            directory.set_password(ORG, uid, "long enough 1")
        assert error.value.reason == reason


def test_what_cannot_be_imported_says_why(contents: OrganizationContents) -> None:
    reasons = {mailbox.email: mailbox.skip.reason for mailbox in contents.mailboxes if mailbox.skip}
    assert reasons == {
        "yndx-forms-cnt-robot@yandex.ru": "robot",
        "guest@yandex.ru": "portal_account",
        "blocked@one.example": "blocked",
        "dismissed@one.example": "dismissed",
    }
    assert len(contents.mailboxes) == 66 and contents.warnings == ()


@pytest.mark.parametrize(
    ("email", "changes", "reason"),
    [
        ("anna@unverified.example", {}, "domain_unverified"),
        ("anna@elsewhere.example", {}, "foreign_domain"),
        ("", {}, "no_address"),
        ("an/na@one.example", {}, "no_address"),
        ("anna@xn--e1afmkfd.example", {}, None),
        ("anna@пример.example", {}, None),
    ],
)
def test_an_address_that_cannot_be_imported_says_why(
    directory: Directory, service: Service, email: str, changes: dict[str, Any], reason: str
) -> None:
    uid = service.organization.add_user(email, **changes)
    (mailbox,) = [mailbox for mailbox in survey(directory, Organization(ORG, "")).mailboxes if mailbox.id == uid]
    assert (mailbox.skip.reason if mailbox.skip else None) == reason


def test_aliases_and_mailing_lists_are_known(contents: OrganizationContents) -> None:
    (first,) = [mailbox for mailbox in contents.mailboxes if mailbox.email == "person0@one.example"]
    assert first.aliases == ("other0@one.example",)
    (everybody,) = contents.mailing_lists
    assert (
        everybody.email == "all@one.example"
        and len(everybody.members) == 60
        and "person2@two.example" in everybody.members
        and everybody.complete
    )


def test_a_list_with_members_that_are_no_people_says_so(directory: Directory, service: Service) -> None:
    groups = service.organization.groups
    groups[0]["members"].append({"type": "group", "id": 2})
    service.organization.add_group("Ghosts", "ghosts@one.example", ("4711",))
    lists = {entry.email: entry for entry in survey(directory, Organization(ORG, "")).mailing_lists}
    assert len(lists["all@one.example"].members) == 60 and not lists["all@one.example"].complete
    assert lists["ghosts@one.example"].members == () and not lists["ghosts@one.example"].complete


def test_selection(contents: OrganizationContents) -> None:
    def emails(domains: list[str], mailboxes: list[str], excluded: list[str]) -> set[str]:
        return {mailbox.email for mailbox in select(contents, domains, mailboxes, excluded).mailboxes}

    assert len(emails([], [], [])) == 66
    assert len(emails(["TWO.example"], [], [])) == 21
    assert emails([], ["Person1?@*", "info@one.example"], ["*@two.example"]) == {
        "info@one.example",
        "person10@one.example",
        "person12@one.example",
        "person13@one.example",
        "person15@one.example",
        "person16@one.example",
        "person18@one.example",
        "person19@one.example",
    }
    assert select(contents, [], ["nobody@one.example", "no*body@*", "person1@one.example"], []).missing == [
        "nobody@one.example"
    ]
    assert select(contents, [], ["no*body@*", "person1@*"], ["person2@*", "typo@one.example"]).unmatched == [
        "no*body@*",
        "typo@one.example",
    ]
    with pytest.raises(MailImportError, match=r"alias\.example is an alias of the organization's domain one\.example"):
        select(contents, ["alias.example"], [], [])
    with pytest.raises(MailImportError, match=r"no domain three\.example; it has: one\.example"):
        select(contents, ["three.example"], [], [])


def test_what_the_plan_or_a_scope_does_not_have_is_a_warning(http: Http, service: Service) -> None:
    service.switches.shared_in_plan = False
    token = service.admin_token(ADMIN_SCOPES - {"directory:read_groups"})
    contents = survey(Directory(http, token, service.url), Organization(ORG, ""))
    assert len(contents.mailboxes) == 64 and contents.mailing_lists == ()
    assert (
        "directory:read_groups" in contents.warnings[0]
        and "shared mailboxes" in contents.warnings[1]
        and "plan" in contents.warnings[1]
    )


def test_the_switch_of_imap_and_what_the_token_may_do(directory: Directory, http: Http, service: Service) -> None:
    assert directory.imap_enabled(ORG) is True
    service.organization.imap_enabled = False
    assert directory.imap_enabled(ORG) is False
    assert set(directory.scopes() or []) == ADMIN_SCOPES
    service.switches.whoami = False
    assert directory.scopes() is None
    narrow = Directory(http, service.admin_token(frozenset()), service.url, service.url + "/cloud")
    assert narrow.imap_enabled(ORG) is None and narrow.mailbox_opened(ORG, "1130000000000001") is None


def test_whether_a_mailbox_was_ever_opened(directory: Directory, service: Service) -> None:
    uid = service.organization.users[0]["id"]
    assert directory.mailbox_opened(ORG, uid) is True
    service.organization.unopened.add(uid)
    assert directory.mailbox_opened(ORG, uid) is False
