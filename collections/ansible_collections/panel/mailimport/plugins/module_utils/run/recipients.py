# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a mail host takes mail for addresses: it is asked for each as a sender would ask, and no mail is sent."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import secrets
import smtplib
import ssl
import time
from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence

from ..model.address import Address
from ..model.errors import MailImportError, one_line
from ..process.deadline import ended_after
from ..provider.base import as_ascii
from .smtp import words_of

# So many recipients go into one transaction; RFC 5321 has every server take 100.
_IN_A_TRANSACTION = 90
# After so many refusals servers take a client for one that guesses addresses, and slow down.
_REFUSALS_IN_A_CONNECTION = 8
# How often an address is asked for in a round, and of how many in a row the server may hang up.
_ATTEMPTS = 2
_HANG_UPS = 3
# Seconds between two rounds: greylisting takes minutes.
_FIRST_PAUSE = 30.0
_LONGEST_PAUSE = 120.0
# Postfix puts off what is for domains that it does not have, by default. Waiting does not help.
_NOT_ITS_DOMAIN = 454
# A name of a host that nobody else can look up.
_NO_FULL_NAME = re.compile(r"[^.]*|.*\.(local|localdomain|lan|internal|home\.arpa)", re.IGNORECASE)
# So many addresses are named in the lines for people.
_MOST_LINES = 100


class Server(NamedTuple):
    """The mail host, as senders reach it. `sender` is the address that the mail would be from, empty for a notice."""

    host: str
    port: int = 25
    sender: str = ""
    timeout: float = 60.0


class Answer(NamedTuple):
    """What the server said to a recipient."""

    code: int
    text: str

    @property
    def is_accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def is_deferred(self) -> bool:
        """Whether it may say something else later."""
        return 400 <= self.code < 500 and self.code != _NOT_ITS_DOMAIN


