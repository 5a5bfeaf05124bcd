# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clients of Microsoft's services against the fake: tokens, lists, and troubles; and Microsoft's own client."""

from __future__ import annotations

import datetime
import os
import re
import time
from email.utils import formatdate
from types import SimpleNamespace

import msal
import pytest
import requests
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import ATTEMPTS, Http
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365 import shared_token
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.clouds import CLOUDS
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.credentials import (
    ClientCertificate,
    ClientSecret,
)
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.directory import Directory
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.mailboxes import (
    permission_command,
)
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.shared_token import SharedToken
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.tokens import AppTokens, roles_in
from ansible_collections.panel.mailimport.plugins.module_utils.task.microsoft365_token import wanted_token
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from fakes.http_service import reset, status, throttled
from fakes.microsoft365 import CLIENT_ID, MAIL_ROLE, SECRET, TENANT, Service
from fakes.microsoft365_organization import company
from support.tls import Authority, Certificate

MAIL = "https://outlook.office365.example"


@pytest.fixture(scope="module")
def pair() -> tuple[str, str]:
    """A certificate and its private key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mailimport")])
    start = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=900))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


def app_tokens(http: Http, service: Service, credential: ClientSecret | ClientCertificate) -> AppTokens:
    return AppTokens(http, TENANT, CLIENT_ID, credential, service.url, frozenset((service.url, MAIL)))


def test_microsofts_own_client_is_content(certificate: Certificate, authority: Authority) -> None:
    with Service(company(1), certificate) as service:
        session = requests.Session()
        session.verify, session.trust_env = str(authority.ca_file), False
        application = msal.ConfidentialClientApplication(
            CLIENT_ID,
            client_credential=SECRET,
            authority=service.url.replace("127.0.0.1", "localhost") + "/" + TENANT,
            instance_discovery=False,
            http_client=session,
        )
        answer = application.acquire_token_for_client([MAIL + "/.default"])
        assert service.opens(answer["access_token"], MAIL_ROLE)


def test_a_certificate_opens_what_a_secret_does(http: Http, service: Service, pair: tuple[str, str]) -> None:
    service.certificates.append(pair[0])
    for text in (pair[0] + pair[1], pair[1] + pair[0]):
        token = app_tokens(http, service, ClientCertificate(text)).token(MAIL)
        assert service.opens(token, MAIL_ROLE) and roles_in(token) == {MAIL_ROLE}
    service.certificates.clear()
    with pytest.raises(MailImportError, match="the certificate is not registered") as refused:
        app_tokens(http, service, ClientCertificate(pair[0] + pair[1])).token(MAIL)
    assert refused.value.reason == "auth_failed"


def test_another_key_than_the_certificates_is_refused_before_anybody_is_asked(pair: tuple[str, str]) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(MailImportError, match="the key is not the certificate's") as refused:
        ClientCertificate(pair[0] + other.decode())
    assert "BEGIN" not in refused.value.message


def test_troubles_of_the_service_that_gives_tokens_pass(
    tokens: AppTokens, service: Service, pauses: list[float]
) -> None:
    soon = formatdate(time.time() + 40, usegmt=True)
    half = status(200, b'{"token_type": "Bearer", "access_tok')
    service.trouble("/token", throttled("3"), throttled(soon), status(503), half, reset(30), status(200, b"<html>"))
    assert service.opens(tokens.token(MAIL), MAIL_ROLE)
    assert pauses[0] == 3.0 and 30 < pauses[1] <= 40 and len(pauses) == 6


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (65001, "nobody has consented"),
        (7000112, "disabled in this tenant"),
        (500011, "another cloud's: see option cloud"),
        (53003, "Conditional Access policy"),
        (7000216, "is missing"),
    ],
)
def test_what_microsofts_numbers_mean(tokens: AppTokens, service: Service, number: int, words: str) -> None:
    said = "AADSTS%d: Something in many words.\r\nTrace ID: 0\r\nTimestamp: 2026" % number
    body = {"error": "invalid_client", "error_description": said, "error_codes": [number]}
    service.trouble("/token", status(400, body))
    with pytest.raises(MailImportError, match=words) as refused:
        tokens.token(MAIL)
    assert refused.value.reason == "auth_failed" and "\n" not in refused.value.message


@pytest.mark.parametrize("cloud", CLOUDS)
def test_each_cloud_has_services_of_its_own(cloud: str) -> None:
    """A token of one is none in another."""
    params = {"client_id": "a", "tenant": "b", "cloud": cloud, "login_url": None, "scopes": [], "dest": "/c"}
    wanted = wanted_token({**params, "api_ca_cert": None, "api_timeout": 1.0})
    given = CLOUDS[cloud]
    assert wanted.facts["login_url"] == given.login_url and wanted.scopes == given.mail_scope + " offline_access"
    others = [each for name, each in CLOUDS.items() if name != cloud]
    assert not any(given.api_url == each.api_url or given.imap_host == each.imap_host for each in others)
    assert {url.partition("://")[0] for url in (given.login_url, given.api_url, given.mail_scope)} == {"https"}


def test_a_token_is_asked_for_once_and_again_before_it_ends(tokens: AppTokens, service: Service) -> None:
    first = tokens.token(MAIL)
    assert tokens.token(MAIL) == first and len(service.requests) == 1
    assert tokens.token(service.url) != first and len(service.requests) == 2
    assert tokens.new_token(MAIL) != first


def test_a_token_that_is_refused_is_replaced_once(tokens: AppTokens, service: Service) -> None:
    first = tokens.token(MAIL)
    second = tokens.in_place_of(MAIL, first)
    assert second not in (None, first) and tokens.token(MAIL) == second
    assert tokens.in_place_of(MAIL, first) == second, "another process has been refused the first one too"
    assert tokens.in_place_of(MAIL, str(second)) is None and len(service.requests) == 2, "it is not for the token"


def test_a_token_serves_until_shortly_before_its_end(
    tokens: AppTokens, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few requests an hour, whatever the number of mailboxes."""
    first = tokens.token(MAIL)
    began = time.monotonic()
    for minutes, asked in ((49, 1), (91, 2)):
        monkeypatch.setattr(shared_token, "time", SimpleNamespace(monotonic=lambda at=began + 60 * minutes: at))
        assert (tokens.token(MAIL) == first, len(service.requests)) == (asked == 1, asked)


