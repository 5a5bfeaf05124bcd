# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An import that is killed at one of its system calls: strace sends SIGKILL when the process comes to the n-th of them.

The call at which it is killed is not carried out any more. What the next run makes of it is compared with what an
import that nobody kills makes of the same beginning.

`python -m engine.killing` (in `tests`) kills at every system call that others can notice, each process of an import;
options say which. Between two such calls nothing outside of the process changes, but that locks are given back, as its
end does: a kill there leaves what a kill at the next of them leaves. The one thread beside only waits for the disk.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Optional

from ansible_collections.panel.mailimport.plugins.module_utils.run.content import MailboxContent
from ansible_collections.panel.mailimport.plugins.module_utils.transfer import sandbox
from support.dovecot import wait_until

from .at_length import Forked, shared, table, tell, workplace
from .stand import LAYOUTS, SCENARIOS, Stand, stand_of

# Whatever changes files or what is known of them, waits for the disk, or is heard at the other end of a pipe or socket.
# Those of a run's own process are SQLite's, too.
CALLS = (
    "openat,creat,mkdir,mkdirat,mknod,mknodat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,"
    "rmdir,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,copy_file_range,connect,"
    "shutdown,truncate,ftruncate,fallocate,fsync,fdatasync,syncfs,sync_file_range,utimensat,chmod,fchmod,fchmodat,"
    "chown,lchown,fchown,fchownat,setxattr,fsetxattr"
).split(",")


class Call(NamedTuple):
    """A system call: the n-th of that name in a process."""

    name: str
    number: int


class Tracer:
    """strace for one process of a run; it kills it at a call, if one is given."""

    def __init__(self, directory: Path, call: Optional[Call]) -> None:
        self._log = directory / "strace.log"
        self._log.unlink(missing_ok=True)
        self._kill = ["-e", "inject=%s:signal=KILL:when=%d" % call] if call else []

    def attach(self) -> None:
        """Trace this process; return when that is arranged."""
        # A question mark is for a call that this kind of machine has not.
        command = ["strace", "-q", "-o", str(self._log), "-e", "trace=?" + ",?".join(CALLS), *self._kill]
        subprocess.Popen([*command, "-p", str(os.getpid())], stderr=subprocess.DEVNULL)
        while "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
            pass

    def lines(self) -> list[str]:
        """A line for each call of the process and one for its end, when that has come; none without the process."""
        if not self._log.exists():
            return []
        wait_until(lambda: self._read()[-1].startswith("+++"), "the end of the process")
        return self._read()

    def _read(self) -> list[str]:
        return self._log.read_text(errors="replace").splitlines() or [""]


def _trace_step(step: str, tracer: Tracer) -> None:
    """Trace the process without privileges that is forked for one step of an import."""
    perform, give_up = getattr(MailboxContent, step), sandbox.give_up_privileges

    def attach_first(uid: int, gid: int) -> None:
        tracer.attach()
        give_up(uid, gid)

    def traced(self: MailboxContent, *arguments: Any) -> None:
        sandbox.give_up_privileges = attach_first
        try:
            perform(self, *arguments)
        finally:
            sandbox.give_up_privileges = give_up

    setattr(MailboxContent, step, traced)


# The processes of an import, those of most calls first: without privileges the one that copies and the one that tries
# the login, and the run.
PROCESSES: dict[str, Callable[[Tracer], None]] = {
    "import": partial(_trace_step, "fill"),
    "run": Tracer.attach,
    "login": partial(_trace_step, "check_login"),
}


def traced(stand: Stand, process: str, call: Optional[Call]) -> tuple[bool, list[str]]:
    """Run the import with one of its processes under strace, killed at a system call if one is given; return whether
    it says that it is completed, and the calls that it came to.
    """
    tracer = Tracer(stand.directory, call)

    def run() -> int:
        PROCESSES[process](tracer)
        return 0 if stand.run().result.state == "completed" else 1

    with Forked(run) as driver:
        return driver.wait() == 0, tracer.lines()


def changing_calls(stand: Stand, process: str) -> list[Call]:
    """The calls that change something, as an import that nobody kills makes them."""
    stand.begin()
    counts: collections.Counter[str] = collections.Counter()
    found = []
    for line in traced(stand, process, None)[1]:
        name = line.partition("(")[0]
        counts[name] += 1
        if name in CALLS and (name != "openat" or "O_CREAT" in line):
            found.append(Call(name, counts[name]))
    return found


class Expected(NamedTuple):
    """What comes of an import that nobody kills: the mailbox's content, and names of files."""

    content: Any
    names: set[str]


