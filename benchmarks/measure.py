# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The benchmark: everybody imports the same mail, in turn, and every copy is compared. benchmarks/run.sh prepares the
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Type

import plots
import report
from contestants import (
    BARE_LOOP,
    CONTESTANTS,
    ENGINE,
    FLOOR,
    IMAPSYNC,
    MBSYNC,
    NETWORK_IMPORTERS,
    BareLoop,
    Contestant,
    EngineOverImap,
    Job,
    OneByOne,
)
from machine import describe_machine
from stage import Stage
from support.long_line import Relay
from support.other_servers import BareCyrus, Courier, Cyrus, OtherServer
from support.overlay import OverlayError
from support.tls import Authority
from workloads import DOMAIN, WORKLOADS, Account, Workload

SECTIONS = ("copies", "line", "folders", "compression", "tls", "queues", "wide", "many", "servers", "target")
DEFAULT_WORKLOADS = ("small", "large", "mailboxes", "tiny")
QUICK_WORKLOADS = ("small", "large")
# Who needs so many seconds for a run has only one.
_SLOW = 20.0

# Round trips in seconds: this machine, a continent, the other end of the world.
ROUND_TRIPS = (0.0, 0.04, 0.2)
# Bytes a second of lines of 10, 100 and 1,000 Mbit/s, and of one without limit; one way takes so many seconds.
RATES = (1_250_000, 12_500_000, 125_000_000, None)
_DELAY_OF_RATES = 0.01

# Queues for many small mailboxes, of which one in so many gets a new message.
MANY_QUEUES = (2, 8)
_NEWS_OF = 100

# Import queues, with a source that gives each connection 20 Mbit/s and answers after 40 ms.
QUEUES = (1, 2, 4, 8)
CONNECTIONS = ("1", "2", "4", "8", "auto")
_RATE_OF_A_CONNECTION = 2_500_000
_DELAY_OF_A_CONNECTION = 0.02

_QUICK_FACTOR = 20
QUICK_ROUND_TRIPS = (0.0, 0.2)
TARGET_ROUND_TRIPS = (0.0, 0.04)
QUICK_RATES = (12_500_000, None)

Runs = Dict[str, Dict[str, Any]]


