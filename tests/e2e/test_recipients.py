# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The new mail host is asked for every address, without any mail: a real Postfix, and a fake one for its moods."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.panel.mailimport.plugins.action.mail_recipients_check import _of_results
from ansible_collections.panel.mailimport.plugins.module_utils.model.address import parse_address
from ansible_collections.panel.mailimport.plugins.module_utils.model.errors import MailImportError
from ansible_collections.panel.mailimport.plugins.module_utils.run.recipients import Patience, Server, check_recipients
from fakes.smtp_server import DRIPS, GREYLISTED, HANG_UP, TLS_BREAKS, SmtpServer
from support.network import Network
from support.postfix import Postfix
from support.run import run_task
from support.tls import Authority, Certificate

OK = "250 2.1.5 Ok"
ANNA, BEN, CLEO = ("%s@firma.example" % name for name in ("anna", "ben", "cleo"))


class Clock:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def patience(self, seconds: float) -> Patience:
        return Patience(seconds, lambda: self.now, self.sleep)


def ask(
    server: SmtpServer | Postfix, addresses: Iterable[str], patience: float = 0, clock: Clock | None = None, **more: Any
) -> Any:
    options = {"timeout": 5.0, **{name: more.pop(name) for name in ("host", "sender", "timeout") if name in more}}
    target = Server(options.pop("host", server.address), server.port, **options)
    return check_recipients(target, map(parse_address, addresses), (clock or Clock()).patience(patience), **more)


@pytest.fixture(scope="module")
def postfix(network: Network, shelf: Path) -> Any:
    """A Postfix that knows two mailboxes and an alias of each of 30 other names, and takes all of offen.example."""
    names = ["n%d@firma.example" % number for number in range(30)]
    with Postfix(
        shelf / "postfix",
        ["firma.example", "offen.example", "xn--mnchen-3ya.example"],
        recipients=[ANNA, BEN, "@offen.example", "anna@xn--mnchen-3ya.example", "jürgen@firma.example"],
        aliases=dict.fromkeys(names, ANNA),
        settings={"smtpd_recipient_limit": "20"},
        address=network.free_address(25),
        port=25,
        enter=network.enter,
    ) as server:
        yield server


def test_a_mail_host_that_is_ready(postfix: Postfix) -> None:
    names = ["n%d@firma.example" % number for number in range(30)]
    answer = ask(postfix, [ANNA, BEN, "ANNA@firma.example", "anna@münchen.example", "jürgen@firma.example", *names])
    assert answer["ready"]
    assert (answer["asked"], answer["accepted"]) == (34, 34)
    assert answer["lines"] == [postfix.address + ": 34 of 34 addresses accepted"]
    assert postfix.queue() == []


def test_what_is_missing_is_told_with_the_hosts_words(postfix: Postfix) -> None:
    missing = ["weg%d@firma.example" % number for number in range(25)]
    clock = Clock()
    answer = ask(postfix, [ANNA, *missing, "anna@fremd.example"], 600, clock)
    assert not answer["ready"]
    assert (answer["asked"], answer["accepted"]) == (27, 1)
    codes = {each["email"]: each["code"] for each in answer["refused"]}
    # Of a domain that it does not have, Postfix says that it is too early; which time does not change.
    assert codes == {**dict.fromkeys(missing, 550), "anna@fremd.example": 454}
    assert clock.slept == [] and answer["deferred"] == []
    assert "refused: weg7@firma.example: 550 5.1.1 <weg7@firma.example>: Recipient address rejected" in "\n".join(
        answer["lines"]
    )


def test_a_domain_that_takes_anything_proves_nothing(postfix: Postfix) -> None:
    answer = ask(postfix, [ANNA, "egal@offen.example"])
    assert (answer["accepted"], answer["refused"], answer["catch_all"]) == (2, [], ["offen.example"])
    assert not answer["ready"]
    assert "offen.example: takes mail for any address" in answer["lines"][1]
    assert ask(postfix, [ANNA, "egal@offen.example"], catch_all=["offen.example"])["ready"]


