# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person enters a code, and lets an application into mailboxes: `microsoft365_token`, and imports with its file."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import msal
import pytest
import requests
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import ImportRequest
from ansible_collections.panel.mailimport.plugins.module_utils.model.mail import SourceAccount
from ansible_collections.panel.mailimport.plugins.module_utils.provider.http import Http, HttpSettings
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.access import with_token_file
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.person_oauth import PersonOAuth
from ansible_collections.panel.mailimport.plugins.module_utils.provider.microsoft365.token_file import (
    PersonTokens,
    TokenFile,
)
from ansible_collections.panel.mailimport.plugins.module_utils.provider.oauth import DeviceCode, Token
from fakes.http_service import reset, status, throttled
from fakes.microsoft365 import CLIENT_ID, TENANT, Service
from fakes.microsoft365_organization import Tenant, company
from support.microsoft import MicrosoftScene
from support.organization import entries
from support.run import Outcome, run_module, run_task
from support.tls import Authority, Certificate

ANNA = "person0@one.example"
SCOPE = "https://outlook.office.com/IMAP.AccessAsUser.All offline_access"
TOKEN = "POST /%s/oauth2/v2.0/token" % TENANT

NewScene = Callable[[Tenant], MicrosoftScene]
GetToken = Callable[..., Outcome]


@pytest.fixture
def oauth(http: Http, service: Service) -> PersonOAuth:
    """The service, for a person."""
    return PersonOAuth(http, CLIENT_ID, service.url, TENANT)


@pytest.fixture
def get_token(service: Service, place: Path) -> GetToken:
    """Runs microsoft365_token; `alone` without its action plugin, when nobody is needed."""

    def run(*options: str, alone: bool = False, **changes: Any) -> Outcome:
        arguments = {
            "client_id": CLIENT_ID,
            "tenant": TENANT,
            "login_url": service.url,
            "dest": str(place / "token.json"),
            **changes,
        }
        if alone:
            return run_module(arguments, place, "microsoft365_token", check_mode="--check" in options)
        return run_task(arguments, place, *options, module="microsoft365_token")

    return run


def token_file(oauth: PersonOAuth, service: Service, place: Path, user: str = ANNA) -> Path:
    """Make a file of a person's token, as the module does."""
    code = oauth.begin(SCOPE)
    service.people.enter(code.user_code, user)
    token = oauth.poll(code)
    assert isinstance(token, Token)
    path = place / "token.json"
    facts = {"client_id": CLIENT_ID, "tenant": TENANT, "login_url": service.url, "scope": SCOPE}
    path.write_text(json.dumps({**facts, **vars(token), "expires_at": 4e9}))
    path.chmod(0o600)
    return path


def expire(path: Path) -> None:
    """Let the access token in a file have ended."""
    path.write_text(json.dumps(dict(json.loads(path.read_text()), expires_at=1)))


def test_microsofts_own_client_gets_a_token_with_a_code(certificate: Certificate, authority: Authority) -> None:
    with Service(company(1), certificate) as service:
        session = requests.Session()
        session.verify, session.trust_env = str(authority.ca_file), False
        application = msal.PublicClientApplication(
            CLIENT_ID,
            authority=service.url.replace("127.0.0.1", "localhost") + "/" + TENANT,
            instance_discovery=False,
            http_client=session,
        )
        flow = application.initiate_device_flow([SCOPE.split()[0]])
        service.people.enter(flow["user_code"], ANNA)
        first = application.acquire_token_by_device_flow(flow)
        assert service.opens_mailbox(first["access_token"], ANNA), first
        again = application.acquire_token_by_refresh_token(first["refresh_token"], [SCOPE.split()[0]])
        assert again["access_token"] != first["access_token"] and "refresh_token" in again


def test_a_token_is_got_kept_and_renewed(get_token: GetToken, service: Service, place: Path) -> None:
    file = place / "token.json"
    assert get_token("--check", alone=True).result["changed"] is True
    assert not file.exists() and not service.people.codes
    with service.people.attended_by(ANNA) as codes:
        first = get_token("-vvvvv")
    assert first.result.get("changed") is True, first.output
    assert "Enter the code %s at https://microsoft.com/devicelogin" % codes[0] in first.output
    assert file.stat().st_mode & 0o777 == 0o600
    stored = json.loads(file.read_text())
    assert service.opens_mailbox(stored["access_token"], ANNA)
    asked = len(service.requests)
    good = get_token(alone=True)
    assert good.result["changed"] is False and "is good for" in good.result["msg"] and len(service.requests) == asked

    expire(file)
    renewed = get_token(alone=True)
    newer = json.loads(file.read_text())
    assert renewed.result["changed"] is True and newer["refresh_token"] != stored["refresh_token"]

    service.people.refresh_tokens.clear()
    expire(file)
    revoked = get_token(alone=True)
    Path(revoked.result["device"]["file"]).unlink()
    assert "not used for 90 days" in str(revoked.result["warnings"])
    outputs = first.output + good.output + renewed.output
    secrets = [*service.grants, *service.people.refresh_tokens, stored["refresh_token"], newer["refresh_token"]]
    assert not [secret for secret in secrets if secret in outputs]