class Benchmark:
    """What is measured on one stage; each method returns a part of the results."""

    def __init__(self, stage: Stage, contestants: Sequence[Contestant], rounds: int, quick: bool) -> None:
        self._stage = stage
        self._contestants = contestants
        self._rounds = rounds
        self._quick = quick

    def copies(self, name: str) -> Dict[str, Any]:
        """First import and one with nothing new, straight from the source."""
        with self._stage.made(self._sized(name)) as workload:
            return self._copies(workload.title, workload.accounts, self._contestants, None)

    def external(self, account: Account, port: int) -> Dict[str, Any]:
        """The same from a server that was there before."""
        return self._from(account, port, "port %d" % port, self._contestants)

    def servers(self, name: str) -> Dict[str, Any]:
        """The same from servers that are not Dovecot, and one message at a time for comparison."""
        found = {}
        for kind in (Cyrus, Courier):
            try:
                found[kind.__name__] = self._from_server(kind, self._sized(name))
            except OverlayError as error:
                say("\n%s does not take part: %s." % (kind.__name__, error))
        return found

    def _from_server(self, kind: Type[OtherServer], workload: Workload) -> Dict[str, Any]:
        account = Account("benchmark", "%s@%s" % (kind.__name__.lower(), DOMAIN))
        directory = self._stage.directory / kind.__name__
        with kind(
            directory, {account.user: account.password}, Authority(self._stage.directory / "authority")
        ) as server:
            with server.session(account.user, account.password) as session:
                workload.fill_inbox(session)
            title = "%s: %s" % (kind.__name__, workload.title)
            say("\n%s" % title)
            return self._from(account, server.port, title, [*self._contestants, OneByOne()])

    def _from(self, account: Account, port: int, title: str, contestants: Sequence[Contestant]) -> Dict[str, Any]:
        self._stage.know(account, port)
        return self._copies(title, [account], [one for one in contestants if one.name != FLOOR], port)

    def _copies(
        self, title: str, accounts: List[Account], contestants: Sequence[Contestant], port: Optional[int]
    ) -> Dict[str, Any]:
        messages, size = self._stage.amount(accounts)
        ran = self._in_turn(contestants, self._stage.job(accounts, port))
        return {"title": title, "messages": messages, "bytes": size, "contestants": ran}

    def line(self, name: str, contestants: Sequence[Contestant]) -> Dict[str, Any]:
        """The same over lines of some length."""
        by_length = {}
        with self._stage.made(self._sized(name)) as workload:
            for seconds in QUICK_ROUND_TRIPS if self._quick else ROUND_TRIPS:
                say("\n%s, round trips of %g ms" % (workload.title, seconds * 1000))
                with Relay(self._stage.source.port, seconds / 2) as relay:
                    job = self._stage.job(workload.accounts, relay.port)
                    by_length["%g" % (seconds * 1000)] = self._in_turn(contestants, job, relay)
        return {"title": workload.title, "milliseconds": by_length}

    def target(self, name: str) -> Dict[str, Any]:
        """Into the host and into Cyrus over the network, near and on a long line; the source is near."""
        found = {}
        with self._stage.made(self._sized(name)) as workload:
            job = self._stage.job(workload.accounts)
            found["Dovecot"] = self._into("Dovecot", workload, job)
            (account,) = workload.accounts
            users = ["copy%d" % number for number in range(3 * self._rounds * len(TARGET_ROUND_TRIPS))]
            authority = Authority(self._stage.directory / "target-authority")
            try:
                with BareCyrus(
                    self._stage.directory / "target", dict.fromkeys(users, account.password), authority
                ) as server:
                    found["Cyrus"] = self._into("Cyrus", workload, replace(job, server=server, mailboxes=iter(users)))
            except OverlayError as error:
                say("\nCyrus does not take part: %s." % error)
        return found

    def _into(self, kind: str, workload: Workload, job: Job) -> Dict[str, Any]:
        contestants = [EngineOverImap(), *(one for one in self._contestants if one.name in (MBSYNC, IMAPSYNC))]
        by_length = {}
        for seconds in TARGET_ROUND_TRIPS:
            say("\n%s into %s, round trips of %g ms" % (workload.title, kind, seconds * 1000))
            with ExitStack() as stack:
                relay = stack.enter_context(Relay(job.host_port, seconds / 2)) if seconds else None
                way = replace(job, relay_port=relay.port if relay else None)
                by_length["%g" % (seconds * 1000)] = self._in_turn(contestants, way, relay)
        return {"title": "%s, into %s over the network" % (workload.title, kind), "milliseconds": by_length}

    def compression(self, name: str) -> Dict[str, Any]:
        """The engine on lines of some width, with and without COMPRESS=DEFLATE."""
        by_rate = {}
        with self._stage.made(self._sized(name)) as workload:
            for rate in QUICK_RATES if self._quick else RATES:
                with Relay(self._stage.compressing_source.port, _DELAY_OF_RATES, rate) as relay:
                    plain = self._stage.job(workload.accounts, relay.port)
                    label = "%g Mbit/s" % (rate * 8 / 1e6) if rate else "no limit"
                    say("\n%s, %s" % (workload.title, label))
                    by_rate[label] = self._variants(
                        {"plain": plain, "compressed": replace(plain, compress=True)}, relay
                    )
        return {"title": workload.title, "rates": by_rate}

    def tls(self, name: str) -> Dict[str, Any]:
        """The engine with and without TLS."""
        with self._stage.made(self._sized(name)) as workload:
            plain = self._stage.job(workload.accounts)
            say("\n%s, with and without TLS" % workload.title)
            ways = {
                "plain": plain,
                "tls": replace(plain, port=self._stage.source.tls_port, ca_file=self._stage.ca_file),
            }
            return {"title": workload.title, "ways": self._variants(ways)}

    def queues(self, name: str) -> Dict[str, Any]:
        """The engine with one import queue and with more, while the source is what is slow."""
        with (
            self._stage.made(self._sized(name)) as workload,
            Relay(self._stage.source.port, _DELAY_OF_A_CONNECTION, _RATE_OF_A_CONNECTION) as relay,
        ):
            say("\n%s, 20 Mbit/s and 40 ms for each connection" % workload.title)
            job = self._stage.job(workload.accounts, relay.port)
            return {
                "title": workload.title,
                "queues": self._variants({str(number): replace(job, queues=number) for number in QUEUES}, relay),
            }

    def wide(self, name: str) -> Dict[str, Any]:
        """One large mailbox over one connection and over more, from the same source."""
        with (
            self._stage.made(self._sized(name)) as workload,
            Relay(self._stage.source.port, _DELAY_OF_A_CONNECTION, _RATE_OF_A_CONNECTION) as relay,
        ):
            say("\n%s, 20 Mbit/s and 40 ms for each connection" % workload.title)
            job = self._stage.job(workload.accounts, relay.port)
            jobs = {number: replace(job, connections=number) for number in CONNECTIONS}
            return {"title": workload.title, "connections": self._variants(jobs, relay)}

    def many(self, name: str, mailboxes: Optional[int]) -> Dict[str, Any]:
        """The engine with many small mailboxes, beside a bare loop of the same logins in as many processes."""
        workload = self._sized(name)
        if mailboxes:
            workload = replace(workload, mailboxes=mailboxes, title="%d mailboxes of three messages" % mailboxes)
        by_queues: Dict[str, Any] = {}
        with self._stage.made(workload) as made:
            for queues in MANY_QUEUES:
                say("\n%s, %d queues" % (made.title, queues))
                by_queues[str(queues)] = self._rounds_of_many(replace(self._stage.job(made.accounts), queues=queues))
        return {"title": workload.title, "mailboxes": workload.mailboxes, "queues": by_queues}

    def _rounds_of_many(self, job: Job) -> Runs:
        runs: Dict[str, Dict[str, List[Any]]] = {BARE_LOOP: {}, ENGINE: {}}
        again = replace(job, again=True)
        for turn in range(self._rounds):
            for name in _rotated(list(runs), turn):
                contestant = CONTESTANTS.get(name) or BareLoop()
                ran = runs[name]
                ran.setdefault("first", []).append(self._run(contestant, job, None))
                if name == ENGINE:
                    present = replace(again, state="present")
                    ran.setdefault("present", []).append(self._run(contestant, present, None, "present"))
                ran.setdefault("again", []).append(self._run(contestant, again, None))
                if name == ENGINE:
                    self._stage.deliver(job.accounts[::_NEWS_OF])
                    ran.setdefault("news", []).append(self._run(contestant, again, None, "new in 1 %"))
        return {name: {kind: report.summary(found) for kind, found in ran.items()} for name, ran in runs.items()}

    def _sized(self, name: str) -> Workload:
        return WORKLOADS[name].shrunk(_QUICK_FACTOR) if self._quick else WORKLOADS[name]

    def _in_turn(self, contestants: Sequence[Contestant], job: Job, relay: Optional[Relay] = None) -> Runs:
        runs: Dict[str, Dict[str, List[Any]]] = {
            contestant.name: {"first": [], "again": []} for contestant in contestants
        }
        for turn in range(self._rounds):
            for contestant in _rotated(contestants, turn):
                ran = runs[contestant.name]
                if any(run["seconds"] > _SLOW for run in ran["first"]):
                    continue
                one = job.anew()
                ran["first"].append(self._run(contestant, one, relay))
                if contestant.name != FLOOR:
                    ran["again"].append(self._run(contestant, replace(one, again=True), relay))
        return {name: {kind: report.summary(found) for kind, found in ran.items()} for name, ran in runs.items()}

    def _variants(self, jobs: Dict[str, Job], relay: Optional[Relay] = None) -> Dict[str, Any]:
        runs: Dict[str, List[Any]] = {name: [] for name in jobs}
        for turn in range(self._rounds):
            for name in _rotated(list(jobs), turn):
                runs[name].append(self._run(CONTESTANTS[ENGINE], jobs[name], relay))
        return {name: report.summary(found) for name, found in runs.items()}

    def _run(
        self, contestant: Contestant, job: Job, relay: Optional[Relay], what: Optional[str] = None
    ) -> Dict[str, Any]:
        measured = self._stage.run(contestant, job)
        what = what or ("nothing new" if job.again else "first import")
        say("  %-20s %-12s %9.3f s  %s" % (contestant.name, what, measured.seconds, measured.trouble or "equal"))
        return {**vars(measured), **(relay.traffic()._asdict() if relay else {})}


