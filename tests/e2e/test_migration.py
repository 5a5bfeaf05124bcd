# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A migration from its plan to its end, by its playbooks.

Real name servers, one of which lags behind, a real Postfix in front of the new Dovecot, mail that goes on arriving at
the old one, and days that pass by the clock.
"""

from __future__ import annotations

import imaplib
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from ansible_collections.panel.mailimport.plugins.module_utils.model.clock import AHEAD
from ansible_collections.panel.mailimport.plugins.module_utils.model.moment import moment
from support.company import Employee, Run, as_rows
from support.delivery import Delivery
from support.dns_servers import DnsServer
from support.dovecot import Dovecot
from support.imap import Item, Session
from support.network import Network
from support.run import COLLECTION, PlaybookRun, environment, run_playbook

DOMAIN = "firma.example"
NEW, OLD = "@ 300 MX 10 mail.neu.example.", "@ 7200 MX 10 mx.alt.example."
HOUR = 3600
# A file as a run on another controller, killed a moment ago, leaves it.
LEFTOVER = "panel-mailimport-secrets-0123456789abcdef-1-1-01234567"


@pytest.fixture(scope="module")
def people() -> list[Employee]:
    return [Employee("person%d@%s" % (number, DOMAIN), "pass word %d" % number) for number in range(3)]


class Names:
    """The name servers: of the domain, the second of which may lag behind, and one that looks all names up."""

    def __init__(self, network: Network, directory: Path, mail_host: str) -> None:
        self.first, self.second = (DnsServer(network, directory / name, {DOMAIN: []}) for name in ("first", "second"))
        self._mail_host = mail_host
        self._serial = 1
        others = {
            "neu.example": ["mail A %s" % mail_host],
            "alt.example": ["mx A 192.0.2.9"],
            "in-addr.arpa": ["%s PTR mail.neu.example." % ".".join(reversed(mail_host.split(".")))],
        }
        root = {".": ["@ NS ns1.root-servers.example."]}
        self.resolver = DnsServer(network, directory / "resolver", {**root, **others, DOMAIN: []})
        for name, lines in others.items():
            self.resolver.zones[name] = ["@ NS ns", "ns A %s" % self.resolver.address, *lines]

    @property
    def servers(self) -> tuple[DnsServer, ...]:
        return self.resolver, self.first, self.second

    def publish(self, mx: str, *servers: DnsServer) -> None:
        """Publish MX records of the domain, by some of its servers."""
        own = ["@ NS ns1", "@ NS ns2", "ns1 A %s" % self.first.address, "ns2 A %s" % self.second.address]
        records = '@ TXT "v=spf1 ip4:%s ip4:192.0.2.9 ~all"' % self._mail_host, '_dmarc TXT "v=DMARC1; p=none"'
        self._serial += 1
        for server in servers or self.servers:
            server.publish(DOMAIN, *own, mx, *records, serial=self._serial)


@pytest.fixture
def names(network: Network, place: Path, delivery: Delivery) -> Iterator[Names]:
    names = Names(network, place / "dns", delivery.postfix.address)
    for server in names.servers:
        server.start()
    names.publish(OLD)
    yield names
    for server in names.servers:
        server.stop()


class Move:
    """A company on the move, and the hours that have passed."""

    def __init__(self, run: Run, names: Names, delivery: Delivery, people: list[Employee]) -> None:
        self.run, self.names, self.delivery, self.people = run, names, delivery, people
        self.began = time.time()
        self.arrived: Counter[tuple[str, str]] = Counter()

    def at(self, hour: float) -> str:
        return moment(self.began + hour * HOUR)

    def variables(self) -> dict[str, Any]:
        """The migration file, and what a test has besides."""
        migration = {
            "name": "firma",
            "domains": [DOMAIN],
            "mx": ["mail.neu.example"],
            "waves": [
                {"name": "pilot", "mailboxes": [self.people[0].address]},
                {"name": "everybody", "start_after": self.at(1), "complete_after": self.at(30)},
            ],
            "report_dir": str(self.run.directory / "reports"),
            "notices": {
                "sender": "it@%s" % DOMAIN,
                "owners": {"server": "mail.neu.example", "contact": "it@%s" % DOMAIN},
            },
            "dns": {"nameservers": [self.names.resolver.address]},
            "recipients": {"mail_host": self.delivery.postfix.address, "patience": 5},
            "smtp": {"server": self.delivery.postfix.address},
        }
        ansible = {
            "import_hosts": "localhost",
            "import_setup": False,
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "ansible_remote_tmp": str(self.run.directory / "remote-tmp"),
        }
        return {"migration": migration, **self.run.arguments(), **ansible}

    def play(self, *names: str, hour: float) -> PlaybookRun:
        """Run playbooks, one after the other, when so many hours have passed."""
        *before, last = [COLLECTION / "playbooks" / ("%s.yml" % name) for name in names]
        # Beside the migration file, in which no password may be.
        people = self.run.directory / "people.json"
        people.touch(mode=0o600)
        people.write_text(json.dumps({"mailboxes": as_rows(self.people)}))
        return run_playbook(
            last,
            "-e",
            "@%s" % people,
            *map(str, before),
            inventory="localhost,",
            variables=self.variables(),
            directory=self.run.directory,
            env={**environment(), AHEAD: str(hour * HOUR - (time.time() - self.began)), "ANSIBLE_PIPELINING": "1"},
        )

    def report(self, phase: str) -> str:
        return (self.run.directory / "reports" / ("%s.txt" % phase)).read_text()

    def arrive_at_source(self, person: Employee) -> None:
        """A message arrives at the old provider."""
        with Session(self.run.source.port, *person) as session:
            session.append("INBOX", [Item(self._message(person))])

    def arrive_here(self, person: Employee) -> None:
        """A message arrives by the new MX record."""
        self.delivery.send(person.address, self._message(person))

    def _message(self, person: Employee) -> bytes:
        subject = "arrival %d" % sum(self.arrived.values())
        self.arrived[(person.address, subject)] += 1
        return b"Subject: %s\r\nFrom: x@elsewhere.example\r\n\r\nText\r\n" % subject.encode()

    def here(self) -> Counter[tuple[str, str]]:
        """The messages of `arrived` that are here, with how often they are."""
        found: Counter[tuple[str, str]] = Counter()
        for person in self.people:
            for subject in self.subjects(person):
                if subject.startswith("arrival"):
                    found[(person.address, subject)] += 1
        return found

    def subjects(self, person: Employee) -> list[str]:
        """The subjects of the messages in a mailbox here."""
        with imaplib.IMAP4("127.0.0.1", self.run.host.port) as session:
            session.login(*person)
            session.select("INBOX", readonly=True)
            _ok, parts = session.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        return [part[1].decode().strip().partition(": ")[2] for part in parts if isinstance(part, tuple)]


@pytest.fixture
def delivery(network: Network, place: Path) -> Iterator[Delivery]:
    if Delivery.missing():
        pytest.skip("needs Postfix and Dovecot's LMTP server: apt-get install postfix dovecot-lmtpd")
    with Delivery(network, place / "postfix", place / "state") as delivery:
        yield delivery


@pytest.fixture
def move(
    new_host: Callable[..., Dovecot],
    place: Path,
    company: Dovecot,
    names: Names,
    delivery: Delivery,
    people: list[Employee],
) -> Move:
    run = Run(place, company, new_host(extra_config=delivery.dovecot_settings))
    return Move(run, names, delivery, people)


def done(ran: PlaybookRun, *phases: str) -> bool:
    """Whether phases came to their ends."""
    assert ran.returncode == 0, ran.output
    return all("firma: %s: done" % phase in ran.output for phase in phases)


def waiting(ran: PlaybookRun, phase: str, words: str) -> bool:
    """Whether a phase ended well and is to be run again later, and says why."""
    assert ran.returncode == 0, ran.output
    return "firma: %s: not yet" % phase in ran.output and words in _flat(ran)


def stopped(ran: PlaybookRun, phase: str, words: str) -> bool:
    """Whether somebody has to do something first, and is told what."""
    assert ran.returncode != 0, ran.output
    return "firma: %s: not good" % phase in ran.output and words in _flat(ran)


def _flat(ran: PlaybookRun) -> str:
    return " ".join(ran.output.split())


def test_a_migration_from_its_plan_to_its_end(move: Move) -> None:
    first, second, third = move.people
    names = move.names

    assert done(move.play("plan", "pilot", hour=0), "plan", "pilot")
    assert "panel.mailimport.pilot" in move.report("plan") and "panel.mailimport.bulk" in move.report("pilot")
    assert waiting(move.play("bulk", hour=0.5), "bulk", "wave everybody begins at %s" % move.at(1))
    assert {line.split(":")[0] for line in move.run.host.users_file.read_text().splitlines()} == {first.address}
    assert done(move.play("bulk", hour=2), "bulk") and move.run.differing(move.people) == []

    move.delivery.know_domain_of(first.address)
    move.arrive_at_source(second)
    assert done(move.play("delta", "ready", hour=31), "delta", "ready") and move.here() == move.arrived

    # The MX records change, one of the name servers lags behind, and mail comes to both ends.
    names.publish(NEW, names.second, names.resolver)
    assert stopped(move.play("switched", hour=31.5), "switched", "%s: the MX records name others too" % DOMAIN)
    names.publish(NEW)
    move.arrive_here(third)
    move.arrive_at_source(third)
    early = move.play("switched", "finish", hour=32)
    assert done(early, "switched") and move.here() == move.arrived
    assert waiting(early, "finish", "old MX records may be in use until")

    move.arrive_at_source(first)
    assert done(move.play("verify", hour=36), "verify") and move.here() == move.arrived
    move.arrive_at_source(second)
    assert stopped(move.play("finish", hour=61), "finish", "%s: the source had new mail" % second.address)
    leftover = move.run.directory / "remote-tmp" / "ansible-tmp-1-2-3" / LEFTOVER
    leftover.parent.mkdir()
    leftover.write_text("a secret")
    end = move.play("finish", "status", hour=86)
    assert done(end, "finish") and "it was finished at %s" % move.at(86)[:13] in _flat(end)
    assert move.here() == move.arrived and not leftover.exists()
    assert "revoke at the old provider" in move.report("finish")
    for person in move.people:
        assert sum(subject.endswith("has moved") for subject in move.subjects(person)) == 1
    reports = "".join(path.read_text() for path in (move.run.directory / "reports").iterdir())
    assert not any(person.password in reports for person in move.people)
