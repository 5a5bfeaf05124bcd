# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A campaign of random faults: kills, broken lines and corrupted bytes, while mail is delivered and moved.

Each fault has a mailbox of its own, filled at a real Dovecot and imported into another one. After the fault the import
is run again until it is completed. The verdict: every message of the source, every one that was there before and every
one that was delivered meanwhile is in the mailbox once, as it was.

`bash scripts/faults.sh campaign --faults 500 --seed 1`; a fault is the same again with its seed: `--faults 1 --seed N`.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.panel.mailimport.plugins.module_utils.model.imports import SourceConnections
from fakes.fault_relay import GARBLING, KINDS, FaultRelay
from support.dovecot import Dovecot
from support.imap import Digest, ImapError, Item, Session
from support.mail import Mail, small_message
from support.processes import children_of
from support.scene import item_of
from support.tls import Authority

from .at_length import Forked, shared, table, tell, workplace
from .bench import PASSWORD, Bench, Run

STORES = {
    "maildir": "maildir:~/Maildir",
    "maildir-fs": "maildir:~/Maildir:LAYOUT=fs",
    "sdbox": "sdbox:~/sdbox",
    "mdbox": "mdbox:~/mdbox",
}
SCENARIOS = ("fresh", "merge", "replace", "latest")
KILLS = ("kill the run", "kill the import", "kill the host's imap")
# Bytes that are altered on a plain line nobody can notice: that is what TLS is for.
UNDER_TLS = tuple("%s under TLS" % kind for kind in (*GARBLING, "reset", "stall"))
FOLDERS = ("INBOX", "Sent", "Party 🎉", "Projects/2024")
MOST_RUNS = 6
OWN, DELIVERED = 800_000, 900_000


class Fault(NamedTuple):
    """What is done to an import: `share` says how far into it, `busy` whether its mailbox is in use meanwhile."""

    seed: int
    store: str
    scenario: str
    kind: str
    share: float
    busy: bool
    connections: int

    def __str__(self) -> str:
        meanwhile = ", mail is delivered and moved meanwhile" if self.busy else ""
        return "seed %d: %s, %s, %s at %.2f, connections: %d%s" % (*self[:5], self.connections, meanwhile)


def fault_of(seed: int) -> Fault:
    """The fault that a seed stands for."""
    chance = random.Random(seed)
    store, scenario = chance.choice(sorted(STORES)), chance.choice(SCENARIOS)
    kinds = KILLS[: 3 if store.endswith("dbox") else 2] * 2 + KINDS + UNDER_TLS
    # What is moved aside by `replace` is not to change meanwhile: whose it is then, nobody can tell.
    busy = scenario != "replace" and chance.random() < 0.5
    return Fault(seed, store, scenario, chance.choice(kinds), chance.random(), busy, chance.choice((1, 1, 2, 4)))


