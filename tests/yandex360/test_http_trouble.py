# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every trouble that HTTP can have ends in the answer, after retries, or in one clear line."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.provider import http as http_module
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http, HttpSettings
from ansible_collections.panel.mailimport.plugins.module_utils.provider.yandex360.directory import Directory
from fakes.http_service import reset, stalled, status, throttled
from fakes.yandex360 import Service
from fakes.yandex360_organization import Organization, company
from support.tls import Authority

ORG = 7654321
PASSES = {
    "429": throttled(),
    "429 in HTML": status(429),
    "429 with a time": throttled("3"),
    "408": status(408, b""),
    "403 in HTML, of a load balancer": status(
        403, b"<html><title>Error</title>Request rate higher than configured</html>"
    ),
    "500": status(500, {"code": 13, "message": "internal", "details": []}),
    "502 in HTML": status(502),
    "503": status(503, b""),
    "504": status(504),
    "HTML with status 200": status(200),
    "reset before an answer": reset(),
    "reset in mid-body": reset(after=100),
    "half of an answer": status(200, b'{"users": [{"id": "1"'),
}


@pytest.mark.parametrize("name", PASSES)
def test_a_trouble_that_passes_is_waited_for(
    directory: Directory, service: Service, pauses: list[float], name: str
) -> None:
    service.trouble("/users", PASSES[name], PASSES[name])
    assert len(directory.users(ORG)) == 64
    assert pauses == ([3.0, 3.0] if name == "429 with a time" else [0.5, 1.0])


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("429", "throttled", "HTTP 429, Too many requests"),
        ("500", "source_unavailable", "HTTP 500, internal"),
        ("502 in HTML", "source_unavailable", "HTTP 502"),
        ("HTML with status 200", "protocol_error", "no JSON"),
        ("reset before an answer", "connection_failed", "connection was reset"),
        ("reset in mid-body", "connection_failed", "connection was reset"),
    ],
)
def test_a_trouble_that_stays_is_an_error(
    directory: Directory, service: Service, pauses: list[float], name: str, reason: str, words: str
) -> None:
    service.trouble("/users", *[PASSES[name]] * 20)
    with pytest.raises(MailImportError, match=words) as error:
        directory.users(ORG)
    assert error.value.reason == reason and "/users" in error.value.message
    assert len(pauses) == http_module.ATTEMPTS - 1


def test_retry_after_may_be_a_date(directory: Directory, service: Service, pauses: list[float]) -> None:
    service.trouble("/users", throttled(formatdate(time.time() + 100, usegmt=True)), throttled("soon"))
    assert directory.users(ORG)
    assert 90 < pauses[0] <= 100 and pauses[1] == 1.0


def test_retry_after_may_be_over_when_it_is_read(directory: Directory, service: Service, pauses: list[float]) -> None:
    service.trouble("/users", throttled(formatdate(time.time() - 100, usegmt=True)))
    assert directory.users(ORG)
    assert pauses == [0.5]


@pytest.mark.parametrize(
    ("value", "waited"),
    [
        # No hurry, however often it says that there is no need to wait.
        ("0", [0.5, 1.0, 2.0]),
        ("-5", [0.5, 1.0, 2.0]),
        ("1e9", [0.5, 1.0, 2.0]),
        ("nan", [0.5, 1.0, 2.0]),
        ("", [0.5, 1.0, 2.0]),
        ("9" * 400, [0.5, 1.0, 2.0]),
        ("Wed, 99 Foo 2026 99:99:99 GMT", [0.5, 1.0, 2.0]),
        # Said twice, which a proxy puts together.
        ("4, 4", [4.0, 4.0, 4.0]),
        (" 4.5 ", [4.5, 4.5, 4.5]),
    ],
)
def test_odd_retry_after(
    directory: Directory, service: Service, pauses: list[float], value: str, waited: list[float]
) -> None:
    service.trouble("/users", *[status(503, b"", Retry_After=value)] * 3)
    assert directory.users(ORG)
    assert pauses == waited


def test_a_date_to_wait_for_is_by_the_clock_of_the_service(
    directory: Directory, service: Service, pauses: list[float]
) -> None:
    """Whatever the clock of this host says."""
    for ahead in (86_400, -86_400):
        now = time.time() + ahead
        dates = {"Retry_After": formatdate(now + 42, usegmt=True), "Date": formatdate(now, usegmt=True)}
        service.trouble("/users", status(429, b"", **dates))
        assert directory.users(ORG)
    assert pauses == [42.0, 42.0]