def test_whoever_asks_waits_as_it_is_told(oauth: PersonOAuth, service: Service) -> None:
    code = oauth.begin(SCOPE)
    assert oauth.poll(code) == code
    service.people.codes[code.device_code].hurried = 1
    slower = oauth.poll(code)
    assert isinstance(slower, DeviceCode) and slower.interval == code.interval + 5
    service.people.enter(code.user_code, ANNA)
    service.trouble("/token", throttled("1"), status(503), reset(), reset(after=20))
    token = oauth.poll(slower)
    assert isinstance(token, Token) and service.opens_mailbox(token.access_token, ANNA)
    assert not service.opens_mailbox(token.access_token, "person1@two.example")


def test_why_there_is_no_token_is_one_sentence(oauth: PersonOAuth, http: Http, service: Service) -> None:
    def said(call: Callable[[], Any]) -> str:
        with pytest.raises(MailImportError) as refused:
            call()
        assert "\n" not in refused.value.message and "Trace ID: 0 Correlation" not in refused.value.message[-40:]
        return refused.value.message

    declined, late = oauth.begin(SCOPE), oauth.begin(SCOPE)
    service.people.decline(declined.user_code)
    assert "has declined" in said(lambda: oauth.poll(declined))
    service.advance(901)
    assert "nobody entered the code in time" in said(lambda: oauth.poll(late))
    assert "there is no such tenant" in said(
        lambda: PersonOAuth(http, CLIENT_ID, service.url, "elsewhere").begin(SCOPE)
    )
    assert "client_id or tenant is wrong" in said(lambda: PersonOAuth(http, "other", service.url, TENANT).begin(SCOPE))
    for number, words in ((53003, "Conditional Access"), (65001, "let the person, or an administrator, consent")):
        service.people.policy = number
        assert words in said(lambda: oauth.begin(SCOPE))
    service.people.policy = None
    code = oauth.begin(SCOPE)
    service.people.public_client = False
    service.people.enter(code.user_code, ANNA)
    assert "Allow public client flows" in said(lambda: oauth.poll(code))
    service.trouble("/devicecode", status(404))
    assert "is login_url right?" in said(lambda: oauth.begin(SCOPE))


def test_many_that_renew_one_file_ask_once(oauth: PersonOAuth, http: Http, service: Service, place: Path) -> None:
    """A refresh token that is good for one use would be lost otherwise, and the mailbox with it."""
    path = token_file(oauth, service, place)
    expire(path)
    asked = service.requests.count(TOKEN)
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(lambda _each: TokenFile(http, str(path)).token(), range(8)))
    assert len(tokens) == 1 and service.requests.count(TOKEN) == asked + 1
    assert TokenFile(http, str(path)).in_place_of("another") in tokens
    (old,) = tokens
    assert TokenFile(http, str(path)).in_place_of(old) != old
    assert path.stat().st_mode & 0o777 == 0o600 and list(place.iterdir()) == [path]


def test_a_token_that_is_good_is_spared(oauth: PersonOAuth, http: Http, service: Service, place: Path) -> None:
    path = token_file(oauth, service, place)
    before, asked = path.read_text(), service.requests.count(TOKEN)
    mail, directory = "https://outlook.office365.example", service.url
    stored = json.loads(before)["access_token"]

    def tokens() -> PersonTokens:
        return PersonTokens(TokenFile(http, str(path)), mail, frozenset((mail, directory)))

    first = tokens()
    assert [first.token(mail), first.token(mail), tokens().token(mail)] == [stored] * 3
    assert path.read_text() == before and service.requests.count(TOKEN) == asked
    replaced = first.in_place_of(mail, stored)
    assert replaced not in (None, stored) and first.token(mail) == replaced == tokens().token(mail)
    assert service.requests.count(TOKEN) == asked + 1
    expire(path)
    assert tokens().token(mail) not in (stored, replaced) and service.requests.count(TOKEN) == asked + 2
    assert tokens().token(directory) and service.requests.count(TOKEN) == asked + 3


