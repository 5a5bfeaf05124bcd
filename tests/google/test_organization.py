# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole organization in one task, over real HTTP and real IMAP: what arrives, what does not and why, and that it
happens once.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Callable

from fakes.gmail import CAPABILITIES, GmailAccount
from fakes.google import DIRECTORY, MAIL, Service
from fakes.google_organization import company
from fakes.imap_server import Command, Hook, Session
from support.dovecot import Dovecot
from support.google import GoogleScene
from support.imap import Item, snapshot
from support.mail import REPOSITORY, small_message
from support.organization import entries
from support.run import environment, run_module, run_playbook, run_task
from support.tls import Authority, Certificate

SKIPPED = {
    "fired@one.example": "suspended",
    "spammer@one.example": "suspended",
    "left@one.example": "archived",
    "unlicensed@one.example": "no_mailbox",
    "guest@one.example": "guest",
    "early@unverified.example": "domain_unverified",
    "c_188@resource.calendar.google.com": "resource",
}
PEOPLE = ["person0@one.example", "person1@one.example", "person2@two.example"]


def secrets_of(scene: GoogleScene) -> list[str]:
    """What must show nowhere: lines of the key, tokens, and passwords."""
    key = scene.service.key()["private_key"].splitlines()
    return [*key[1:-1], "PRIVATE KEY", *scene.service.grants, *scene.new_passwords().values()]


def test_sixty_people_arrive_equal_and_once(new_scene: Callable[..., GoogleScene]) -> None:
    scene = new_scene(company(60))
    people = [user["primaryEmail"] for user in scene.service.customer.users[:60]]
    for number, address in enumerate(people):
        many = ("INBOX", "[Gmail]/Gesendet", "Kunde (neu)")
        scene.imap.fill(address, messages=1 + number % 3, folders=many if number % 4 == 1 else ("INBOX",))
    scene.service.page_size = 25
    first = scene.run()
    assert not first.result.get("failed"), first.output
    found = entries(first)
    assert len(found) == 67 and first.result["changed"] is True
    assert {email: entry["reason"] for email, entry in found.items() if entry["state"] == "skipped"} == SKIPPED
    passwords = scene.new_passwords()
    assert sorted(passwords) == sorted(people) and len(set(passwords.values())) == 60
    for address in people:
        assert found[address]["state"] == "completed", found[address]
        assert scene.unequal(address, passwords[address]) == []
    assert {domain["name"]: domain["mailboxes"] for domain in first.result["domains"] if domain["mailboxes"]} == {
        "one.example": 45,
        "two.example": 20,
        "unverified.example": 1,
    }
    assert [domain["name"] for domain in first.result["domains"] if domain["alias_of"]] == ["alias.example"]
    assert {"email": "person20@two.example", "aliases": ["other20@one.example"]} in first.result["aliases"]
    assert first.result["mailing_lists"][0]["email"] == "all@one.example"

    asked = scene.service.requests.count("POST /token")
    second = scene.run()
    assert not second.result.get("failed") and second.result["changed"] is False
    assert second.result["summary"]["completed"] == 60 and scene.new_passwords() == passwords
    assert scene.service.requests.count("POST /token") == asked + 2, "one for the directory, one to see that mail opens"
    assert not [secret for secret in secrets_of(scene) if secret in first.output + second.output]


def test_what_is_new_is_carried_over_and_only_what_is_asked_for(scene: GoogleScene) -> None:
    looked = scene.run(check_mode=True, mailboxes=PEOPLE)
    assert {entry["state"] for entry in entries(looked).values()} == {"queued"}
    assert entries(looked)[PEOPLE[0]]["messages_copied"] == 10 and not scene.passwords_file.exists()

    outcome = scene.run(domains=["one.example"], exclude_mailboxes=["*1@*"], mailboxes=["person*", "typo@one.example"])
    states = {email: (entry["state"], entry["reason"]) for email, entry in entries(outcome).items()}
    assert states == {PEOPLE[0]: ("completed", None), "typo@one.example": ("failed", "not_found")}

    with scene.imap.session(PEOPLE[0]) as session:
        session.append("[Gmail]/Gesendet", [Item(small_message(77))])
    # Without an administrator, whose directory is not asked.
    asked = len(scene.service.requests)
    outcome = scene.run(admin=None, state="latest", mailboxes=PEOPLE[:1])
    assert entries(outcome)[PEOPLE[0]]["messages_copied"] == 1, outcome.output
    assert not [request for request in scene.service.requests[asked:] if "/admin/" in request]
    assert scene.unequal(PEOPLE[0], scene.new_passwords()[PEOPLE[0]]) == []
    outcome = scene.run(admin=None)
    assert outcome.result["failed"] and "admin is required, unless mailboxes names" in outcome.result["msg"]


