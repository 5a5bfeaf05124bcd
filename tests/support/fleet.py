# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fleet of mail hosts on this machine, each with a network, an sshd and a Dovecot of its own, reached over real ssh.

Each host is a network namespace (ip-netns(8)) with a virtual cable to a bridge, and all share this machine's files.
Where namespaces are not permitted, the hosts are three sshd on ports of loopback, and `refusal` says why.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Sequence

import yaml

from .dovecot import MAIL_GID, MAIL_UID, Dovecot, free_ports, wait_until
from .network import ip, namespace, namespaces_refused

# Whose these addresses are, network.py says.
_NETWORK = "198.18.%d." % (os.getpid() % 256)
_MASK = "/25"
_PREFIX = "mi%x" % os.getpid()
_NAMES = ("mail1", "mail2", "mail3")

# Runs a command as on a host of its own. What /run, the shell's start-up files and the resolver of this machine hold is
# none of it: some start-up files take seconds, and a resolver that does not answer more.
_ENTER = """\
#!/bin/sh
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 755 /run/sshd
for file in ~/.bashrc ~/.profile ~/.bash_profile /etc/bash.bashrc /etc/resolv.conf; do
  if [ -f "$file" ]; then
    mount --bind {empty} "$(realpath "$file")"
  fi
done
exec "$@"
"""

_SSHD_CONFIG = """\
Port {port}
ListenAddress {address}
HostKey {host_key}
PidFile none
AuthorizedKeysFile {authorized_keys}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PrintMotd no
StrictModes no
# All mailboxes of a host share one connection.
MaxSessions 100
Subsystem sftp internal-sftp
"""


@dataclass
class FleetHost:
    """A mail host of the fleet."""

    name: str
    address: str
    ssh_port: int
    directory: Path
    enter: Sequence[str]
    dovecot: Dovecot

    def variables(self) -> dict[str, Any]:
        """Its variables in an inventory."""
        return {
            "ansible_host": self.address,
            "ansible_port": self.ssh_port,
            "ansible_remote_tmp": str(self.directory / "remote-tmp"),
            "dovecot_config": str(self.dovecot.config),
            "users_file": str(self.dovecot.users_file),
            "mail_home": str(self.dovecot.home_of("%n@%d")),
            "state_dir": str(self.directory / "state"),
        }

    def mailboxes(self) -> set[str]:
        """Addresses of the mailboxes it has."""
        return {line.split(":")[0] for line in self.dovecot.users_file.read_text(encoding="utf-8").splitlines()}

    def messages(self, address: str) -> int:
        """Messages in a mailbox, as its Dovecot counts them."""
        return int(
            self.dovecot.doveadm("-f", "flow", "mailbox", "status", "-t", "-u", address, "messages", "*").partition(
                "="
            )[2]
        )


