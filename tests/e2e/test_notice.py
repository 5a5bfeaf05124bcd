# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Owners are told that their mailboxes have moved: once each, by real servers of LMTP and SMTP, in the new mailbox."""

from __future__ import annotations

import email
import email.policy
import imaplib
import sys
from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.company import Employee, Run, as_rows, employees
from support.dovecot import Dovecot, free_ports, wait_until
from support.mail import REPOSITORY
from support.postfix import MASTER, Postfix
from support.run import Outcome, run_module, run_playbook

NOTICE = {
    "sender": "IT <it@firma.example>",
    "protocol": "lmtp",
    "values": {"server": "mail.firma.example", "contact": "12"},
}
LMTP = """
protocols = imap lmtp
service lmtp {
  inet_listener lmtp {
    port = %d
  }
}
protocol lmtp {
  postmaster_address = postmaster@firma.example
}
"""


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(4)


@pytest.fixture
def lmtp(new_host: Callable[..., Dovecot], place: Path, company: Dovecot) -> tuple[Run, int]:
    if not Path("/usr/lib/dovecot/lmtp").exists():
        pytest.skip("needs Dovecot's LMTP server: apt-get install dovecot-lmtpd")
    (port,) = free_ports(1)
    return Run(place, company, new_host(extra_config=LMTP % port)), port


def tell(run: Run, port: int, check_mode: bool = False, **changes: Any) -> Outcome:
    options = {"state_dir": run.arguments()["state_dir"], "server": "127.0.0.1", "port": port, **NOTICE, **changes}
    return run_module(options, run.directory, "mail_notice", check_mode)


def notices(run: Run, person: Employee) -> list[Any]:
    with imaplib.IMAP4("127.0.0.1", run.host.port) as session:
        session.login(*person)
        session.select("INBOX", readonly=True)
        _answer, (numbers,) = session.search(None, "HEADER", "Auto-Submitted", "auto-generated")
        bodies = [session.fetch(number.decode(), "(BODY.PEEK[])")[1][0][1] for number in numbers.split()]
    return [email.message_from_bytes(body, policy=email.policy.default) for body in bodies]


def test_each_complete_mailbox_gets_the_notice_once(lmtp: tuple[Run, int], people: list[Employee]) -> None:
    run, port = lmtp
    first, second, wrong, existing = people
    run.host.add_user(*existing)
    run.module(mailboxes=as_rows([first, wrong._replace(password="not hers"), existing]))
    assert tell(run, port, check_mode=True).result["sent"] == [first.address] and notices(run, first) == []

    german = {"language": "de", "subject": "Ihr Postfach ist umgezogen: $email", "body": "Grüße, 5 $$\n"}
    texts = {"translations": [german], "languages": {second.address: "de"}}
    told = tell(run, port, **texts).result
    assert (told["sent"], told["already"], told["changed"]) == ([first.address], [], True)
    run.module(mailboxes=as_rows([second]))
    told = tell(run, port, **texts).result
    assert (told["sent"], told["already"]) == ([second.address], [first.address])
    again = tell(run, port, **texts).result
    assert (again["sent"], again["changed"]) == ([], False)

    (english,), (translated,) = notices(run, first), notices(run, second)
    assert english["Subject"] == "Your mailbox %s has moved" % first.address
    assert "mail.firma.example" in english.get_content() and first.password not in english.as_string()
    assert translated["Subject"] == german["subject"].replace("$email", second.address)
    assert translated.get_content().replace("\r\n", "\n") == "Grüße, 5 $\n"
    assert notices(run, existing) == []
    # A later run of the import leaves the notice where it is, and does not ask for another.
    assert not run.module(mailboxes=as_rows([first]), state="latest").result["changed"]
    assert len(notices(run, first)) == 1


@pytest.fixture
def postfix(lmtp: tuple[Run, int], people: list[Employee]) -> Iterator[Postfix]:
    """As on most mail hosts: it takes mail for the mailboxes, of all but the third here, and gives it to Dovecot."""
    if not MASTER.exists():
        pytest.skip("needs Postfix: apt-get install postfix")
    run, port = lmtp
    addresses = [each.address for each in people]
    domains = {address.partition("@")[2] for address in addresses}
    recipients = addresses[:2] + addresses[3:]
    with Postfix(run.directory / "postfix", domains, "lmtp:inet:127.0.0.1:%d" % port, recipients) as server:
        yield server


def test_notices_come_once_by_way_of_postfix(lmtp: tuple[Run, int], postfix: Postfix, people: list[Employee]) -> None:
    run, _port = lmtp
    run.module(mailboxes=as_rows(people[:3]))
    told = tell(run, postfix.port, protocol="smtp").result
    assert told["failed"] and sorted(told["sent"]) == sorted(each.address for each in people[:2])
    (refused,) = told["failed_notices"]
    assert refused["email"] == people[2].address and refused["message"].startswith("550 5.1.1")
    for _rerun in range(2):
        run.module(mailboxes=as_rows(people[:3]), state="latest")
        assert tell(run, postfix.port, protocol="smtp").result["sent"] == []
    postfix.wait_until_delivered()
    assert [len(notices(run, each)) for each in people[:3]] == [1, 1, 0], postfix.log()


