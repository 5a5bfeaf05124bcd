# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other servers as mail hosts: what they keep of a message is what they keep of it when a plain APPEND brings it."""

from __future__ import annotations

import calendar
import imaplib
import re
import ssl
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from support.dovecot import Dovecot
from support.imap import Item, quote_name
from support.mail import load_mail, small_message
from support.other_servers import ClassicCyrus, Courier, Cyrus, Imap4d, OtherServer, Pymap
from support.scene import Scene, fill, item_of
from support.tls import Authority

KINDS = (Cyrus, ClassicCyrus, Courier, Imap4d, Pymap)
FOLDERS = ("INBOX", "Sent", "Projects{0}2024", "Входящие")
# Of a server that is slow.
MOST = {Imap4d: 44}
DAY = 86400
# What imap4d writes into the header of a message: UIDs and flags.
NOTES = re.compile(rb"^(?:X-IMAPbase|X-UID|X-UIDVALIDITY|X-Status|Status): .*\n", re.IGNORECASE | re.MULTILINE)


class OtherTarget(Scene):
    """A scene whose mail host is another server; `user` is its account there."""

    server: OtherServer
    user: str

    def host_options(self) -> dict[str, Any]:
        server = self.server
        way = "starttls" if server.starttls else "implicit" if server.tls_port else "none"
        return {
            "host_backend": "imap",
            "target_host": "localhost" if way != "none" else "127.0.0.1",
            "target_port": server.tls_port or server.port,
            "target_tls": way,
            "target_ca_cert": None if way == "none" else str(self.ca_file),
            "target_user": self.user,
            "target_password": server.users[self.user],
            "state_dir": str(self.state_dir),
            "ignore_existing": False,
            "existing_content": "merge",
        }


@pytest.fixture(params=KINDS, ids=[kind.__name__ for kind in KINDS])
def target(
    request: pytest.FixtureRequest,
    running: Callable[[type[OtherServer]], tuple[OtherServer, str]],
    place: Path,
    source: Dovecot,
    authority: Authority,
    account_numbers: Iterator[int],
) -> OtherTarget:
    """An empty account at the source, and one on a server of each kind."""
    number = next(account_numbers)
    scene = OtherTarget(
        place,
        source,
        "user%d@source.example" % number,
        "pass word %d" % number,
        None,
        authority.ca_file,  # type: ignore[arg-type]
    )
    scene.server, scene.user = running(request.param)
    return scene


def folder_names(target: OtherTarget) -> dict[str, str]:
    """Names on the server of the folders of the source, by the templates of those."""
    with target.server.session(target.user, target.server.users[target.user]) as session:
        prefix, separator = session.namespace()
    return {name: name if name == "INBOX" else prefix + name.format(separator) for name in FOLDERS}


def kept(target: OtherTarget, name: str) -> list[tuple[bytes, Any, list[str]]]:
    """What the server keeps in a folder: bytes, but for the notes of one with mbox files, date and flags."""
    server = target.server
    client = imaplib.IMAP4("127.0.0.1", server.port)
    if server.starttls:
        client.starttls(ssl.create_default_context(cafile=str(target.ca_file)))
    client.login(target.user, server.users[target.user])
    client.select(quote_name(name).decode(), readonly=True)
    answers = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
    client.shutdown()
    found = []
    for about, body in (answer for answer in answers if isinstance(answer, tuple)):
        date = calendar.timegm(imaplib.Internaldate2tuple(about.upper()) or time.gmtime())
        flags = {flag.decode() for flag in imaplib.ParseFlags(about)} - {"\\Recent"}
        is_new = abs(date - time.time()) < DAY
        found.append((NOTES.sub(b"", body), "now" if is_new else date, sorted(flags)))
    return sorted(found)


def test_everything_arrives_as_a_plain_append_brings_it(target: OtherTarget) -> None:
    mail = load_mail()[: MOST.get(type(target.server), 120)]
    if isinstance(target.server, Imap4d):  # which writes such a header another time with each message that comes
        mail = [message for message in mail if not re.search(rb"(?m)^[\w-]+[ \t]+:", message.data)]
    with target.source_session() as session:
        fill(session, mail, FOLDERS)
    names = folder_names(target)
    plain = {name: names["Sent"] + "-plain-%d" % number for number, name in enumerate(FOLDERS)}
    refused = 0
    with target.server.session(target.user, target.server.users[target.user]) as session:
        for number, name in enumerate(FOLDERS):
            session.create(plain[name])
            items = [item_of(message) for message in mail[number :: len(FOLDERS)]]
            if not target.server.keywords:
                items = [item._replace(flags=tuple(flag for flag in item.flags if flag[0] == "\\")) for item in items]
            refused += len(session.append_each(plain[name], items))

    outcome = target.run()

    reasons = Counter(entry["reason"] for entry in outcome.entry["not_imported"])
    assert set(reasons) <= {"message_altered", "message_refused", "keyword_refused"}, outcome.entry["not_imported"]
    assert reasons["message_refused"] == refused
    assert outcome.entry["state"] == ("failed" if refused else "completed"), outcome.entry["message"]
    for name in FOLDERS:
        assert kept(target, names[name]) == kept(target, plain[name])
    again = target.run(state="latest")
    assert (again.result["changed"], again.entry["messages_copied"]) == (False, 0), again.output


def test_what_is_new_comes_and_what_is_there_stays(target: OtherTarget) -> None:
    """Equal messages of somebody else's count as there; a second one of the same bytes is a second one."""
    names = folder_names(target)
    with target.source_session() as session:
        session.append("INBOX", [Item(small_message(number)) for number in (1, 2, 3, 3)])
    with target.server.session(target.user, target.server.users[target.user]) as session:
        session.append_each("INBOX", [Item(small_message(number)) for number in (2, 9)])
    first = target.run().entry
    assert (first["state"], first["messages_copied"], first["messages_total"]) == ("completed", 3, 4), first["message"]
    with target.source_session() as session:
        session.append("INBOX", [Item(small_message(4), ("\\Seen",))])
        session.select("INBOX")
        session.store(session.uids()[:1], "+FLAGS (\\Flagged)")
    latest = target.run(state="latest").entry
    assert (latest["state"], latest["messages_copied"], latest["flags_updated"]) == ("completed", 1, 1), latest
    found = kept(target, names["INBOX"])
    there = [re.search(rb"Note (\d+)", body) for body, _date, _flags in found]
    assert sorted(int(note.group(1)) for note in there if note) == [1, 2, 3, 3, 4, 9]
    assert sum("\\Flagged" in flags for _body, _date, flags in found) == 1
    assert target.run(state="latest").result["changed"] is False
