# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of all runs: a source and a mail host on loopback, made ready before each run, and the clock."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from contestants import BARE_LOOP, ENGINE, OVER_IMAP, Command, Contestant, Job
from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.dovecot_words import words
from support.imap import ImapError
from support.tls import Authority
from workloads import DOMAIN, Account, Contents, Workload, contents, deliver

# A folder of a million messages takes more memory than Dovecot's processes may have by default.
_LIMITS = "default_vsz_limit = 2G\n"
# The host makes durable what it is given, so that everybody has to; the source need not.
_HOST_SETTINGS = _LIMITS + "mail_fsync = optimized\n"
# A source of its own compresses: mbsync would ask any that offers it to, and lose time on loopback.
_COMPRESSING = _LIMITS + words().compression


@dataclass(frozen=True)
class Measured:
    """One run. `seconds` from start to end; `cpu_seconds` of the processes it started itself; `trouble` when the copy
    is not equal.
    """

    seconds: float
    cpu_seconds: float
    peak_mib: float
    trouble: Optional[str] = None


class Stage:
    """Servers and a directory of their own; a context manager."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._aside = directory / "aside"
        self._aside.mkdir()
        self._servers = ExitStack()
        self._delivered = 0
        self._ports: Dict[Account, int] = {}
        self._expected: Dict[Tuple[Account, str], Contents] = {}

    def __enter__(self) -> Stage:
        authority = Authority(self.directory / "tls")
        self.ca_file = authority.ca_file
        certificate = authority.issue("source")
        name = self.directory.name
        source = self.directory / "source"
        self.source = self._servers.enter_context(
            Dovecot(source, name + "-source", extra_config=_LIMITS, certificate=certificate)
        )
        self.host = self._servers.enter_context(
            Dovecot(self.directory / "host", name + "-host", extra_config=_HOST_SETTINGS)
        )
        self.compressing_source = self._servers.enter_context(
            Dovecot(
                self.directory / "compressing",
                name + "-compressing",
                extra_config=_COMPRESSING,
                mail_location="maildir:%s/Maildir" % (source / "mail" / words().domain / words().local_part),
            )
        )
        _make_spacious(self.source.home_of("x@" + DOMAIN).parent)
        return self

    def __exit__(self, *exception: object) -> None:
        self._servers.__exit__(None, None, None)

    @contextmanager
    def made(self, workload: Workload) -> Iterator[Workload]:
        """The workload's mailboxes are at the source while this context lasts."""
        self._make(workload)
        yield workload
        for account in workload.accounts:
            shutil.rmtree(self.source.home_of(account.user))
        self._empty_host()
        shutil.rmtree(self._aside)
        self._aside.mkdir()

    def _make(self, workload: Workload) -> None:
        workload.fill(self.source)
        for account in workload.accounts:
            self.know(account, self.source.port)
            with self.compressing_source.users_file.open("a") as users:
                users.write("%s:{PLAIN}%s::::::\n" % (account.user, account.password))

    def know(self, account: Account, port: int) -> None:
        """Take what an account holds as what every copy of it must hold."""
        self._ports[account] = port
        self._wanted(account, "")

    def _wanted(self, account: Account, without_header: str) -> Contents:
        key = (account, without_header)
        if key not in self._expected:
            self._expected[key] = contents(self._ports[account], account.user, account.password, without_header)
        return self._expected[key]

    def deliver(self, accounts: Iterable[Account]) -> None:
        """Let a new message come to some of the source's accounts."""
        for account in accounts:
            self._delivered += 1
            deliver(self.source, account, self._delivered)
            for known in [key for key in self._expected if key[0] == account]:
                del self._expected[known]

    def amount(self, accounts: Iterable[Account]) -> Tuple[int, int]:
        """How many messages the accounts hold, and how many bytes."""
        folders = [folder for account in accounts for folder in self._wanted(account, "").values()]
        return sum(folder.messages for folder in folders), sum(folder.size for folder in folders)

    def job(self, accounts: List[Account], port: Optional[int] = None) -> Job:
        """A first import of the accounts, straight from the source unless another port is given."""
        return Job(accounts, port or self.source.port, self.host, self.directory / "run", self.source)

    def run(self, contestant: Contestant, job: Job) -> Measured:
        """Let a contestant do a job, and compare. A first import is into a host that has nothing of that mail."""
        if not job.again:
            self._empty_host()
            job.directory.mkdir()
            users = "".join("%s:{PLAIN}%s::::::\n" % (account.address, account.password) for account in job.accounts)
            self.host.users_file.write_text(users if contestant.needs_mailbox else "")
            if contestant.needs_mailbox:
                self._wait_for_mailboxes(job)
            os.sync()
        reports = contestant.name in (ENGINE, OVER_IMAP, BARE_LOOP)
        measured = _timed(contestant.command(job), self.directory / "time", reports)
        return (
            measured if measured.trouble else replace(measured, trouble=self._difference(job, contestant.adds_header))
        )

    def _empty_host(self) -> None:
        """Put aside what the run before has left: nothing is removed between runs, see `_make_spacious`."""
        mail = self.host.home_of("x@" + DOMAIN).parent
        for directory in (mail, self.directory / "run"):
            if directory.exists():
                directory.rename(self._aside / ("%s-%d" % (directory.name, len(list(self._aside.iterdir())))))
        _make_spacious(mail)

    def _wait_for_mailboxes(self, job: Job) -> None:
        # Dovecot reads the file as a whole.
        last = self.host.users_file.read_text().split("\n")[-2].partition(":")[0]
        (account,) = [account for account in job.accounts if account.address == last]
        self.host.wait_for_password(account.address, account.password)

    def _difference(self, job: Job, without_header: str) -> Optional[str]:
        """What is not equal in the copy; None when all is."""
        self._wait_for_mailboxes(job)
        for account in job.accounts:
            try:
                port, user = (job.server or self.host).port, job.user_of(account)
                found = contents(port, user, account.password, without_header)
            except ImapError as error:
                return "%s does not open: %s" % (account.address, error)
            wanted = self._wanted(account, without_header)
            if found != wanted:
                counts = [sum(folder.messages for folder in side.values()) for side in (wanted, found)]
                return "%s is not equal: %d messages at the source, %d in the copy" % (
                    account.address,
                    counts[0],
                    counts[1],
                )
        return None


