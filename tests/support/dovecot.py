# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dovecot servers of one's own on loopback: sources of mail, and mail hosts to import to.

Everything a server has (configuration, sockets, log, users, mail) is in directories of its own and on free high ports,
so that any number of them runs beside each other and beside the machine's. Root is needed: Dovecot gives up privileges
for each session. What differs between Dovecot 2.3 and 2.4 is in `dovecot_words`.
"""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Callable, Mapping, Optional, Sequence

from .dovecot_words import version_of, words
from .imap import Session
from .tls import Certificate

# Owner of all mail. Dovecot and the collection take numbers; an account of the machine may have these, or none.
MAIL_UID = 5000
MAIL_GID = 5000

MASTER_USER = "migrator"
MASTER_PASSWORD = "the masters password"  # noqa: S105 - of a server that lives for one test

SPECIAL_USE = {"\\Drafts": "Drafts", "\\Sent": "Sent", "\\Trash": "Trash", "\\Junk": "Junk", "\\Archive": "Archive"}

_CONFIG = """\
{beginning}
base_dir = {run}
state_dir = {directory}/state
instance_name = {name}
log_path = {directory}/dovecot.log
protocols = imap
listen = {address}
{tls}
auth_mechanisms = plain login
auth_failure_delay = 0
# Any address: by default Dovecot admits no letters beyond ASCII, and no plus.
auth_username_chars =
auth_master_user_separator = *
first_valid_uid = {uid}
mail_uid = {uid}
mail_gid = {gid}
mail_home = {home}
{mail_location}
# A test's server may forget its mail when the machine crashes.
mail_fsync = never
mail_max_userip_connections = 200
{accounts}namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
{special_use}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  # No delay after a wrong password.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
{extra_config}
"""


class Dovecot:
    """One Dovecot server, started by `start()` or by entering its context.

    Args:
        directory: where everything of the server is kept; must be reachable for the mail's unprivileged owner.
        name: instance name, unique on the machine at a time.
        mail_location: as Dovecot 2.3's setting of that name.
        separator, prefix: of the private namespace.
        special_use: special-use attributes and the names of the folders that have them.
        certificate: for implicit TLS on `tls_port` and STARTTLS on `port`; None offers neither.
        users: addresses and passwords of mailboxes that exist from the start.
        accounts: settings for the databases of users in place of the passwd-file.
        extra_config: appended to the configuration, where it wins.
        address: what it listens on.
        enter: command that runs another one where the server is to be, in another network namespace say.

    Attributes: `port` (plain and STARTTLS), `tls_port`, `config`, `users_file`, `directory`, `words` (its language),
    `beginning` (what every file of its settings has first).
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        mail_location: str = "maildir:~/Maildir",
        separator: str = ".",
        prefix: str = "",
        special_use: Mapping[str, str] = SPECIAL_USE,
        certificate: Optional[Certificate] = None,
        users: Optional[Mapping[str, str]] = None,
        accounts: str = "",
        extra_config: str = "",
        address: str = "127.0.0.1",
        enter: Sequence[str] = (),
    ) -> None:
        if os.geteuid() != 0:
            raise PermissionError("a Dovecot of one's own needs root: run this as root or with sudo")
        self.directory = directory
        self.name = name
        self.port, self.tls_port = free_ports(2)
        self.address = address
        self._enter = tuple(enter)
        self.words = words(self._enter)
        self.beginning = self.words.beginning.format(version_of(self._enter))
        self.config = directory / "dovecot.conf"
        self.users_file = directory / "users"
        self._mail = directory / "mail"
        # The sockets' paths must fit the 108 bytes of a Unix socket address, whatever `directory` is.
        self._run = Path(tempfile.mkdtemp(prefix="dovecot-"))
        self._run.chmod(0o755)
        for path in (directory, directory / "state", self._mail):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        os.chown(self._mail, MAIL_UID, MAIL_GID)
        self._write_secret(directory / "masters", "%s:{PLAIN}%s\n" % (MASTER_USER, MASTER_PASSWORD))
        self._write_secret(self.users_file, "".join(map(_user_line, (users or {}).items())))
        self.config.write_text(
            _CONFIG.format(
                beginning=self.beginning,
                run=self._run,
                directory=directory,
                name=name,
                tls=self.words.tls_settings(certificate),
                uid=MAIL_UID,
                gid=MAIL_GID,
                home="%s/%s/%s" % (self._mail, self.words.domain, self.words.local_part),
                mail_location=self.words.mail_location(mail_location),
                accounts=accounts
                or self.words.accounts.format(
                    masters=directory / "masters",
                    users_file=self.users_file,
                    uid=MAIL_UID,
                    gid=MAIL_GID,
                    mail=self._mail,
                ),
                separator=separator,
                prefix=prefix,
                port=self.port,
                tls_port=self.tls_port,
                address=address,
                special_use=_special_use_settings(special_use),
                extra_config=extra_config,
            )
        )

    def __enter__(self) -> Dovecot:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it accepts connections.

        Raises:
            RuntimeError: it does not start; the message is Dovecot's own and its log's.
        """
        with (self.directory / "start.log").open("w") as output:
            self._process = subprocess.Popen(
                [*self._enter, "dovecot", "-F", "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(
            lambda: self._process.poll() is not None or accepts(self.port, self.address),
            "dovecot %s to accept connections" % self.name,
        )
        if self._process.poll() is not None:
            raise RuntimeError(
                "dovecot does not start: %s%s" % ((self.directory / "start.log").read_text(), self.log())
            )

    def stop(self) -> None:
        """Stop the server and remove its sockets; its mail and log stay."""
        # All of its processes are in a group of their own. An orderly stop takes seconds, for clients nobody has here.
        with contextlib.suppress(ProcessLookupError):  # it has been stopped before
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._run, ignore_errors=True)

    def home_of(self, address: str) -> Path:
        """Home directory of a mailbox, whether it exists yet or not."""
        local_part, _at, domain = address.rpartition("@")
        return self._mail / domain / local_part

    def add_user(self, address: str, password: str) -> None:
        """Add a mailbox and return when it can be logged into (Dovecot looks at the file once a second)."""
        self.add_users({address: password})

    def add_users(self, passwords: Mapping[str, str]) -> None:
        """Add mailboxes, passwords by address, and return when all can be logged into."""
        with self.users_file.open("a", encoding="utf-8") as users:
            users.write("".join(map(_user_line, passwords.items())))
        last, password = list(passwords.items())[-1]
        self.wait_for_password(last, password)

    def change_password(self, address: str, former: str, password: str) -> None:
        """Give a mailbox another password, and return when it opens with it."""
        lines = self.users_file.read_text(encoding="utf-8")
        changed = lines.replace(_user_line((address, former)), _user_line((address, password)))
        self.users_file.write_text(changed, encoding="utf-8")
        self.wait_for_password(address, password)

    def wait_for_password(self, address: str, password: str) -> None:
        """Return when a mailbox opens with a password that is new in the file of users."""
        # Each look is a process, and Dovecot looks at the file once a second.
        wait_until(lambda: self.accepts_password(address, password), "mailbox %s to open" % address, pause=0.1)

    def wait_for(self, address: str) -> None:
        """Return when a mailbox is known that is new in the file of users."""
        command = [*self._enter, "doveadm", "-c", str(self.config), "user", address]
        wait_until(
            lambda: subprocess.run(command, capture_output=True, check=False).returncode == 0,
            "mailbox %s to be known" % address,
            pause=0.1,
        )

    def accepts_password(self, address: str, password: str) -> bool:
        """Whether the mailbox opens with the password, asked of Dovecot's own authentication."""
        command = [*self._enter, "doveadm", "-c", str(self.config), "auth", "test", address]
        return (
            subprocess.run(command, input=password + "\n", capture_output=True, text=True, check=False).returncode == 0
        )

    def session(self, user: str, password: str) -> Session:
        """A login over a plain connection."""
        return Session(self.port, user, password)

    def doveadm(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run doveadm against this server and return its standard output.

        Raises:
            subprocess.CalledProcessError: it fails.
        """
        command = [*self._enter, "doveadm", "-c", str(self.config), *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, check=True).stdout.decode()

    def log(self) -> str:
        """All that the server has logged."""
        path = self.directory / "dovecot.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _write_secret(self, path: Path, text: str) -> None:
        # Where another Dovecot is, its group has another number.
        path.touch(mode=0o644 if self._enter else 0o640)
        os.chown(path, 0, grp.getgrnam("dovecot").gr_gid)
        path.write_text(text, encoding="utf-8")


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120, pause: float = 0.02) -> None:
    """Look every `pause` seconds until `condition()` is true.

    Raises:
        TimeoutError: it is not within `seconds`; `what` says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("waited %g s in vain for %s" % (seconds, what))
        time.sleep(pause)


def _user_line(user: tuple[str, str]) -> str:
    return "%s:{PLAIN}%s::::::\n" % user


def _special_use_settings(special_use: Mapping[str, str]) -> str:
    return "".join(
        '  mailbox "%s" {\n    special_use = %s\n  }\n' % (name, attribute) for attribute, name in special_use.items()
    )


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def accepts(port: int, address: str = "127.0.0.1") -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((address, port), timeout=5):
            return True
    except ConnectionRefusedError:
        return False