def _rotated(items: Sequence[Any], turn: int) -> List[Any]:
    """In each round somebody else begins."""
    start = turn % len(items)
    return [*items[start:], *items[:start]]


def measure(options: argparse.Namespace, stage: Stage) -> Dict[str, Any]:
    """Do what the options choose; return the results."""
    chosen = [CONTESTANTS[name] for name in options.contestants]
    absent = {contestant.name: contestant.missing() for contestant in chosen if contestant.missing()}
    for name, reason in absent.items():
        say("%s does not take part: %s." % (name, reason))
    contestants = [contestant for contestant in chosen if contestant.name not in absent]
    importers = [contestant for contestant in contestants if contestant.name in NETWORK_IMPORTERS]
    benchmark = Benchmark(stage, contestants, options.rounds, options.quick)
    results: Dict[str, Any] = {
        "machine": describe_machine(stage.directory),
        "quick": options.quick,
        "rounds": options.rounds,
        "absent": absent,
    }
    if options.source_port:
        account = Account(options.source_user, "copy@example.org", options.source_password_file.read_text().strip())
        return {**results, "copies": {"external": benchmark.external(account, options.source_port)}}
    sections: Dict[str, Callable[[], Any]] = {
        "copies": lambda: {name: _headed(name, benchmark) for name in options.workloads},
        "line": lambda: benchmark.line("line", importers),
        "folders": lambda: benchmark.line("folders", [CONTESTANTS[ENGINE]]),
        "compression": lambda: benchmark.compression("narrow"),
        "tls": lambda: benchmark.tls("small"),
        "queues": lambda: benchmark.queues("queued"),
        "many": lambda: benchmark.many("many", options.mailboxes),
        "wide": lambda: benchmark.wide("wide"),
        "servers": lambda: benchmark.servers("servers"),
        "target": lambda: benchmark.target("narrow"),
    }
    return {**results, **{name: work() for name, work in sections.items() if name in options.sections}}


