# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail to a mailbox just imported comes by SMTP, through a real Postfix set up as the guide says, to Dovecot's LMTP."""

from __future__ import annotations

import re
import smtplib
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.company import Employee, Run, as_rows, employees
from support.dovecot import Dovecot, free_ports, wait_until
from support.imap import snapshot
from support.postfix import MASTER, Postfix
from support.run import COLLECTION, Outcome, run_module

# Postfix puts off what is for domains of others, by default.
NOT_OURS = 454
GUIDE = COLLECTION / "docs" / "docsite" / "rst" / "delivery_guide.rst"
LMTP = """
protocols = imap lmtp
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
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


def settings_of_the_guide(state: Path, lmtp_port: int) -> dict[str, str]:
    """Lines of main.cf as the guide has them, with this test's places."""
    text = GUIDE.read_text(encoding="utf-8").partition("# /etc/postfix/main.cf\n")[2].partition("\n\n")[0]
    text = text.replace("/var/lib/panel-mailimport", str(state)).replace(
        "unix:private/dovecot-lmtp", "inet:127.0.0.1:%d" % lmtp_port
    )
    return dict(re.findall(r"^ +(\w+) = (.*)$", text, re.MULTILINE))


@pytest.fixture
def mail(new_host: Callable[..., Dovecot], place: Path, company: Dovecot) -> Iterator[tuple[Run, Postfix]]:
    if not (MASTER.exists() and Path("/usr/lib/dovecot/lmtp").exists()):
        pytest.skip("needs Postfix and Dovecot's LMTP server: apt-get install postfix dovecot-lmtpd")
    (port,) = free_ports(1)
    run = Run(place, company, new_host(extra_config=LMTP % port))
    state = place / "state"
    state.mkdir(mode=0o711)
    (state / "domains").touch()
    # mynetworks would let everything in from this machine.
    settings = {**settings_of_the_guide(state, port), "mynetworks": "192.0.2.1/32"}
    # The guide's minute is some seconds here.
    settings["address_verify_negative_refresh_time"] = "2s"
    settings["address_verify_negative_expire_time"] = "4s"
    settings["address_verify_poll_delay"] = "1s"
    with Postfix(place / "postfix", (), settings=settings) as postfix:
        yield run, postfix


def recipient(postfix: Postfix, address: str) -> int:
    """What the server answers to the address, as strangers ask."""
    with smtplib.SMTP("127.0.0.1", postfix.port) as server:
        server.ehlo()
        server.mail("sender@elsewhere.example")
        return server.rcpt(address)[0]


def check(run: Run, postfix: Postfix, *addresses: str, check_mode: bool = False, **changes: Any) -> Outcome:
    scene_options = {name: value for name, value in run.arguments().items() if not name.startswith(("source", "owner"))}
    options = {**scene_options, "addresses": addresses, "server": "127.0.0.1", "port": postfix.port, **changes}
    return run_module(options, run.directory, "mail_delivery_check", check_mode)


def reload(postfix: Postfix, address: str) -> None:
    postfix.reload()
    wait_until(lambda: recipient(postfix, address) != NOT_OURS, "postfix to know the domain")


def test_mail_arrives_in_a_mailbox_just_imported(mail: tuple[Run, Postfix], people: list[Employee]) -> None:
    run, postfix = mail
    first, other_domain, second, _fourth = people
    assert recipient(postfix, first.address) == NOT_OURS  # nobody knows the domain
    run.module(mailboxes=as_rows([first]))
    lost = check(run, postfix, first.address)
    assert lost.result["failed"] and lost.result["msg"].startswith("%s: refused: 454 " % first.address)

    reload(postfix, first.address)
    assert recipient(postfix, first.address) == 250
    assert recipient(postfix, second.address) == 550 and recipient(postfix, other_domain.address) == NOT_OURS
    # One that was refused a moment ago is taken soon after it is imported.
    run.module(mailboxes=as_rows([second]))
    wait_until(lambda: recipient(postfix, second.address) == 250, "postfix to ask again")

    before = snapshot(run.host.port, *first).folders
    asked = check(run, postfix, first.address, check_mode=True).result
    assert asked["deliveries"][0]["message"] == "would be taken" and snapshot(run.host.port, *first).folders == before
    proof = check(run, postfix, first.address, second.address).result
    assert [each["delivered"] for each in proof["deliveries"]] == [True, True] and not proof["changed"]
    assert {each["folder"] for each in proof["deliveries"]} == {"INBOX"}
    # Nothing stays behind, nor comes back to anybody.
    assert snapshot(run.host.port, *first).folders == before and postfix.queue() == []

    with smtplib.SMTP("127.0.0.1", postfix.port) as server:
        server.sendmail("sender@elsewhere.example", [first.address], "Subject: welcome\r\n\r\nHello\r\n")
    postfix.wait_until_delivered()
    inbox = snapshot(run.host.port, *first).folders[("INBOX",)]
    assert len(inbox.messages) == len(before[("INBOX",)].messages) + 1


def test_a_delivery_that_goes_elsewhere_is_no_proof(mail: tuple[Run, Postfix], people: list[Employee]) -> None:
    run, _postfix = mail
    run.module(mailboxes=as_rows(people[:1]))
    with Postfix(run.directory / "elsewhere", ["firma.example"]) as elsewhere:
        lost = check(run, elsewhere, people[0].address, timeout=1)
        assert lost.result["failed"] and "is not in the mailbox after 1 seconds" in lost.result["msg"]
        nobody = check(run, elsewhere, "nobody@firma.example", timeout=1)
        assert "host_refused" in nobody.result["msg"] and "deliveries" not in nobody.result
    silent = check(run, elsewhere, people[0].address)
    assert "connection_failed" in silent.result["msg"]
