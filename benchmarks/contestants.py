# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs: the engine, with and without Ansible, its peers, and the floor. Each is a command and the files it reads.

Every peer is set up as its own documentation advises for a migration: mbsync(1), imapsync's README, and Dovecot's
https://doc.dovecot.org/2.3/admin_manual/migrating_mailboxes/.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from support.dovecot import MAIL_GID, MAIL_UID, Dovecot
from support.other_servers import OtherServer
from support.run import environment
from workloads import Account

ENGINE = "engine"
ANSIBLE = "engine with Ansible"
MBSYNC = "mbsync"
DSYNC = "dsync"
IMAPSYNC = "imapsync"
FLOOR = "cp -a && sync"
ONE_BY_ONE = "one at a time"
OVER_IMAP = "engine over IMAP"
BARE_LOOP = "bare loop"
NETWORK_IMPORTERS = (ENGINE, DSYNC, MBSYNC, IMAPSYNC)


@dataclass(frozen=True)
class Job:
    """An import of some accounts over one way to the source.

    `port` is where the source, or the relay in front of it, listens; `again` tells that all has been imported before.
    `state` is the option of the engine, `latest` for another import of the same unless it is given.
    `ca_file` asks for TLS, which only the engine is measured with; so are `compress`, and more import `queues` than
    one. `relay_port` is that of a relay in front of the host. `server`, which is not Dovecot, is in place of the host;
    its users in `mailboxes` have nothing yet, and the one whose turn it is is `mailbox`.
    """

    accounts: Sequence[Account]
    port: int
    host: Dovecot
    directory: Path
    source: Optional[Dovecot] = None
    again: bool = False
    ca_file: Optional[Path] = None
    compress: bool = False
    queues: int = 1
    state: Optional[str] = None
    connections: str = "1"
    relay_port: Optional[int] = None
    server: Optional[OtherServer] = None
    mailboxes: Iterator[str] = iter(())
    mailbox: Optional[str] = None

    @property
    def host_port(self) -> int:
        """Where the host's IMAP is reached."""
        return self.relay_port or (self.server or self.host).port

    def user_of(self, account: Account) -> str:
        """Who logs into the mailbox on the host."""
        return self.mailbox or account.address

    def anew(self) -> Job:
        """The same into a mailbox that has nothing yet; on the host, all are emptied before a first import."""
        return replace(self, mailbox=next(self.mailboxes)) if self.server else self

    def write(self, name: str, text: str) -> Path:
        """Write a file that may hold passwords."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        return path


@dataclass(frozen=True)
class Command:
    """What to run: arguments, standard input, environment."""

    arguments: List[str]
    stdin: str = ""
    environment: Optional[Mapping[str, str]] = None


class Contestant(ABC):
    """`needs_mailbox`: the mailboxes must be there, empty, before it runs. `adds_header`: a header field it puts into
    every message.
    """

    name: str
    needs_mailbox = True
    adds_header = ""

    @abstractmethod
    def command(self, job: Job) -> Command:
        """Write the files the command reads, and return it."""

    def missing(self) -> Optional[str]:
        """Why it cannot run on this machine; None when it can."""
        return None


def _state_dir(job: Job) -> Path:
    return job.directory / "state"


def _host_options(job: Job) -> Dict[str, Any]:
    return {
        "dovecot_config": str(job.host.config),
        "users_file": str(job.host.users_file),
        "mail_home": str(job.host.home_of("%n@%d")),
        "uid": MAIL_UID,
        "gid": MAIL_GID,
    }


class Engine(Contestant):
    """The engine in a process of its own; the time it reports is without the start of Python."""

    name = ENGINE
    needs_mailbox = False
    backend = "dovecot"

    @staticmethod
    def _host_options(job: Job) -> Dict[str, Any]:
        return _host_options(job)

    def command(self, job: Job) -> Command:
        way = {
            "host": "localhost",
            "port": job.port,
            "tls": "implicit" if job.ca_file else "none",
            "ca_cert": str(job.ca_file) if job.ca_file else None,
        }
        orders = {
            "host": self._host_options(job),
            "backend": self.backend,
            "state_dir": str(_state_dir(job)),
            "sources": [{**way, "user": account.user, "password": account.password} for account in job.accounts],
            "addresses": [account.address for account in job.accounts],
            "state": job.state or ("latest" if job.again else "present"),
            "compress": job.compress,
            "queues": job.queues,
            "connections": job.connections,
        }
        return Command([sys.executable, str(Path(__file__).with_name("engine.py"))], json.dumps(orders), environment())


class EngineOverImap(Engine):
    """The engine with the host's IMAP over the network as its target, everything read back."""

    name = OVER_IMAP
    needs_mailbox = True
    backend = "imap"

    @staticmethod
    def _host_options(job: Job) -> Dict[str, Any]:
        place = {"target_host": "localhost", "target_port": job.host_port, "target_tls": "none"}
        return {**place, "target_user": job.mailbox} if job.mailbox else place


class EngineWithAnsible(Contestant):
    """The same import as a task of a play, from the start of ansible-playbook to its end."""

    name = ANSIBLE
    needs_mailbox = False

    def command(self, job: Job) -> Command:
        mailboxes = [
            {"email": account.address, "source_user": account.user, "password": account.password, "owner": "benchmark"}
            for account in job.accounts
        ]
        options = {
            "mailboxes": mailboxes,
            "source_host": "localhost",
            "source_port": job.port,
            "source_tls": "none",
            "state": "latest" if job.again else "present",
            **_host_options(job),
            "state_dir": str(_state_dir(job)),
        }
        task = {"name": "Import", "panel.mailimport.mail_import_csv": options}
        play = [
            {"name": "Benchmark", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}
        ]
        file = job.write("play.yml", json.dumps(play))
        arguments = [
            "ansible-playbook",
            "-i",
            "localhost,",
            "-e",
            "ansible_python_interpreter=" + sys.executable,
            str(file),
        ]
        return Command(arguments, environment=environment())


