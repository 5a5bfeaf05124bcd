# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Access to mailboxes that comes late, ends early or is refused: the import goes on, or says which of the causes it
is."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest
from fakes.fault_relay import FaultRelay
from fakes.http_service import reset, status, throttled
from fakes.yandex360 import ADMIN_SCOPES, Service
from fakes.yandex360_organization import company
from support.imap import Item
from support.mail import small_message
from support.organization import entries
from support.run import run_module
from support.yandex import YandexScene

PERSON = "person0@one.example"


@pytest.fixture
def one_person(scene: YandexScene) -> YandexScene:
    """The scene, of whom one person is meant."""
    scene.options["mailboxes"] = [PERSON]
    return scene


def outcome_of(scene: YandexScene, **changes: object) -> dict:
    """The result of that person's mailbox."""
    outcome = scene.run(**changes)
    assert not [secret for secret in scene.service.grants if secret in outcome.output]
    return entries(outcome)[PERSON]


def test_a_token_that_expires_during_an_import_is_renewed(one_person: YandexScene) -> None:
    """The line breaks again and again, an hour passes each time: with its first token the import would never end."""
    scene = one_person
    with scene.imap.session(PERSON) as session:
        session.append("INBOX", [Item(small_message(number, "x" * 2000)) for number in range(100, 200)])
    with FaultRelay(scene.imap.server.port, "reset", 60_000, 60_000) as relay:
        scene.service.before = lambda request: scene.service.advance(3601) if request == "POST /oauth/token" else None
        entry = outcome_of(scene, source_port=relay.port, source_tls="none")
    assert relay.faults >= 3
    assert (entry["state"], entry["messages_copied"], entry["messages_total"]) == ("completed", 116, 116), entry
    assert scene.unequal(PERSON, scene.new_passwords()[PERSON]) == []
    assert scene.service.requests.count("POST /oauth/token") >= 5


def test_an_application_that_is_taken_off_the_list_in_the_middle(one_person: YandexScene) -> None:
    """The third token, for the session after the break, is refused; with the application back on the list the next run
    goes on.
    """
    scene = one_person
    with scene.imap.session(PERSON) as session:
        session.append("INBOX", [Item(small_message(number, "x" * 2000)) for number in range(100, 200)])
    application = scene.service.applications[scene.options["client_id"]]

    def take_off(request: str) -> None:
        application.service = scene.service.requests.count("POST /oauth/token") < 3

    scene.service.before = take_off
    with FaultRelay(scene.imap.server.port, "reset", 90_000) as relay:
        entry = outcome_of(scene, source_port=relay.port, source_tls="none")
    assert (entry["state"], entry["reason"]) == ("failed", "auth_failed")
    assert (
        "no token for 1130000000000001" in entry["message"]
        and "on the organization's list and switched on" in entry["message"]
    )
    scene.service.before = lambda request: None
    application.service = True
    entry = outcome_of(scene)
    assert entry["state"] == "completed" and 0 < entry["messages_copied"] < 116
    assert scene.unequal(PERSON, scene.new_passwords()[PERSON]) == []


def test_a_mailbox_that_was_never_opened_is_skipped(one_person: YandexScene) -> None:
    scene = one_person
    scene.service.organization.unopened.add(scene.service.organization.users[0]["id"])
    entry = outcome_of(scene)
    assert (entry["state"], entry["reason"], entry["changed"]) == ("skipped", "never_opened", False)
    assert "logged in to Yandex Mail" in entry["message"] and not scene.host.home_of(PERSON).exists()
    # Once the person has.
    scene.service.organization.unopened.clear()
    assert outcome_of(scene)["state"] == "completed"


def test_a_refusal_says_which_of_the_causes_it_may_be(new_scene: Callable[..., YandexScene]) -> None:
    scene = new_scene(company(3))
    scene.options["mailboxes"] = [PERSON]
    service, organization = scene.service, scene.service.organization

    def assert_failed(words: str, **changes: object) -> None:
        entry = outcome_of(scene, **changes)
        assert (entry["state"], entry["reason"]) == ("failed", "auth_failed") and words in entry["message"], entry
        assert not scene.host.home_of(PERSON).exists()

    organization.unopened.add(organization.users[0]["id"])
    nobody_may_ask = {"token": service.admin_token(ADMIN_SCOPES - {"ya360_admin:mail_read_user_settings"})}
    assert_failed("a mailbox that its user has never opened", **nobody_may_ask)
    assert_failed("a mailbox that its user has never opened", token=None)
    # Settings are there all the same.
    service.switches.unopened_has_settings = True
    assert_failed("IMAP is switched off in the mailbox, or the application has neither mail:imap_ro nor mail:imap_full")
    organization.unopened.clear()
    assert_failed(
        "the application has neither mail:imap_ro nor mail:imap_full",
        **service.service_application(frozenset(("cloud_api:disk.read",))),
    )
    organization.imap_enabled = False
    assert_failed("IMAP is switched off for the organization")


def test_troubles_of_http_are_got_over(one_person: YandexScene) -> None:
    service = one_person.service
    service.trouble("/org", throttled("1"))
    service.trouble("/domains", status(502), reset())
    service.trouble("/users", reset(after=100))
    service.trouble("/shared", status(504))
    service.trouble("/token", throttled(), status(200))
    assert outcome_of(one_person)["state"] == "completed"


@pytest.mark.parametrize(
    ("case", "reason", "words"),
    [
        ("revoked", "auth_failed", "wrong, has expired or was revoked: get a new one"),
        ("other organization", "not_found", "no organization 99; it opens: 7654321"),
        ("no scope", "permission_denied", "lacks the scope directory:read_users"),
        ("wrong shape", "protocol_error", "unknown shape"),
    ],
)
def test_an_organization_that_cannot_be_read_is_one_clear_error(
    service: Service, place: Path, case: str, reason: str, words: str
) -> None:
    options = {
        **service.urls(),
        "token": service.admin_token(),
        **service.service_application(),
        "owner": "customer1",
        "state_dir": str(place / "state"),
    }
    if case == "revoked":
        service.revoke()
    elif case == "other organization":
        options["organization"] = "99"
    elif case == "no scope":
        options["token"] = service.admin_token(ADMIN_SCOPES - {"directory:read_users", "directory:write_users"})
    else:
        service.trouble("/users", status(200, {"users": "none"}))
    outcome = run_module(options, place, YandexScene.module)
    assert outcome.result["failed"] and outcome.result["reason"] == reason and words in outcome.result["msg"]
    assert not [token for token in service.grants if token in outcome.output] and not (place / "state").exists()