def test_what_is_not_allowed_is_told_once_and_one_refused_user_stops_no_other(scene: GoogleScene) -> None:
    scene.service.delegated = {DIRECTORY + "user.readonly"}
    outcome = scene.run(mailboxes=PEOPLE)
    assert outcome.result["failed"] and "imports" not in outcome.result
    assert MAIL in outcome.result["msg"] and outcome.result["reason"] == "permission_denied"
    scene.service.delegated.add(MAIL)
    scene.service.policy_refuses.add(PEOPLE[1])
    outcome = scene.run(mailboxes=PEOPLE)
    found = entries(outcome)
    assert [found[email]["state"] for email in PEOPLE] == ["completed", "failed", "completed"]
    assert "keeps this application out" in found[PEOPLE[1]]["message"]
    assert "domain.readonly" in str(outcome.result["warnings"]) and "group.readonly" in str(outcome.result["warnings"])


def test_the_playbook_imports_the_organization_with_a_key_in_a_file(scene: GoogleScene) -> None:
    key = scene.directory / "key.json"
    key.write_text(scene.service.key_text())
    variables = {
        **scene.arguments(service_account=None),
        "service_account_src": str(key),
        "import_hosts": "all",
        "import_setup": False,
        "ansible_python_interpreter": sys.executable,
    }
    playbook = REPOSITORY / "playbooks" / "import_google.yml"
    ran = run_playbook(
        playbook,
        "-c",
        "local",
        "-vvvvv",
        "--diff",
        inventory="localhost,",
        variables=variables,
        directory=scene.directory,
        env=environment(),
    )
    assert ran.returncode == 0, ran.output
    assert ran.recap["localhost"]["changed"] == 1 and "3 completed, 7 skipped" in ran.output
    assert "all@one.example" in ran.output
    assert scene.unequal(PEOPLE[0], scene.new_passwords()[PEOPLE[0]]) == []
    assert not [secret for secret in secrets_of(scene) if secret in ran.output]


def test_info_says_what_to_do_and_what_there_is(place: Path, certificate: Certificate, authority: Authority) -> None:
    with Service(company(3), certificate) as service:
        options = {**service.urls(), "service_account": service.key(), "api_ca_cert": str(authority.ca_file)}
        outcome = run_task(options, place, "-vvvvv", module="google_workspace_info")
        result = outcome.result
        assert not result.get("failed") and result["changed"] is False and result["mailboxes"] == [], outcome.output
        assert "clientIdToAdd=110000000000000000001" in result["authorize_url"] and service.requests == []
        assert any("gcloud iam service-accounts keys create" in line for line in result["commands"])

        service.delegated.discard(DIRECTORY + "group.readonly")
        service.customer.gmail[PEOPLE[1]] = {"enabled": True, "maxFolderSize": 2000, "messagesTotal": 4321}
        given = {**options, "admin": PEOPLE[0], "check_mailboxes": True, "gmail_api_url": service.url}
        outcome = run_module({**given, "service_account": service.key_text()}, place, "google_workspace_info")
        result = outcome.result
        assert len(result["mailboxes"]) == 10 and result["organization"]["name"] == "one.example", outcome.output
        assert result["scopes_missing"] == [DIRECTORY + "group.readonly"] and "group.readonly" in str(
            result["warnings"]
        )
        box = next(entry for entry in result["mailboxes"] if entry["email"] == PEOPLE[1])
        assert (box["imap_max_folder_size"], box["messages_total"], box["imap_enabled"]) == (2000, 4321, True)
        assert {entry["reason"] for entry in result["mailboxes"] if not entry["importable"]} == set(SKIPPED.values())

        service.delegated.clear()
        refused = run_module({**given, "service_account": service.key_text()}, place, "google_workspace_info").result
        assert refused["failed"] and refused["reason"] == "permission_denied" and refused["authorize_url"]
        hidden = [*service.grants, *service.key()["private_key"].splitlines()[1:-1]]
        assert not [secret for secret in hidden if secret in outcome.output + json.dumps(refused)]
    untrusted = {name: value for name, value in given.items() if name != "api_ca_cert"}
    with Service(company(3), certificate) as service:
        given = {**untrusted, **service.urls(), "service_account": service.key_text()}
        assert "not trusted (set api_ca_cert" in run_module(given, place, "google_workspace_info").result["msg"]