class Mbsync(Contestant):
    """mbsync of isync, from the source's IMAP to the host's."""

    name = MBSYNC
    adds_header = "X-TUID"

    def command(self, job: Job) -> Command:
        sections = ["Create Near\nSync Pull\nCopyArrivalDate yes\nSyncState %s/mbsync/\n" % job.directory]
        (job.directory / "mbsync").mkdir(exist_ok=True)
        for number, account in enumerate(job.accounts):
            for side, port, user in (("far", job.port, account.user), ("near", job.host_port, job.user_of(account))):
                sections.append(
                    'IMAPAccount {side}{n}\nHost 127.0.0.1\nPort {port}\nUser "{user}"\nPass "{password}"\nSSLType '
                    "None\nAuthMechs LOGIN\n\n"
                    "IMAPStore {side}{n}\nAccount {side}{n}\n".format(
                        side=side, n=number, port=port, user=user, password=account.password
                    )
                )
            sections.append("Channel box{n}\nFar :far{n}:\nNear :near{n}:\nPatterns * INBOX\n".format(n=number))
        return Command(["mbsync", "--quiet", "--config", str(job.write("mbsyncrc", "\n".join(sections))), "--all"])

    def missing(self) -> Optional[str]:
        return None if shutil.which("mbsync") else "mbsync is not installed (Debian package isync)"


class Dsync(Contestant):
    """Dovecot's own migration: `doveadm backup` reading from the source by imapc, writing durably."""

    name = DSYNC

    def command(self, job: Job) -> Command:
        # Passwords go by the configuration, not by -o, which shows in the process list.
        settings = (
            "%s\n!include %s\nimapc_host = 127.0.0.1\nimapc_port = %d\nimapc_user = %s\nimapc_password = %s\n"
            "mail_prefetch_count = 20\n"
        )
        lines = []
        for number, account in enumerate(job.accounts):
            source = (job.host.config, job.port, account.user, account.password)
            text = settings % (job.host.beginning, *source) + job.host.words.fast_imapc
            file = job.write("dsync%d.conf" % number, text)
            lines.append("doveadm -c %s backup -R -u %s imapc:\n" % (file, account.address))
        return Command(["sh", "-e", str(job.write("dsync.sh", "".join(lines)))])


class Imapsync(Contestant):
    """imapsync, when the environment variable IMAPSYNC says where it is."""

    name = IMAPSYNC

    def command(self, job: Job) -> Command:
        lines = []
        for number, account in enumerate(job.accounts):
            password = job.write("imapsync/password%d" % number, account.password + "\n")
            lines.append(
                "%s --host1 127.0.0.1 --port1 %d --user1 %s --passfile1 %s --host2 127.0.0.1 --port2 %d --user2 %s "
                "--passfile2 %s"
                " --nosslcheck --nossl1 --notls1 --nossl2 --notls2 --nolog --noreleasecheck --no-modulesversion "
                "--pidfile '' --tmpdir %s\n"
                % (
                    os.environ["IMAPSYNC"],
                    job.port,
                    account.user,
                    password,
                    job.host_port,
                    job.user_of(account),
                    password,
                    password.parent,
                )
            )
        return Command(["sh", "-e", str(job.write("imapsync.sh", "".join(lines)))])

    def missing(self) -> Optional[str]:
        return None if os.environ.get("IMAPSYNC") else "the environment variable IMAPSYNC does not name it"


class OneByOne(Contestant):
    """One message at a time, as the simplest importers work."""

    name = ONE_BY_ONE

    def command(self, job: Job) -> Command:
        (account,) = job.accounts
        sides = {"source": (job.port, account.user), "host": (job.host.port, account.address)}
        orders = {
            side: {"port": port, "user": user, "password": account.password} for side, (port, user) in sides.items()
        }
        return Command([sys.executable, str(Path(__file__).with_name("one_by_one.py"))], json.dumps(orders))


class BareLoop(Contestant):
    """As many processes as there are queues, which log in, list, and fetch and write as mail's owner, one flush a
    mailbox; and know nothing afterwards.
    """

    name = BARE_LOOP

    def command(self, job: Job) -> Command:
        homes = [str(job.host.home_of(account.address)) for account in job.accounts]
        orders = {
            "port": job.port,
            "accounts": [
                {"user": account.user, "password": account.password, "home": home}
                for account, home in zip(job.accounts, homes)
            ],
            "again": job.again,
            "processes": job.queues,
            "ids": [MAIL_UID, MAIL_GID],
        }
        return Command([sys.executable, str(Path(__file__).with_name("bare_loop.py"))], json.dumps(orders))


class Floor(Contestant):
    """What no import can beat: the files themselves are copied and made durable."""

    name = FLOOR

    def command(self, job: Job) -> Command:
        assert job.source is not None
        lines = []
        for account in job.accounts:
            here = job.host.home_of(account.address)
            lines.append("mkdir -p %s\ncp -a %s/Maildir %s/\n" % (here, job.source.home_of(account.user), here))
        return Command(["sh", "-e", str(job.write("floor.sh", "".join(lines) + "sync\n"))])


CONTESTANTS: Dict[str, Contestant] = {
    contestant.name: contestant
    for contestant in (Engine(), EngineWithAnsible(), Floor(), Dsync(), Mbsync(), Imapsync())
}