class Fleet:
    """Three mail hosts; a context manager.

    Attributes: `hosts`, `gateway` (this machine's address, as they see it), `inventory` (a file), and `refusal`: why
    there are no namespaces.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.refusal = namespaces_refused()
        self.gateway = "127.0.0.1" if self.refusal else _NETWORK + "1"
        self.hosts: list[FleetHost] = []
        self.inventory = directory / "hosts.yml"
        self._control = directory / "control"

    def __enter__(self) -> Fleet:
        self.directory.mkdir(mode=0o755)
        self._control.mkdir(mode=0o700)
        for name in ("key", "host-key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.directory / name)], check=True
            )
        with contextlib.ExitStack() as stack:
            if self.refusal:
                warnings.warn(
                    "network namespaces are not permitted here (%s): three sshd on loopback instead" % self.refusal,
                    stacklevel=2,
                )
                # As the package's own service does at its start.
                Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
            else:
                stack.enter_context(_bridge())
            self.hosts += [stack.enter_context(self._host(number, name)) for number, name in enumerate(_NAMES, start=1)]
            # Before the hosts go.
            stack.callback(self._disconnect)
            self._write_inventory()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def _host(self, number: int, name: str) -> Iterator[FleetHost]:
        directory = self.directory / name
        directory.mkdir(mode=0o755)
        with contextlib.ExitStack() as stack:
            address, ssh_port, enter = "127.0.0.1", free_ports(1)[0], []
            if not self.refusal:
                address, ssh_port = _NETWORK + str(10 + number), 2222
                enter = stack.enter_context(_connected("%s-%d" % (_PREFIX, number), address, directory))
            dovecot = stack.enter_context(
                Dovecot(directory / "dovecot", "%s-%s" % (_PREFIX, name), address=address, enter=enter)
            )
            stack.enter_context(self._sshd(directory, address, ssh_port, enter))
            yield FleetHost(name, address, ssh_port, directory, enter, dovecot)

    @contextlib.contextmanager
    def _sshd(self, directory: Path, address: str, port: int, enter: Sequence[str]) -> Iterator[None]:
        config = directory / "sshd_config"
        config.write_text(
            _SSHD_CONFIG.format(
                port=port,
                address=address,
                host_key=self.directory / "host-key",
                authorized_keys=self.directory / "key.pub",
            )
        )
        with (directory / "sshd.log").open("w") as log:
            command = [*enter, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)]
            sshd = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(
                lambda: sshd.poll() is not None or _answers_as_ssh(address, port), "the sshd of %s" % directory.name
            )
            if sshd.poll() is not None:
                raise RuntimeError("sshd does not start: %s" % (directory / "sshd.log").read_text())
            yield
        finally:
            sshd.terminate()
            sshd.wait()

    def _disconnect(self) -> None:
        """End the connections that ssh keeps open; what they run on the hosts ends with them."""
        for connection in self._control.iterdir():
            subprocess.run(
                ["ssh", "-O", "exit", "-o", "ControlPath=%s" % connection, "any"], capture_output=True, check=False
            )

    def _write_inventory(self) -> None:
        host_key = (self.directory / "host-key.pub").read_text()
        known_hosts = self.directory / "known_hosts"
        known_hosts.write_text("".join("[%s]:%d %s" % (host.address, host.ssh_port, host_key) for host in self.hosts))
        options = {"UserKnownHostsFile": known_hosts, "IdentitiesOnly": "yes", "IdentityAgent": "none"}
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.directory / "key"),
            "ansible_ssh_common_args": " ".join(
                ["-F", "/dev/null", *("-o %s=%s" % option for option in options.items())]
            ),
            "ansible_control_path_dir": str(self._control),
            # The interpreter of the tests has what the modules need.
            "ansible_python_interpreter": sys.executable,
            "uid": MAIL_UID,
            "gid": MAIL_GID,
        }
        group = {"hosts": {host.name: host.variables() for host in self.hosts}, "vars": common}
        self.inventory.write_text(yaml.safe_dump({"mail_hosts": group}))


@contextlib.contextmanager
def _bridge() -> Iterator[None]:
    ip("link", "add", _PREFIX, "type", "bridge")
    try:
        ip("address", "add", _NETWORK + "1" + _MASK, "dev", _PREFIX)
        ip("link", "set", _PREFIX, "up")
        yield
    finally:
        ip("link", "delete", _PREFIX)


@contextlib.contextmanager
def _connected(name: str, address: str, directory: Path) -> Iterator[list[str]]:
    """A network namespace with a cable to the bridge; yields the command that enters it."""
    with namespace(name):
        ip("link", "set", name, "master", _PREFIX, "up")
        ip("-n", name, "address", "add", address + _MASK, "dev", "eth0")
        (directory / "empty").touch()
        script = directory / "enter"
        script.write_text(_ENTER.format(empty=directory / "empty"))
        yield ["ip", "netns", "exec", name, "sh", str(script)]


def _answers_as_ssh(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False