def test_a_gmail_account_with_labels_comes_once_with_tokens_that_are_renewed(place: Path, host: Dovecot) -> None:
    """Tokens of the service account at a server with Gmail's extensions, which ends the session in mid-import."""
    customer = company(3)
    account = GmailAccount((b"Work", b"Kunden"))
    for number in range(40):
        labels = [(b"INBOX",), (b"INBOX", b"Work"), (b"Work", b"Kunden"), ()][number % 4]
        account.add(small_message(number) + b"y" * 3000 + b"\r\n", *labels)
    with Service(customer) as service, account.serve() as server:
        logins: list[str] = []

        def authenticate(session: Session, command: Command) -> None:
            said = base64.b64decode(command.rest.split(b" ")[1]).decode()
            user, token = said.split("\1")[0].partition("=")[2], said.split("Bearer ")[1].rstrip("\1")
            grant = service.opens(token, MAIL)
            if grant is None or grant.user != user:
                session.write(b"+ %s\r\n" % base64.b64encode(b'{"status":"400","schemes":"Bearer"}'))
                session.flush()
                session._input.readline()
                session.answer(command, b"NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)")
                return
            logins.append(token)
            session.write(b"* CAPABILITY %s\r\n" % CAPABILITIES)
            session.answer(command, b"OK %s authenticated (Success)" % user.encode())

        def expire(session: Session, command: Command) -> None:
            """Send some of what is asked for, and end the session: its token has expired."""
            some = list(session.wanted(command))
            session.send_messages(command, some[: len(some) // 2])
            service.revoke()
            session.write(b"* BYE Session expired, please login again\r\n")
            session.hang_up()

        server.capabilities = CAPABILITIES.replace(b"UIDPLUS", b"SASL-IR AUTH=XOAUTH2 UIDPLUS")
        server.on("AUTHENTICATE", authenticate)
        usual = server.hook("UID FETCH")
        server.on("UID FETCH", once_for_bodies(expire, usual))
        source = {"source_host": "localhost", "source_port": server.port, "source_tls": "none"}
        scene = GoogleScene(place, service, host, source, options={"mailboxes": PEOPLE[:1]})
        first = scene.run()
        entry = entries(first)[PEOPLE[0]]
        assert (entry["state"], entry["not_imported"]) == ("completed", []), first.output
        assert (entry["messages_copied"], entry["messages_linked"]) == (60, 20)
        assert account.sent_bytes <= 1.05 * account.size, "what had come by then did not come again"
        assert len(set(logins)) == len(logins) >= 2, "each login has a token of its own"
        here = snapshot(host.port, PEOPLE[0], scene.new_passwords()[PEOPLE[0]])
        counts = {path[-1]: len(folder.messages) for path, folder in here.folders.items() if folder.messages}
        assert counts == {"INBOX": 20, "Work": 20, "Kunden": 10, "Archive": 10}
        again = scene.run(state="latest")
        assert again.result["changed"] is False and account.sent_bytes <= 1.05 * account.size, again.output
        hidden = [*service.grants, *service.key()["private_key"].splitlines()[1:-1]]
        assert not [secret for secret in hidden if secret in first.output + again.output]


def once_for_bodies(hook: Hook, usual: Hook) -> Hook:
    """Let the hook act for the first command that asks for whole messages."""
    left = [hook]

    def act(session: Session, command: Command) -> None:
        is_whole = b"BODY.PEEK[]" in command.rest and b"BODY.PEEK[]<" not in command.rest
        (left.pop() if is_whole and left else usual)(session, command)

    return act