def test_processes_share_a_token() -> None:
    shared = SharedToken()
    assert shared.get() is None
    if os.fork() == 0:
        shared.put("ey" + "x" * 5000, 100.0)
        os._exit(0)
    os.wait()
    assert shared.get() == "ey" + "x" * 5000
    shared.put("ends", 0.0)
    assert shared.get() is None
    shared.put("good", 100.0)
    shared._memory[50] ^= 1
    assert shared.get() is None, "what is torn is no token"


def test_lists_are_followed_page_by_page(directory: Directory, service: Service) -> None:
    service.page_size = 7
    users = directory.users()
    assert [user.id for user in users] == [user["id"] for user in service.tenant.users]
    assert users[0].email == "person0@one.example" and users[0].aliases == ("boss@one.example", "boss@two.example")
    assert {group.email: group.has_mailbox for group in directory.groups()} == {
        "sales@one.example": True,
        "all@one.example": False,
    }


def test_a_page_with_nobody_is_not_the_end(directory: Directory, service: Service) -> None:
    """Nor half of a page, or one on which somebody is once more; and somebody may come while it is read."""
    service.page_size = 20
    link = service.url + "/v1.0/users?$top=999&$select=id,mail&$skiptoken=0"
    twice = {"value": service.tenant.users[:3], "@odata.nextLink": link + "0"}
    torn = status(200, b'{"value": [{"id": "1", "mail": "a@one.ex')
    service.trouble("/users", status(200, {"value": [], "@odata.nextLink": link}), torn, status(200, twice))
    came: list[str] = []

    def somebody_comes(request: str) -> None:
        if request.endswith("/users") and not came:
            came.append(service.tenant.add("aaron"))
            service.tenant.users.insert(0, service.tenant.users.pop())

    service.before = somebody_comes
    users = directory.users()
    assert len(users) == len({user.id for user in users}) == len(service.tenant.users)


