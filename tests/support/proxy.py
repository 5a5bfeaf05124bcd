# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest's way to the archive of its distribution and to the index of Python, which are all that a bare one needs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path
from typing import Iterator

from .dovecot import accepts, wait_until
from .guest import Guest

_CONFIG = """\
Listen {address}
Port {port}
Allow {guest}
Timeout 600
MaxClients 20
LogLevel Warning
"""
_TRUSTED = "/usr/local/share/ca-certificates/machine.crt"


@contextlib.contextmanager
def proxy_for(guest: Guest, directory: Path) -> Iterator[None]:
    """Start a proxy that only the guest can use, and tell its apt and its pip."""
    with socket.create_server((guest.gateway, 0)) as found:
        port = found.getsockname()[1]
    config = directory / "tinyproxy.conf"
    config.write_text(_CONFIG.format(address=guest.gateway, port=port, guest=guest.address))
    proxy = subprocess.Popen(["tinyproxy", "-d", "-c", str(config)], stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: accepts(port, guest.gateway), "the proxy to accept connections")
        url = "http://%s:%d" % (guest.gateway, port)
        _write(guest, _TRUSTED, Path("/etc/ssl/certs/ca-certificates.crt").read_text())
        _write(guest, "/etc/apt/apt.conf.d/proxy", 'Acquire::http::Proxy "%s";\n' % url)
        _write(guest, "/etc/pip.conf", "[global]\nproxy = %s\ncert = %s\n" % (url, _TRUSTED))
        yield
    finally:
        proxy.terminate()
        proxy.wait()


def _write(guest: Guest, path: str, text: str) -> None:
    guest.run("mkdir", "-p", str(Path(path).parent))
    guest.run("tee", path, stdin=text)
