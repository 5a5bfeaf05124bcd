# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other servers as mail hosts: what they keep of a message is what they keep of it when a plain APPEND brings it.

`TARGET_CORPUS=whole` takes all messages that are at hand for that, and Dovecot as well; `TARGET_FAULTS` is how often
the line breaks, and a run is killed.
"""

from __future__ import annotations

import calendar
import csv
import imaplib
import itertools
import logging
import os
import random
import re
import signal
import ssl
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional

import pytest
from fakes.fault_relay import FaultRelay
from support.dovecot import Dovecot, wait_until
from support.imap import Item, quote_name
from support.long_line import Relay
from support.mail import Mail, corpus_directory, load_mail, small_message
from support.other_servers import ClassicCyrus, Courier, Cyrus, Imap4d, OtherServer, Pymap, SdboxDovecot
from support.scene import Scene, fill
from support.tls import Authority

from .conftest import FAULTS

IS_WHOLE = os.environ.get("TARGET_CORPUS") == "whole"
OTHERS = (Cyrus, ClassicCyrus, Courier, Imap4d, Pymap)
KINDS = (*OTHERS, SdboxDovecot) if IS_WHOLE else OTHERS
FOLDERS = ("INBOX", "Sent", "Projects{0}2024", "Входящие")
# Messages, fewer of them for a server that is slow.
SOME, FEW = 120, 44
DAY = 86400
# Seconds from one end of a long line to the other.
FAR = 0.01
# What imap4d writes into the header of a message: UIDs and flags.
NOTES = re.compile(rb"^(?:X-IMAPbase|X-UID|X-UIDVALIDITY|X-Status|Status): .*\n", re.IGNORECASE | re.MULTILINE)
# Columns of the corpus' table of what servers do to its messages.
COLUMNS = {
    Cyrus: "cyrus-3.6.1-default",
    ClassicCyrus: "cyrus-3.6.1-default",
    Courier: "courier-5.0.13",
    Pymap: "pymap-0.36.7",
    SdboxDovecot: "dovecot-sdbox",
}


class OtherTarget(Scene):
    """A scene whose mail host is another server; `user` is its account there."""

    server: OtherServer
    user: str

    @property
    def port(self) -> int:
        """Where the server is, by the way that it offers."""
        return self.server.tls_port or self.server.port

    def host_options(self) -> dict[str, Any]:
        server = self.server
        way = "starttls" if server.starttls else "implicit" if server.tls_port else "none"
        return {
            "host_backend": "imap",
            "target_host": "localhost" if way != "none" else "127.0.0.1",
            "target_port": self.port,
            "target_tls": way,
            "target_ca_cert": None if way == "none" else str(self.ca_file),
            "target_user": self.user,
            "target_password": server.users[self.user],
            "state_dir": str(self.state_dir),
            "ignore_existing": False,
            "existing_content": "merge",
        }


NewTarget = Callable[[type[OtherServer]], OtherTarget]


@pytest.fixture
def new_target(
    running: Callable[[type[OtherServer]], tuple[OtherServer, str]],
    place: Path,
    source: Dovecot,
    authority: Authority,
    account_numbers: Iterator[int],
) -> NewTarget:
    """Make scenes with one empty account at the source, and a new one on a server of a kind."""
    number = next(account_numbers)
    boxes = itertools.count()

    def make(kind: type[OtherServer]) -> OtherTarget:
        scene = OtherTarget(
            place,
            source,
            "user%d@source.example" % number,
            "pass word %d" % number,
            None,  # type: ignore[arg-type]
            authority.ca_file,
        )
        scene.server, scene.user = running(kind)
        scene.options["target_email"] = "box%d@target.example" % next(boxes)
        return scene

    return make


@pytest.fixture(params=KINDS, ids=[kind.__name__ for kind in KINDS])
def target(request: pytest.FixtureRequest, new_target: NewTarget) -> OtherTarget:
    """The same with a server of each kind."""
    return new_target(request.param)


def folder_names(target: OtherTarget) -> dict[str, str]:
    """Names on the server of the folders of the source, by the templates of those."""
    with target.server.session(target.user, target.server.users[target.user]) as session:
        prefix, separator = session.namespace()
    return {name: name if name == "INBOX" else prefix + name.format(separator) for name in FOLDERS}


class Stored(NamedTuple):
    """A message as a server gives it."""

    data: bytes
    date: int
    flags: list[str]


def messages_of(port: int, user: str, password: str, name: str, ca_file: Optional[Path] = None) -> list[Stored]:
    """The messages of a folder, in their order; with STARTTLS where there is a `ca_file`."""
    client = imaplib.IMAP4("127.0.0.1", port)
    if ca_file:
        client.starttls(ssl.create_default_context(cafile=str(ca_file)))
    client.login(user, password)
    client.select(quote_name(name).decode(), readonly=True)
    answers = client.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
    client.shutdown()
    found = []
    for about, body in (answer for answer in answers if isinstance(answer, tuple)):
        date = calendar.timegm(imaplib.Internaldate2tuple(about.upper()) or time.gmtime())
        flags = {flag.decode() for flag in imaplib.ParseFlags(about)} - {"\\Recent"}
        found.append(Stored(body, date, sorted(flags)))
    return found


def kept(target: OtherTarget, name: str) -> list[tuple[bytes, Any, list[str]]]:
    """What the server keeps in a folder: bytes, but for the notes of one with mbox files, date and flags."""
    server = target.server
    ca_file = target.ca_file if server.starttls else None
    found = messages_of(server.port, target.user, server.users[target.user], name, ca_file)
    now = time.time()
    notes = NOTES if isinstance(server, Imap4d) else re.compile(b"(?!)")
    return sorted(
        (notes.sub(b"", each.data), "now" if abs(each.date - now) < DAY else each.date, each.flags) for each in found
    )


def mail_for(kind: type[OtherServer]) -> list[Mail]:
    """The messages to be imported into a server."""
    mail = load_mail() if IS_WHOLE else load_mail()[: FEW if kind is Imap4d else SOME]
    if kind is Imap4d:  # which writes such a header another time with each message that comes
        mail = [message for message in mail if not re.search(rb"(?m)^[\w-]+[ \t]+:", message.data)]
    return mail


def append_all(target: OtherTarget, folders: dict[str, list[Stored]]) -> list[str]:
    """Bring messages into new folders, by the templates of those, with plain APPENDs; return why some were refused."""
    refused = []
    with target.server.session(target.user, target.server.users[target.user]) as session:
        for name, messages in folders.items():
            session.create(name)
            items = [
                Item(
                    each.data,
                    tuple(flag for flag in each.flags if target.server.keywords or flag[0] == "\\"),
                    each.date,
                )
                for each in messages
            ]
            refused += session.append_each(name, items)
    return refused


def kill_in_the_middle(target: OtherTarget) -> None:
    """Start an import and kill it when half of the messages are in its mailbox."""
    with FaultRelay(target.port, "stall", 8000) as relay:
        running = target.start(target_port=relay.port)
        wait_until(lambda: relay.faults > 0 or running.poll() is not None, "something to be said", seconds=600)
        assert running.poll() is None, "it was at its end before it was killed"
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()


def test_everything_arrives_as_a_plain_append_brings_it(target: OtherTarget) -> None:
    """Also when the run that brings it is killed, and another one goes on."""
    mail = mail_for(type(target.server))
    with target.source_session() as session:
        fill(session, mail, FOLDERS)
    with target.source_session() as session:
        separator = session.separator()
    sent = {
        name: messages_of(target.source.port, target.address, target.password, name.format(separator))
        for name in FOLDERS
    }
    names = folder_names(target)
    plain = {name: names["Sent"] + "-plain-%d" % number for number, name in enumerate(FOLDERS)}
    refused = append_all(target, {plain[name]: messages for name, messages in sent.items()})

    kill_in_the_middle(target)
    outcome = target.run()

    reasons = Counter(entry["reason"] for entry in outcome.entry["not_imported"])
    # Courier ends a message of more than 300 parts behind these, and GNU Mailutils changes some beyond recognition.
    lost = {"verification_failed"} if IS_WHOLE and isinstance(target.server, (Courier, Imap4d)) else set()
    told = {"message_altered", "message_refused", "keyword_refused"} | lost
    assert set(reasons) <= told, outcome.entry["not_imported"]
    assert reasons["message_refused"] == len(refused)
    failed = reasons["message_refused"] + reasons["verification_failed"]
    assert outcome.entry["state"] == ("failed" if failed else "completed"), outcome.entry["message"]
    bodies = set()
    for name in FOLDERS:
        found = kept(target, names[name])
        assert found == kept(target, plain[name])
        bodies |= {body for body, _date, _flags in found}
    again = target.run(state="latest")
    assert (again.result["changed"], again.entry["messages_copied"]) == (False, 0), again.output
    given = [
        (each.name, stored.data)
        for number, name in enumerate(FOLDERS)
        for each, stored in zip(mail[number :: len(FOLDERS)], sent[name])
        if each.data == stored.data
    ]
    logging.getLogger(__name__).info(
        "%s: %d messages, %d of them altered by the source, %d kept as they were sent, %d refused; %s",
        type(target.server).__name__,
        len(mail),
        len(mail) - len(given),
        sum(data in bodies for _name, data in given),
        len(refused),
        dict(reasons),
    )
    assert unlike_the_table(type(target.server), given, bodies) == []


def unlike_the_table(kind: type[OtherServer], given: list[tuple[str, bytes]], bodies: set[bytes]) -> list[str]:
    """Messages that a server did not keep as the corpus' table says, where there is one."""
    table = corpus_directory() / "FIDELITY.tsv"
    if kind not in COLUMNS or not table.exists():
        return []
    with table.open(newline="") as lines:
        outcomes = {row["file"]: row[COLUMNS[kind]] for row in csv.DictReader(lines, delimiter="\t")}
    return [
        "%s: %s" % (name, outcomes[name])
        for name, data in given
        if name in outcomes and (data in bodies) != (outcomes[name] == "identical")
    ]