def _make_spacious(directory: Path) -> None:
    """Make a directory for mail where the disk has most room.

    Before ext4 gives out an inode it walks over all near ones that were freed in the last minutes, which makes new
    files ten times slower where many have just been removed. So each directory goes to another part of the disk: below
    one with the attribute T, ext4 chooses it by a new directory's name.
    """
    subprocess.run(["chattr", "+T", str(directory.parent)], stderr=subprocess.DEVNULL, check=False)
    empty = directory.with_name(secrets.token_hex(8))
    empty.mkdir()
    os.chown(empty, MAIL_UID, MAIL_GID)
    empty.rename(directory)


def _timed(command: Command, notes: Path, reports: bool) -> Measured:
    """Run a command under time(1), whose own memory is too small to spoil what it says of the command's.

    Args:
        notes: file for what time(1) says.
        reports: take the seconds, and what failed, from the command's standard output.
    """
    arguments = ["/usr/bin/time", "--output", str(notes), "--format", "%U %S %M", *command.arguments]
    began = time.monotonic()
    ran = subprocess.run(
        arguments, input=command.stdin, env=command.environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - began
    user, system, kibibytes = notes.read_text().splitlines()[-1].split()
    trouble = (
        None if ran.returncode == 0 else "exit code %d: %s" % (ran.returncode, (ran.stdout + ran.stderr).strip()[-400:])
    )
    if reports and ran.stdout:
        seconds = json.loads(ran.stdout)["seconds"]
    return Measured(seconds, float(user) + float(system), int(kibibytes) / 1024, trouble)
