# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The clients of Microsoft's services against the fake: tokens, lists, and troubles; and Microsoft's own client."""

from __future__ import annotations

import datetime
import os
import time
from types import SimpleNamespace

import msal
import pytest
import requests
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365 import shared_token
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from fakes.http_service import reset, status
from fakes.microsoft365 import CLIENT_ID, MAIL_ROLE, SECRET, TENANT, Service, company
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


def test_a_list_that_goes_round_in_circles_is_no_shorter_list(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = {"value": [], "@odata.nextLink": directory.resource + "/v1.0/users?$skiptoken=1"}
    monkeypatch.setattr(directory, "_call", lambda *_call: page)
    with pytest.raises(MailImportError, match="the list of /users has no end"):
        directory.users()


def test_a_list_that_goes_on_elsewhere_is_not_followed(directory: Directory, service: Service) -> None:
    service.page_size, service.next_link_host = 7, "https://graph.evil.example"
    with pytest.raises(MailImportError, match="goes on at another address than api_url") as refused:
        directory.users()
    assert refused.value.reason == "protocol_error"


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