def test_a_list_that_goes_round_in_circles_is_no_shorter_list(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def answer(url: str, *_more: object) -> dict[str, object]:
        asked.append(url)
        number = len(asked) % 3
        return {"value": [], "@odata.nextLink": "%s/v1.0/users?$skiptoken=%d" % (directory.resource, number)}

    monkeypatch.setattr(directory, "_call", answer)
    with pytest.raises(MailImportError, match="the list of /users has no end"):
        directory.users()
    assert len(asked) == 4


def test_a_list_that_goes_on_elsewhere_is_not_followed(directory: Directory, service: Service) -> None:
    service.page_size, service.next_link_host = 7, "https://graph.evil.example"
    with pytest.raises(MailImportError, match="goes on at another address than api_url") as refused:
        directory.users()
    assert refused.value.reason == "protocol_error"


@pytest.mark.parametrize(
    ("following", "goes_on"),
    [
        ("https://Graph.Microsoft.com:443/v1.0/users?$skiptoken=2", True),
        ("https://graph.microsoft.com/v1.0/users?$skiptoken=2", True),
        ("http://graph.microsoft.com/v1.0/users?$skiptoken=2", False),
        ("https://graph.microsoft.com:8443/v1.0/users", False),
        ("https://graph.microsoft.com.evil.example/v1.0/users", False),
        ("https://graph.microsoft.com@evil.example/v1.0/users", False),
        ("https://graph.microsoft.com:x/v1.0/users", False),
        ("/v1.0/users?$skiptoken=2", False),
    ],
)
def test_what_is_the_same_address(http: Http, monkeypatch: pytest.MonkeyPatch, following: str, goes_on: bool) -> None:
    asked: list[str] = []

    def answer(url: str, *_more: object) -> dict[str, object]:
        asked.append(url)
        return {"value": [], "@odata.nextLink": following} if len(asked) % 2 else {"value": []}

    directory = Directory(http, None, "https://graph.microsoft.com")  # type: ignore[arg-type]
    monkeypatch.setattr(directory, "_get", answer)
    if goes_on:
        assert directory.users() == [] and asked[1] == following
    else:
        with pytest.raises(MailImportError, match="goes on at another address"):
            directory.users()
        assert len(asked) == 1


def test_waits_as_long_as_it_is_told_in_fractions_too(
    directory: Directory, service: Service, pauses: list[float]
) -> None:
    service.trouble(
        "/users",
        status(429, {"error": {"code": "TooManyRequests", "message": "Slow down"}}, Retry_After="2.128"),
        status(503, Retry_After="7"),
        status(504),
        reset(),
    )
    assert directory.users()
    assert pauses[:2] == [2.128, 7.0] and len(pauses) == 4


def test_a_revoked_token_is_replaced_once(directory: Directory, service: Service) -> None:
    directory.users()
    service.revoke()
    assert directory.users()


def test_the_use_of_mailboxes_is_read_without_the_token(directory: Directory, service: Service) -> None:
    """From another place than Graph, which may be anywhere."""
    with Service(company(1)) as elsewhere:
        elsewhere.usage = {"Anna@one.example": (3, 5000, True), "ben@one.example": (1, 70, False)}
        service.report_url = elsewhere.url
        service.trouble("getMailboxUsageDetail(period='D7')", throttled("1"), status(503))
        elsewhere.trouble("/usage.csv", reset(), status(500))
        report = directory.usage()
        assert (report.bytes, report.are_names_concealed) == (5070, False)
        assert report.mailboxes["anna@one.example"].has_archive is True and "gone@one.example" not in report.mailboxes
        elsewhere.conceals_names = True
        assert directory.usage().are_names_concealed
        elsewhere.trouble("/usage.csv", status(200, b"<html>maintenance</html>"))
        with pytest.raises(MailImportError, match="unknown shape"):
            directory.usage()
        echo = b"/reports/path-as-good-as-a-token/usage.csv?sig=as-good-as-a-token: no"
        for answer in (status(403, b"<html>AuthenticationFailed</html>"), status(403, echo), status(302)):
            elsewhere.trouble("/usage.csv", answer)
            with pytest.raises(MailImportError, match=re.escape("GET %s: " % elsewhere.url)) as refused:
                directory.usage()
            assert "as-good-as-a-token" not in refused.value.message
        elsewhere.trouble("/usage.csv", *[reset()] * ATTEMPTS)
        with pytest.raises(MailImportError, match=re.escape("GET %s: the connection" % elsewhere.url)) as broken:
            directory.usage()
        assert "as-good-as-a-token" not in broken.value.message
    for nowhere, words in (
        ("http://elsewhere.example", "must begin with https"),
        ("https://user:word@elsewhere.example", "must begin with https"),
        ("https://[", "redirected to what is no address"),
    ):
        service.report_url = nowhere
        with pytest.raises(MailImportError, match=words) as refused:
            directory.usage()
        assert "as-good-as-a-token" not in refused.value.message and "word" not in refused.value.message
    service.consented.discard("Reports.Read.All")
    service.revoke()
    with pytest.raises(MailImportError, match="no permission Reports.Read.All"):
        directory.usage()


@pytest.mark.parametrize(
    ("role", "call"), [("User.Read.All", "users"), ("Domain.Read.All", "domains"), ("Group.Read.All", "groups")]
)
def test_the_missing_permission_is_named(directory: Directory, service: Service, role: str, call: str) -> None:
    service.consented.discard(role)
    with pytest.raises(MailImportError, match="no permission %s" % role) as refused:
        getattr(directory, call)()
    assert refused.value.reason == "permission_denied"


def test_what_mailboxes_are_for(directory: Directory, service: Service) -> None:
    purposes = {user.email: directory.purpose_of(user.id) for user in directory.users() if not user.has_plan}
    assert purposes["info@one.example"] == "shared"
    assert purposes["hybrid@one.example"] == "on_premises"
    assert purposes["no-licence@one.example"] == "none"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"secret_expired": True}, "the secret has expired"),
        ({"clock": 4000.0}, "the clock of this host is wrong"),
    ],
)
def test_refusals_say_what_to_do(
    http: Http, service: Service, pair: tuple[str, str], change: dict[str, object], words: str
) -> None:
    service.certificates.append(pair[0])
    for name, value in change.items():
        setattr(service, name, value)
    credential = ClientCertificate(pair[0] + pair[1]) if "clock" in change else ClientSecret(SECRET)
    with pytest.raises(MailImportError, match=words) as refused:
        app_tokens(http, service, credential).token(MAIL)
    assert SECRET not in refused.value.message and "\n" not in refused.value.message


def test_a_login_is_one_word_for_powershell() -> None:
    """Its owner may choose it; it ends in the window of an administrator."""
    command = permission_command(CLIENT_ID, "o'neil$(Remove-Mailbox)\u2019;x@one.example")
    assert "-Identity 'o''neil$(Remove-Mailbox)\u2019\u2019;x@one.example' -User" in command


@pytest.mark.parametrize("token", ["", "opaque", "a.b.c", "a.e30.c", "a.eyJyb2xlcyI6IDF9.c"])
def test_a_token_that_says_nothing_is_no_trouble(token: str) -> None:
    assert not roles_in(token)