def test_greylisting_is_waited_out() -> None:
    clock = Clock()
    with SmtpServer({ANNA: [GREYLISTED, GREYLISTED, OK], BEN: [OK]}) as server:
        answer = ask(server, [ANNA, BEN], 300, clock)
    assert answer["ready"]
    assert clock.slept == [30, 60]
    assert (server.asked[ANNA], server.asked[BEN]) == (3, 1)
    assert server.messages == 0


def test_greylisting_has_an_end() -> None:
    clock = Clock()
    with SmtpServer({ANNA: [GREYLISTED], BEN: [OK]}) as server:
        answer = ask(server, [ANNA, BEN], 100, clock)
    assert not answer["ready"]
    assert answer["deferred"] == [{"email": ANNA, "code": 451, "text": "4.7.1 Greylisted, come back later"}]
    assert sum(clock.slept) == 100
    assert server.asked[ANNA] == 4  # at once, after 30 and 90 seconds, and at the end


def test_a_made_up_address_that_is_put_off_proves_nothing() -> None:
    with SmtpServer({ANNA: [OK]}, otherwise="450 4.1.1 Unknown for now") as server:
        answer = ask(server, [ANNA])
    assert not answer["ready"]
    assert [each["email"].partition("-")[0] for each in answer["deferred"]] == ["mailimport"]


def test_more_recipients_than_a_transaction_takes() -> None:
    names = ["n%d@firma.example" % number for number in range(200)]
    with SmtpServer(dict.fromkeys(names, [OK]), most=7) as server:
        assert ask(server, names)["ready"]
    assert server.messages == 0


def test_a_server_that_closes_after_some_recipients() -> None:
    names = ["n%d@firma.example" % number for number in range(50)]
    with SmtpServer(dict.fromkeys(names, [OK]), closes_after=7) as server:
        assert ask(server, names)["ready"]
    assert server.connections == 8


def test_one_that_is_put_off_for_ever_has_the_others_asked_once() -> None:
    clock = Clock()
    with SmtpServer({ANNA: ["450 4.2.0 Mailbox is busy"], BEN: [OK]}) as server:
        answer = ask(server, [ANNA, BEN], 600, clock)
    assert (answer["accepted"], answer["deferred"][0]["text"]) == (1, "4.2.0 Mailbox is busy")
    assert sum(clock.slept) == 600 and server.asked[BEN] == 1


def test_one_on_whom_the_server_hangs_up_keeps_nobody_from_being_asked() -> None:
    names = ["n%d@firma.example" % number for number in range(6)]
    replies = {**dict.fromkeys(names, [OK]), ANNA: [HANG_UP], BEN: [HANG_UP], CLEO: [HANG_UP]}
    with SmtpServer(replies) as server:
        answer = ask(server, [ANNA, BEN, CLEO, *names], 30)
    assert answer["accepted"] == 6
    assert {each["email"] for each in answer["deferred"]} == {ANNA, BEN, CLEO}
    assert answer["refused"] == []


@pytest.mark.parametrize(
    ("options", "reason", "words"),
    [
        ({"greeting": "554 No service"}, "connection_failed", "takes no mail: 554 No service"),
        ({"greeting": "554-No\r\n554 service"}, "connection_failed", "takes no mail: 554 No service"),
        ({"greeting": "421 4.3.2 Too busy"}, "connection_failed", "takes no mail: 421 4.3.2 Too busy"),
        ({"greeting": "SSH-2.0-OpenSSH"}, "connection_failed", "takes no mail: "),
        ({"sender_reply": "553 Not from you"}, "host_refused", "takes no mail from <x@y.example>: 553 Not from you"),
    ],
)
def test_a_server_that_lets_nobody_ask(options: dict[str, str], reason: str, words: str) -> None:
    with SmtpServer({ANNA: [OK]}, **options) as server, pytest.raises(MailImportError) as caught:  # type: ignore[arg-type]
        ask(server, [ANNA], sender="x@y.example")
    assert caught.value.reason == reason
    assert words in caught.value.message
    assert "\n" not in caught.value.message


def test_a_server_that_drips_without_end() -> None:
    words = "takes no mail: no whole answer within 0.3 s"
    with SmtpServer({}, greeting=DRIPS) as server, pytest.raises(MailImportError, match=words):
        ask(server, [ANNA], timeout=0.3)
    # It slows down whom it takes for one that guesses.
    with SmtpServer({ANNA: [OK], BEN: [DRIPS]}) as server:
        answer = ask(server, [ANNA, BEN], timeout=0.3)
    assert [(each["email"], each["text"]) for each in answer["deferred"]] == [(BEN, "no whole answer within 0.3 s")]
    assert answer["accepted"] == 1


