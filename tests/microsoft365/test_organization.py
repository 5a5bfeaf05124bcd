# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Microsoft 365 organization on a fake over real HTTP and TLS: listed, imported, and what its troubles end in."""

from __future__ import annotations

from typing import Callable

import pytest
from fakes.http_service import status
from fakes.microsoft365 import MAIL_ROLE, SECRET
from fakes.microsoft365_organization import Tenant, company
from support.imap import Item
from support.mail import small_message
from support.microsoft import MicrosoftScene
from support.organization import entries

NewScene = Callable[[Tenant], MicrosoftScene]
SKIPPED = {
    "room@one.example": "resource",
    "beamer@one.example": "resource",
    "no-licence@one.example": "no_mailbox",
    "hybrid@one.example": "on_premises",
    "guest@else.example": "guest",
    "admin@example.onmicrosoft.com": "foreign_domain",
    "early@new.example": "domain_unverified",
    "nobody@one.example": "no_mailbox",
}
TOKEN = "POST /aaaaaaaa-1111-2222-3333-444444444444/oauth2/v2.0/token"


def test_a_whole_organization(new_scene: NewScene) -> None:
    """Sixty accounts: listed, chosen, imported, equal; then nothing is new; and nobody has seen the secret."""
    scene = new_scene(company(50))
    importable = {user["mail"] for user in scene.service.tenant.users if user["mail"]} - SKIPPED.keys()
    assert len(importable) == 52 and len(scene.service.tenant.users) == 60
    login = "anna.smith@one.example"
    scene.service.tenant.users[2]["userPrincipalName"] = login
    scene.imap.server.add_user(login, "hers")
    scene.imap.passwords[login] = "hers"
    logins = {address: address for address in importable}
    logins["person2@one.example"] = login
    for number, address in enumerate(sorted(importable)):
        scene.imap.fill(logins[address], messages=1 + number % 2, folders=("INBOX", "Sent Items"))
    first = scene.run()
    found = entries(first)
    assert {address: entry["reason"] for address, entry in found.items() if entry["state"] == "skipped"} == SKIPPED
    assert {entry["state"] for address, entry in found.items() if address in importable} == {"completed"}, first.output
    for address in sorted(importable)[:12]:
        assert scene.unequal(address, scene.new_passwords()[address], logins[address]) == []
    assert first.result["aliases"][0] == {
        "email": "person0@one.example",
        "aliases": ["boss@one.example", "boss@two.example"],
    }
    assert {entry["email"]: entry["complete"] for entry in first.result["mailing_lists"]} == {
        "all@one.example": False,
        "sales@one.example": True,
    }
    assert scene.service.requests.count(TOKEN) == 2, "one for the directory, and one for all mailboxes"
    assert scene.imap.relay.most_in_flight <= 4 and scene.imap.relay.longest_line < 1000
    second = scene.run(state="latest")
    assert second.result["changed"] is False, second.output
    said = first.output + second.output
    assert SECRET not in said and not any(token in said for token in scene.service.grants)


def test_what_an_administrator_has_to_do_is_told(new_scene: NewScene) -> None:
    scene = new_scene(company(3))
    scene.service.usage = {"person0@one.example": (12, 345_678, True)}
    outcome = scene.info()
    assert outcome.result["permissions_missing"] == []
    (person,) = (entry for entry in outcome.result["mailboxes"] if entry["email"] == "person0@one.example")
    assert (person["item_count"], person["bytes"], person["archive"]) == (12, 345_678, True)
    assert outcome.result["bytes_total"] == 345_678 and "have an archive" in str(outcome.result["warnings"])
    assert "Add-MailboxPermission -Identity 'person0@one.example' -User" in " ".join(outcome.result["commands"])
    assert len(outcome.result["commands"]) == 2 + 5
    kinds = {entry["email"]: (entry["kind"], entry["importable"]) for entry in outcome.result["mailboxes"]}
    assert kinds["info@one.example"] == ("shared", True)
    assert {entry["name"] for entry in outcome.result["domains"]} == {
        "one.example",
        "two.example",
        "new.example",
        "example.onmicrosoft.com",
    }
    scene.service.conceals_names = True
    assert "conceals the names" in str(scene.info().result["warnings"])
    scene.service.consented -= {MAIL_ROLE, "Group.Read.All", "MailboxSettings.Read"}
    scene.service.revoke()
    outcome = scene.info()
    assert outcome.result["permissions_missing"] == [MAIL_ROLE, "Group.Read.All", "MailboxSettings.Read"]
    assert "Group.Read.All" in outcome.output and "MailboxSettings.Read" in outcome.output
    scene.service.consented.clear()
    outcome = scene.info()
    assert outcome.result["failed"] and "User.Read.All" in outcome.result["msg"]
    assert outcome.result["consent_url"].endswith("/adminconsent?client_id=bbbbbbbb-1111-2222-3333-444444444444")


def test_mailboxes_that_the_application_must_not_open(new_scene: NewScene) -> None:
    """One has no permission, one is refused once and then there; each is told with the command that mends it."""
    scene = new_scene(company(3))
    scene.imap.relay.unconnected.update({"person1@two.example": 1000, "person0@one.example": 1})
    scene.imap.relay.strangers.add("person2@one.example")
    outcome = scene.run(mailboxes=["person*"])
    found = entries(outcome)
    assert found["person0@one.example"]["state"] == "completed", outcome.output
    for address in ("person1@two.example", "person2@one.example"):
        entry = found[address]
        assert (entry["state"], entry["reason"], entry["created"]) == ("failed", "permission_denied", False)
        assert "Add-MailboxPermission -Identity '%s'" % address in entry["message"]


