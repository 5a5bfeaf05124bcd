# Copyright (c) 2026, the panel.mailimport contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Exim set up as the guide says, in front of Dovecot's LMTP server. It runs in an overlay: apt removes Postfix to
install it.
"""

from __future__ import annotations

import os
import re
import signal
import textwrap
from pathlib import Path

from .delivery import GUIDE, POSTMASTER
from .dovecot import accepts, free_ports, wait_until
from .dovecot_words import NEW, words
from .overlay import Overlay

# What a configuration has besides the guide's parts: no name is looked up, and nothing goes to others.
_CONFIGURATION = """\
primary_hostname = mx.firma.example
local_interfaces = {address}
daemon_smtp_ports = {port}
tls_advertise_hosts =
host_lookup =
acl_smtp_rcpt = for_recipients
{0}
begin acl
for_recipients:
{1}
  deny message = relay not permitted
begin routers
{2}
begin transports
{3}
begin retry
* * F,1h,2s
"""


class Exim:
    """One Exim server, started by entering its context.

    Args:
        directory: a directory that does not exist yet, for what it writes.
        state_dir: where the imports keep the file of domains.

    Attributes: `dovecot_settings` (for the Dovecot that gets the mail), `port`.

    Raises:
        OverlayError: the machine admits no overlays.
    """

    address = "127.0.0.1"

    def __init__(self, directory: Path, state_dir: Path) -> None:
        self.port, lmtp_port = free_ports(2)
        state_dir.mkdir(mode=0o711, exist_ok=True)
        (state_dir / "domains").touch()
        directory.mkdir()
        parts = [text.replace("port = 24", "port = %d" % lmtp_port) for text in _parts_of_the_guide()]
        self.dovecot_settings = parts.pop() + POSTMASTER
        parts[0] = parts[0].replace("/var/lib/panel-mailimport", str(state_dir))
        configuration = _CONFIGURATION.format(*parts, address=self.address, port=self.port)
        self._overlay = Overlay(["exim4-daemon-light"], directory / "overlay", state_dir)
        file = self._overlay.files / "etc" / "exim4" / "exim4.conf"
        file.write_text(configuration)
        file.chmod(0o644)

    def __enter__(self) -> Exim:
        self._process = self._overlay.start("exim4", "-bdf", "-q2s")
        wait_until(lambda: self._process.poll() is not None or accepts(self.port), "exim to accept connections")
        if self._process.poll() is not None:
            raise RuntimeError("exim does not start: %s" % self._overlay.output())
        return self

    def __exit__(self, *_exception: object) -> None:
        # What runs in a pid namespace ends with the process that made it.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def log(self) -> str:
        """All that the server has logged."""
        file = self._overlay.files / "var" / "log" / "exim4" / "mainlog"
        return file.read_text(errors="replace") if file.exists() else self._overlay.output()


def _parts_of_the_guide() -> list[str]:
    """What it has for Exim, part by part, and for Dovecot behind it."""
    section = GUIDE.read_text(encoding="utf-8").partition("\nExim\n")[2].partition("\nProve it\n")[0]
    blocks = re.findall(r"^\.\. code-block:: text\n\n((?:   .*\n|\n)+)", section, re.MULTILINE)
    exim, dovecot = map(textwrap.dedent, blocks)
    if words() is NEW:
        dovecot = re.sub(r"\S.*# in Dovecot 2\.4: ", "", dovecot)
    return [*re.split(r"^ *# .*\n", exim, flags=re.MULTILINE), dovecot]