def test_nobody_is_there() -> None:
    with SmtpServer({}) as server:
        pass
    with pytest.raises(MailImportError, match="port %d takes no mail: .*refused" % server.port):
        ask(server, [ANNA])


def test_letters_that_the_server_does_not_take() -> None:
    with SmtpServer({"anna@xn--fa-hia.example": [OK]}) as server:
        answer = ask(server, ["anna@faß.example", "jürgen@firma.example"])
    assert answer["accepted"] == 1
    assert [(each["email"], each["code"]) for each in answer["refused"]] == [("jürgen@firma.example", 553)]
    assert not any("jürgen" in command for command in server.commands)


def test_the_certificate_is_told(
    certificate: Certificate, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SmtpServer({ANNA: [OK]}, certificate=certificate) as server:
        assert ask(server, [ANNA], host="localhost")["certificate"] == "unable to get local issuer certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
        assert ask(server, [ANNA], host="localhost")["certificate"] == ""
    with SmtpServer({ANNA: [OK]}, certificate=authority.issue("elsewhere", "mail.alt.example", None)) as server:
        answer = ask(server, [ANNA], host="localhost")
    assert "not valid for 'localhost'" in answer["lines"][-1]
    # Senders deliver all the same.
    assert answer["ready"]


def test_encryption_that_fails_is_told_and_not_needed(certificate: Certificate) -> None:
    for reply in ("454 4.7.0 TLS not available", TLS_BREAKS):
        with SmtpServer({ANNA: [OK]}, certificate=certificate, starttls_reply=reply) as server:
            answer = ask(server, [ANNA])
        assert answer["ready"] and "STARTTLS fails: " in answer["certificate"]


@pytest.mark.parametrize("name", ["localhost", "mail", "mail.localdomain", "mx.firma.local"])
def test_a_server_without_a_full_name_is_told(name: str) -> None:
    with SmtpServer({ANNA: [OK]}, name=name) as server:
        answer = ask(server, [ANNA])
    assert answer["name"] == name
    assert (
        answer["lines"][-1] == "127.0.0.1 calls itself %s: many servers refuse mail of one without a full name" % name
    )
    assert answer["ready"]


def test_a_task_asks_for_what_lists_and_results_tell(postfix: Postfix, place: Path) -> None:
    listed = place / "list.csv"
    listed.write_text("email,password,target_email\nx@alt.example,geheim-1,anna@firma.example\n")
    arguments = {
        "mail_host": postfix.address,
        "src": str(listed),
        "mailboxes": [{"email": BEN, "password": "geheim-2"}],
        "addresses": ["n1@firma.example"],
        "results": [
            {
                "mailboxes": [
                    {"email": "n2@firma.example", "aliases": ["n3@firma.example"], "importable": True},
                    {"email": "robot@firma.example", "aliases": [], "importable": False, "reason": "robot"},
                ],
                "mailing_lists": [{"email": "alle@firma.example", "aliases": ["n4@firma.example"]}],
            },
            {
                "imports": [
                    {"email": "n5@firma.example", "state": "completed", "reason": None},
                    {"email": "weg@firma.example", "state": "skipped", "reason": "dismissed"},
                ],
                "aliases": [{"email": ANNA, "aliases": ["n6@firma.example"]}],
            },
        ],
        "patience": 0,
    }
    outcome = run_task(arguments, place, "-vvv", module="mail_recipients_check")
    result = outcome.result
    assert not result["changed"]
    assert (result["asked"], result["accepted"]) == (9, 8)
    assert [each["email"] for each in result["refused"]] == ["alle@firma.example"]
    assert not result["ready"]
    assert result["msg"].startswith(postfix.address + ": 8 of 9 addresses accepted\nrefused: alle@firma.example: 550 ")
    assert "geheim" not in outcome.output


def test_a_result_that_tells_nothing_is_an_error() -> None:
    with pytest.raises(MailImportError, match="one of them tells no mailboxes"):
        list(_of_results([{"skipped": True}]))