def _headed(name: str, benchmark: Benchmark) -> Dict[str, Any]:
    say("\n%s" % WORKLOADS[name].title)
    return benchmark.copies(name)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks/run.sh", description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of everything, one round: does it all work?")
    parser.add_argument(
        "--rounds", type=int, help="runs of each contestant, of which the median counts (default 3, quick 1)"
    )
    parser.add_argument(
        "--sections", nargs="+", choices=SECTIONS, default=SECTIONS, help="what to measure (default all)"
    )
    parser.add_argument(
        "--workloads",
        nargs="+",
        choices=list(WORKLOADS),
        help="of the section `copies` (default %s)" % " ".join(DEFAULT_WORKLOADS),
    )
    parser.add_argument(
        "--contestants", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS), help="who runs (default all)"
    )
    parser.add_argument("--mailboxes", type=int, help="of the section `many` (default 1000)")
    parser.add_argument(
        "--output",
        type=Path,
        help="directory for results.json and plots (default benchmarks/results; none with --quick)",
    )
    given = parser.add_argument_group("a source that runs already, in place of the workloads (plain IMAP on 127.0.0.1)")
    given.add_argument("--source-port", type=int)
    given.add_argument("--source-user")
    given.add_argument("--source-password-file", type=Path)
    options = parser.parse_args()
    if options.source_port and not (options.source_user and options.source_password_file):
        parser.error("--source-port needs --source-user and --source-password-file")
    options.workloads = options.workloads or (QUICK_WORKLOADS if options.quick else DEFAULT_WORKLOADS)
    options.rounds = options.rounds or (1 if options.quick else 3)
    if options.output is None and not options.quick:
        options.output = Path(__file__).with_name("results")
    return options


def main() -> int:
    options = parse_options()
    # A benchmark that is ended from outside cleans up as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    directory = Path(tempfile.mkdtemp(prefix="mailimport-benchmark-"))
    directory.chmod(0o755)
    try:
        with Stage(directory) as stage:
            results = measure(options, stage)
    finally:
        shutil.rmtree(directory)
    results["goals"] = report.goals(results)
    say("\n" + report.text(results))
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
        plots.draw(results, options.output)
        say("Results and plots are in %s." % os.path.relpath(options.output))
    return 1 if report.troubles(results, ENGINE) else 0


def say(text: str) -> None:
    """Show a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