def test_a_service_that_is_not_trusted_is_told_in_words_of_the_task(
    place: Path, certificate: Certificate, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The options of mail_import_imap have no api_ca_cert."""
    with Service(company(1), certificate) as service:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))
        path = token_file(PersonOAuth(Http(HttpSettings()), CLIENT_ID, service.url, TENANT), service, place)
        expire(path)
        source = SourceAccount("outlook.office365.com", 993, ANNA, "")
        request = with_token_file(ImportRequest(source, parse_address(ANNA), "new", "customer"), str(path))
        assert request.renew is not None
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(MailImportError) as refused:
            request.renew()
        assert refused.value.reason == "certificate_invalid" and "api_ca_cert" not in refused.value.message
        assert "REQUESTS_CA_BUNDLE" in refused.value.message
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca_file))
        assert service.opens_mailbox(request.renew(), ANNA)


def test_a_file_that_is_none_is_told(http: Http, oauth: PersonOAuth, service: Service, place: Path) -> None:
    path = place / "token.json"
    with pytest.raises(MailImportError, match="microsoft365_token makes it"):
        TokenFile(http, str(path))
    for content in ("", "[]", '{"client_id": "a"}', '{"client_id": "a", "access_token": "b", "expires_at": 1}'):
        path.write_text(content)
        path.chmod(0o600)
        with pytest.raises(MailImportError):
            TokenFile(http, str(path))
    path = token_file(oauth, service, place)
    path.chmod(0o644)
    with pytest.raises(MailImportError, match="chmod 600"):
        TokenFile(http, str(path))
    path.chmod(0o600)
    expire(path)
    service.people.refresh_tokens.clear()
    with pytest.raises(MailImportError, match="microsoft365_token with dest=.*gets another one"):
        TokenFile(http, str(path)).token()


def test_one_mailbox_comes_with_the_token_of_its_owner(new_scene: NewScene, http: Http) -> None:
    """The first is refused, which is no harm; and afterwards it is another mailbox that it must not open."""
    scene = new_scene(company(2))
    oauth = PersonOAuth(http, CLIENT_ID, scene.service.url, TENANT)
    path = token_file(oauth, scene.service, scene.directory)
    scene.imap.fill(ANNA)
    scene.service.revoke()
    given = {"source_token_file": str(path), "email": ANNA, "target_password": "new"}
    others = dict.fromkeys((*scene.application(), "mail_resource", "generated_passwords", "parallel", "queues"))
    options = scene.arguments(**others, **given)
    first = run_module(options, scene.directory, "mail_import_imap")
    assert entries(first)[ANNA]["state"] == "completed", first.output
    assert scene.unequal(ANNA, "new") == []
    second = run_module(dict(options, state="latest"), scene.directory, "mail_import_imap")
    assert second.result["changed"] is False, second.output
    other = run_module(dict(options, email="person1@two.example"), scene.directory, "mail_import_imap")
    assert entries(other)["person1@two.example"]["reason"] == "permission_denied"
    assert "no full access to this mailbox" in other.result["msg"]
    said = first.output + second.output + other.output
    assert not [token for token in (*scene.service.grants, *scene.service.people.refresh_tokens) if token in said]
    with_password = run_module(dict(options, source_auth="login"), scene.directory, "mail_import_imap")
    assert "source_token_file is a token" in with_password.result["msg"]


def test_an_administrator_brings_all_over_without_a_secret(new_scene: NewScene, http: Http) -> None:
    """In a company where the administrator has been given full access to all mailboxes but one."""
    scene = new_scene(company(4))
    boss = "info@one.example"
    oauth = PersonOAuth(http, CLIENT_ID, scene.service.url, TENANT)
    path = token_file(oauth, scene.service, scene.directory, user=boss)
    people = ["person%d@%s.example" % (number, "two" if number == 1 else "one") for number in range(4)]
    scene.service.people.full_access[boss] = set(people[:3])
    for login in people:
        scene.imap.fill(login, messages=1)
    asked = scene.service.requests.count(TOKEN)
    application = dict.fromkeys(("tenant", "client_id", "client_secret"))
    outcome = scene.run(token_file=str(path), mailboxes=["person*"], **application)
    found = {address: (entry["state"], entry["reason"]) for address, entry in entries(outcome).items()}
    assert [found[address][0] for address in people] == ["completed"] * 3 + ["failed"], outcome.output
    assert found[people[3]] == ("failed", "permission_denied")
    assert scene.service.requests.count(TOKEN) - asked <= 3
    again = scene.run(token_file=str(path), mailboxes=people[:3], state="latest", **application)
    assert again.result["changed"] is False, again.output
    both = scene.run(token_file=str(path))
    assert "leave out tenant and client_id and client_secret" in both.result["msg"]
