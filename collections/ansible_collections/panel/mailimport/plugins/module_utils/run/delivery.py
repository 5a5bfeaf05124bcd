# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A proof that mail is delivered: a message goes in by SMTP, is found in the mailbox, and removed again."""

from __future__ import annotations

import os
import smtplib
import ssl
import time
import uuid
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, cast

from ..host.mail_host import MailHost
from ..imap.login import connect
from ..imap.responses import Parts, parse_parts, quote
from ..imap.tls import tls_context
from ..model.address import Address, parse_address
from ..model.errors import MailImportError, one_line
from ..model.mail import TargetAccount
from ..process.errand import run_errand
from ..store.imap.network import NetworkChannel
from ..store.imap.pipe import HostPipe
from ..store.imap.session import HostSession
from .settings import HostSettings
from .smtp import Relay, words_of

WOULD_BE_TAKEN = "would be taken"
_LOST = (
    "was taken and is not in the mailbox after %d seconds: look into the log and the queue of the mail transfer agent"
)
_UNSEEN = (
    "%s; so nobody can look whether mail arrives: give a login that works (target_master_user, or the password of the "
    "mailbox), or send a message by hand and look for it"
)
_LOOK_AGAIN = 0.2
_BODY = """\
This message proves that mail for this mailbox arrives on the new mail server. It is removed by itself.
"""


@dataclass
class Delivery:
    """What became of the message to a mailbox. `folder` is where it was found."""

    email: str
    delivered: bool = False
    message: str = ""
    folder: Optional[str] = None
    seconds: float = 0.0


def prove_delivery(
    settings: HostSettings,
    addresses: Sequence[str],
    relay: Relay,
    timeout: float,
    check_mode: bool = False,
    passwords: Optional[Mapping[str, str]] = None,
) -> List[Dict[str, Any]]:
    """Send a message to each mailbox, by the way of all mail, and wait until it is there.

    Args:
        timeout: seconds that one may take.
        passwords: those that open mailboxes of a server elsewhere, by address.
        check_mode: only ask the server whether it would take the message.

    Raises:
        MailImportError: `invalid_row` for what is no address, `host_refused` for a mailbox that does not open here,
            `connection_failed` when nobody takes mail.
    """
    host = settings.open_host()
    parsed = [parse_address(address) for address in addresses]
    for address in parsed:
        host.introduce(address, (passwords or {}).get(str(address), ""))
    if check_mode:
        return [asdict(_ask(address, relay)) for address in parsed]
    return [_prove(host, address, relay, timeout) for address in parsed]


def _prove(host: MailHost, address: Address, relay: Relay, timeout: float) -> Dict[str, Any]:
    try:
        account = host.account_of(address)
    except MailImportError as error:
        raise MailImportError(error.reason, _UNSEEN % error.message) from error
    if account is None:
        with _session(host, address) as session:
            return asdict(_send_and_find(session, address, relay, timeout))
    context = tls_context(account)

    def errand() -> Dict[str, Any]:
        session = _login(account, context)
        try:
            return asdict(_send_and_find(session, address, relay, timeout))
        finally:
            session.close()

    return cast(Dict[str, Any], run_errand(errand))


def _send_and_find(session: HostSession, address: Address, relay: Relay, timeout: float) -> Delivery:
    """Send a message into the mailbox of a session: in one that is not here, it could not be found and removed."""
    began = time.monotonic()
    delivery = Delivery(str(address))
    message = _message(address)
    try:
        with _conversation(relay) as server:
            # Without a sender nothing ever comes back (RFC 5321, section 4.5.5).
            server.send_message(message, from_addr="<>", to_addrs=[str(address)])
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
        delivery.message = "refused: %s" % one_line(words_of(error))
        return delivery
    delivery.folder = _wait_for(session, message["Message-ID"], began + timeout)
    delivery.seconds = round(time.monotonic() - began, 3)
    delivery.delivered = delivery.folder is not None
    delivery.message = "delivered" if delivery.delivered else _LOST % timeout
    return delivery


def _ask(address: Address, relay: Relay) -> Delivery:
    with _conversation(relay) as server:
        server.ehlo_or_helo_if_needed()
        server.mail("<>")
        code, text = server.rcpt(str(address))
    if code in (250, 251):
        return Delivery(str(address), message=WOULD_BE_TAKEN)
    return Delivery(str(address), message="refused: %s" % one_line("%d %s" % (code, text.decode("utf-8", "replace"))))


@contextmanager
def _conversation(relay: Relay) -> Iterator[smtplib.SMTP]:
    try:
        with relay.connect() as server:
            yield server
    except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused):
        raise
    except (OSError, smtplib.SMTPException) as error:
        text = "%s:%d takes no mail: %s" % (relay.server, relay.port, words_of(error))
        raise MailImportError("connection_failed", text) from error


def _message(address: Address) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "postmaster@%s" % address.domain
    message["To"] = str(address)
    message["Subject"] = "Test of the delivery"
    message["Date"] = formatdate()
    message["Message-ID"] = "<%s.mailimport@%s>" % (uuid.uuid4().hex, address.domain)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_BODY)
    return message


def _wait_for(session: HostSession, message_id: str, deadline: float) -> Optional[str]:
    """Return the folder that the message has come into, and remove it there; None when it does not come."""
    while True:
        for name in _folders(session):
            uids = _search(session, name, message_id)
            if uids:
                session.remove(name, uids)
                return name.decode("utf-8", "replace")
        if time.monotonic() > deadline:
            return None
        time.sleep(_LOOK_AGAIN)


def _login(account: TargetAccount, context: Optional[ssl.SSLContext]) -> HostSession:
    """A session with a server elsewhere."""
    try:
        return HostSession(NetworkChannel(connect(account, context)))
    except MailImportError as error:
        raise MailImportError(error.reason, _UNSEEN % error.message) from error


@contextmanager
def _session(host: MailHost, address: Address) -> Iterator[HostSession]:
    process = host.start_session(address, ())
    try:
        reading, writing, complaints = map(os.dup, process.descriptors)
        process.let_go()
        session = HostSession(HostPipe(reading, writing, complaints))
        try:
            yield session
        finally:
            session.close()
    finally:
        process.wait()


def _folders(session: HostSession) -> List[bytes]:
    """All folders, INBOX first."""
    names = [name for _separator, name in session.names(b'LIST "" "*"')]
    return sorted(names, key=lambda name: name.upper() != b"INBOX")


def _search(session: HostSession, name: bytes, message_id: str) -> bytes:
    """UIDs of the message in a folder, as a set; empty when it is not there."""
    found: List[bytes] = []

    def handle(parts: Parts) -> None:
        values = parse_parts(parts)
        if values and values[0].upper() == b"SEARCH":
            found.extend(values[1:])

    commands: Tuple[bytes, ...] = (
        b"SELECT " + quote(name),
        b"UID SEARCH HEADER Message-ID " + quote(message_id.encode("ascii")),
    )
    session.ask_all(commands, handle)
    return b",".join(found)
