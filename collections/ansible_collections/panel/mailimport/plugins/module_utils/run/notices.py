# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Notices to the owners of mailboxes, delivered once each into the mailboxes that are complete."""

from __future__ import annotations

import hashlib
import smtplib
from contextlib import nullcontext
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate
from string import Template
from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ..model.address import parse_address
from ..model.errors import MailImportError, one_line
from ..model.imports import ImportResult
from ..state.database import State
from ..state.records import ImportRecord
from .info import Filter, as_seen_now
from .settings import HostSettings
from .smtp import Relay, words_of

DEFAULT_SUBJECT = "Your mailbox $email has moved"
DEFAULT_BODY = """\
Your mailbox $email has moved to a new mail server, with its folders and messages.

Set the server in your mail program to $server. Your user name is your address.
Calendars and contacts have not moved with it.

If anything is missing, or you have questions: $contact
"""


@dataclass(frozen=True)
class Text:
    """Subject and body; `$name` stands for a value, `$$` for a dollar sign."""

    subject: str = DEFAULT_SUBJECT
    body: str = DEFAULT_BODY


@dataclass(frozen=True)
class Notice:
    """What is sent: `kind` is what the record knows it by. `languages` are those of mailboxes, which have a text in
    `translations`; `values` stand in the texts, besides `$email`, `$domain` and `$messages`. `to` are those it is
    sent to instead of the mailboxes.
    """

    kind: str
    sender: str
    text: Text = Text()
    languages: Mapping[str, str] = field(default_factory=dict)
    translations: Mapping[str, Text] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    to: Tuple[str, ...] = ()


def send_notices(
    settings: HostSettings, wanted: Filter, notice: Notice, relay: Relay, check_mode: bool = False
) -> Dict[str, Any]:
    """Deliver the notice into each complete mailbox, or to everybody of `to`, that has not had it. All texts are made
    before the first is sent.

    Returns:
        Addresses: `sent` (or that would be), `already` and `failed` with the reason of each.

    Raises:
        MailImportError: `invalid_row` for a text that cannot be made, `connection_failed` when nobody delivers.
    """
    with State.open_readonly(settings.state_dir) as state:
        if notice.to:
            complete = {address: ImportResult(address, "") for address in notice.to}
        else:
            complete = _complete(state.imports())
        told = state.notices(notice.kind)
    known = {address: result for address, result in complete.items() if wanted.admits(result)}
    messages = {address: _message(notice, result) for address, result in sorted(known.items()) if address not in told}
    failed: List[Dict[str, str]] = []
    sent = list(messages)
    if messages and not check_mode:
        sent = _deliver(settings, notice, messages, relay, failed)
    return {"sent": sent, "already": sorted(told.intersection(known)), "failed": failed}


def _complete(records: Iterable[ImportRecord]) -> Dict[str, ImportResult]:
    """Mailboxes all of whose imports are completed, with their mail: an import may be of the mailbox alone."""
    found: Dict[str, Optional[ImportResult]] = {}
    for record in records:
        result = as_seen_now(record)
        came = result.state == "completed" and record.completed_once
        whole = came and found.get(result.email, result) is not None
        found[result.email] = result if whole else None
    return {address: result for address, result in found.items() if result is not None}


def _message(notice: Notice, result: ImportResult) -> EmailMessage:
    language = notice.languages.get(result.email)
    if language is not None and language not in notice.translations:
        raise MailImportError(
            "invalid_row", "translations has no text in %s, the language of %s" % (language, result.email)
        )
    text = notice.text if language is None else notice.translations[language]
    values = dict(
        notice.values,
        email=result.email,
        domain=parse_address(result.email).domain,
        messages=result.messages_total,
    )
    message = EmailMessage()
    digest = hashlib.blake2b(("%s\0%s" % (notice.kind, result.email)).encode(), digest_size=12).hexdigest()
    try:
        message["From"], message["To"] = notice.sender, result.email
        message["Subject"] = Template(text.subject).substitute(values)
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = "<%s.mailimport@%s>" % (digest, values["domain"])
        # No program is to answer it (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        if language is not None:
            message["Content-Language"] = language
        message.set_content(Template(text.body).substitute(values))
    except KeyError as error:
        raise MailImportError(
            "invalid_row", "the text has $%s, and values has none of that name" % error.args[0]
        ) from None
    except (ValueError, MessageError, IndexError) as error:
        message_of = one_line(str(error))
        raise MailImportError(
            "invalid_row", "the notice to %s cannot be made: %s" % (result.email, message_of)
        ) from None
    return message


def _deliver(
    settings: HostSettings,
    notice: Notice,
    messages: Mapping[str, EmailMessage],
    relay: Relay,
    failed: List[Dict[str, str]],
) -> List[str]:
    """Send one after the other, and record each as soon as it is accepted."""
    kind, sent = notice.kind, []
    left = dict(messages)
    try:
        with relay.connect() as server, State(settings.state_dir) as state:
            for address, message in messages.items():
                # An administrator's own mailbox may be imported just now, for long.
                with nullcontext() if notice.to else state.lock_mailbox(parse_address(address)):
                    if address in state.notices(kind):
                        del left[address]  # of another run, meanwhile
                        continue
                    try:
                        server.send_message(message)
                    except (
                        smtplib.SMTPResponseException,
                        smtplib.SMTPRecipientsRefused,
                        smtplib.SMTPNotSupportedError,
                    ) as error:
                        if server.sock is None:  # it has hung up, on the others too
                            raise
                        failed.append({"email": address, "message": one_line(words_of(error))})
                        del left[address]
                        continue
                    del left[address]
                    state.note_notice(address, kind)
                    sent.append(address)
    except (OSError, smtplib.SMTPException) as error:
        if left and not sent and not failed:
            message_of = "%s:%d delivers no mail: %s" % (relay.server, relay.port, words_of(error))
            raise MailImportError("connection_failed", message_of) from error
        failed += [{"email": address, "message": one_line(words_of(error))} for address in left]
    return sent
