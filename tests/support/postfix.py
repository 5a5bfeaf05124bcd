# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Postfix servers of one's own on loopback, which take mail by SMTP and pass it on.

Configuration, queue, sockets and log are in a directory of its own, so that any number of them runs beside each other
and beside the machine's, whose `/etc/postfix` is neither read nor touched. Root is needed.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import signal
import subprocess
from pathlib import Path
from typing import Any, Iterable, Mapping, Optional, Sequence

from .dovecot import accepts, free_ports, wait_until
from .tls import Certificate

MASTER = Path("/usr/lib/postfix/sbin/master")

_MAIN = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {log}
maillog_file_prefixes = {directory}
myhostname = {hostname}
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = {address}
inet_protocols = ipv4
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_transport = {transport}
# No mail leaves this machine, and no name is looked up.
default_transport = error:5.7.1 this server sends nothing to others
relay_transport = $default_transport
smtpd_peername_lookup = no
smtputf8_enable = yes
biff = no
# What fails is tried again soon.
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
"""

# Services of master(5): none is in a chroot, and the log goes to a file.
_SERVICES = """\
{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
"""

# Directories of a queue, as postfix-files has them: owner, group and mode.
_PRIVATE = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
)
_QUEUE = {
    **dict.fromkeys(_PRIVATE, ("postfix", "root", 0o700)),
    "maildrop": ("postfix", "postdrop", 0o1730),
    "public": ("postfix", "postdrop", 0o2710),
    "pid": ("root", "root", 0o755),
}


class Postfix:
    """One Postfix server, started by `start()` or by entering its context.

    Args:
        directory: where everything of the server is kept; must be reachable for the unprivileged user postfix.
        domains: whose mail it takes.
        transport: who gets that mail, such as `lmtp:inet:127.0.0.1:24`; by default nobody keeps it.
        recipients: the addresses it takes mail for, None for any of these domains; others are refused with 550.
        aliases: addresses that stand for others, which need not be among `recipients`.
        settings: more lines of main.cf, which win.
        certificate: for STARTTLS; None offers none.
        address, port: what it listens on; a free port by default.
        enter: command that runs another one where the server is to be, in another network namespace say.
    """

    def __init__(
        self,
        directory: Path,
        domains: Iterable[str],
        transport: str = "discard:",
        recipients: Optional[Iterable[str]] = None,
        aliases: Optional[Mapping[str, str]] = None,
        settings: Optional[Mapping[str, str]] = None,
        certificate: Optional[Certificate] = None,
        address: str = "127.0.0.1",
        port: Optional[int] = None,
        hostname: str = "mx.firma.example",
        enter: Sequence[str] = (),
    ) -> None:
        if os.geteuid() != 0:
            raise PermissionError("a Postfix of one's own needs root: run this as root or with sudo")
        self.directory = directory
        self.address = address
        self.port = free_ports(1)[0] if port is None else port
        self.config = directory / "etc"
        self._log = directory / "postfix.log"
        self._enter = tuple(enter)
        self._make_directories()
        values: dict[str, str] = {}
        if recipients is not None:
            values["virtual_mailbox_maps"] = self._table("recipients", dict.fromkeys(recipients, "there"))
        if aliases:
            values["virtual_alias_maps"] = self._table("aliases", aliases)
        if certificate is not None:
            values.update(
                smtpd_tls_security_level="may",
                smtpd_tls_cert_file=str(certificate.certificate),
                smtpd_tls_key_file=str(certificate.key),
            )
        values.update(settings or {})
        main = _MAIN.format(
            directory=directory,
            daemons=MASTER.parent,
            log=self._log,
            hostname=hostname,
            address=address,
            domains=" ".join(domains),
            transport=transport,
        )
        # Every process of Postfix complains of a setting that is there twice.
        lines = [line for line in main.splitlines() if line.partition(" =")[0] not in values]
        lines += ["%s = %s" % setting for setting in values.items()]
        (self.config / "main.cf").write_text("\n".join(lines) + "\n")
        (self.config / "master.cf").write_text(_SERVICES.format(port=self.port))

    def __enter__(self) -> Postfix:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the server and return when it accepts connections.

        Raises:
            RuntimeError: it does not start; the message is Postfix's own and its log's.
        """
        with (self.directory / "start.log").open("w") as output:
            self._process = subprocess.Popen(
                [*self._enter, str(MASTER), "-c", str(self.config), "-d"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        wait_until(
            lambda: self._process.poll() is not None or accepts(self.port, self.address),
            "postfix to accept connections",
        )
        if self._process.poll() is not None:
            raise RuntimeError(
                "postfix does not start: %s%s" % ((self.directory / "start.log").read_text(), self.log())
            )

    def stop(self) -> None:
        """Stop the server and all of its processes; its queue and log stay."""
        with contextlib.suppress(ProcessLookupError):  # it has been stopped before
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def reload(self) -> None:
        """Let the server read its settings and tables anew."""
        # Daemons that it starts meanwhile keep what they are given as output.
        subprocess.run(
            [*self._enter, "postfix", "-c", str(self.config), "reload"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )

    def queue(self) -> list[dict[str, Any]]:
        """Messages that wait, as postqueue(1) tells them."""
        command = [*self._enter, "postqueue", "-c", str(self.config), "-j"]
        shown = subprocess.run(command, capture_output=True, check=True, text=True)
        return [json.loads(line) for line in shown.stdout.splitlines()]

    def wait_until_delivered(self) -> None:
        """Return when no message waits any more: each was passed on, or sent back."""
        wait_until(lambda: not self.queue(), "postfix to deliver its mail")

    def log(self) -> str:
        """All that the server has logged."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def _make_directories(self) -> None:
        for path in (self.directory, self.config, self.directory / "queue", self.directory / "data"):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)
        _give(self.directory / "data", "postfix", "postfix", 0o700)
        for name, (owner, group, mode) in _QUEUE.items():
            (self.directory / "queue" / name).mkdir(exist_ok=True)
            _give(self.directory / "queue" / name, owner, group, mode)

    def _table(self, name: str, entries: Mapping[str, str]) -> str:
        path = self.config / name
        path.write_text("".join("%s %s\n" % entry for entry in entries.items()), encoding="utf-8")
        return "texthash:%s" % path


def _give(path: Path, owner: str, group: str, mode: int) -> None:
    os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    path.chmod(mode)
