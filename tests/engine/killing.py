# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import that is killed at one of its system calls: strace sends SIGKILL when the process comes to the n-th of them.

The call at which it is killed is not carried out any more. What the next run makes of it is compared with what an
import that nobody kills makes of the same beginning.

`python -m engine.killing` (in `tests`) kills at every system call that changes files; options say which.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.panel.mailimport.plugins.module_utils.transfer import sandbox
from fakes.imap_mail import Folder, Message
from fakes.imap_server import CAPABILITIES, FakeServer
from support.dovecot import Dovecot
from support.imap import Account, Item
from support.mail import small_message

from .bench import PASSWORD, Bench

# Whatever changes files, or waits for the disk. Those of a run's own process are SQLite's, too.
CALLS = (
    "openat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,unlink,unlinkat,rmdir,write,pwrite64,ftruncate,"
    "fsync,fdatasync,syncfs,utimensat,fchmod,fchown"
)
MAILDIRS = {"maildir++": "maildir:~/Maildir", "fs": "maildir:~/Maildir:LAYOUT=fs"}
BOXES = {"sdbox": "sdbox:~/sdbox", "mdbox": "mdbox:~/mdbox"}
LAYOUTS = {**MAILDIRS, **BOXES}
PROCESSES = ("import", "run")
ADDRESS = "box@killed.example"

_OWN = small_message(9001, "It was here before.")
_SHARED = small_message(1)
_MANY_KEYWORDS = tuple(b"Keyword%d" % number for number in range(28))
# Names that differ from run to run, and Dovecot's own indexes and logs, which depend on who has logged in.
_DOVECOTS = re.compile(r"(^|/)(dovecot\.|dovecot-uidvalidity)")


@dataclass(frozen=True)
class Scenario:
    """What a mailbox is like when the import begins, and what is asked for.

    `same_uids`: folders get those of the source.
    """

    name: str
    own_mail: bool
    earlier_run: bool
    same_uids: bool
    options: dict[str, Any]


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("fresh", False, False, True, {"existing_content": "merge"}),
        Scenario("merge", True, False, False, {"existing_content": "merge"}),
        Scenario("replace", True, False, True, {"existing_content": "replace"}),
        Scenario("latest", False, True, True, {"existing_content": "merge", "state": "latest"}),
    )
}


def first_folders() -> list[Folder]:
    """What the source has in the beginning."""
    inbox = [Message(uid, small_message(uid), (b"\\Seen", b"Work") if uid % 2 else ()) for uid in (1, 2, 5, 9)]
    return [
        Folder(b"INBOX", inbox, subscribed=True),
        Folder(b"A", [Message(3, small_message(103), _MANY_KEYWORDS), Message(4, small_message(104))], 77),
        Folder(b"A/B", [Message(1, small_message(201))], 78, subscribed=True),
        Folder(b"Empty", [], 79),
    ]


def later_folders() -> list[Folder]:
    """What it has some time later: more messages, a new folder, other flags."""
    inbox, a, b, empty = first_folders()
    changed = replace(inbox.messages[0], flags=(b"\\Flagged", b"Work"), modseq=7)
    more = [Message(12, small_message(12), (b"Later",), modseq=8), Message(13, small_message(13), modseq=8)]
    inbox = replace(inbox, messages=[changed, *inbox.messages[1:], *more])
    a = replace(a, messages=[*a.messages, Message(8, small_message(108), _MANY_KEYWORDS[-3:], modseq=9)])
    return [inbox, a, b, empty, Folder(b"Later/C", [Message(2, small_message(302))], 80, subscribed=True)]


@dataclass
class Stand:
    """A mail host with one mailbox, brought back to where its scenario begins as often as one likes."""

    scenario: Scenario
    host: Dovecot
    directory: Path
    server: FakeServer

    def __post_init__(self) -> None:
        self.bench = Bench(self.host, self.directory / "state", ADDRESS)
        self._home = self.host.home_of(ADDRESS)
        if self.scenario.own_mail:
            with self.bench.session() as session:
                session.create("A")
                # Whether a run that was killed brought it, nobody can tell in boxes: it has the flags of the source's.
                session.append("INBOX", [Item(_OWN), Item(_SHARED, ("\\Seen", "Work"))])
                session.append("A", [Item(_OWN)])
        if self.scenario.earlier_run:
            self.bench.completed(self.server, existing_content="merge")
            self.server.folders[:] = later_folders()
        for place, kept in self._places():
            if place.exists():
                _copy(place, kept)

    def _places(self) -> Iterator[tuple[Path, Path]]:
        for place in (self._home, self.bench.state_dir):
            yield place, self.directory / ("%s-in-the-beginning" % place.name)

    def begin(self) -> None:
        """Bring the mailbox and the host's state back to the beginning."""
        for place, kept in self._places():
            shutil.rmtree(place, ignore_errors=True)
            if kept.exists():
                _copy(kept, place)

    def run(self) -> Any:
        """What the scenario asks for."""
        return self.bench.run(self.server.port, **self.scenario.options)

    def outcome(self) -> tuple[Any, set[str]]:
        """What a user sees in the mailbox, and the names of all files that are there."""
        account = self.bench.account()
        # Where Dovecot writes, it chooses the UIDs, and numbers its files.
        same_uids = self.scenario.same_uids and (self._home / "Maildir").exists()
        return account if same_uids else contents(account), self.names()

    def names(self) -> set[str]:
        """All files and directories of mailbox and state, those of Dovecot's indexes aside."""
        found = set()
        for place, _kept in self._places():
            for path in place.rglob("*"):
                name = str(path.relative_to(place))
                if path.is_file() and path.parent.name in ("cur", "new"):
                    name = str(path.relative_to(place).with_name("message"))
                if not _DOVECOTS.search(name):
                    found.add(re.sub(r"\d{4,}|\d{8}T\d{6}|(?<=/[um]\.)\d+$", "N", name))
        return found


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--archive", str(source), str(target)], check=True)