def check(stand: Stand, process: str, call: Call, expected: Expected) -> Optional[list[str]]:
    """Kill at a call, run again and once more; return what is wrong then, in words. None when it did not come to that
    call: pieces of what is sent and written are not always as many.
    """
    stand.begin()
    completed, lines = traced(stand, process, call)
    if not lines or "killed by SIGKILL" not in lines[-1]:
        return None
    found = []
    if completed and stand.content() != expected.content:
        found.append("it says completed, and the mailbox holds %s" % (stand.content(),))
    again = stand.run()
    if again.result.state != "completed":
        found.append(str(again.result))
    content = stand.content()
    if content != expected.content:
        found.append("the mailbox holds %s and not %s" % (content, expected.content))
    left = stand.names() - expected.names
    if left:
        found.append("left behind: %s" % ", ".join(sorted(left)))
    if stand.run().result.changed:
        found.append("the run after that changes something")
    where = "%s, kill at %s number %d (%s)" % (stand.scenario.name, *call, lines[-2][:80])
    return ["%s: %s" % (where, line) for line in found]


def check_all(stand: Stand, process: str, step: int = 1, first: int = 0) -> Iterator[Optional[list[str]]]:
    """Check a kill at each `step`-th call that changes something; yield what is wrong after each kill."""
    stand.begin()
    assert stand.run().result.state == "completed"
    expected = Expected(stand.content(), stand.names())
    for call in changing_calls(stand, process)[first::step]:
        yield check(stand, process, call, expected)


class Task(NamedTuple):
    """The kills of one process in one scenario of one layout."""

    place: Path
    process: str
    layout: str
    scenario: str
    step: int


class Tally(NamedTuple):
    """What came of a task: kills, those with something wrong, and calls that it did not come to again."""

    task: Task
    kills: int
    wrong: int
    missed: int


def kill_all(task: Task) -> Tally:
    """Carry out a task; say what is wrong."""
    kills = wrong = missed = 0
    with stand_of(task.layout, task.scenario, task.place / task.process) as stand:
        for found in check_all(stand, task.process, task.step):
            if found is None:
                missed += 1
                continue
            kills += 1
            wrong += bool(found)
            for line in found:
                tell("%s, %s: %s" % (task.layout, task.process, line))
    return Tally(task, kills, wrong, missed)


def exists(process: str, layout: str, scenario: str) -> bool:
    """Whether there is such a thing."""
    how, what = LAYOUTS[layout], SCENARIOS[scenario]
    if what.missing and layout != "maildir++":
        return False  # it is made in the same way whatever its mail is kept in
    if how.over_network and what.name == "replace":
        return False  # what is there cannot be moved aside over a network
    return not (what.earlier_run and process == "login")  # a later run tries no login first


def main() -> int:
    """Kill at every call of what the options choose; say what is wrong."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--scenario", choices=SCENARIOS, action="append")
    options.add_argument("--layout", choices=LAYOUTS, action="append")
    options.add_argument("--process", choices=PROCESSES, action="append")
    options.add_argument("--step", type=int, default=1, help="kill at every so-manieth call")
    options.add_argument("--workers", type=int, default=os.cpu_count(), help="so many kills at a time")
    chosen = options.parse_args()
    tallies = []
    with workplace("killing") as place:
        for process in PROCESSES:
            (place / process).mkdir()
        combinations = itertools.product(
            chosen.process or PROCESSES, chosen.layout or LAYOUTS, chosen.scenario or SCENARIOS
        )
        tasks = [Task(place, *each, chosen.step) for each in combinations if exists(*each)]
        for tally in shared(kill_all, tasks, chosen.workers):
            tallies.append(tally)
            what = "%s, %s, %s" % tally.task[1:4]
            tell("%s: killed at %d calls, %d with something wrong" % (what, tally.kills, tally.wrong))
    tell(summary(tallies))
    return 1 if any(tally.wrong for tally in tallies) else 0


def summary(tallies: Sequence[Tally]) -> str:
    """Kills by mailbox and process, and their sums."""
    kills = {tally.task[1:4]: tally.kills for tally in tallies}
    mailboxes = sorted({key[1:] for key in kills})
    rows = {"%s, %s" % key: [kills.get((process, *key), "") for process in PROCESSES] for key in mailboxes}
    return "%s\n%d kills, %d with something wrong; %d calls were not come to again" % (
        table("kills", tuple(PROCESSES), rows),
        sum(tally.kills for tally in tallies),
        sum(tally.wrong for tally in tallies),
        sum(tally.missed for tally in tallies),
    )


if __name__ == "__main__":
    raise SystemExit(main())