@dataclass
class Owner:
    """Whoever uses the mailbox while it is imported: mail is delivered into INBOX, and some of it is filed away."""

    host: Dovecot
    address: str
    sent: list[Item] = field(default_factory=list)
    delivered: list[Item] = field(default_factory=list)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the owner work until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._work, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _work(self, stop: threading.Event) -> None:
        # A mailbox that is being made, or whose process was killed, turns its owner away: he comes again.
        while not stop.is_set():
            with contextlib.suppress(OSError, ImapError), Session(self.host.port, self.address, PASSWORD) as session:
                with contextlib.suppress(ImapError):
                    session.create("Filed")
                self._deliver_and_file(session, stop)

    def _deliver_and_file(self, session: Session, stop: threading.Event) -> None:
        while not stop.is_set():
            item = Item(small_message(DELIVERED + len(self.sent)))
            self.sent.append(item)
            session.append("INBOX", [item])
            self.delivered.append(item)
            session.select("INBOX")
            uids = session.uids()
            if len(uids) > 3:
                session.command(b"UID MOVE %d Filed" % uids[len(uids) // 2])
            stop.wait(0.05)


@dataclass
class Trial:
    """One fault on one mailbox."""

    fault: Fault
    source: Dovecot
    host: Dovecot
    authority: Authority
    directory: Path
    user: str

    def __post_init__(self) -> None:
        self.bench = Bench(self.host, self.directory / "state", "%s@target.example" % self.user)
        self.account = "%s@source.example" % self.user
        self.owner = Owner(self.host, self.bench.address)
        self.harmed = False
        chance = random.Random(self.fault.seed)
        sizes = [chance.choice((10, 2_000, 60_000)) for _number in range(80)]
        self.to_come = sum(sizes) // (2 if self.fault.scenario == "latest" else 1)
        mail = [item_of(Mail("", small_message(number, "x" * size))) for number, size in enumerate(sizes)]
        self.mail = {name: mail[number :: len(FOLDERS)] for number, name in enumerate(FOLDERS)}
        self.own = [Item(small_message(OWN + number)) for number in range(5)]

    def verdict(self) -> tuple[list[str], list[Run]]:
        """Do it all; return what is wrong, in words, and the runs after the fault.

        `harmed` tells then whether the fault came before the import was through.
        """
        self._prepare()
        runs: list[Run] = []
        with self.owner.at_work() if self.fault.busy else contextlib.nullcontext():
            self._suffer()
            while not runs or (runs[-1].result.state != "completed" and len(runs) < MOST_RUNS):
                runs.append(self._run(self.source.port))
        if runs[-1].result.state != "completed":
            return ["not completed: %s" % (runs[-1].result,)], runs
        return list(self._differences(runs[-1])), runs

    def _prepare(self) -> None:
        later = self.fault.scenario == "latest"
        self._fill({name: items[: len(items) // 2 if later else None] for name, items in self.mail.items()})
        if later:
            first = self._run(self.source.port)
            assert first.result.state == "completed", first
            self._fill({name: items[len(items) // 2 :] for name, items in self.mail.items()})
        elif self.fault.scenario != "fresh":
            with self.bench.session() as session:
                session.append("INBOX", self.own)

    def _fill(self, mail: dict[str, list[Item]]) -> None:
        with self.source.session(self.account, PASSWORD) as session:
            for name, items in mail.items():
                if name != "INBOX":
                    with contextlib.suppress(ImapError):
                        session.create(name)
                session.append(name, items)

    def _run(self, port: int, tls: bool = False) -> Run:
        content = "replace" if self.fault.scenario == "replace" else "merge"
        state = "latest" if self.fault.scenario == "latest" else "present"
        # The same name of the source for all runs: it is part of what makes them runs of one import.
        options = {"source_host": "localhost", "source_user": self.account, "source_timeout": 2.0}
        if tls:
            options.update(source_tls="implicit", source_ca_cert=str(self.authority.ca_file))
        connections = SourceConnections(self.fault.connections)
        return self.bench.run(port, existing_content=content, state=state, connections=connections, **options)

    def _suffer(self) -> None:
        """Run the import and do it harm when so much of what is to come has come."""
        offset = int(self.fault.share * self.to_come)
        if self.fault.kind in KILLS:
            with FaultRelay(self.source.port) as relay:
                self._kill_one(relay, offset)
            return
        kind, _under, tls = self.fault.kind.partition(" under ")
        with FaultRelay(self.source.tls_port if tls else self.source.port, kind, offset) as relay:
            self._run(relay.port, bool(tls))
            self.harmed = relay.faults > 0

    def _kill_one(self, relay: FaultRelay, offset: int) -> None:
        def run() -> int:
            os.setsid()
            self._run(relay.port)
            return 0

        with Forked(run) as driver:
            doomed = {
                "kill the run": lambda: [driver.pid],
                "kill the import": lambda: children_of(driver.pid),
                "kill the host's imap": lambda: [pid for pid in descendants(driver.pid) if is_imap(pid)],
            }
            while not self.harmed and not driver.has_ended():
                for pid in doomed[self.fault.kind]() if relay.passed >= offset else ():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        self.harmed = True
                time.sleep(0.001)
            driver.wait()

    def _differences(self, last: Run) -> Iterator[str]:
        found = collections.Counter(self.bench.account().contents())
        expected = collections.Counter(digest(item) for items in self.mail.values() for item in items)
        if self.fault.scenario == "merge":
            expected.update(digest(item) for item in self.own)
        expected.update(digest(item) for item in self.owner.delivered)
        sent = {digest(item) for item in self.owner.sent}
        for content in found.keys() | expected.keys():
            here, wanted = found[content], expected[content]
            if content in sent:
                # Where the answer got lost, one may be there; Dovecot itself doubles none.
                if not wanted <= here <= 1:
                    yield "%d times and not %d: a message that was delivered meanwhile" % (here, wanted)
            elif here != wanted:
                yield "%d times and not %d: a message of %d bytes" % (here, wanted, content.size)
        if self.fault.scenario == "replace":
            aside = Path(last.result.replaced_to or "/nonexistent")
            if not aside.exists():
                yield "what was replaced is not at %s" % aside


def digest(item: Item) -> Digest:
    """What a login shows of a message."""
    return Digest(hashlib.sha256(item.data).hexdigest(), len(item.data))


def descendants(pid: int) -> list[int]:
    """Children of a process, and theirs."""
    return [below for child in children_of(pid) for below in (child, *descendants(child))]


def is_imap(pid: int) -> bool:
    """Whether a process is the host's IMAP program."""
    with contextlib.suppress(OSError):
        return (Path("/proc/%d/cmdline" % pid)).read_bytes().split(b"\0")[0].endswith(b"imap")
    return False


class Tried(NamedTuple):
    """What came of a fault: whether it came before the import was through, and what is wrong."""

    fault: Fault
    in_time: bool
    wrong: Sequence[str]


def attempt(place: Path, source: Dovecot, hosts: dict[str, Dovecot], authority: Authority, seed: int) -> Tried:
    """Try the fault of a seed; say what is wrong."""
    fault = fault_of(seed)
    directory = place / ("t%d" % seed)
    directory.mkdir()
    trial = Trial(fault, source, hosts[fault.store], authority, directory, "u%d" % seed)
    wrong, runs = trial.verdict()
    for line in wrong:
        tell("%s: %s (%d runs after it)" % (fault, line, len(runs)))
    return Tried(fault, trial.harmed, wrong)


def summary(tried: Sequence[Tried]) -> str:
    """Faults by mailbox and by kind, of them those that came in time, and what is wrong."""

    def row(some: Sequence[Tried]) -> list[int]:
        return [
            len(some),
            sum(each.in_time for each in some),
            sum(each.fault.busy for each in some),
            sum(each.fault.connections > 1 for each in some),
            sum(bool(each.wrong) for each in some),
        ]

    by_mailbox, by_kind = collections.defaultdict(list), collections.defaultdict(list)
    for each in sorted(tried):
        by_mailbox["%s, %s" % (each.fault.store, each.fault.scenario)].append(each)
        by_kind[each.fault.kind].append(each)
    columns = ("faults", "in time", "mailbox in use", "more connections", "wrong")
    return "\n\n".join(
        table(corner, columns, {name: row(some) for name, some in sorted(found.items())})
        for corner, found in (("mailbox", by_mailbox), ("kind", by_kind), ("", {"all": tried}))
    )


def main() -> int:
    """Try many faults; print those after which something is wrong, and a summary."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--faults", type=int, default=500)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--workers", type=int, default=os.cpu_count(), help="so many at a time")
    chosen = options.parse_args()
    tried: list[Tried] = []
    with workplace("campaign") as place, contextlib.ExitStack() as servers:
        numbers = range(chosen.seed, chosen.seed + chosen.faults)
        users = {side: {"u%d@%s.example" % (n, side): PASSWORD for n in numbers} for side in ("source", "target")}

        def start(name: str, side: str, location: str, **options: Any) -> Dovecot:
            server = Dovecot(place / name, name, location, separator="/", users=users[side], **options)
            return servers.enter_context(server)

        authority = Authority(place / "tls")
        source = start("source", "source", STORES["maildir"], certificate=authority.issue("good"))
        hosts = {store: start(store, "target", location) for store, location in STORES.items()}
        for each in shared(partial(attempt, place, source, hosts, authority), numbers, chosen.workers):
            tried.append(each)
            if len(tried) % 50 == 0:
                tell("%d of %d faults" % (len(tried), chosen.faults))
    wrong = sum(bool(each.wrong) for each in tried)
    tell("%s\n\n%d faults, %d with mail lost, doubled or torn, or not completed" % (summary(tried), len(tried), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
