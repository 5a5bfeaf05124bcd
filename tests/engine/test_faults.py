# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Dovecot behind a line that breaks: wherever that happens, in the end all mail is there, once, as it was."""

from __future__ import annotations

import os
import random
from typing import NamedTuple

import pytest
from fakes.fault_relay import GARBLING, KINDS, FaultRelay
from support.dovecot import Dovecot
from support.imap import Account, Item, Session, snapshot
from support.mail import load_mail, small_message
from support.scene import difference, item_of
from support.tls import Authority

from .bench import Bench

SEED = int(os.environ.get("FAULT_SEED", "20260105"))
FAULTS = 50
FOLDERS = ("INBOX", "Sent", "Party 🎉", "Projects.2024")
USER = "faulty@source.example"
PASSWORD = "pass word"  # noqa: S105 - of an account that lives for one run of the tests


class Line(NamedTuple):
    """A source account that is always the same, and how many bytes an import takes over a good line, plain and under
    TLS.
    """

    source: Dovecot
    account: Account
    authority: Authority
    plain_bytes: int
    tls_bytes: int

    def options(self, tls: bool) -> dict[str, object]:
        """Options of a request for the account."""
        how = (
            {"source_tls": "implicit", "source_host": "localhost", "source_ca_cert": str(self.authority.ca_file)}
            if tls
            else {}
        )
        return {"source_user": USER, "source_password": PASSWORD, "source_timeout": 0.5, **how}


def fill(session: Session) -> None:
    """A few dozen messages, among them long ones and an empty folder."""
    mail = [item_of(message) for message in load_mail(60)]
    for number, name in enumerate(FOLDERS):
        if name != "INBOX":
            session.create(name)
        session.append(name, mail[number :: len(FOLDERS)])
    session.append("Sent", [Item(small_message(1, "x" * 200_000)), Item(small_message(2, "y" * 150_000))])
    session.append("INBOX", [Item(small_message(number, "z" * 40_000)) for number in range(3, 23)])
    session.create("Empty")
    session.subscribe("Sent")


@pytest.fixture(scope="module")
def line(source: Dovecot, authority: Authority, mail_host: Dovecot, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The source account, filled once."""
    source.add_user(USER, PASSWORD)
    with Session(source.port, USER, PASSWORD) as session:
        fill(session)
    found = Line(source, snapshot(source.port, USER, PASSWORD), authority, 0, 0)
    passed = {}
    for tls in (False, True):
        bench = Bench(mail_host, tmp_path_factory.mktemp("line") / "state", "line%d@engine.example" % tls)
        with FaultRelay(source.tls_port if tls else source.port) as relay:
            assert bench.run(relay.port, **found.options(tls)).result.state == "completed"
            passed[tls] = relay.passed
    return found._replace(plain_bytes=passed[False], tls_bytes=passed[True])


def cases() -> list[tuple[int, str, bool, float]]:
    """Number, kind, TLS and place (a share of the whole) of each fault: every kind in turn, places at random."""
    places = random.Random(SEED)
    kinds = [(kind, False) for kind in KINDS] + [(kind, True) for kind in (*GARBLING, "reset", "stall", "close")]
    return [(number, *kinds[number % len(kinds)], places.random()) for number in range(FAULTS)]


@pytest.mark.parametrize(("number", "kind", "tls", "share"), cases())
def test_all_mail_is_there_once_after_a_fault(
    bench: Bench, line: Line, number: int, kind: str, tls: bool, share: float
) -> None:
    offset = int(share * (line.tls_bytes if tls else line.plain_bytes))
    where = "seed %d, fault %d: %s after %d bytes%s" % (SEED, number, kind, offset, " of TLS" if tls else "")
    target = line.source.tls_port if tls else line.source.port
    with FaultRelay(target, kind, offset) as relay:
        first = bench.run(relay.port, **line.options(tls))
        runs = [first]
        while runs[-1].result.state != "completed" and len(runs) < 3:
            runs.append(bench.run(relay.port, **line.options(tls)))
        again = bench.run(relay.port, state="latest", **line.options(tls))
    assert relay.faults == 1, where
    assert runs[-1].result.state == "completed", (where, runs)
    assert difference(line.account, bench.account()) == [], (where, runs)
    assert (again.result.state, again.result.changed) == ("completed", False), (where, again)
    assert first.result.state == "completed" or "\n" not in first.result.message, (where, first)


@pytest.mark.parametrize(
    ("kind", "tls"), [("reset", False), ("bye", False), ("close", False), ("reset", True), ("close", True)]
)
def test_a_line_that_breaks_again_and_again(bench: Bench, line: Line, kind: str, tls: bool) -> None:
    """As long as something gets through each time, the import gets to its end in one run."""
    with FaultRelay(line.source.tls_port if tls else line.source.port, kind, 50_000, again=220_000) as relay:
        run = bench.run(relay.port, **line.options(tls))
    assert run.result.state == "completed", run
    assert relay.faults > 3
    assert len(run.waits) > 3
    assert difference(line.account, bench.account()) == []
