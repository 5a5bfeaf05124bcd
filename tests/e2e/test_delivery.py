# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail to a mailbox just imported comes by SMTP, through a real Postfix set up as the guide says, to Dovecot's LMTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.company import Employee, Run, as_rows, employees
from support.delivery import NOT_OURS, Delivery, answer_to_stranger
from support.dovecot import Dovecot, free_ports, wait_until
from support.exim import Exim
from support.imap import snapshot
from support.network import Network
from support.overlay import OverlayError
from support.postfix import Postfix
from support.run import Outcome, run_module, run_task


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return employees(4)


@pytest.fixture
def mail(
    new_host: Callable[..., Dovecot], place: Path, company: Dovecot, network: Network
) -> Iterator[tuple[Run, Delivery]]:
    if Delivery.missing():
        pytest.skip("needs Postfix and Dovecot's LMTP server: apt-get install postfix dovecot-lmtpd")
    with Delivery(network, place / "postfix", place / "state") as delivery:
        yield Run(place, company, new_host(extra_config=delivery.dovecot_settings)), delivery


def check(run: Run, server: Postfix | Exim, *addresses: str, check_mode: bool = False, **changes: Any) -> Outcome:
    host_options = {name: value for name, value in run.arguments().items() if not name.startswith(("source", "owner"))}
    options = {**host_options, "addresses": addresses, "server": server.address, "port": server.port, **changes}
    return run_module(options, run.directory, "mail_delivery_check", check_mode)


def test_mail_arrives_in_a_mailbox_just_imported(mail: tuple[Run, Delivery], people: list[Employee]) -> None:
    run, delivery = mail
    first, other_domain, second, _fourth = people
    assert delivery.answer(first.address) == NOT_OURS  # and by now its processes have read the domains
    run.module(mailboxes=as_rows([first]))
    lost = check(run, delivery.postfix, first.address)  # nobody has told Postfix of the domain
    assert lost.result["failed"] and lost.result["msg"].startswith("%s: refused: %d " % (first.address, NOT_OURS))

    delivery.know_domain_of(first.address)
    assert delivery.answer(first.address) == 250
    assert delivery.answer(second.address) == 550 and delivery.answer(other_domain.address) == NOT_OURS
    # One that was refused a moment ago is taken soon after it is imported.
    run.module(mailboxes=as_rows([second]))
    wait_until(lambda: delivery.answer(second.address) == 250, "postfix to ask again")

    before = snapshot(run.host.port, *first).folders
    asked = check(run, delivery.postfix, first.address, check_mode=True).result
    assert asked["deliveries"][0]["message"] == "would be taken" and snapshot(run.host.port, *first).folders == before
    proof = check(run, delivery.postfix, first.address, second.address).result
    assert [each["delivered"] for each in proof["deliveries"]] == [True, True] and not proof["changed"]
    assert {each["folder"] for each in proof["deliveries"]} == {"INBOX"}
    # The same where nothing but IMAP and SMTP leads to the host.
    elsewhere = {
        "host_backend": "imap",
        "target_host": "127.0.0.1",
        "target_port": run.host.port,
        "target_tls": "none",
        "addresses": [first.address],
        "server": delivery.postfix.address,
        "port": delivery.postfix.port,
    }
    proof = run_module({**elsewhere, "passwords": dict([first])}, run.directory, "mail_delivery_check").result
    assert [each["delivered"] for each in proof["deliveries"]] == [True]
    for passwords, words in (({}, "there is no password that opens"), ({first.address: "wrong"}, "auth_failed")):
        unseen = run_module({**elsewhere, "passwords": passwords}, run.directory, "mail_delivery_check").result
        assert words in unseen["msg"] and "so nobody can look whether mail arrives" in unseen["msg"]
    # Nothing stays behind, nor comes back to anybody.
    assert snapshot(run.host.port, *first).folders == before and delivery.postfix.queue() == []

    delivery.send(first.address, b"Subject: welcome\r\n\r\nHello\r\n")
    inbox = snapshot(run.host.port, *first).folders[("INBOX",)]
    assert len(inbox.messages) == len(before[("INBOX",)].messages) + 1
    # Whoever goes back finds what came here, and not what was imported, as the guide says.
    passed = ("HEADER", "Received", "by mx.firma.example", "NOT", "HEADER", "Message-ID", ".mailimport@")
    assert run.host.doveadm("-f", "tab", "fetch", "-u", first.address, "hdr.subject", *passed).split()[1:] == [
        "welcome"
    ]


def test_exim_takes_mail_for_a_mailbox_just_imported(
    new_host: Callable[..., Dovecot], place: Path, company: Dovecot, people: list[Employee]
) -> None:
    first, second = people[0], people[2]
    try:
        exim = Exim(place / "exim", place / "state")
    except OverlayError as error:
        pytest.skip(str(error))
    run = Run(place, company, new_host(extra_config=exim.dovecot_settings))

    def answer(address: str) -> int:
        return answer_to_stranger(exim.address, exim.port, address)

    with exim:
        assert answer(first.address) == 550
        # It looks into the file of domains for each message: nobody has to tell it.
        run.module(mailboxes=as_rows([first]))
        assert (answer(first.address), answer(second.address)) == (250, 550), exim.log()
        before = snapshot(run.host.port, *first).folders
        proof = check(run, exim, first.address).result
        assert [each["delivered"] for each in proof["deliveries"]] == [True], exim.log()
        assert snapshot(run.host.port, *first).folders == before
        run.module(mailboxes=as_rows([second]))
        assert answer(second.address) == 250


def test_a_delivery_that_goes_elsewhere_is_no_proof(run: Run, people: list[Employee]) -> None:
    run.module(mailboxes=as_rows(people[:1]))
    with Postfix(run.directory / "elsewhere", ["firma.example"]) as elsewhere:
        lost = check(run, elsewhere, people[0].address, timeout=1)
        assert lost.result["failed"] and "is not in the mailbox after 1 seconds" in lost.result["msg"]
        nobody = check(run, elsewhere, "nobody@firma.example", timeout=1)
        assert "host_refused" in nobody.result["msg"] and "deliveries" not in nobody.result
    silent = check(run, elsewhere, people[0].address)
    assert "connection_failed" in silent.result["msg"]


def test_a_host_is_opened_with_its_secrets(place: Path) -> None:
    """Of a host that takes no mail, this is what is left to be said."""
    mailcow = {
        "host_backend": "mailcow",
        "dovecot_command": ["false"],
        "mailcow_url": "https://mail.example",
        "mailcow_api_key": "secret-key",
    }
    options = {**mailcow, "addresses": ["anna@firma.example"], "server": "127.0.0.1", "port": free_ports(1)[0]}
    outcome = run_task(options, place, "--check", module="mail_delivery_check")
    assert "takes no mail" in outcome.result["msg"] and "secret-key" not in outcome.output