@pytest.mark.parametrize("kind", KINDS if FAULTS > 1 else (Cyrus,))
def test_broken_lines_and_kills_bring_each_message_once(new_target: NewTarget, kind: type[OtherServer]) -> None:
    """The line to the target breaks, or the run is killed, somewhere; at the end each message is there once. Servers
    that are far are sent much ahead of their answers."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    scene = new_target(kind)
    with scene.source_session() as session:
        fill(session, mail_for(kind)[:40], FOLDERS)
        # enough for several connections at once
        session.append("INBOX", [Item(small_message(number)) for number in range(1000, 1160)])
    names = folder_names(scene)
    with FaultRelay(scene.port) as relay:
        undisturbed = scene.run(target_port=relay.port).entry
        said = relay.passed
    expected = [kept(scene, name) for name in names.values()]
    for number in range(2 * FAULTS):
        label, box = "seed %d, import %d" % (seed, number), new_target(kind)
        breaks = number % 2 == 0
        fault = chance.choice(("reset", "close")) if breaks else "stall"
        is_far = (number + number // 2) % 2
        with Relay(box.port, FAR * is_far) as line, FaultRelay(line.port, fault, chance.randrange(2000, said)) as relay:
            running = box.start(target_port=relay.port)
            wait_until(lambda: relay.faults > 0 or running.poll() is not None, label, seconds=600)  # noqa: B023
            if not breaks and running.poll() is None:  # less is said to a server that is far
                os.killpg(running.pid, signal.SIGKILL)
            running.communicate()
        outcome = box.run()
        assert outcome.entry["state"] == undisturbed["state"], label + outcome.output
        assert [kept(box, name) for name in names.values()] == expected, label
        assert box.run(state="latest").result["changed"] is False, label


def test_a_far_cyrus_keeps_what_a_plain_append_brings_it(new_target: NewTarget) -> None:
    """What is sent as parts, ahead of answers, and what it has to ask for in between, in its order; it has a quota."""
    target = new_target(Cyrus)
    odd = [message for message in load_mail()[:SOME] if not message.data.isascii() or b"\0" in message.data][:8]
    plain = [Item(small_message(number), ("\\Seen",) if number % 3 else ()) for number in range(120)]
    with target.source_session() as session:
        session.append_each("INBOX", [*plain[:60], *(Item(message.data) for message in odd), *plain[60:]])
    sent = messages_of(target.source.port, target.address, target.password, "INBOX")
    refused = append_all(target, {"Plain": sent})
    with Relay(target.port, FAR) as line:
        entry = target.run(target_port=line.port).entry
    assert entry["messages_copied"] == len(sent) - len(refused), entry["message"]
    assert line_of(target, "INBOX") == line_of(target, "Plain")


def line_of(target: OtherTarget, name: str) -> list[Stored]:
    server = target.server
    return messages_of(server.port, target.user, server.users[target.user], name)


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