def contents(account: Account) -> dict[tuple[str, ...], list[Any]]:
    """Messages of each folder without their UIDs."""
    return {
        path: sorted((facts.content, facts.internal_date, sorted(facts.flags)) for facts in folder.messages.values())
        for path, folder in account.folders.items()
    }


class Call(NamedTuple):
    """A system call of a process: the n-th of that name."""

    name: str
    number: int


def strace(log: Path, call: Optional[Call]) -> None:
    """Have a system call of this process kill it; return when that is arranged."""
    command = ["strace", "-qq", "-o", str(log), "-e", "trace=" + CALLS]
    kill = ["-e", "inject=%s:signal=KILL:when=%d" % call] if call else []
    subprocess.Popen([*command, *kill, "-p", str(os.getpid())], stderr=subprocess.DEVNULL)
    while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        pass


def traced(stand: Stand, process: str, call: Optional[Call]) -> list[str]:
    """Run the import with one of its processes under strace, killed at a system call if one is given; return the calls
    that it came to.
    """
    log = stand.directory / "strace.log"
    log.unlink(missing_ok=True)
    driver = os.fork()
    if driver == 0:
        try:
            if process == "run":
                strace(log, call)
            else:
                give_up = sandbox.give_up_privileges

                def give_up_under_strace(uid: int, gid: int) -> None:
                    strace(log, call)
                    give_up(uid, gid)

                sandbox.give_up_privileges = give_up_under_strace
            stand.run()
        finally:
            os._exit(0)
    os.waitpid(driver, 0)
    return log.read_text(errors="replace").splitlines() if log.exists() else []


def changing_calls(stand: Stand, process: str) -> list[Call]:
    """The calls that change something, as an import that nobody kills makes them."""
    stand.begin()
    counts: collections.Counter[str] = collections.Counter()
    found = []
    for line in traced(stand, process, None):
        name = line.partition("(")[0]
        counts[name] += 1
        if name in CALLS.split(",") and (name != "openat" or "O_CREAT" in line):
            found.append(Call(name, counts[name]))
    return found


def check(stand: Stand, process: str, call: Call, expected: tuple[Any, set[str]]) -> Optional[list[str]]:
    """Kill at a call, run again and again once more; return what is wrong then, in words. None when it did not come to
    that call: SQLite's are not always as many.
    """
    stand.begin()
    last = traced(stand, process, call)[-2:]
    where = "%s, %s, kill at %s number %d: %s" % (stand.scenario.name, process, *call, last[0][:80])
    if "killed by SIGKILL" not in last[-1]:
        return None
    again = stand.run()
    found = []
    if again.result.state != "completed":
        found.append("%s: %s" % (where, again.result))
    account, names = stand.outcome()
    if account != expected[0]:
        found.append("%s: the mailbox holds %s and not %s" % (where, account, expected[0]))
    left = names - expected[1]
    if left:
        found.append("%s: left behind: %s" % (where, ", ".join(sorted(left))))
    if stand.run().result.changed:
        found.append("%s: the run after that changes something" % where)
    return found


def check_all(stand: Stand, process: str, step: int = 1, first: int = 0) -> Iterator[list[str]]:
    """Check a kill at each `step`-th call that changes something; yield what is wrong after each kill."""
    stand.begin()
    assert stand.run().result.state == "completed"
    expected = stand.outcome()
    for call in changing_calls(stand, process)[first::step]:
        found = check(stand, process, call, expected)
        if found is not None:
            yield found


def stand_of(scenario: str, host: Dovecot, directory: Path) -> Stand:
    """A stand and the source of its own, which answers as long as the process lives."""
    directory.mkdir(exist_ok=True)
    server = FakeServer(first_folders(), capabilities=CAPABILITIES + b" CONDSTORE")
    server.__enter__()
    return Stand(SCENARIOS[scenario], host, directory, server)


def tell(text: str) -> None:
    """Say something at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> int:
    """Kill at every call of what the options choose; say what is wrong."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--scenario", choices=SCENARIOS, action="append")
    options.add_argument("--layout", choices=LAYOUTS, action="append")
    options.add_argument("--process", choices=PROCESSES, action="append")
    options.add_argument("--step", type=int, default=1)
    chosen = options.parse_args()
    place = Path(tempfile.mkdtemp(prefix="killing-"))
    place.chmod(0o755)
    bad = kills = 0
    for layout, scenario in itertools.product(chosen.layout or LAYOUTS, chosen.scenario or SCENARIOS):
        name = "%s-%s" % (re.sub(r"\W", "", layout), scenario)
        with Dovecot(place / name, name, LAYOUTS[layout], separator="/", users={ADDRESS: PASSWORD}) as host:
            stand = stand_of(scenario, host, place / name / "stand")
            for process in chosen.process or PROCESSES:
                here = 0
                for found in check_all(stand, process, chosen.step):
                    here += 1
                    bad += bool(found)
                    tell("".join("%s: %s\n" % (layout, line) for line in found))
                kills += here
                tell("%s, %s, %s: killed at %d calls\n" % (layout, scenario, process, here))
    shutil.rmtree(place)
    tell("%d kills, %d with something wrong\n" % (kills, bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
