# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine on this machine, for roles that change a whole one: a copy of a tree of files, in namespaces of its own.

What it writes goes into an overlay above the tree (Linux: filesystems/overlayfs). It has processes and a network of its
own, with one cable to this machine and no other way out. It has no init: nothing is started but what somebody starts.
Ansible reaches it as over ssh, through a stand-in for the ssh command.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Optional, Sequence

from .dovecot import wait_until

# 198.18.0.0/15 is set aside for tests of networks (RFC 2544); the fleet has the first half.
_NETWORK = "198.19.%d." % (os.getpid() % 256)

_BOOT = """\
set -e
root=$1 tree=$2 files=$3 work=$4
shift 4
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$files,workdir=$work" "$root"
mount -t proc proc "$root/proc"
# What a package does to the kernel's settings, it would do to the machine's.
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,bind,ro "$root/proc/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
: >"$root/etc/resolv.conf"
for place in "$@"; do
  mkdir -p "$root$place"
  mount --bind "$place" "$root$place"
  mount -o remount,bind,ro "$root$place"
done
# The first process of the namespace, which has to take care of orphans.
exec chroot "$root" bash -c 'mkdir /run/booted; while sleep 3600; do :; done'
"""

# The last word of what Ansible hands to ssh is a line for the shell of the other side.
_SSH = """\
#!/bin/bash
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec {enter} env -i HOME=/root LC_ALL=C.UTF-8 PATH=$path bash -c "${{@: -1}}"
"""


class Guest:
    """One such machine, a context manager.

    Args:
        directory: an empty or missing directory for what it writes.
        tree: the files that it begins with; they stay as they are.
        shared: directories of this machine that it sees in the same place, to read.

    Attributes: `address` is its own, `gateway` this machine's, as they see each other.
    """

    address = _NETWORK + "2"
    gateway = _NETWORK + "1"

    def __init__(self, directory: Path, tree: Path = Path("/"), shared: Sequence[Path] = ()) -> None:
        self._directory = directory
        self._tree = tree
        self._shared = shared
        self._cable = "guest%x" % os.getpid()

    def __enter__(self) -> Guest:
        for name in ("files", "work", "root"):
            (self._directory / name).mkdir(parents=True)
        namespaces = ["--mount", "--propagation", "private", "--pid", "--net", "--fork", "--kill-child"]
        places = [self._directory / "root", self._tree, self._directory / "files", self._directory / "work"]
        places += [directory.resolve() for directory in self._shared]
        self._process = subprocess.Popen(
            ["unshare", *namespaces, "bash", "-c", _BOOT, "boot", *map(str, places)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self._directory / "boot.log").open("w"),
        )
        try:
            wait_until(lambda: self._process.poll() is not None or self._booted(), "the guest to boot")
            if self._process.poll() is not None:
                raise RuntimeError("no guest: %s" % (self._directory / "boot.log").read_text())
            self._plug_in()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.kill()
        self._process.wait()
        # Its mounts and its cable go with its last process.
        wait_until(lambda: not Path("/sys/class/net", self._cable).exists(), "the guest to be gone")
        shutil.rmtree(self._directory)

    def path(self, path: str) -> Path:
        """Where this machine sees a file that the guest has written."""
        return self._directory / "files" / path.lstrip("/")

    def run(self, *command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in the guest."""
        return subprocess.run([*self._enter(), *command], input=stdin, capture_output=True, text=True, check=False)

    def variables(self) -> dict[str, Any]:
        """Its variables in an inventory."""
        ssh = self._directory / "ssh"
        ssh.write_text(_SSH.format(enter=" ".join(self._enter())))
        ssh.chmod(0o755)
        return {
            "ansible_connection": "ssh",
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_executable": str(ssh),
            "ansible_ssh_args": "",
            "ansible_ssh_transfer_method": "piped",
        }

    def _enter(self) -> Sequence[str]:
        return ("nsenter", "--target", self._first(), "--mount", "--net", "--pid", "--root", "--wd")

    def _first(self) -> str:
        """The process that is the first one for the guest."""
        pid = self._process.pid
        return Path("/proc/%d/task/%d/children" % (pid, pid)).read_text().strip()

    def _booted(self) -> bool:
        return bool(self._first()) and Path("/proc/%s/root/run/booted" % self._first()).exists()

    def _plug_in(self) -> None:
        _ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self._first())
        _ip("address", "add", self.gateway + "/24", "dev", self._cable)
        _ip("link", "set", self._cable, "up")
        inside = ["nsenter", "--target", self._first(), "--net", "ip"]
        for arguments in (("address", "add", self.address + "/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            subprocess.run([*inside, *arguments], check=True)
        subprocess.run([*inside, "link", "set", "lo", "up"], check=True)


def guests_refused(directory: Path) -> Optional[str]:
    """Say why there can be no guest on this machine, or None when there can."""
    if shutil.which("ip") is None:
        return "there is no ip command, of the package iproute2"
    try:
        with Guest(directory):
            return None
    except (RuntimeError, subprocess.CalledProcessError) as error:
        return str(error)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