def test_administrators_hear_of_a_run_by_way_of_postfix(
    lmtp: tuple[Run, int], postfix: Postfix, people: list[Employee]
) -> None:
    """At the first failure, at the end, and when something has changed. A server that is down fails no import."""
    run, _port = lmtp
    *staff, administrator = people
    run.host.add_user(*administrator)
    wrong = [staff[0]._replace(password="not hers"), *staff[1:]]
    to_them = {"notice_to": [administrator.address], "notice_sender": "Imports <root@firma.example>"}

    def subjects(given: list[Employee], **changes: Any) -> list[str]:
        outcome = run.module(mailboxes=as_rows(given), **to_them, **{"notice_port": postfix.port, **changes})
        assert "geh" not in outcome.output and "was not sent" not in outcome.output
        postfix.wait_until_delivered()
        told = [notice["Subject"].partition(": ")[2] for notice in notices(run, administrator)]
        return told[len(heard) :]

    heard: list[str] = []
    run.module(check_mode=True, mailboxes=as_rows(wrong), **to_them, notice_port=postfix.port)
    first = subjects(wrong)
    assert first[0] == "first failure: %s" % staff[0].address and len(first) == 2, postfix.log()
    assert first[1] == "3 mailboxes: 2 completed, 1 failed"
    (_failure, end) = notices(run, administrator)
    assert end["From"] == to_them["notice_sender"] and "%s: failed: " % staff[0].address in end.get_content()
    assert " · 6 messages" in end.get_content()
    heard += first
    assert subjects(wrong) == subjects(wrong, state="latest") == []
    (mended,) = subjects(staff)
    assert mended == "3 mailboxes: 3 completed"
    heard.append(mended)
    assert subjects(staff) == subjects(staff, state="latest") == []

    away = run.module(mailboxes=as_rows(wrong), force=True, **to_them, notice_port=free_ports(1)[0]).result
    assert away["summary"]["completed"] == 2 and "was not sent: " in str(away["warnings"])


@pytest.mark.parametrize("body", ["Hello $nobody", "It costs $ 5"])
def test_a_mistake_in_a_text_stops_all_of_them(lmtp: tuple[Run, int], people: list[Employee], body: str) -> None:
    run, port = lmtp
    run.module(mailboxes=as_rows(people[:2]))
    refused = tell(run, port, body=body)
    assert refused.result["failed"] and "invalid_row" in refused.result["msg"]
    assert notices(run, people[0]) == [] and tell(run, port).result["sent"] == sorted(
        each.address for each in people[:2]
    )


def test_what_is_not_delivered_is_tried_again(lmtp: tuple[Run, int], people: list[Employee]) -> None:
    run, port = lmtp
    run.module(mailboxes=as_rows(people[:2]))
    users = run.host.users_file.read_text()
    run.host.users_file.write_text(
        "".join(line for line in users.splitlines(True) if not line.startswith(people[0].address))
    )
    wait_until(lambda: not run.host.accepts_password(*people[0]), "the mailbox to be gone")
    some = tell(run, port).result
    assert some["failed"] and some["sent"] == [people[1].address]
    assert [each["email"] for each in some["failed_notices"]] == [people[0].address]
    run.host.users_file.write_text(users)
    run.host.wait_for_password(*people[0])
    assert tell(run, port).result["sent"] == [people[0].address]
    nobody = tell(run, free_ports(1)[0], kind="other")
    assert "connection_failed" in nobody.result["msg"]


def test_an_administrator_hears_what_is_new_in_a_report(lmtp: tuple[Run, int], people: list[Employee]) -> None:
    run, port = lmtp
    staff, administrator = people[:2], people[0]
    run.module(mailboxes=as_rows([administrator]))
    given = {
        "import_hosts": "localhost",
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "state_dir": run.arguments()["state_dir"],
        "dest": str(run.directory / "report"),
        "mailboxes": as_rows(staff),
        "notice_to": administrator.address,
        "notice_server": "127.0.0.1",
        "notice_port": port,
        "notice_protocol": "lmtp",
    }
    report = partial(
        run_playbook,
        REPOSITORY / "playbooks" / "report.yml",
        inventory="localhost,",
        variables=given,
        directory=run.directory,
    )
    for _time in range(2):
        written = report()
        assert written.returncode == 0, written.output
        (first,) = notices(run, administrator)
    assert first["Subject"] == "Mailbox import: not complete: 1 of 2 mailboxes done, 1 left"
    assert "not begun: %s" % staff[1].address in first.get_content()
    run.module(mailboxes=as_rows(staff))
    report()
    assert [each["Subject"] for each in notices(run, administrator)][1:] == [
        "Mailbox import: complete: all 2 mailboxes of the list are done"
    ]