@dataclass(frozen=True)
class Patience:
    """For how many seconds addresses are asked for again that are put off; with a clock and a pause of one's own."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def check_recipients(
    server: Server, addresses: Iterable[Address], patience: Patience, catch_all: Collection[str] = ()
) -> Dict[str, Any]:
    """Ask for each address, and for one of each domain that nobody has.

    Args:
        catch_all: domains that may take mail for any address.

    Raises:
        MailImportError: `connection_failed` or `host_refused`, when nothing can be asked.
    """
    wanted = sorted(set(addresses), key=lambda address: (address.domain, address.local_part))
    made_up = {domain: Address("mailimport-%s" % secrets.token_hex(6), domain) for domain in _domains(wanted)}
    conversation = _Conversation(server)
    answers = _ask_until_settled(conversation, [*wanted, *made_up.values()], patience)
    refused = [address for address in wanted if not answers[address].is_accepted and not answers[address].is_deferred]
    deferred = [address for address in answers if answers[address].is_deferred]
    open_domains = [domain for domain, address in made_up.items() if answers[address].is_accepted]
    unexpected = [domain for domain in open_domains if domain not in catch_all]
    result: Dict[str, Any] = {
        "ready": not (refused or deferred or unexpected),
        "asked": len(wanted),
        "accepted": sum(answers[address].is_accepted for address in wanted),
        "refused": _entries(refused, answers),
        "deferred": _entries(deferred, answers),
        "catch_all": open_domains,
        "certificate": conversation.certificate,
        "name": conversation.name,
    }
    result["lines"] = _lines(server, result, unexpected)
    return result


def _domains(addresses: Iterable[Address]) -> List[str]:
    return list(dict.fromkeys(address.domain for address in addresses))


def _ask_until_settled(
    conversation: _Conversation, addresses: Sequence[Address], patience: Patience
) -> Dict[Address, Answer]:
    """Ask, and ask again for those that are put off, until patience ends."""
    deadline = patience.clock() + patience.seconds
    pause = _FIRST_PAUSE
    answers: Dict[Address, Answer] = {}
    pending = list(addresses)
    while True:
        answers.update(conversation.ask_all(pending))
        # From the other end: those whom the server hangs up on are not to keep it from the others.
        pending = [address for address in reversed(pending) if answers[address].is_deferred]
        left = deadline - patience.clock()
        if not pending or left <= 0:
            return answers
        patience.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


class _Smtp(smtplib.SMTP):
    """Takes an answer that is whole before its time is over: one that comes in drops has no end."""

    def getreply(self) -> Any:
        if self.sock is None:
            return super().getreply()
        with ended_after(self.sock, float(self.timeout)):
            return super().getreply()


class _GoneError(Exception):
    """The server takes no connection any more, or hangs up again and again."""


class _Conversation:
    """Asks a server, over as many connections as it takes.

    Attributes: `certificate` is what is wrong with that of STARTTLS, empty when nothing is; None without STARTTLS.
    `name` is what the server calls itself.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: Optional[smtplib.SMTP] = None
        self._recipients = 0
        self._refusals = 0
        self._hang_ups = 0
        self._reached = False
        self._tries_tls = True
        self.certificate: Optional[str] = None
        self.name = ""

    def ask_all(self, addresses: Sequence[Address]) -> Dict[Address, Answer]:
        """One round. Whoever cannot be asked is put off."""
        answers: Dict[Address, Answer] = {}
        try:
            for address in addresses:
                answers[address] = self._ask(address)
        except _GoneError as error:
            gone = Answer(421, one_line(str(error)))
            answers.update((address, gone) for address in addresses if address not in answers)
        finally:
            self._leave()
            self._hang_ups = 0
        return answers

    def _ask(self, address: Address) -> Answer:
        recipient = "%s@%s" % (address.local_part, as_ascii(address.domain))
        answer = Answer(421, "")
        for _attempt in range(_ATTEMPTS):
            try:
                answer = self._answer(recipient)
            except (smtplib.SMTPServerDisconnected, OSError) as error:
                answer = Answer(421, one_line(words_of(error)))
            # It hangs up, or it may be the transaction that is full.
            if answer.code != 421 and not (answer.code == 452 and self._recipients > 1):
                self._hang_ups = 0
                return answer
            self._leave()
        self._hang_ups += 1
        if self._hang_ups >= _HANG_UPS:
            raise _GoneError("the server hangs up: %s" % answer.text)
        return answer

    def _answer(self, recipient: str) -> Answer:
        connection = self._ready()
        if not recipient.isascii() and not connection.has_extn("smtputf8"):
            return Answer(553, "the server does not take addresses with such letters (SMTPUTF8)")
        answer = Answer(*_said(connection.rcpt(recipient)))
        self._recipients += 1
        self._refusals += not answer.is_accepted
        return answer

    def _ready(self) -> smtplib.SMTP:
        """A connection that waits for a recipient."""
        if self._refusals >= _REFUSALS_IN_A_CONNECTION or self._recipients >= _IN_A_TRANSACTION:
            self._leave()
        if self._connection is None:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> smtplib.SMTP:
        where = "%s port %d" % (self._server.host, self._server.port)
        try:
            connection = self._greeted()
        except (OSError, smtplib.SMTPException) as error:
            if self._reached:
                raise _GoneError(words_of(error)) from error
            raise MailImportError(
                "connection_failed", "%s takes no mail: %s" % (where, one_line(words_of(error)))
            ) from error
        self._reached = True
        options = ["SMTPUTF8"] if connection.has_extn("smtputf8") else []
        code, text = _said(connection.mail(self._server.sender, options))
        if code != 250:
            connection.close()
            if 400 <= code < 500:
                raise _GoneError("%d %s" % (code, text))
            raise MailImportError(
                "host_refused", "%s takes no mail from <%s>: %d %s" % (where, self._server.sender, code, text)
            )
        return connection

    def _greeted(self) -> smtplib.SMTP:
        """A connection with TLS, if the server has it. As between mail servers, a bad certificate is told, no more."""
        connection = _Smtp(self._server.host, self._server.port, timeout=self._server.timeout)
        connection.ehlo_or_helo_if_needed()
        said = (connection.ehlo_resp or connection.helo_resp or b"").split()
        self.name = said[0].decode("utf-8", "replace") if said else ""
        if not (connection.has_extn("starttls") and self._tries_tls):
            return connection
        verified = self.certificate is None and not _is_address(self._server.host)
        context = ssl.create_default_context()
        if not verified:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            connection.starttls(context=context)
        except ssl.SSLCertVerificationError as error:
            connection.close()
            self.certificate = error.verify_message
            return self._greeted()
        except (ssl.SSLError, smtplib.SMTPException, ConnectionError) as error:
            # Most senders then go without.
            connection.close()
            self._tries_tls, self.certificate = False, "STARTTLS fails: %s" % one_line(words_of(error))
            return self._greeted()
        self.certificate = self.certificate or ""
        connection.ehlo_or_helo_if_needed()
        return connection

    def _leave(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self._connection.quit()
            self._connection.close()
        self._connection = None
        self._recipients = self._refusals = 0


def _said(answer: Any) -> Any:
    code, text = answer
    return code, one_line(text.decode("utf-8", "replace"))


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host))
    return False


def _entries(addresses: Iterable[Address], answers: Mapping[Address, Answer]) -> List[Dict[str, Any]]:
    return [{"email": str(address), **answers[address]._asdict()} for address in addresses]


def _lines(server: Server, result: Mapping[str, Any], unexpected: Sequence[str]) -> List[str]:
    """What people read of it: the counts, and each address that is not accepted."""
    lines = ["%s: %d of %d addresses accepted" % (server.host, result["accepted"], result["asked"])]
    for domain in unexpected:
        lines.append("%s: takes mail for any address, so nothing is known of those that are wanted" % domain)
    for state in ("refused", "deferred"):
        entries = result[state]
        lines += [
            "%s: %s: %d %s" % (state, each["email"], each["code"], each["text"]) for each in entries[:_MOST_LINES]
        ]
        if len(entries) > _MOST_LINES:
            lines.append("%s: and %d more" % (state, len(entries) - _MOST_LINES))
    if result["certificate"]:
        lines.append("the certificate of %s: %s" % (server.host, result["certificate"]))
    if _NO_FULL_NAME.fullmatch(result["name"]):
        named = result["name"] or "nothing"
        lines.append("%s calls itself %s: many servers refuse mail of one without a full name" % (server.host, named))
    return lines