def test_without_consent_that_is_said_and_nothing_is_made(new_scene: NewScene) -> None:
    scene = new_scene(company(1))
    scene.service.consented -= {MAIL_ROLE}
    entry = entries(scene.run(mailboxes=["person0@one.example"]))["person0@one.example"]
    assert (entry["state"], entry["created"]) == ("failed", False)
    assert "the token has no permission IMAP.AccessAsApp" in entry["message"]


def test_a_token_that_ends_in_mid_import_is_renewed(new_scene: NewScene) -> None:
    """In one mailbox; and all that are opened from then on are refused the token that was good for the directory."""
    scene = new_scene(company(4))
    logins = ["person0@one.example", "person1@two.example", "person2@one.example", "person3@one.example"]
    for login in logins:
        scene.imap.fill(login, messages=30)
    scene.imap.relay.expires_after[logins[0]] = 10_000
    scene.imap.relay.on_expiry = scene.service.revoke
    outcome = scene.run(mailboxes=logins, queues=2)
    assert {entry["state"] for entry in entries(outcome).values()} == {"completed"}, outcome.output
    assert scene.imap.relay.expires_after == {} and scene.service.requests.count(TOKEN) <= 4
    for login in logins:
        assert scene.unequal(login, scene.new_passwords()[login]) == []


def test_mailboxes_that_are_refused_do_not_ask_for_tokens_without_end(new_scene: NewScene) -> None:
    scene = new_scene(company(12))
    scene.imap.relay.strangers = {user["userPrincipalName"] for user in scene.service.tenant.users}
    outcome = scene.run(mailboxes=["person*"])
    assert {entry["reason"] for entry in entries(outcome).values()} == {"permission_denied"}
    assert scene.service.requests.count(TOKEN) <= 2 + 4, "a token in place of the refused one, of each queue at most"


def test_folders_without_mail_are_left_out_and_told(new_scene: NewScene) -> None:
    """By their names, and where the names are another language's, by what is in them."""
    scene = new_scene(company(1))
    notice = (
        b"From: Microsoft Exchange Server\r\nSubject: Retrieval using the IMAP4 protocol failed for the following "
        b"message: %d\r\n\r\nThe server couldn't retrieve the following message.\r\n"
    )
    with scene.imap.session("person0@one.example") as session:
        for name in ("Calendar", "Kalender", "Notizen", "Archiv"):
            session.create(name)
            session.subscribe(name)
        for name in ("Calendar", "Kalender"):
            session.append(name, [Item(notice % number) for number in range(5)])
        session.append("Notizen", [Item(notice % 1), Item(small_message(2))])
        session.append("INBOX", [Item(small_message(1)), Item(notice % 7)])
    outcome = scene.task("-v", mailboxes=["person0@one.example"])
    entry = entries(outcome)["person0@one.example"]
    left = [(each["folder"], each["reason"]) for each in entry["not_imported"]]
    assert sorted(left) == [("INBOX", "message_refused"), ("Notizen", "message_refused")], outcome.output
    assert (entry["messages_total"], entry["messages_copied"]) == (4, 2)
    assert "Calendar" in outcome.output and "folder Kalender is left out: it holds 5 items" in outcome.output
    with_password = scene.new_passwords()["person0@one.example"]
    session = scene.host.session("person0@one.example", with_password)
    names = {path[0] for path in session.folders()}
    assert "Archiv" in names and "Notizen" in names and not names & {"Calendar", "Kalender"}
    assert set(session.subscriptions()) == {("Archiv",), ("Notizen",)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_secret": "another"}, "it is the secret's Value, not its Secret ID"),
        ({"tenant": "other.example"}, "tenant is the Directory (tenant) ID"),
        ({"client_id": "cccccccc"}, "client_id or tenant is wrong"),
        ({"client_secret": None}, "client_secret, client_certificate or client_certificate_src is required"),
        ({"client_certificate": "a", "client_secret": "b"}, "give one of them"),
        ({"client_certificate": "no pem", "client_secret": None}, "no certificate with its private key"),
        ({"tenant": None}, "tenant is required"),
        ({"mailboxes": [], "use_directory": False}, "use_directory"),
    ],
)
def test_one_line_says_what_is_wrong(new_scene: NewScene, changes: dict[str, object], words: str) -> None:
    scene = new_scene(company(1))
    outcome = scene.run(**changes)
    assert outcome.result["failed"] and words in outcome.result["msg"], outcome.output
    assert "\n" not in outcome.result["msg"]


def test_the_directory_need_not_be_read(new_scene: NewScene) -> None:
    scene = new_scene(company(1))
    scene.imap.fill("person0@one.example", messages=1)
    scene.service.trouble("/users", status(500))
    scene.service.consented -= {"User.Read.All"}
    outcome = scene.run(use_directory=False, mailboxes=["person0@one.example"])
    assert entries(outcome)["person0@one.example"]["state"] == "completed", outcome.output
    assert [request for request in scene.service.requests if "v1.0" in request] == []
