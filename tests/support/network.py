# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A network of the tests' own: its servers have addresses for themselves, and with them the ports that everybody knows.

It is a network namespace (ip-netns(8)) with a virtual cable to this machine. Where namespaces are not permitted, it is
loopback. 198.18.0.0/15 is set aside for tests of networks (RFC 2544): guests have the second half of it; of the first,
each process has 256 addresses, the lower ones for its fleet, and the upper ones for this network.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import os
import shutil
import signal
import socket
import subprocess
import warnings
from pathlib import Path
from typing import Iterator, Optional, Sequence

_NAME = "mi%x-net" % os.getpid()
_NETWORK = "198.18.%d." % (os.getpid() % 256)
_LOOPBACK = "127.53.%d." % (os.getpid() % 256)
_MASK = "/25"
_GATEWAY, _HOSTS = 129, range(130, 255)
_CLONE_NEWNET = 0x40000000


class Network:
    """The network, a context manager.

    Attributes: `enter` (a command that runs another one in it), and `refusal`: why there is no namespace.
    """

    def __init__(self) -> None:
        self.refusal = namespaces_refused()
        self.enter: Sequence[str] = () if self.refusal else ("nsenter", "--net=/run/netns/%s" % _NAME)
        self._numbers = itertools.cycle(_HOSTS)

    def __enter__(self) -> Network:
        with contextlib.ExitStack() as stack:
            if self.refusal:
                warnings.warn(
                    "network namespaces are not permitted here (%s): servers on loopback instead" % self.refusal,
                    stacklevel=2,
                )
            else:
                stack.enter_context(namespace(_NAME))
                ip("address", "add", "%s%d%s" % (_NETWORK, _GATEWAY, _MASK), "dev", _NAME)
                ip("link", "set", _NAME, "up")
                lines = ["address add %s%d%s dev eth0\n" % (_NETWORK, number, _MASK) for number in _HOSTS]
                ip("-n", _NAME, "-batch", "-", stdin="".join(lines))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stack.close()

    def free_address(self, port: int) -> str:
        """An address of which nobody has this port, another one each time."""
        for number in itertools.islice(self._numbers, len(_HOSTS)):
            address = "%s%d" % (_LOOPBACK if self.refusal else _NETWORK, number)
            if self._is_free(address, port):
                return address
        raise RuntimeError("all addresses have port %d in use" % port)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Within it, the sockets that this thread makes are in the network. They stay there."""
        if self.refusal:
            yield
            return
        with Path("/proc/thread-self/ns/net").open() as here, Path("/run/netns", _NAME).open() as there:
            _enter_namespace(there.fileno())
            try:
                yield
            finally:
                _enter_namespace(here.fileno())

    def _is_free(self, address: str, port: int) -> bool:
        with contextlib.ExitStack() as stack, self.inside():
            try:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    stack.enter_context(socket.socket(socket.AF_INET, kind)).bind((address, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return False
        return True


@contextlib.contextmanager
def namespace(name: str) -> Iterator[None]:
    """A network namespace, and a virtual cable of this name that ends in it as eth0."""
    ip("netns", "add", name)
    try:
        ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
        for device in ("lo", "eth0"):
            ip("-n", name, "link", "set", device, "up")
        yield
    finally:
        for pid in ip("netns", "pids", name).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        # The cable goes with it.
        ip("netns", "delete", name)


def namespaces_refused() -> Optional[str]:
    """Say why this machine does not let us make network namespaces, or None when it does."""
    if shutil.which("ip") is None:
        return "there is no ip command, of the package iproute2"
    probe = _NAME + "-0"
    try:
        ip("netns", "add", probe)
    except RuntimeError as error:
        return str(error)
    try:
        ip("netns", "exec", probe, "mount", "-t", "tmpfs", "tmpfs", "/run")
    except RuntimeError as error:
        return str(error)
    finally:
        ip("netns", "delete", probe)
    return None


def ip(*arguments: str, stdin: str = "") -> str:
    """Run ip(8), and return what it shows.

    Raises:
        RuntimeError: it fails; the message is its own.
    """
    ran = subprocess.run(["ip", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError("ip %s: %s" % (" ".join(arguments), ran.stderr.strip()))
    return ran.stdout


def _enter_namespace(descriptor: int) -> None:
    # os.setns came with Python 3.12.
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