def test_a_service_that_asks_for_hours_is_left_alone(
    directory: Directory, service: Service, pauses: list[float]
) -> None:
    service.trouble("/users", throttled("7200"))
    with pytest.raises(MailImportError) as error:
        directory.users(ORG)
    assert error.value.reason == "throttled" and pauses == []
    assert error.value.message.endswith("HTTP 429, Too many requests: run the task again in 120 minutes")


def test_a_silent_service_is_asked_again(service: Service, pauses: list[float]) -> None:
    released = threading.Event()
    service.trouble("/users", stalled(released))
    directory = Directory(Http(HttpSettings(timeout=0.3), pauses.append), service.admin_token(), service.url)
    try:
        assert directory.users(ORG) and len(pauses) == 1
    finally:
        released.set()


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"users": {}}, "users"),
        ({"users": [{"id": "1", "email": 5}]}, "users.0.email"),
        ({"users": [{"email": "secret@one.example"}]}, "users.0"),
        ({"page": 1}, "the answer"),
        ([], "the answer"),
    ],
)
def test_an_answer_of_another_shape_is_an_error_without_its_values(
    directory: Directory, service: Service, body: object, place: str
) -> None:
    service.trouble("/users", status(200, body))
    with pytest.raises(MailImportError, match="unknown shape: %s " % place) as error:
        directory.users(ORG)
    assert error.value.reason == "protocol_error" and "secret" not in error.value.message


def test_a_redirect_is_not_followed(directory: Directory, service: Service) -> None:
    with Service(company()) as elsewhere:
        service.trouble("/users", status(302, b"", Location=elsewhere.url + "/directory/v1/org/7654321/users"))
        with pytest.raises(MailImportError, match="redirected"):
            directory.users(ORG)
        assert elsewhere.requests == []


def test_no_service_is_there(pauses: list[float]) -> None:
    with Service(Organization()) as service:
        url = service.url
    with pytest.raises(MailImportError, match="connection refused") as error:
        Directory(Http(HttpSettings(), pauses.append), "token", url).users(ORG)
    assert error.value.reason == "connection_failed"


@pytest.mark.parametrize(
    "url",
    [
        "http://api360.yandex.net",
        "ftp://127.0.0.1",
        "https://",
        "api360.yandex.net",
        "https://user:word@api360.yandex.net",
    ],
)
def test_a_token_goes_over_tls_only(http: Http, url: str) -> None:
    with pytest.raises(MailImportError, match="must begin with https"):
        Directory(http, "token", url).users(ORG)


def test_certificates_are_checked(authority: Authority, pauses: list[float]) -> None:
    with Service(company(), authority.issue("yandex")) as service:
        token = service.admin_token()
        trusting = Directory(Http(HttpSettings(str(authority.ca_file)), pauses.append), token, service.url)
        assert len(trusting.users(ORG)) == 64
        with pytest.raises(MailImportError) as error:
            Directory(Http(HttpSettings(), pauses.append), token, service.url).users(ORG)
        assert error.value.reason == "certificate_invalid" and pauses == []


def test_a_forked_process_has_connections_of_its_own(http: Http, service: Service) -> None:
    http_session = http._opened()
    assert http._opened() is http_session
    http._process -= 1  # as a child sees it
    assert http._opened() is not http_session


def test_a_netrc_does_not_take_the_token_s_place(
    directory: Directory, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:  # noqa: ANN001
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert len(directory.users(ORG)) == 64


def test_no_secret_that_a_service_repeats_is_in_an_error(directory: Directory, service: Service) -> None:
    uid = service.organization.users[0]["id"]
    with pytest.raises(MailImportError, match="too weak") as error:
        directory.set_password(ORG, uid, "short+1")
    assert error.value.reason == "request_refused" and "short+1" not in error.value.message
    token = service.admin_token()
    service.trouble("/users", status(401, {"code": 16, "message": "bad token %s" % token, "details": []}))
    with pytest.raises(MailImportError, match="bad token") as error:
        Directory(Http(HttpSettings()), token, service.url).users(ORG)
    assert token not in error.value.message
