# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tokens: exchanged by a service application, got with a code, refreshed; and what is said when there is none."""

from __future__ import annotations

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http
from ansible_collections.panel.mailimport.plugins.module_utils.provider.oauth import DeviceCode, Token
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360.directory import Directory
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360.oauth import OAuth
from fakes.http_service import reset, status, throttled
from fakes.yandex360 import Service

ORG = 7654321
SUBJECT = "person1@one.example"


@pytest.fixture
def oauth(http: Http, service: Service) -> OAuth:
    """The OAuth service for a service application."""
    return OAuth(http, **service.service_application(), url=service.url + "/oauth")


def test_a_token_is_exchanged_by_number_or_address(oauth: OAuth, service: Service) -> None:
    uid = service.organization.users[1]["id"]
    for token in (oauth.exchange(uid), oauth.exchange(SUBJECT, "email"), oauth.exchange(uid, scope="mail:imap_ro")):
        assert (
            service.opens(token.access_token, SUBJECT)
            and token.expires_in == 3600
            and token.access_token not in repr(token)
        )


def test_a_scope_is_asked_for_where_it_must_be(oauth: OAuth, service: Service) -> None:
    service.switches.exchange_needs_scope = True
    with pytest.raises(MailImportError, match="scope is required"):
        oauth.exchange(SUBJECT, "email")
    assert oauth.exchange(SUBJECT, "email", "mail:imap_full")


@pytest.mark.parametrize("trouble", [throttled(), status(502), reset(), reset(after=50)])
def test_an_exchange_survives_trouble(oauth: OAuth, service: Service, trouble) -> None:  # noqa: ANN001
    service.trouble("/token", trouble, trouble)
    assert service.opens(oauth.exchange(SUBJECT, "email").access_token, SUBJECT)


@pytest.mark.parametrize(
    ("subject", "kind", "words"),
    [
        (
            "nobody@one.example",
            "email",
            "unknown subject nobody@one.example.*on the organization's list and switched on",
        ),
        ("48989999", "uid", "one of the organization's own"),
        ("1130000000000001", "email", "invalid_grant"),
    ],
)
def test_a_subject_that_is_none(oauth: OAuth, subject: str, kind: str, words: str) -> None:
    with pytest.raises(MailImportError, match=words) as error:
        oauth.exchange(subject, kind)
    assert error.value.reason == "auth_failed"


def test_an_application_that_is_none(http: Http, service: Service) -> None:
    application = service.service_application()
    with pytest.raises(MailImportError, match="client_id or client_secret is wrong") as error:
        OAuth(http, application["client_id"], "not the secret", service.url + "/oauth").exchange(SUBJECT, "email")
    assert "not the secret" not in error.value.message
    service.applications[application["client_id"]].service = False
    with pytest.raises(MailImportError, match="not a service application"):
        OAuth(http, **application, url=service.url + "/oauth").exchange(SUBJECT, "email")


def test_an_exchanged_token_opens_no_directory(oauth: OAuth, http: Http, service: Service) -> None:
    with pytest.raises(MailImportError, match="lacks the scope"):
        Directory(http, oauth.exchange(SUBJECT, "email").access_token, service.url).users(ORG)


def test_a_person_gets_a_token_with_a_code(oauth: OAuth, service: Service) -> None:
    code = oauth.begin()
    assert code.verification_url == "https://ya.ru/device" and code.device_code not in repr(code)
    assert oauth.poll(code) == code
    service.enter_code(code.user_code)
    token = oauth.poll(code)
    assert isinstance(token, Token) and service.opens(token.access_token) and token.refresh_token
    with pytest.raises(MailImportError, match="begin again"):
        oauth.poll(code)


def test_whoever_asks_too_often_asks_less_often_from_then_on(oauth: OAuth, service: Service) -> None:
    code = oauth.begin()
    service.device_codes[code.device_code]["hurried"] = True
    slower = oauth.poll(code)
    assert isinstance(slower, DeviceCode) and slower.interval == code.interval + 5 and oauth.poll(slower) == slower


def test_a_code_expires(oauth: OAuth, service: Service) -> None:
    code = oauth.begin()
    service.advance(601)
    with pytest.raises(MailImportError, match="Code has expired.*begin again"):
        oauth.poll(code)


@pytest.mark.parametrize("same", [True, False])
def test_a_token_is_refreshed(oauth: OAuth, service: Service, same: bool) -> None:
    service.switches.refresh_keeps_token = same
    code = oauth.begin()
    service.enter_code(code.user_code)
    old = oauth.poll(code)
    assert isinstance(old, Token) and old.refresh_token
    new = oauth.refresh(old.refresh_token)
    assert (new.access_token == old.access_token) is same and new.refresh_token not in (None, old.refresh_token)
    with pytest.raises(MailImportError, match="get a new one") as error:
        oauth.refresh(old.refresh_token)
    assert old.refresh_token not in error.value.message
