# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules as people use them: through ansible-playbook, with no secret in anything that is printed, and none left
behind.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest
from fakes.yandex360 import ADMIN_SCOPES, Service
from fakes.yandex360_organization import company
from support.mail import REPOSITORY
from support.organization import entries
from support.processes import command_lines, repeatedly
from support.run import Outcome, environment, run_module, run_playbook, run_task
from support.yandex import YandexScene

PERSON = "person0@one.example"
GIVEN = "Chutney-on-the-host"


@pytest.fixture
def tidy(monkeypatch: pytest.MonkeyPatch, place: Path) -> Path:
    """Temporary directories of the test's own, in which nothing secret may stay."""
    for name in ("ANSIBLE_REMOTE_TMP", "ANSIBLE_LOCAL_TEMP", "TMPDIR"):
        directory = place / name.lower()
        directory.mkdir()
        monkeypatch.setenv(name, str(directory))
    return place


def content_of(path: Path) -> bytes:
    """What is in a file; nothing when Ansible, which cleans up, has just removed it."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""


def assert_hidden(place: Path, output: str, secrets: list[str], own: set[Path]) -> None:
    """No secret is in an output, nor in a file but those that are for it."""
    assert not [secret for secret in secrets if secret in output]
    files = [path for path in place.rglob("*") if path.is_file() and path not in own and "arguments-" not in path.name]
    assert not [
        (path, secret)
        for path in files
        for secret in secrets
        if secret.encode() in content_of(path) and "yandex/" not in str(path)
    ]


@pytest.mark.parametrize("case", ["completed", "refused"])
def test_no_secret_gets_out(scene: YandexScene, tidy: Path, case: str) -> None:
    scene.options["mailboxes"] = [PERSON]
    changes: dict = {
        "completed": {"passwords": {PERSON: GIVEN}},
        "refused": {"passwords": {PERSON: GIVEN}, "client_secret": "Marmalade"},
    }[case]
    known = [scene.options["token"], scene.options["client_secret"], GIVEN]
    seen: list[bytes] = []
    with repeatedly(
        lambda: seen.extend(line for line in command_lines() if any(secret.encode() in line for secret in known))
    ):
        outcome = scene.task("-vvvvv", "--diff", **changes)
    assert seen == []
    assert (case == "completed") == (not outcome.result.get("failed")), outcome.output
    if case == "completed":
        assert scene.unequal(PERSON, GIVEN) == []
    else:
        assert "client_id or client_secret is wrong" in entries(outcome)[PERSON]["message"]
    secrets = [*known, "Marmalade", *scene.service.grants]
    assert_hidden(
        tidy, outcome.output + repr(outcome.result), secrets, {scene.directory / "play.yml", scene.host.users_file}
    )


def test_passwords_come_from_a_list_on_the_controller(scene: YandexScene) -> None:
    listed = scene.directory / "passwords.csv"
    listed.write_text("email;password\n%s;from-the-list\nperson1@one.example;also\n" % PERSON)
    # ansible-playbook runs in the repository: its relative path leads to the file from there, and not from the play's
    # directory.
    path = os.path.relpath(listed, REPOSITORY)
    outcome = scene.task(
        mailboxes=[PERSON, "person1@one.example"],
        passwords_src=path,
        passwords={PERSON: GIVEN},
        generated_passwords=None,
    )
    assert not outcome.result.get("failed"), outcome.output
    assert scene.unequal(PERSON, GIVEN) == [] and scene.unequal("person1@one.example", "also") == []
    listed.write_text("%s\n" % PERSON)
    outcome = scene.task(passwords_src=str(listed))
    assert "not an address and a password: line 1" in outcome.result["msg"]
    listed.write_text("%s;one\nperson1@one.example;also\n%s;another\n" % (PERSON, PERSON.upper()))
    outcome = scene.task(passwords_src=str(listed))
    assert outcome.result["msg"].endswith("passwords.csv: more than one password for %s" % PERSON)


def test_a_password_that_yaml_made_a_number_of_is_refused(scene: YandexScene) -> None:
    listed = scene.directory / "passwords.yml"
    listed.write_text(
        "- {email: %s, password: from-the-list}\n- {email: person1@one.example, password: 0123}\n" % PERSON
    )
    outcome = scene.task(passwords_src=str(listed))
    assert outcome.result["msg"].endswith("not an address and a password: entry 2 (a number: in quotes)")
    for options in ((), ("--check",)):
        outcome = scene.task(*options, passwords={PERSON: 123})
        assert outcome.result["msg"] == "passwords: not text, so put it in quotes: the password of %s" % PERSON


def test_the_playbook_imports_the_organization(scene: YandexScene) -> None:
    variables = {
        **scene.arguments(),
        "parallel": True,
        "import_hosts": "all",
        "import_setup": False,
        "ansible_python_interpreter": sys.executable,
    }
    playbook = REPOSITORY / "playbooks" / "import_yandex.yml"

    def play(*options: str) -> tuple[int, str, dict[str, int]]:
        env = environment()
        ran = run_playbook(
            playbook,
            "-c",
            "local",
            *options,
            inventory="localhost,",
            variables=variables,
            directory=scene.directory,
            env=env,
        )
        return ran.returncode, ran.output, ran.recap["localhost"]

    returncode, output, recap = play("--forks", "3", "-v")
    assert returncode == 0, output
    assert recap["changed"] == 1 and "all@one.example" in output and "5 completed, 4 skipped" in output
    assert scene.unequal(PERSON, scene.new_passwords()[PERSON]) == []
    returncode, output, recap = play()
    assert returncode == 0 and recap["changed"] == 0


def test_hosts_that_would_all_get_the_whole_organization_are_told(scene: YandexScene) -> None:
    variables = {
        **scene.arguments(),
        "import_hosts": "all",
        "import_setup": False,
        "ansible_python_interpreter": sys.executable,
    }
    playbook = REPOSITORY / "playbooks" / "import_yandex.yml"

    def play(inventory: str, **more: object) -> str:
        ran = run_playbook(
            playbook,
            "-c",
            "local",
            "--check",
            inventory=inventory,
            variables={**variables, **more},
            directory=scene.directory,
        )
        assert ran.returncode == 0, ran.output
        return " ".join(ran.output.split())

    assert "each of the 2 hosts of this play imports the whole organization" in play("mail1,mail2,")
    # What the module warns of does not take its place.
    token = scene.service.admin_token(ADMIN_SCOPES - {"directory:read_groups"})
    output = play("mail1,mail2,", token=token)
    assert "each of the 2 hosts" in output and "cannot list groups" in output
    assert "hosts of this play" not in play("mail1,") + play("mail1,mail2,", domains=["two.example"])


def test_info_lists_all_and_says_what_cannot_be_imported(service: Service, place: Path) -> None:
    token = service.admin_token(ADMIN_SCOPES - {"directory:read_groups"})
    options = {**service.urls(), "token": token}
    outcome = run_task(options, place, "-vvvvv", module="yandex360_info")
    result = outcome.result
    assert not result.get("failed") and result["changed"] is False, outcome.output
    assert len(result["mailboxes"]) == 66 and len(result["domains"]) == 13 and result["mailing_lists"] == []
    assert (
        result["organization"] == {"id": 7654321, "name": "Рога и Копыта", "imap_enabled": True}
        and "directory:read_users" in result["scopes"]
    )
    assert {entry["reason"] for entry in result["mailboxes"] if not entry["importable"]} == {
        "robot",
        "portal_account",
        "blocked",
        "dismissed",
    }
    assert "directory:read_groups" in str(result["warnings"])
    assert token not in outcome.output
    result = run_module(
        {**options, "domains": ["two.example"], "mailboxes": ["person?@*"]}, place, "yandex360_info"
    ).result
    assert [entry["email"] for entry in result["mailboxes"]] == [
        "person%d@two.example" % number for number in (2, 5, 8)
    ]
    outcome = run_module({**options, "mailboxes": ["nobody@two.example"]}, place, "yandex360_info")
    assert "no mailbox nobody@two.example" in str(outcome.result["warnings"])
    assert (
        "api_timeout must be more than 0"
        in run_module({**options, "api_timeout": 0}, place, "yandex360_info").result["msg"]
    )
    assert "token is required" in run_task(service.urls(), place, module="yandex360_info").result["msg"]


@pytest.fixture
def person(service: Service) -> Iterator[list[str]]:
    """Somebody who enters every code that is shown; yields the codes."""
    entered: list[str] = []
    stopped = threading.Event()

    def enter() -> None:
        while not stopped.wait(0.05):
            for code in list(service.device_codes.values()):
                if not code["approved"]:
                    entered.append(code["user_code"])
                    service.enter_code(code["user_code"])

    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    yield entered
    stopped.set()
    thread.join()


@pytest.fixture
def get_token(service: Service, place: Path) -> Callable[..., Outcome]:
    """Run yandex360_token for an application, into a file unless told otherwise; `alone` without its action plugin,
    when nobody is needed.
    """
    application = service.service_application(ADMIN_SCOPES)

    def run(*options: str, alone: bool = False, keywords: dict | None = None, **changes: object) -> Outcome:
        arguments = {
            "oauth_url": service.urls()["oauth_url"],
            "dest": str(place / "token.json"),
            **application,
            **changes,
        }
        given = {name: value for name, value in arguments.items() if value is not None}
        if alone:
            return run_module(given, place, "yandex360_token", check_mode="--check" in options)
        return run_task(given, place, *options, module="yandex360_token", **(keywords or {}))

    return run


def test_a_token_is_got_kept_and_renewed(
    get_token: Callable[..., Outcome], service: Service, place: Path, person: list[str]
) -> None:
    file = place / "token.json"
    assert get_token("--check", alone=True).result["changed"] is True and not file.exists() and person == []
    first = get_token("-vvvvv")
    assert not first.result.get("failed") and first.result["changed"] is True, first.output
    assert "Enter the code %s at https://ya.ru/device" % person[0] in first.output
    assert file.stat().st_mode & 0o777 == 0o600
    stored = json.loads(file.read_text())
    assert service.opens(stored["access_token"])
    again = get_token(alone=True)
    assert again.result["changed"] is False and "is good for 36" in again.result["msg"]
    assert json.loads(file.read_text()) == stored

    service.switches.refresh_keeps_token = False
    renewed = get_token(minimum_days=400, alone=True)
    assert renewed.result["changed"] is True and len(person) == 1
    newer = json.loads(file.read_text())
    assert newer["access_token"] != stored["access_token"] and newer["refresh_token"] != stored["refresh_token"]

    service.revoke()
    replaced = get_token(minimum_days=400)
    assert (
        replaced.result["changed"] is True
        and len(person) == 2
        and "a person has to get a new one" in str(replaced.result["warnings"])
    )
    begun = get_token(force=True, alone=True).result["device"]
    Path(begun["file"]).unlink()
    secrets = [*service.grants, *service.refresh_tokens, stored["refresh_token"]]
    assert not [
        secret for secret in secrets if secret in first.output + again.output + renewed.output + replaced.output
    ]


def test_a_token_in_the_result_needs_no_log(
    get_token: Callable[..., Outcome], service: Service, person: list[str]
) -> None:
    refused = get_token(dest=None)
    assert "set no_log: true" in refused.result["msg"] and person == []
    given = get_token(dest=None, keywords={"no_log": True})
    assert service.opens(given.result["access_token"]) and given.result["access_token"] not in given.output
    assert "Enter the code" in given.output


def test_a_file_that_others_can_read_holds_no_token(
    get_token: Callable[..., Outcome], place: Path, person: list[str]
) -> None:
    (place / "token.json").write_text("{}")
    (place / "token.json").chmod(0o644)
    assert "chmod 600" in get_token(alone=True).result["msg"]
    (place / "token.json").chmod(0o600)
    assert "is no file of this module" in get_token(alone=True).result["msg"] and person == []


def test_a_code_that_nobody_enters_ends(service: Service, place: Path) -> None:
    application = service.service_application(ADMIN_SCOPES)
    arguments = {**application, "oauth_url": service.urls()["oauth_url"], "dest": str(place / "token.json")}
    begun = run_module(arguments, place, "yandex360_token").result
    service.advance(601)
    (place / "secrets.json").write_text(
        json.dumps({"client_secret": application["client_secret"], "device": begun["device"]})
    )
    (place / "secrets.json").chmod(0o600)
    ended = run_module({**arguments, "secrets_file": str(place / "secrets.json")}, place, "yandex360_token").result
    assert "Code has expired" in ended["msg"] and "begin again" in ended["msg"] and not (place / "token.json").exists()


def test_the_services_may_be_reached_over_tls_of_an_authority_of_ones_own(place: Path, certificate, authority) -> None:
    # noqa: ANN001
    with Service(company(2), certificate) as service:
        options = {**service.urls(), "token": service.admin_token()}
        assert "not trusted (set api_ca_cert" in run_module(options, place, "yandex360_info").result["msg"]
        assert (
            run_module({**options, "api_ca_cert": str(authority.ca_file)}, place, "yandex360_info").result[
                "organization"
            ]["id"]
            == 7654321
        )
