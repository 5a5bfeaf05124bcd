# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole organization in one task, over real HTTP and real IMAP: what arrives, what does not and why, and that it
happens once.
"""

from __future__ import annotations

from typing import Callable

from fakes.yandex360 import ADMIN_SCOPES
from fakes.yandex360_organization import company
from support.imap import Item, Session
from support.mail import small_message
from support.organization import entries
from support.yandex import YandexScene

SKIPPED = {
    "yndx-forms-cnt-robot@yandex.ru": "robot",
    "guest@yandex.ru": "portal_account",
    "blocked@one.example": "blocked",
    "dismissed@one.example": "dismissed",
}
PEOPLE = ["person0@one.example", "person1@one.example", "person2@two.example"]


def exchanges(scene: YandexScene) -> int:
    """How often a token was asked for."""
    return scene.service.requests.count("POST /oauth/token")


def test_sixty_people_arrive_equal_and_once(new_scene: Callable[..., YandexScene]) -> None:
    scene = new_scene(company(60))
    organization = scene.service.organization
    mailboxes = [entry["email"] for entry in [*organization.users[:60], *organization.shared]]
    for number, address in enumerate(mailboxes):
        scene.imap.fill(
            address,
            messages=1 + number % 3,
            folders=("INBOX", "Отправленные", "Спам", "Проекты|2024") if number % 2 else ("INBOX",),
        )

    first = scene.run()
    assert not first.result.get("failed"), first.output
    found = entries(first)
    assert len(found) == 66 and first.result["changed"] is True
    assert {email: entry["reason"] for email, entry in found.items() if entry["state"] == "skipped"} == SKIPPED
    passwords = scene.new_passwords()
    assert sorted(passwords) == sorted(mailboxes) and len(set(passwords.values())) == 62
    assert scene.passwords_file.stat().st_mode & 0o777 == 0o600
    for address in mailboxes:
        assert found[address]["state"] == "completed", found[address]
        assert scene.unequal(address, passwords[address]) == []
    assert {entry["queue"] for entry in found.values() if entry["state"] == "completed"} == {1, 2}
    assert {domain["name"]: domain["mailboxes"] for domain in first.result["domains"] if domain["mailboxes"]} == {
        "one.example": 43,
        "two.example": 21,
    }
    assert len(first.result["domains"]) == 13
    assert [domain["name"] for domain in first.result["domains"] if domain["alias_of"] == "one.example"][:2] == [
        "alias.example",
        "unverified.example",
    ]
    assert (
        first.result["mailing_lists"][0]["email"] == "all@one.example"
        and len(first.result["mailing_lists"][0]["members"]) == 60
    )
    assert {"email": "person10@one.example", "aliases": ["other10@one.example"]} in first.result["aliases"]

    before = exchanges(scene)
    second = scene.run()
    assert not second.result.get("failed") and second.result["changed"] is False
    assert second.result["summary"]["completed"] == 62 and exchanges(scene) == before
    assert scene.new_passwords() == passwords
    secrets = [scene.options["token"], scene.options["client_secret"], *passwords.values(), *scene.service.grants]
    assert not [secret for secret in secrets if secret in first.output + second.output]


def test_what_is_new_is_carried_over(scene: YandexScene) -> None:
    scene.run()
    with scene.imap.session(PEOPLE[0]) as session:
        session.append("Отправленные", [Item(small_message(77))])
    outcome = scene.run(state="latest", mailboxes=PEOPLE)
    assert {email: entry["messages_copied"] for email, entry in entries(outcome).items()} == dict(
        zip(PEOPLE, [1, 0, 0])
    )
    assert scene.unequal(PEOPLE[0], scene.new_passwords()[PEOPLE[0]]) == []


def test_domains_and_empty_mailboxes_only(scene: YandexScene) -> None:
    outcome = scene.run(import_content=False, client_id=None, client_secret=None)
    assert not outcome.result.get("failed"), outcome.output
    assert (
        outcome.result["summary"]["completed"] == 5
        and exchanges(scene) == 0
        and "XOAUTH2" not in scene.imap.server.log()
    )
    for address, password in scene.new_passwords().items():
        with Session(scene.host.port, address, password) as session:
            session.select("INBOX", read_only=True)
            assert session.uids() == []
    assert scene.run(import_content=False).result["changed"] is False
    # And the content later on.
    outcome = scene.run(mailboxes=PEOPLE)
    assert (
        outcome.result["summary"]["completed"] == 3 and scene.unequal(PEOPLE[2], scene.new_passwords()[PEOPLE[2]]) == []
    )


def test_only_what_is_asked_for(scene: YandexScene) -> None:
    outcome = scene.run(mailboxes=["person?@*", "typo@one.example"], exclude_mailboxes=["*1@*"])
    states = {email: (entry["state"], entry["reason"]) for email, entry in entries(outcome).items()}
    assert states == {
        PEOPLE[0]: ("completed", None),
        PEOPLE[2]: ("completed", None),
        "typo@one.example": ("failed", "not_found"),
    }
    assert outcome.result["failed"] and sorted(scene.new_passwords()) == [PEOPLE[0], PEOPLE[2]]
    outcome = scene.run(domains=["alias.example"])
    assert outcome.result["failed"] and "is an alias of the organization's domain one.example" in outcome.result["msg"]


def test_a_choice_that_matches_nothing_is_told(scene: YandexScene) -> None:
    outcome = scene.run(mailboxes=["person?@*", "*@typo.example"], exclude_mailboxes=["person*", "typo@one.example"])
    assert not outcome.result.get("failed") and outcome.result["imports"] == []
    assert outcome.result["msg"] == "domains, mailboxes and exclude_mailboxes leave no mailbox of the organization"
    for pattern in ("*@typo.example", "typo@one.example"):
        assert "no mailbox of the organization matches %s" % pattern in str(outcome.result["warnings"])


def test_passwords_that_are_given_win_and_the_rest_fails_without_a_file(scene: YandexScene) -> None:
    outcome = scene.run(passwords={PEOPLE[0].upper(): "given-to-0"}, generated_passwords=None, mailboxes=PEOPLE[:2])
    found = entries(outcome)
    assert found[PEOPLE[0]]["state"] == "completed" and scene.unequal(PEOPLE[0], "given-to-0") == []
    assert found[PEOPLE[1]]["reason"] == "invalid_row" and "generated_passwords" in found[PEOPLE[1]]["message"]
    assert not scene.host.home_of(PEOPLE[1]).exists()
    scene.passwords_file.write_text("%s,made-up-before\n" % PEOPLE[1])
    outcome = scene.run(mailboxes=PEOPLE[:2])
    assert outcome.result["failed"] and "chmod 600" in outcome.result["msg"]
    scene.passwords_file.chmod(0o600)
    scene.run(mailboxes=PEOPLE[:2])
    assert scene.new_passwords() == {PEOPLE[1]: "made-up-before"} and scene.unequal(PEOPLE[1], "made-up-before") == []


def test_a_service_application_alone_imports_named_mailboxes(scene: YandexScene) -> None:
    outcome = scene.run(token=None, mailboxes=PEOPLE[:1])
    assert entries(outcome)[PEOPLE[0]]["state"] == "completed" and "/directory" not in " ".join(scene.service.requests)
    outcome = scene.run(token=None)
    assert outcome.result["failed"] and "token is required" in outcome.result["msg"]
    outcome = scene.run(token=None, mailboxes=PEOPLE[:1], exclude_mailboxes=PEOPLE[:1])
    assert (
        outcome.result["failed"]
        and "token is required with organization, domains and exclude_mailboxes" in outcome.result["msg"]
    )


def test_check_mode_counts_and_writes_nothing(scene: YandexScene) -> None:
    outcome = scene.run(check_mode=True, mailboxes=PEOPLE)
    found = entries(outcome)
    assert {entry["state"] for entry in found.values()} == {"queued"} and found[PEOPLE[0]]["messages_copied"] == 16
    assert (
        not scene.passwords_file.exists()
        and not (scene.directory / "state").exists()
        and not scene.host.home_of(PEOPLE[0]).exists()
    )


def test_passwords_at_yandex_are_replaced_with_consent_only_and_once(scene: YandexScene) -> None:
    """As hosting panels do it. Those who are not imported keep theirs, and a second run has nothing to replace."""
    scene.host.add_user(PEOPLE[1], "was there before")
    access = {"client_id": None, "client_secret": None, "content_access": "password"}
    ids = [user["id"] for user in scene.service.organization.users]
    outcome = scene.run(**access)
    assert (
        outcome.result["failed"]
        and "replace_yandex_passwords=true" in outcome.result["msg"]
        and scene.service.requests == []
    )
    access["replace_yandex_passwords"] = True

    outcome = scene.run(check_mode=True, **access)
    assert not outcome.result.get("failed") and "no messages are counted" in str(outcome.result["warnings"])
    assert scene.service.changed_passwords == []

    narrow = scene.service.admin_token(ADMIN_SCOPES - {"directory:write_users"})
    outcome = scene.run(**{**access, "token": narrow})
    assert (
        "lacks the scope directory:write_users" in entries(outcome)[PEOPLE[0]]["message"]
        and scene.service.changed_passwords == []
    )

    outcome = scene.run(**access, exclude_mailboxes=["info@*"])
    assert not outcome.result.get("failed"), outcome.output
    found = entries(outcome)
    assert {email: entry["reason"] for email, entry in found.items() if entry["state"] == "skipped"} == {
        **SKIPPED,
        PEOPLE[1]: None,
        "sales@two.example": "shared_mailbox",
    }
    assert sorted(scene.service.changed_passwords) == [ids[0], ids[2]]
    passwords = scene.new_passwords()
    assert (
        passwords[PEOPLE[0]] == scene.imap.passwords[PEOPLE[0]] and scene.unequal(PEOPLE[0], passwords[PEOPLE[0]]) == []
    )
    assert PEOPLE[1] not in passwords

    outcome = scene.run(**access, state="latest")
    assert outcome.result["changed"] is False and sorted(scene.service.changed_passwords) == [ids[0], ids[2]]
