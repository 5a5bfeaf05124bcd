# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Debian packages that must not be installed on the machine, in an overlay of its file system (Linux:
filesystems/overlayfs).

apt removes dovecot-imapd to install another IMAP server. So the packages of such a server are installed once into a
layer, kept in `.venv/overlays`, and what runs sees the machine's files with a copy of that layer above them, which
takes what it writes. It has its own mount and pid namespaces: it ends with all of its processes, and shares the
machine's network.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Optional, Sequence

from .mail import REPOSITORY

# Of what is installed, what no server reads; a layer is copied for every server that starts.
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache", "var/lib/apt", "var/lib/dpkg")

_LAYERS = REPOSITORY / ".venv" / "overlays"

# A part of the machine's is not laid over: devices, processes, and what is running.
_ENTER = """\
set -e
root=$1 options=$2 shared=$3
shift 3
mount -t overlay overlay -o "$options" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
if [ -n "$shared" ]; then
  mkdir -p "$root$shared"
  mount --bind "$shared" "$root$shared"
fi
exec chroot "$root" "$@"
"""

_INSTALL = """\
set -e
# Nothing that is installed here is to start.
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
install() { DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"; }
# The machine's package lists may be missing or too old.
install "$@" || { apt-get update -q && install "$@"; }
"""


class OverlayError(Exception):
    """The machine admits no overlays or namespaces; the message says why."""


class Overlay:
    """The machine's files with some packages above them.

    Args:
        packages: Debian packages.
        scratch: an empty directory for what the processes write.
        shared: a directory of the machine that the processes see as it is, whatever changes in it.

    Raises:
        OverlayError: see there.
        RuntimeError: the packages cannot be installed.
    """

    def __init__(self, packages: Sequence[str], scratch: Path, shared: Optional[Path] = None) -> None:
        self._scratch, self._shared = scratch, shared
        scratch.mkdir()
        # As a second layer below it would not do: overlayfs takes none that lies in another.
        subprocess.run(["cp", "--archive", str(_package_layer(packages)), str(self.files)], check=True)

    @property
    def files(self) -> Path:
        """What is written here before the start is a file of the overlay's root."""
        return self._scratch / "files"

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command in the overlay; when the process that is returned is killed, all that it started die too."""
        with (self._scratch / "output").open("wb") as output:
            return subprocess.Popen(
                _entering(self._scratch, command, self._shared),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def output(self) -> str:
        """All that the command has printed."""
        return (self._scratch / "output").read_text(errors="replace")


def _entering(place: Path, command: Sequence[str], shared: Optional[Path] = None) -> list[str]:
    """A command that runs another one with the files of `place` above the machine's."""
    for name in ("root", "work"):
        (place / name).mkdir(exist_ok=True)
    options = "lowerdir=/,upperdir=%s,workdir=%s" % (place / "files", place / "work")
    namespaces = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"]
    arguments = [str(place / "root"), options, str(shared or "")]
    return ["unshare", *namespaces, "bash", "-c", _ENTER, "enter", *arguments, *command]


def _package_layer(packages: Sequence[str]) -> Path:
    """Install packages into a layer of their own, once for all test runs, and return it."""
    release = Path("/etc/debian_version").read_text().strip() if Path("/etc/debian_version").exists() else "no Debian"
    place = _LAYERS / packages[0]
    layer, made_of = place / "files", place / "made-of"
    wanted = " ".join((release, *packages))
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test processes may want it at once
        layer.mkdir(exist_ok=True)
        status, output = _run(_entering(place, ["true"]))
        if status != 0:
            raise OverlayError("this machine admits no overlay of its file system: %s" % output.strip())
        if not (made_of.exists() and made_of.read_text() == wanted):
            shutil.rmtree(layer)
            layer.mkdir()
            status, output = _run(_entering(place, ["bash", "-c", _INSTALL, "install", *packages]))
            if status != 0:
                raise RuntimeError("cannot install %s: %s" % (" ".join(packages), output[-1000:].strip()))
            for name in _UNUSED:
                shutil.rmtree(layer / name, ignore_errors=True)
            made_of.write_text(wanted)
    return layer


def _run(command: Sequence[str]) -> tuple[int, str]:
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return ran.returncode, ran.stdout
